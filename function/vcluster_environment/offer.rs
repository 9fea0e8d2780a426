//! What an environment offers to systems and brokers, as annotations of its ProviderConfig: the one thing of it that they
//! read. Whoever reads or writes one of these annotations names it from here.

use std::collections::BTreeMap;

use super::claim::Components;
use crate::owner::label;

/// `true` where Istio with its gateway is installed.
pub const ISTIO: &str = "istio";
/// `true` where Knative Serving is installed.
pub const KNATIVE_SERVING: &str = "knative-serving";
/// `true` where Prometheus and Grafana are installed.
pub const OBSERVABILITY: &str = "observability";
/// `true` where the gateway has a certificate.
pub const TLS: &str = "tls";
/// The namespaces inside, separated by commas.
pub const NAMESPACES: &str = "namespaces";
/// The domain of the routes.
pub const ENVIRONMENT_DOMAIN: &str = "domain";
/// The namespaces of claims that are admitted, separated by commas; `*` admits all.
pub const CLAIM_NAMESPACES: &str = "claim-namespaces";

/// What an environment offers.
#[derive(Clone, Debug)]
pub struct Offer {
    pub components: Components,
    pub tls: bool,
    pub namespaces: Vec<String>,
    pub domain: String,
    pub claim_namespaces: Vec<String>,
}

impl Offer {
    pub fn annotations(&self) -> BTreeMap<String, String> {
        BTreeMap::from(
            [
                (ISTIO, self.components.istio.to_string()),
                (KNATIVE_SERVING, self.components.knative_serving.to_string()),
                (OBSERVABILITY, self.components.observability.to_string()),
                (TLS, self.tls.to_string()),
                (NAMESPACES, self.namespaces.join(",")),
                (ENVIRONMENT_DOMAIN, self.domain.clone()),
                (CLAIM_NAMESPACES, self.claim_namespaces.join(",")),
            ]
            .map(|(name, value)| (label(&format!("offers-{name}")), value)),
        )
    }
}
