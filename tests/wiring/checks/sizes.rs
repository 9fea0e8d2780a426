//! Sizes: what is composed fits where it goes, however much a claim asks for.

use crate::wiring::finding::Finding;
use crate::wiring::value::Look;
use crate::wiring::world::World;

/// Linux takes no longer string into a program's environment, the variable's name and the ends included.
const VARIABLE: usize = 128 << 10;
/// Kubernetes takes no larger ConfigMap.
const CONFIG_MAP: usize = 1 << 20;
/// etcd takes objects of 1.5 MiB, and an Object holds its manifest twice, as it is asked for and as it is.
const OBJECT: usize = 700 << 10;
/// What one claim composes in all, as the design promises.
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

/// The same for whole objects and claims: written out once for each platform, since it takes its time.
pub fn check_whole(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for standing in &world.platform.claims {
        let mut whole = 0;
        for resource in &standing.resources {
            let size = resource.composed.to_string().len();
            whole += size;
            if size > OBJECT {
                found.push(Finding::new(&resource.key, "", format!("{size} bytes are too many for an object")));
            }
        }
        if whole > CLAIM {
            found.push(Finding::new(standing.kind.claim, "", format!("{whole} bytes are too many for one claim")));
        }
    }
    found
}
