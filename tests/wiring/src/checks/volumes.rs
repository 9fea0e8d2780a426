//! Volumes: every mount has a volume, every volume is mounted, and no two mounts of a container have the same path.

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::value::Look;
use crate::world::World;

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for pod in &world.pods {
        let mut mounted = BTreeSet::new();
        for container in &pod.containers {
            let mut paths = BTreeSet::new();
            for (index, mount) in container.value.items("/volumeMounts").iter().enumerate() {
                let field = format!("{}/volumeMounts/{index}", container.field);
                let (name, path) = (mount.text("/name"), mount.text("/mountPath"));
                if pod.volume(name).is_none() {
                    found.push(Finding::at(pod, &field, format!("no volume {name}")));
                }
                if !path.starts_with('/') || !paths.insert(path) {
                    found.push(Finding::at(pod, &field, format!("{path} is not a path, or mounted twice")));
                }
                mounted.insert(name);
            }
        }
        let mut names = BTreeSet::new();
        for volume in pod.spec.items("/volumes") {
            let name = volume.text("/name");
            if !mounted.contains(name) || !names.insert(name) {
                found.push(Finding::at(
                    pod,
                    format!("{}/volumes", pod.field),
                    format!("{name} is not mounted, or there twice"),
                ));
            }
        }
    }
    found.extend(claims(world));
    found
}

/// Every volume claim is mounted by a pod.
fn claims(world: &World) -> Vec<Finding> {
    world
        .of_kind("", "PersistentVolumeClaim")
        .filter(|claim| {
            !world.pods.iter().any(|pod| {
                (pod.object.place, &pod.object.namespace) == (claim.place, &claim.namespace)
                    && pod
                        .spec
                        .items("/volumes")
                        .iter()
                        .any(|volume| volume.text("/persistentVolumeClaim/claimName") == claim.name)
            })
        })
        .map(|claim| Finding::on(claim, "/metadata/name", "no pod mounts it"))
        .collect()
}
