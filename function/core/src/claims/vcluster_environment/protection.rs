//! Part of an environment's plan: ClusterUsages that enforce the order of the environment's deletion, which is the
//! resources inside the virtual cluster, then the virtual cluster, then its namespace on the host cluster. A
//! ProviderConfig remains until no resource uses it, and the virtual cluster remains until its ProviderConfigs are
//! gone, so the virtual cluster outlives every resource that is applied through them.

use super::{parts, phase};
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::checked::Environment;
use super::claim::Provisioner;
use crate::claims::between::part_of::PartOf;
use crate::kinds::protection::{ClusterUsage, Resource as Of};
use crate::kinds::{helm, kubernetes};
use crate::parts::owner::label;
use crate::parts::part::LOCK;
use crate::parts::plan::Resource;

/// Label, as name and value, by which a ClusterUsage selects a composed resource of an environment, among those that
/// the same composite controls.
pub fn mark(what: &str) -> (String, String) {
    (label("protected"), what.to_owned())
}

pub const PART: PartOf<Environment> = PartOf::new(phase::VIRTUAL_CLUSTER, resources);

fn resources(environment: &Environment) -> Vec<Resource> {
    let name = &environment.spec.name;
    let inhabited = format!("systems, brokers or components still exist in environment {name}");
    vec![
        usage(
            environment,
            "vcluster-kubernetes",
            cluster(environment),
            Of::labelled::<kubernetes::ProviderConfig>(marked(LOCK)),
            inhabited.clone(),
        ),
        usage(
            environment,
            "vcluster-helm",
            cluster(environment),
            Of::labelled::<kubernetes::Object<()>>(marked(parts::HELM)),
            inhabited,
        ),
        usage(
            environment,
            "host-namespace",
            Of::labelled::<kubernetes::Object<()>>(marked(parts::HOST_NAMESPACE)),
            cluster(environment),
            format!("the virtual cluster {name} still exists in this namespace"),
        ),
    ]
}

/// Labels by which a ClusterUsage selects the resource that the same composite composed for a part of an environment's
/// plan. A ClusterUsage that selects by name could find another claim's resource of that name, and the deletion of this
/// claim would then wait for the deletion of that resource.
fn marked(part: &str) -> BTreeMap<String, String> {
    BTreeMap::from([mark(part)])
}

/// Reference of a ClusterUsage to the managed resource that creates the virtual cluster.
fn cluster(environment: &Environment) -> Of {
    let labels = marked(parts::VIRTUAL_CLUSTER);
    match environment.spec.provisioner {
        Provisioner::Helm => Of::labelled::<helm::Release>(labels),
        Provisioner::ClusterAPI => Of::labelled::<kubernetes::Object<()>>(labels),
    }
}

fn usage(environment: &Environment, suffix: &str, of: Of, by: Of, reason: String) -> Resource {
    let part = environment.part(parts::PROTECTION, "", "", &[LOCK]);
    let metadata: ObjectMeta = part.managed_metadata();
    // With `replayDeletion`, Crossplane repeats a deletion that a ClusterUsage has rejected, as soon as the last user
    // of the protected resource is gone.
    part.directly(suffix, metadata, ClusterUsage { of, by: Some(by), reason, replay_deletion: true })
}
