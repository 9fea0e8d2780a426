//! The environment's two ProviderConfigs, through which everything reaches the inside. The one of provider-kubernetes is
//! the environment's lock: Crossplane gives its name to the first claim for an environment and to no other, and all else
//! waits for it. Systems and brokers read that one, so it also says what the environment offers. The one of provider-helm
//! is an Object, which can wait: with two locks each of two claims could get one.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::claim::Provisioner;
use super::{Environment, gateways, istio, knative, monitoring, namespaces, protection, vcluster};
use crate::claims::between::offer::ENVIRONMENT;
use crate::claims::between::offer::ISTIO;
use crate::claims::between::offer::KNATIVE_SERVING;
use crate::claims::between::offer::NAMESPACES;
use crate::claims::between::offer::OBSERVABILITY;
use crate::claims::between::offer::Offer;
use crate::claims::between::offer::Offered;
use crate::claims::between::offer::TENANTS;
use crate::claims::between::offer::TLS;
use crate::claims::between::offer::Tenancy;
use crate::claims::between::offer::annotation;
use crate::claims::between::tenant::LOCK;
use crate::claims::between::tenant::kubeconfig;
use crate::kinds::Spec;
use crate::kinds::helm;
use crate::kinds::kubernetes;
use crate::kinds::kubernetes::Credentials;
use crate::kinds::kubernetes::SecretKey;
use crate::life::adoption::HOST_NAMES;
use crate::parts::plan::Ready;
use crate::parts::plan::Resource;
use crate::schema::change;
use crate::schema::change::Kept;

/// The part that is the ProviderConfig of provider-helm.
pub const HELM: &str = "helm-provider-config";

pub fn resources(environment: &Environment) -> Vec<Resource> {
    let part = environment.part(LOCK, "", "", &[]);
    let metadata = ObjectMeta { name: Some(environment.spec.name.clone()), ..part.managed_metadata() };
    let credentials = Credentials { source: "Secret", secret_ref: secret(environment) };
    let offer = offer(environment);
    let published = ObjectMeta { annotations: Some(offer.annotations()), ..metadata.clone() };
    let mut kubernetes =
        part.directly("kubernetes", published, kubernetes::ProviderConfig { credentials: credentials.clone() });
    kubernetes.announces = offer.announcements();
    kubernetes.mark(protection::mark(LOCK));
    vec![kubernetes, helm(environment, metadata, credentials)]
}

fn helm(environment: &Environment, metadata: ObjectMeta, credentials: Credentials) -> Resource {
    let part = environment.part(HELM, "", "", &[LOCK, HOST_NAMES]);
    let mut object =
        part.on_host("object", &helm::ProviderConfig { credentials }.named(metadata), Ready::Exists).adopting();
    object.mark(protection::mark(HELM));
    object
}

/// The lock shows which environment it is, its namespaces, and whose they are.
pub fn kept(environment: &Environment) -> Vec<Kept> {
    let shown = |name: &str| format!("/metadata/annotations/{}", annotation(name).replace('/', "~1"));
    let (namespaces, tenants) = (shown(NAMESPACES), shown(TENANTS));
    let tenancies: Vec<String> = environment.tenants.iter().map(Tenancy::to_string).collect();
    vec![
        Kept::same("lock-kubernetes", "/metadata/name", &environment.spec.name, "spec.name", change::NAME),
        Kept::names("lock-kubernetes", namespaces, &environment.namespaces, "spec.namespaces", change::NAMESPACES),
        Kept::entries("lock-kubernetes", tenants, tenancies, "spec.tenants", change::TENANTS),
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
            offered(ENVIRONMENT, true, &[vcluster::NAME, namespaces::INSIDE, HELM]),
            offered(ISTIO, components.istio, &[istio::BASE, istio::CONTROL_PLANE, istio::GATEWAY, gateways::NAME]),
            offered(KNATIVE_SERVING, components.knative_serving, &[knative::OPERATOR, knative::SERVING]),
            offered(OBSERVABILITY, components.observability, &[monitoring::NAME]),
            offered(TLS, spec.tls.is_some(), &[gateways::CERTIFICATE]),
        ],
        namespaces: environment.namespaces.clone(),
        domain: environment.domain.clone(),
        claim_namespaces,
        tenants: environment.tenants.clone(),
        shared_secrets: spec.shared_secrets.clone(),
    }
}
