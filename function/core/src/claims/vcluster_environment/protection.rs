//! The order in which an environment goes: what stands in the virtual cluster, then the virtual cluster, then its
//! namespace. A ProviderConfig stays until nothing uses it, and so the virtual cluster outlives all that is reached through
//! one.

use super::parts;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::checked::Environment;
use super::claim::Provisioner;
use crate::kinds::protection::{ClusterUsage, Resource as Of};
use crate::kinds::{helm, kubernetes};
use crate::parts::owner::label;
use crate::parts::part::LOCK;
use crate::parts::plan::Resource;

/// The label by which a usage finds what it protects, among what the same composite controls.
pub fn mark(what: &str) -> (String, String) {
    (label("protected"), what.to_owned())
}

pub fn resources(environment: &Environment) -> Vec<Resource> {
    let name = &environment.spec.name;
    let inhabited = format!("systems, brokers or components still stand in environment {name}");
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
            format!("the virtual cluster {name} still stands in this namespace"),
        ),
    ]
}

/// The labels of what this composite composed for a part. It is not looked up by name: a claim that waits for a name would
/// wait for whoever has it to go, before it could go itself.
fn marked(part: &str) -> BTreeMap<String, String> {
    BTreeMap::from([mark(part)])
}

/// The managed resource that makes the virtual cluster.
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
    // A deletion that was refused is made up for as soon as the last user is gone.
    part.directly(suffix, metadata, ClusterUsage { of, by, reason, replay_deletion: true })
}
