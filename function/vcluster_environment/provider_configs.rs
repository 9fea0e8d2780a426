//! The environment's two ProviderConfigs, through which everything reaches the inside. Their name is fixed, so Crossplane
//! gives it to the first claim for an environment and to no other: they are its lock, and all else waits for them. Guests
//! read the one of provider-kubernetes, so that is the one that says what the environment offers.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::claim::Provisioner;
use super::offer::{ENVIRONMENT, ISTIO, KNATIVE_SERVING, NAMESPACES, OBSERVABILITY, Offer, Offered, TLS, annotation};
use super::{Environment, gateways, istio, knative, monitoring, namespaces, protection, vcluster};
use crate::change::{self, Kept};
use crate::kinds::helm;
use crate::kinds::kubernetes::{self, Credentials, SecretKey};
use crate::plan::Resource;
use crate::tenant::{LOCK, kubeconfig};

pub fn resources(environment: &Environment) -> Vec<Resource> {
    let part = environment.part(LOCK, "", "", &[]);
    let metadata = ObjectMeta { name: Some(environment.spec.name.clone()), ..part.managed_metadata() };
    let credentials = Credentials { source: "Secret", secret_ref: secret(environment) };
    let offer = offer(environment);
    let published = ObjectMeta { annotations: Some(offer.annotations()), ..metadata.clone() };
    let mut kubernetes =
        part.directly("kubernetes", published, kubernetes::ProviderConfig { credentials: credentials.clone() });
    kubernetes.announces = offer.announcements();
    let mut resources = vec![kubernetes, part.directly("helm", metadata, helm::ProviderConfig { credentials })];
    for resource in &mut resources {
        resource.mark(protection::mark(LOCK));
    }
    resources
}

/// They show which environment it is, and its namespaces.
pub fn kept(environment: &Environment) -> Vec<Kept> {
    let namespaces = format!("/metadata/annotations/{}", annotation(NAMESPACES).replace('/', "~1"));
    vec![
        Kept::same("lock-kubernetes", "/metadata/name", &environment.spec.name, "spec.name", change::NAME),
        Kept::names("lock-kubernetes", namespaces, &environment.namespaces, "spec.namespaces", change::NAMESPACES),
    ]
}

/// Where the administrator's kubeconfig of the virtual cluster is found on the host.
pub fn secret(environment: &Environment) -> SecretKey {
    let namespace = environment.spec.name.clone();
    let (name, key) = match environment.spec.provisioner {
        Provisioner::Helm => kubeconfig(&namespace),
        // Cluster API keeps one of its own, under the name that it gives to every cluster's.
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
    Offer {
        offered: vec![
            offered(ENVIRONMENT, true, &[vcluster::NAME, namespaces::INSIDE]),
            offered(ISTIO, components.istio, &[istio::BASE, istio::CONTROL_PLANE, istio::GATEWAY, gateways::NAME]),
            offered(KNATIVE_SERVING, components.knative_serving, &[knative::OPERATOR, knative::SERVING]),
            offered(OBSERVABILITY, components.observability, &[monitoring::NAME]),
            offered(TLS, spec.tls.is_some(), &[gateways::CERTIFICATE]),
        ],
        namespaces: environment.namespaces.clone(),
        domain: environment.domain.clone(),
        claim_namespaces,
    }
}
