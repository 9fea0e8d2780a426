//! Checks of a `VClusterEnvironmentClaim` that a schema cannot express: reserved names, and rules across fields.

use super::checked::Environment;
use super::claim::{Gateway, Provisioner, Spec};
use super::gateways;
use crate::claims::between::host_secrets::HostSecret;
use crate::claims::between::offer::Tenancy;
use crate::claims::between::tenant::{check_domain, check_environment_name, check_inner_namespace, namespace_domain};
use crate::parts::owner::Claim;
use crate::schema::fault::Fault;
use crate::schema::form::qualified_name;
use crate::schema::size::{Bytes, Cpu};
use crate::settings::Settings;
use crate::settings::input::Gateways;
use crate::settings::limits::{Demand, Lever};

pub fn names(faults: &mut Vec<Fault>, spec: &Spec, claim: &Claim, settings: &Settings) {
    check_environment_name(faults, "spec.name", &spec.name, claim, settings);
}

/// Namespaces inside the virtual cluster of an environment: those in `spec.namespaces`, or else one with the
/// environment's name. A reserved name is a fault.
pub fn namespaces(faults: &mut Vec<Fault>, spec: &Spec, settings: &Settings) -> Vec<String> {
    if spec.namespaces.is_empty() {
        if settings.reserved(&spec.name).is_none() {
            check_inner_namespace(faults, "spec.name", &spec.name, settings);
        }
        return vec![spec.name.clone()];
    }
    for (index, namespace) in spec.namespaces.iter().enumerate() {
        check_inner_namespace(faults, &format!("spec.namespaces[{index}]"), namespace, settings);
    }
    spec.namespaces.clone()
}

/// Tenancy of each namespace inside an environment's virtual cluster: the namespace on the host cluster whose claims
/// alone may use it. That namespace is the one in `spec.tenants`, or else the namespace of the environment's claim.
pub fn tenants(faults: &mut Vec<Fault>, spec: &Spec, namespaces: &[String], claim: &Claim) -> Vec<Tenancy> {
    for (index, tenant) in spec.tenants.iter().enumerate().filter(|(_, tenant)| !namespaces.contains(&tenant.namespace))
    {
        faults.push(Fault::new(
            format!("spec.tenants[{index}].namespace"),
            format!(
                "must be one of {}, not {:?}: add it to spec.namespaces as well",
                namespaces.join(", "),
                tenant.namespace
            ),
        ));
    }
    let tenancy = |namespace: &String| {
        let named = spec.tenants.iter().find(|tenant| tenant.namespace == *namespace);
        let claim_namespace = named.map_or(&claim.namespace, |tenant| &tenant.claim_namespace);
        Tenancy { namespace: namespace.clone(), claim_namespace: claim_namespace.clone() }
    };
    namespaces.iter().map(tenancy).collect()
}

/// Checks that each entry of `spec.tenantForms` is for a namespace inside the environment's virtual cluster.
pub fn tenant_forms(faults: &mut Vec<Fault>, spec: &Spec, namespaces: &[String]) {
    for name in spec.tenant_forms.keys().filter(|name| !namespaces.contains(name)) {
        faults.push(Fault::new(
            "spec.tenantForms",
            format!(
                "must not name {name:?}: it is for namespaces of the environment, which are {}; add it to spec.namespaces as well",
                namespaces.join(", ")
            ),
        ));
    }
}

/// Secrets on the host cluster that a `VClusterEnvironmentClaim` names: the certificate of the gateway, and the Secrets
/// shared with other claims. Each has the path of the claim field that names it, for a message that the claim may not
/// use the Secret.
pub fn host_secrets(spec: &Spec) -> Vec<HostSecret> {
    let certificate = spec.tls.iter().map(|tls| HostSecret::new("spec.tls.secretName", &tls.secret_name, ""));
    let shared = spec.shared_secrets.iter().enumerate();
    let shared = shared.map(|(index, name)| HostSecret::new(format!("spec.sharedSecrets[{index}]"), name, ""));
    certificate.chain(shared).collect()
}

/// DNS domain of the environment's routes. The check of the domain's length includes the longest namespace inside,
/// because a route's host can have the form `<host>.<namespace>.<domain>`.
pub fn domain(faults: &mut Vec<Fault>, spec: &Spec) -> String {
    let domain = spec.domain.clone().unwrap_or_else(|| format!("{}.local", spec.name));
    let longest = spec.namespaces.iter().max_by_key(|namespace| namespace.len()).unwrap_or(&spec.name);
    check_domain(faults, "spec.domain", &namespace_domain(&spec.name, longest, &domain), &gateways::names());
    domain
}

pub fn components(faults: &mut Vec<Fault>, spec: &Spec) {
    if spec.components.postgres_backup && !spec.components.postgres_operator {
        faults.push(Fault::new(
            "spec.components.postgresBackup",
            "needs postgresOperator, whose plugin it is: set spec.components.postgresOperator to true as well, or postgresBackup to false",
        ));
    }
    if spec.components.istio {
        return;
    }
    if spec.components.knative_serving {
        faults.push(Fault::new(
            "spec.components.knativeServing",
            "needs istio: set spec.components.istio to true as well, or knativeServing to false",
        ));
    }
    if spec.tls.is_some() {
        faults.push(Fault::new(
            "spec.tls",
            "needs istio, whose gateway serves the certificate: set spec.components.istio to true, or leave tls out",
        ));
    }
}

/// Check of the Service type and annotations that an environment's claim sets for the ingress gateway, against those
/// that the platform team allows.
pub fn gateway(faults: &mut Vec<Fault>, spec: &Spec, allowed: &Gateways) {
    let field = "spec.gateway.annotations";
    let known = || match allowed.allowed_annotations.as_slice() {
        [] => "none".to_owned(),
        keys => keys.join(", "),
    };
    for key in spec.gateway.annotations.keys() {
        if !qualified_name(key) {
            faults.push(Fault::new(
                field,
                format!("must not have the key {key:?}: a key is a name of at most 63 letters, digits, hyphens, underscores and dots, with a DNS name and a slash before it if need be"),
            ));
        } else if !allowed.allowed_annotations.contains(key) {
            faults.push(Fault::new(
                field,
                format!("must not have the key {key:?}: the platform allows {} (gateways.allowedAnnotations)", known()),
            ));
        }
    }
    let Gateway { service_type, .. } = spec.gateway;
    if spec.components.istio && !allowed.allowed_service_types.contains(&service_type) {
        let types: Vec<String> = allowed.allowed_service_types.iter().map(|kind| format!("{kind:?}")).collect();
        faults.push(Fault::new(
            "spec.gateway.serviceType",
            format!(
                "must be {}, which the platform allows (gateways.allowedServiceTypes), not {service_type:?}",
                types.join(" or ")
            ),
        ));
    }
}

/// Fields of a `VClusterEnvironmentClaim` by which the author can request less CPU and memory, for the message about an
/// exceeded limit. The claim has no fields for sizes, so the only such field is `spec.components`. The CPU and memory
/// that the field requests are not computed: placeholders greater than zero stand for them, because the message leaves
/// out a field that requests nothing.
pub fn levers() -> Vec<Lever> {
    let brings = Demand { cpu: Cpu::thousandths(1), memory: Bytes::mebi(1), storage: Bytes::default() };
    vec![Lever { field: "spec.components", brings }]
}

/// Warning about `spec.retain: true`, which only an existing environment can have. A fault instead of the warning would
/// block every other change of that environment.
pub const RETAINS_STATE_ALONE: &str = "spec.retain: keeps the virtual cluster's own state, and no data: the host deletes every volume of its systems and brokers together with the virtual cluster; back up the data (docs/backup.md), then set it to false";

pub fn warnings(environment: &Environment) -> Vec<String> {
    let spec = &environment.spec;
    let mut warnings = Vec::new();
    warnings.extend(spec.retain.then(|| RETAINS_STATE_ALONE.to_owned()));
    if spec.provisioner == Provisioner::ClusterAPI {
        warnings.push(
            "spec.provisioner: ClusterAPI is experimental: its resources are tested against schemas only".to_owned(),
        );
    }
    let admitted = |namespace: &String| {
        let mut admitted = spec.allowed_claim_namespaces.iter();
        *namespace == environment.owner.claim.namespace || admitted.any(|entry| entry == namespace || entry == "*")
    };
    for (index, tenant) in spec.tenants.iter().enumerate().filter(|(_, tenant)| !admitted(&tenant.claim_namespace)) {
        warnings.push(format!(
            "spec.tenants[{index}]: claims of {0} are not admitted: add {0} to spec.allowedClaimNamespaces",
            tenant.claim_namespace
        ));
    }
    let has_place = |namespace: &str| environment.tenants.iter().any(|tenant| tenant.claim_namespace == namespace);
    for (index, namespace) in spec.allowed_claim_namespaces.iter().enumerate() {
        if namespace != "*" && !has_place(namespace) {
            warnings.push(format!(
                "spec.allowedClaimNamespaces[{index}]: no namespace inside is for claims of {namespace}: name one in spec.tenants"
            ));
        }
    }
    if !spec.components.istio && !spec.gateway.annotations.is_empty() {
        warnings.push("spec.gateway: has no effect without spec.components.istio".to_owned());
    }
    if spec.components.istio && environment.domain.rsplit('.').next() == Some("local") {
        warnings.push(format!(
            "spec.domain: no name server answers for {}, and no public authority certifies it: each machine that uses the routes needs an entry in its hosts file",
            environment.domain
        ));
    }
    warnings
}
