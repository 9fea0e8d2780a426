//! What an environment offers to systems and brokers, as annotations of its ProviderConfig: the one thing of it that they
//! read. Whoever reads or writes one of these annotations names it from here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

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
            .map(|(name, value)| (annotation(name), value)),
        )
    }
}

/// The annotation with one of the things offered.
pub fn annotation(name: &str) -> String {
    label(&format!("offers-{name}"))
}

/// What a system or broker waits for before it puts anything into an environment: that it is there, and admits it.
pub const ENVIRONMENT: &str = "environment";

/// Everything of an environment that a part of a system or broker may wait for.
pub const OFFERED: [&str; 4] = [ENVIRONMENT, ISTIO, KNATIVE_SERVING, OBSERVABILITY];

/// Who wants to stand in an environment, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    pub environment: String,
    pub namespace: String,
    pub claim_namespace: String,
}

/// How an environment receives a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reception {
    /// Nothing has its name.
    Missing,
    /// Something has its name that is no environment of ours.
    Foreign,
    /// It is being deleted.
    Leaving,
    /// It does not admit claims of the guest's namespace.
    Refused,
    /// It has no namespace of that name inside.
    NoNamespace,
    /// The guest is welcome to these.
    Open(BTreeSet<&'static str>),
}

impl Reception {
    /// Reads the ProviderConfig that has the environment's name.
    pub fn of(guest: &Guest, provider_config: Option<&Value>) -> Self {
        let Some(provider_config) = provider_config.filter(|found| found.get("metadata").is_some()) else {
            return Self::Missing;
        };
        let text = |pointer: &str| provider_config.pointer(pointer).and_then(Value::as_str);
        let pointer = |kind: &str, name: String| format!("/metadata/{kind}/{}", name.replace('/', "~1"));
        if text(&pointer("labels", label("environment"))) != Some(&guest.environment) {
            return Self::Foreign;
        }
        let offer = |name: &str| text(&pointer("annotations", annotation(name))).unwrap_or_default();
        let lists = |name: &str, wanted: &str| offer(name).split(',').any(|entry| entry == wanted || entry == "*");
        if text("/metadata/deletionTimestamp").is_some() {
            Self::Leaving
        } else if !lists(CLAIM_NAMESPACES, &guest.claim_namespace) {
            Self::Refused
        } else if !lists(NAMESPACES, &guest.namespace) {
            Self::NoNamespace
        } else {
            let components = [ISTIO, KNATIVE_SERVING, OBSERVABILITY].into_iter().filter(|name| offer(name) == "true");
            Self::Open(components.chain([ENVIRONMENT]).collect())
        }
    }

    /// What parts may count on.
    pub fn offered(&self) -> BTreeSet<&'static str> {
        match self {
            Self::Open(offered) => offered.clone(),
            _ => BTreeSet::new(),
        }
    }

    /// Why the guest is not received, and what to do about it.
    pub fn complaint(&self, guest: &Guest) -> Option<String> {
        let Guest { environment, namespace, claim_namespace } = guest;
        Some(match self {
            Self::Open(_) => return None,
            Self::Missing => format!(
                "there is no environment {environment}: create a VClusterEnvironmentClaim with spec.name {environment}, or name another in spec.environment"
            ),
            Self::Foreign => format!(
                "the ProviderConfig {environment} belongs to no environment of ours and is not used: name another in spec.environment"
            ),
            Self::Leaving => {
                format!("the environment {environment} is being deleted: nothing more is released into it")
            }
            Self::Refused => format!(
                "the environment {environment} does not admit claims of namespace {claim_namespace}: its owner can add it to spec.allowedClaimNamespaces"
            ),
            Self::NoNamespace => format!(
                "the environment {environment} has no namespace {namespace}: its owner can add it to spec.namespaces"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn guest() -> Guest {
        Guest { environment: "e".to_owned(), namespace: "n".to_owned(), claim_namespace: "team".to_owned() }
    }

    fn provider_config(claim_namespaces: &[&str], namespaces: &[&str]) -> Value {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let offer = Offer {
            components: Components { observability: false, ..Components::default() },
            tls: false,
            namespaces: owned(namespaces),
            domain: "e.local".to_owned(),
            claim_namespaces: owned(claim_namespaces),
        };
        json!({"metadata": {"labels": {label("environment"): "e"}, "annotations": offer.annotations()}})
    }

    #[test]
    fn a_guest_who_is_admitted_may_count_on_what_is_switched_on() {
        for admitted in [["team"], ["*"]] {
            let reception = Reception::of(&guest(), Some(&provider_config(&admitted, &["m", "n"])));
            assert_eq!(reception, Reception::Open(BTreeSet::from([ENVIRONMENT, ISTIO, KNATIVE_SERVING])));
            assert_eq!(reception.complaint(&guest()), None);
        }
    }

    #[test]
    fn whoever_is_not_received_is_told_why_and_offered_nothing() {
        let mut leaving = provider_config(&["team"], &["n"]);
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let mut foreign = provider_config(&["team"], &["n"]);
        foreign["metadata"]["labels"] = json!({});
        for (provider_config, expected) in [
            (None, Reception::Missing),
            (Some(foreign), Reception::Foreign),
            (Some(leaving), Reception::Leaving),
            (Some(provider_config(&["other"], &["n"])), Reception::Refused),
            (Some(provider_config(&["team"], &["m"])), Reception::NoNamespace),
        ] {
            let reception = Reception::of(&guest(), provider_config.as_ref());
            assert_eq!(reception, expected);
            assert!(reception.offered().is_empty());
            assert!(reception.complaint(&guest()).is_some());
        }
    }
}
