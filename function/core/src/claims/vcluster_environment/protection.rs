//! Part of an environment's plan: ClusterUsages, or Usages in the form without claims, that enforce the order of the
//! environment's deletion, which is the resources inside the virtual cluster, then the virtual cluster, then its
//! namespace on the host cluster. A ProviderConfig remains until no resource uses it, and the virtual cluster remains
//! until its ProviderConfigs are gone, so the virtual cluster outlives every resource that is applied through them.

use super::{parts, phase};
use std::collections::BTreeMap;

use super::checked::Environment;
use super::claim::Provisioner;
use crate::claims::between::part_of::PartOf;
use crate::kinds::protection::{ClusterUsage, Resource as Of};
use crate::kinds::{Form, helm, kubernetes};
use crate::parts::owner::label;
use crate::parts::part::LOCK;
use crate::parts::plan::Resource;

/// Label, as name and value, by which a usage selects a composed resource of an environment, among those that the same
/// composite controls.
pub fn mark(what: &str) -> (String, String) {
    (label("protected"), what.to_owned())
}

/// Label's value for a resource of the part [`parts::OTHER_FORM`], by the ending of its key.
pub fn of_other_form(suffix: &str) -> String {
    format!("{}-{suffix}", parts::OTHER_FORM)
}

pub const PART: PartOf<Environment> = PartOf::new(phase::VIRTUAL_CLUSTER, resources);

fn resources(environment: &Environment) -> Vec<Resource> {
    let name = &environment.spec.name;
    let form = environment.owner.claim.form;
    let inhabited = || format!("systems, brokers or components still exist in environment {name}");
    // A ProviderConfig in an Object is in use for as long as the Object is there.
    let wrapped = |mark: &str| Of::labelled::<kubernetes::Object<()>>(form, marked(mark));
    let mut ways = vec![
        ("vcluster-kubernetes", Of::labelled_directly::<kubernetes::ProviderConfig>(marked(LOCK))),
        ("vcluster-helm", wrapped(parts::HELM)),
    ];
    if form == Form::Namespaced {
        ways.push(("vcluster-kubernetes-object", wrapped(parts::KUBERNETES)));
    }
    if environment.serves_both_forms() {
        ways.push(("vcluster-other-form-helm", wrapped(&of_other_form(parts::OF_HELM))));
        if form == Form::Claim {
            ways.push(("vcluster-other-form-kubernetes", wrapped(&of_other_form(parts::OF_KUBERNETES))));
        }
    }
    let mut usages: Vec<Resource> = ways
        .into_iter()
        .map(|(suffix, by)| usage(environment, suffix, cluster(environment), by, inhabited()))
        .collect();
    usages.push(usage(
        environment,
        "host-namespace",
        wrapped(parts::HOST_NAMESPACE),
        cluster(environment),
        format!("the virtual cluster {name} still exists in this namespace"),
    ));
    usages
}

/// Labels by which a usage selects the resource that the same composite composed for a part of an environment's plan. A
/// usage that selects by name could find another claim's resource of that name, and the deletion of this claim would
/// then wait for the deletion of that resource.
fn marked(part: &str) -> BTreeMap<String, String> {
    BTreeMap::from([mark(part)])
}

/// Reference of a usage to the managed resource that creates the virtual cluster.
fn cluster(environment: &Environment) -> Of {
    let (form, labels) = (environment.owner.claim.form, marked(parts::VIRTUAL_CLUSTER));
    match environment.spec.provisioner {
        Provisioner::Helm => Of::labelled::<helm::Release>(form, labels),
        Provisioner::ClusterAPI => Of::labelled::<kubernetes::Object<()>>(form, labels),
    }
}

fn usage(environment: &Environment, suffix: &str, of: Of, by: Of, reason: String) -> Resource {
    let part = environment.part(parts::PROTECTION, "", "", &[LOCK]);
    // With `replayDeletion`, Crossplane repeats a deletion that a usage has rejected, as soon as the last user of the
    // protected resource is gone.
    part.directly_in_form(suffix, ClusterUsage { of, by: Some(by), reason, replay_deletion: true })
}
