//! Sizes: composed resources stay within the limits of Linux, Kubernetes and etcd, however much a claim asks for.

use crate::finding::Finding;
use crate::value::Look;
use crate::world::World;

/// Bytes of one variable: Linux limits each string in a program's environment, with the name, `=` and the final NUL.
const VARIABLE: usize = 128 << 10;
/// Bytes of the data of one ConfigMap, a limit of Kubernetes.
const CONFIG_MAP: usize = 1 << 20;
/// Bytes of one composed resource: etcd takes objects of 1.5 MiB, and an Object holds its manifest twice, in spec and
/// status.
const OBJECT: usize = 700 << 10;
/// Bytes of all resources that one claim composes, a limit of our design.
const CLAIM: usize = 1 << 20;

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for pod in &world.pods {
        for container in &pod.containers {
            for (_, variable) in container.variables() {
                let (name, value) = (variable.text("/name"), variable.text("/value"));
                if name.len() + value.len() + 2 > VARIABLE {
                    let field = format!("{}/env/{name}", container.field);
                    found.push(Finding::at(pod, field, format!("{} bytes are too many for a variable", value.len())));
                }
            }
        }
    }
    for config in world.of_kind("", "ConfigMap") {
        let size: usize = config.manifest.labels("/data").iter().map(|(name, text)| name.len() + text.len()).sum();
        if size > CONFIG_MAP {
            found.push(Finding::on(config, "/data", format!("{size} bytes are too many for a ConfigMap")));
        }
    }
    found
}

/// Sizes of whole resources and claims. Serialisation is slow, so this check runs once for each platform.
pub fn check_whole(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for composed_claim in &world.platform.claims {
        let mut whole = 0;
        for resource in &composed_claim.resources {
            let size = resource.composed.to_string().len();
            whole += size;
            if size > OBJECT {
                found.push(Finding::new(&resource.key, "", format!("{size} bytes are too many for an object")));
            }
        }
        if whole > CLAIM {
            found.push(Finding::new(
                composed_claim.kind.claim,
                "",
                format!("{whole} bytes are too many for one claim"),
            ));
        }
    }
    found
}
