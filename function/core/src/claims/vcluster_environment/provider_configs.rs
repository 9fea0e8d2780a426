//! Part of an environment's plan: its ProviderConfigs, through which Crossplane's providers reach the virtual cluster.
//! Cluster-scoped managed resources use ProviderConfigs, namespaced ones use ClusterProviderConfigs.
//!
//! The ProviderConfig of provider-kubernetes is the environment's lock, in both forms of an environment: Crossplane
//! gives its name to the first claim for an environment and to no other, and every other resource waits for it. Systems
//! and brokers read this ProviderConfig, so its annotations also publish what the environment offers. Every other
//! ProviderConfig is wrapped in an Object, which can be held. Without the Object it would be a second lock, which
//! another claim than the holder of the first lock could take.

use super::{parts, phase};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::changes;
use super::checked::Environment;
use super::claim::Provisioner;
use super::operators;
use super::protection;
use crate::claims::between::offer::{
    ENVIRONMENT, ISTIO, KNATIVE_SERVING, NAMESPACES, OBSERVABILITY, OTHER_FORM, Offer, Offered, TENANT_FORMS, TENANTS,
    TLS, Tenancy, annotation,
};
use crate::claims::between::part_of::PartOf;
use crate::claims::between::tenant::kubeconfig;
use crate::kinds::kubernetes::{self, Credentials, SecretKey};
use crate::kinds::{Form, Twofold, helm};
use crate::life::adoption::HOST_NAMES;
use crate::life::immutable::Immutable;
use crate::parts::part::LOCK;
use crate::parts::plan::{Ready, Resource};
use crate::settings::input::HOST_NAMESPACE;
use serde::Serialize;

pub const PART: PartOf<Environment> = PartOf::new(phase::VIRTUAL_CLUSTER, resources);

fn resources(environment: &Environment) -> Vec<Resource> {
    let part = environment.part(LOCK, "", "", &[]);
    let metadata = ObjectMeta { name: Some(environment.spec.name.clone()), ..part.cluster_metadata() };
    let credentials = Credentials { source: "Secret", secret_ref: secret(environment) };
    let offer = offer(environment);
    let published = ObjectMeta { annotations: Some(offer.annotations()), ..metadata.clone() };
    let mut kubernetes =
        part.directly("kubernetes", published, kubernetes::ProviderConfig { credentials: credentials.clone() });
    kubernetes.announces = offer.announcements();
    kubernetes.mark(protection::mark(LOCK));
    let (own, other) = (environment.owner.claim.form, environment.owner.claim.form.other());
    let of_helm = |form| helm::ProviderConfig { credentials: credentials.clone() }.named_in(form, metadata.clone());
    let of_kubernetes = || {
        let config = kubernetes::ProviderConfig { credentials: credentials.clone() };
        config.named_in(Form::Namespaced, metadata.clone())
    };
    let mut resources = vec![kubernetes, wrapped(environment, parts::HELM, "object", &of_helm(own))];
    if own == Form::Namespaced {
        resources.push(wrapped(environment, parts::KUBERNETES, "object", &of_kubernetes()));
    }
    if environment.serves_both_forms() {
        resources.push(wrapped(environment, parts::OTHER_FORM, parts::OF_HELM, &of_helm(other)));
        if other == Form::Namespaced {
            resources.push(wrapped(environment, parts::OTHER_FORM, parts::OF_KUBERNETES, &of_kubernetes()));
        }
    }
    resources
}

/// Object with a ProviderConfig, which waits for the lock and for the names on the host.
fn wrapped(environment: &Environment, part: &'static str, suffix: &str, config: &impl Serialize) -> Resource {
    let mut object =
        environment.part(part, "", "", &[LOCK, HOST_NAMES]).on_host(suffix, config, Ready::Exists).adopting();
    let mark = if part == parts::OTHER_FORM { protection::of_other_form(suffix) } else { part.to_owned() };
    object.mark(protection::mark(&mark));
    object
}

/// Rules for what of an environment cannot change: its name, its namespaces and their tenants, which the name and the
/// annotations of the environment's lock show; and the namespace of its managed resources, if it is no claim.
pub fn immutable(environment: &Environment) -> Vec<Immutable> {
    let shown = |name: &str| format!("/metadata/annotations/{}", annotation(name).replace('/', "~1"));
    let (namespaces, tenants, forms) = (shown(NAMESPACES), shown(TENANTS), shown(TENANT_FORMS));
    let chosen: Vec<String> = environment.spec.tenant_forms.keys().cloned().collect();
    let tenancies: Vec<String> = environment.tenants.iter().map(Tenancy::to_string).collect();
    let managed = environment.owner.claim.namespace.as_str();
    let (field, rule) = environment.owner.settings.rule(&HOST_NAMESPACE);
    let managed = Immutable::same("helm-provider-config-object", "/metadata/namespace", managed, field, rule);
    let fields = [
        Immutable::same("lock-kubernetes", "/metadata/name", &environment.spec.name, "spec.name", changes::NAME),
        Immutable::names(
            "lock-kubernetes",
            namespaces,
            &environment.namespaces,
            "spec.namespaces",
            changes::NAMESPACES,
        ),
        Immutable::entries("lock-kubernetes", tenants, tenancies, "spec.tenants", changes::TENANTS),
        Immutable::keys("lock-kubernetes", forms, &chosen, "spec.tenantForms", changes::TENANT_FORMS),
    ];
    fields.into_iter().chain((environment.owner.claim.form == Form::Namespaced).then_some(managed)).collect()
}

/// Secret on the host cluster with the kubeconfig of the virtual cluster's administrator.
pub fn secret(environment: &Environment) -> SecretKey {
    let namespace = environment.spec.name.clone();
    let (name, key) = match environment.spec.provisioner {
        Provisioner::Helm => kubeconfig(&namespace),
        // Cluster API writes the kubeconfig of each cluster that it creates into a Secret named `<cluster>-kubeconfig`.
        Provisioner::ClusterAPI => (format!("{namespace}-kubeconfig"), "value"),
    };
    SecretKey { namespace, name, key: key.to_owned() }
}

fn offer(environment: &Environment) -> Offer {
    let spec = &environment.spec;
    let mut claim_namespaces = spec.allowed_claim_namespaces.clone();
    if !claim_namespaces.contains(&environment.owner.claim.namespace) {
        claim_namespaces.insert(0, environment.owner.claim.namespace.clone());
    }
    let components = spec.components;
    let offered = |name, on, parts| Offered { name, parts: if on { parts } else { &[] } };
    let form = environment.owner.claim.form;
    let reached: &[&str] = match form {
        Form::Claim => &[parts::VIRTUAL_CLUSTER, parts::NAMESPACES, parts::HELM],
        Form::Namespaced => &[parts::VIRTUAL_CLUSTER, parts::NAMESPACES, parts::HELM, parts::KUBERNETES],
    };
    let other_form = environment.serves_both_forms().then(|| offered(OTHER_FORM, true, &[parts::OTHER_FORM]));
    // An environment without an operator publishes nothing about it, so that its ProviderConfig stays as it was before
    // there was such a component.
    let operators = operators::wanted(environment)
        .map(|operator| Offered { name: operator.name, parts: std::slice::from_ref(&operator.name) });
    Offer {
        offered: [
            offered(ENVIRONMENT, true, reached),
            offered(
                ISTIO,
                components.istio,
                &[parts::ISTIO_BASE, parts::ISTIOD, parts::ISTIO_GATEWAY, parts::GATEWAYS],
            ),
            offered(KNATIVE_SERVING, components.knative_serving, &[parts::KNATIVE_OPERATOR, parts::KNATIVE_SERVING]),
            offered(OBSERVABILITY, components.observability, &[parts::OBSERVABILITY]),
            offered(TLS, spec.tls.is_some(), &[parts::CERTIFICATE]),
        ]
        .into_iter()
        .chain(operators)
        .chain(other_form)
        .collect(),
        namespaces: environment.namespaces.clone(),
        domain: environment.domain.clone(),
        claim_namespaces,
        tenants: environment.tenants.clone(),
        shared_secrets: spec.shared_secrets.clone(),
        form,
        tenant_forms: spec.tenant_forms.clone(),
    }
}
