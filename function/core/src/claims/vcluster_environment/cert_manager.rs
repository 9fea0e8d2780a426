//! Part of an environment's plan: cert-manager, which makes the certificates by which other components know each other.
//! No claim uses it, and it is installed with the first component that needs it.

use serde_json::{Value, json};

use super::checked::Environment;
use super::{parts, phase};
use crate::claims::between::component_namespaces;
use crate::claims::between::part_of::PartOf;
use crate::parts::cluster::Installation;
use crate::parts::plan::Resource;
use crate::parts::workload::requests;
use crate::schema::size::Cpu;
use crate::settings::input::Provision;
use crate::settings::pins::{CERT_MANAGER_IMAGES, Chart};

/// Name of the Helm release of cert-manager, and of its Deployment.
const RELEASE: &str = "cert-manager";

pub const PART: PartOf<Environment> = PartOf::new(phase::OPERATORS, resources).only_if(is_wanted);

/// Whether an environment has a component whose chart needs cert-manager. Who installs such a component otherwise brings
/// its certificates as well.
pub fn is_wanted(environment: &Environment) -> bool {
    let installs = environment.owner.settings.operators.postgres_backup == Provision::Install;
    installs && environment.spec.components.postgres_backup
}

fn resources(environment: &Environment) -> Vec<Resource> {
    let installation = Installation {
        chart: Chart::CertManager,
        name: RELEASE,
        namespace: component_namespaces::CERT_MANAGER,
        namespace_exists: true,
        values: values(environment),
    };
    let namespace = component_namespaces::CERT_MANAGER;
    let part = environment.part(parts::CERT_MANAGER, RELEASE, namespace, &[parts::NAMESPACES]);
    vec![part.release_inside("release", installation)]
}

fn values(environment: &Environment) -> Value {
    let settings = &environment.owner.settings;
    let selector = settings.node_selector().unwrap_or_default();
    let tolerations = settings.tolerations().unwrap_or_default();
    let program = |image: &str, memory: &str, memory_limit: &str| {
        json!({
            "image": {"repository": settings.mirrored(image)},
            "resources": requests(Cpu::thousandths(10), memory, memory_limit),
            "nodeSelector": selector,
            "tolerations": tolerations,
        })
    };
    let [controller, webhook, injector, solver] = CERT_MANAGER_IMAGES;
    let mut values = program(controller, "64Mi", "256Mi");
    values["crds"] = json!({"enabled": true});
    values["global"] = json!({"leaderElection": {"namespace": component_namespaces::CERT_MANAGER}});
    values["webhook"] = program(webhook, "32Mi", "128Mi");
    values["cainjector"] = program(injector, "64Mi", "256Mi");
    values["acmesolver"] = json!({"image": {"repository": settings.mirrored(solver)}});
    // A Job that asks whether the API answers. Helm waits for the Deployments, and what needs certificates tries again.
    values["startupapicheck"] = json!({"enabled": false});
    values
}
