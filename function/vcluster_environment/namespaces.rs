//! The namespace that holds the virtual cluster on the host, and the namespaces inside it.

use k8s_openapi::api::core::v1::Namespace;

use super::{Environment, vcluster};
use crate::part::Part;
use crate::plan::{Ready, Resource};
use crate::tenant::LOCK;

/// The part on the host.
pub const HOST: &str = "host-namespace";
/// The part inside.
pub const INSIDE: &str = "namespaces";

pub fn host(environment: &Environment) -> Vec<Resource> {
    let part = environment.part(HOST, "vcluster", "", &[LOCK]);
    let mut namespace = namespace(&part, &environment.spec.name);
    // A mesh of the host would inject its sidecars into pods that have those of the inside already.
    namespace.metadata.labels.get_or_insert_default().insert("istio-injection".to_owned(), "disabled".to_owned());
    // A namespace takes its volumes along: whoever keeps the volume keeps the namespace.
    let mut object = if environment.spec.retain {
        part.kept_on_host("object", &namespace, Ready::Exists)
    } else {
        part.on_host("object", &namespace, Ready::Exists)
    };
    object.mark(super::protection::mark(HOST));
    vec![object]
}

pub fn inside(environment: &Environment) -> Vec<Resource> {
    let part = environment.part(INSIDE, "namespaces", "", &[vcluster::NAME]);
    environment.namespaces.iter().map(|name| part.inside(name, &namespace(&part, name), Ready::Exists)).collect()
}

pub fn namespace(part: &Part, name: &str) -> Namespace {
    Namespace { metadata: part.metadata(name), ..Namespace::default() }
}
