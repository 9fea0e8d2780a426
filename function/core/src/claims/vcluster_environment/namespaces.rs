//! Parts of an environment's plan: the namespace on the host cluster that holds the virtual cluster, and the namespaces
//! inside the virtual cluster. Each namespace enforces the strictest Pod Security Standard that its pods comply with.

use super::{cert_manager, operators, parts, phase};
use crate::claims::between::component_namespaces::{self, CERT_MANAGER};
use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Namespace;

use super::changes;
use super::checked::Environment;
use crate::claims::between::part_of::PartOf;
use crate::life::adoption::HOST_NAMES;
use crate::life::immutable::Immutable;
use crate::parts::part::{LOCK, Part};
use crate::parts::plan::{Ready, Resource};

/// Pod Security Standard that a namespace of an environment enforces. Warnings and audit records are for `restricted`
/// in every namespace.
#[derive(Clone, Copy, Debug)]
pub enum Standard {
    /// Pod Security Standard of namespaces with pods whose image must start as root, such as the pod of Kafka.
    Baseline,
    Restricted,
}

impl Standard {
    fn labels(self) -> BTreeMap<String, String> {
        let enforced = match self {
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        };
        [("enforce", enforced), ("warn", "restricted"), ("audit", "restricted")]
            .map(|(mode, level)| (format!("pod-security.kubernetes.io/{mode}"), level.to_owned()))
            .into()
    }
}

pub const HOST: PartOf<Environment> = PartOf::new(phase::VIRTUAL_CLUSTER, host);

/// Namespace on the host cluster in which all pods of the virtual cluster run, those of its control plane included.
fn host(environment: &Environment) -> Vec<Resource> {
    let part = environment.part(parts::HOST_NAMESPACE, "vcluster", "", &[LOCK, HOST_NAMES]);
    let mut namespace = namespace(&part, &environment.spec.name, Standard::Baseline);
    // A service mesh on the host cluster would inject a second sidecar into a pod that has one from inside the virtual
    // cluster, so injection is disabled in the virtual cluster's namespace.
    namespace.metadata.labels.get_or_insert_default().insert("istio-injection".to_owned(), "disabled".to_owned());
    // Deletion of a namespace deletes the volumes in it, so a retained volume of a virtual cluster requires that its
    // namespace is retained.
    let mut object = if environment.spec.retain {
        part.kept_on_host("object", &namespace, Ready::Exists)
    } else {
        part.on_host("object", &namespace, Ready::Exists)
    };
    object.mark(super::protection::mark(parts::HOST_NAMESPACE));
    vec![object.adopting()]
}

/// Rule for an environment's claim with `spec.retain: true`: the value is allowed only if the environment has had it
/// before, which the management policies of the environment's namespace on the host cluster show.
pub fn immutable(environment: &Environment) -> Option<Immutable> {
    environment.spec.retain.then(|| Immutable::left_alone("host-namespace-object", "spec.retain", changes::RETAIN))
}

pub const INSIDE: PartOf<Environment> = PartOf::new(phase::NAMESPACES, inside);

fn inside(environment: &Environment) -> Vec<Resource> {
    let part = environment.part(parts::NAMESPACES, "namespaces", "", &[parts::VIRTUAL_CLUSTER]);
    let components = environment.spec.components;
    let of_components = [
        (component_namespaces::ISTIO, components.istio),
        (parts::KNATIVE_OPERATOR, components.knative_serving),
        (component_namespaces::MONITORING, components.observability),
    ];
    let of_tenants = environment.namespaces.iter().map(|name| (name.as_str(), Standard::Baseline));
    let of_components = of_components.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name);
    // An operator and its plugin share a namespace.
    let of_operators: BTreeSet<&str> = operators::wanted(environment).map(|operator| operator.namespace).collect();
    let of_operators = of_operators.into_iter().chain(cert_manager::is_wanted(environment).then_some(CERT_MANAGER));
    let of_components = of_components.chain(of_operators).map(|name| (name, Standard::Restricted));
    of_tenants
        .chain(of_components)
        .map(|(name, standard)| part.inside(name, &namespace(&part, name, standard), Ready::Exists))
        .collect()
}

pub fn namespace(part: &Part, name: &str, standard: Standard) -> Namespace {
    let mut metadata = part.metadata(name);
    metadata.labels.get_or_insert_default().extend(standard.labels());
    Namespace { metadata, ..Namespace::default() }
}
