//! Part of an environment's plan: CloudNativePG, the operator that keeps replicated PostgreSQL for real-time systems.

use serde_json::{Value, json};

use super::changes;
use super::checked::Environment;
use super::{parts, phase};
use crate::claims::between::component_namespaces;
use crate::claims::between::part_of::PartOf;
use crate::life::immutable::Immutable;
use crate::parts::cluster::Installation;
use crate::parts::plan::Resource;
use crate::parts::workload::requests;
use crate::schema::size::Cpu;
use crate::settings::pins::{CLOUD_NATIVE_PG_IMAGE, Chart};

/// Name of the Helm release of CloudNativePG's operator. The chart gives it to the operator's Deployment and to the
/// label `app.kubernetes.io/instance` of its pods.
const RELEASE: &str = "cloudnative-pg";

pub const PART: PartOf<Environment> =
    PartOf::new(phase::DATABASES, resources).only_if(|environment| environment.spec.components.postgres_operator);

fn resources(environment: &Environment) -> Vec<Resource> {
    let installation = Installation {
        chart: Chart::CloudNativePg,
        name: RELEASE,
        namespace: component_namespaces::POSTGRES_OPERATOR,
        namespace_exists: true,
        values: values(environment),
    };
    let part = environment.part(
        parts::POSTGRES_OPERATOR,
        RELEASE,
        component_namespaces::POSTGRES_OPERATOR,
        &[parts::NAMESPACES],
    );
    vec![part.release_inside("release", installation)]
}

/// Rule against switching the operator off in an existing environment: an existing Release of its chart shows that the
/// operator was switched on once. Without the operator, no database of the environment would be repaired any more.
pub fn immutable(environment: &Environment) -> Option<Immutable> {
    let off = !environment.spec.components.postgres_operator;
    off.then(|| Immutable::absent("postgres-operator-release", "spec.components.postgresOperator", changes::COMPONENT))
}

fn values(environment: &Environment) -> Value {
    let settings = &environment.owner.settings;
    json!({
        "image": {"repository": settings.mirrored(CLOUD_NATIVE_PG_IMAGE)},
        "resources": requests(Cpu::thousandths(100), "128Mi", "512Mi"),
        "nodeSelector": settings.node_selector().unwrap_or_default(),
        "tolerations": settings.tolerations().unwrap_or_default(),
    })
}
