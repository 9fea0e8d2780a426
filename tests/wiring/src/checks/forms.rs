//! Quantities, intervals, storage and scheduling: every quantity is valid, no memory request exceeds its limit, and
//! every Java heap is smaller than its container.

use serde_json::Value;

use crate::finding::Finding;
use crate::pods::{Container, Pod};
use crate::value::Look;
use crate::world::World;

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for pod in &world.pods {
        for container in &pod.containers {
            found.extend(container_amounts(pod, container));
        }
    }
    for claim in world.of_kind("", "PersistentVolumeClaim") {
        if bytes(claim.manifest.text("/spec/resources/requests/storage")).is_none_or(|bytes| bytes == 0) {
            found.push(Finding::on(claim, "/spec/resources", "not an amount of storage"));
        }
        if !claim.manifest.texts("/spec/accessModes").eq(["ReadWriteOnce"]) {
            found.push(Finding::on(claim, "/spec/accessModes", "not a volume for one pod"));
        }
        let class = claim.manifest.at("/spec/storageClassName").as_str();
        if class != world.platform.settings.storage_class.as_deref() {
            found.push(Finding::on(claim, "/spec/storageClassName", "not the platform's storage class"));
        }
    }
    for pod in world.pods.iter().filter(|pod| pod.object.resource().is_some()) {
        let settings = &world.platform.settings;
        let wanted = serde_json::json!([settings.node_selector(), settings.tolerations()]);
        let actual = serde_json::json!([pod.spec.at("/nodeSelector"), pod.spec.at("/tolerations")]);
        if wanted != actual {
            found.push(Finding::at(pod, "/nodeSelector", "not where pods may run"));
        }
    }
    found.extend(intervals(world));
    found
}

/// Intervals consist of hours, minutes and seconds, such as `1h30m`.
fn intervals(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for object in world.objects {
        let endpoints = object.manifest.items("/spec/endpoints").iter().map(|endpoint| endpoint.text("/interval"));
        let own = object.manifest.at("/spec/refreshInterval").as_str();
        for interval in own.into_iter().chain(endpoints) {
            let mut parts = interval.split_inclusive(['h', 'm', 's']);
            let is_part = |part: &str| part.ends_with(['h', 'm', 's']) && part[..part.len() - 1].parse::<u32>().is_ok();
            if interval.is_empty() || !parts.all(is_part) {
                found.push(Finding::on(object, "/spec", format!("not a time: {interval}")));
            }
        }
    }
    found
}

fn container_amounts(pod: &Pod, container: &Container) -> Vec<Finding> {
    let mut found = Vec::new();
    let resources = container.value.at("/resources");
    let mut finds =
        |field: &str, message: &str| found.push(Finding::at(pod, format!("{}{field}", container.field), message));
    let is_cpu = |cpu: &Value| cpu.as_str().and_then(millicores).is_some();
    let is_memory = |memory: &Value| memory.as_str().and_then(bytes).is_some();
    for side in ["requests", "limits"] {
        for (name, amount) in resources.entries(&format!("/{side}")) {
            let is_amount = if name == "cpu" { is_cpu(amount) } else { is_memory(amount) };
            if !is_amount || !matches!(name, "cpu" | "memory") {
                finds(&format!("/resources/{side}/{name}"), "not an amount");
            }
        }
    }
    let limit = bytes(resources.text("/limits/memory"));
    if let (Some(request), Some(limit)) = (bytes(resources.text("/requests/memory")), limit)
        && request > limit
    {
        finds("/resources", "asks for more memory than it may have");
    }
    for (index, variable) in container.variables() {
        let heaps = variable.text("/value").split(' ').filter_map(|option| option.strip_prefix("-Xmx"));
        for heap in heaps.filter_map(|size| bytes(&format!("{}i", size.to_uppercase()))) {
            if limit.is_some_and(|limit| heap >= limit) {
                finds(&format!("/env/{index}"), "a heap as large as the container");
            }
        }
    }
    found
}

fn bytes(amount: &str) -> Option<u64> {
    let unit = amount.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = amount.split_at(unit);
    let power = ["Ki", "Mi", "Gi", "Ti"].iter().position(|known| *known == unit)?;
    number.parse::<u64>().ok()?.checked_shl(10 * (u32::try_from(power).ok()? + 1))
}

fn millicores(amount: &str) -> Option<f64> {
    match amount.strip_suffix('m') {
        Some(thousandths) => thousandths.parse().ok(),
        None => amount.parse::<f64>().ok().map(|cores| cores * 1000.0),
    }
}
