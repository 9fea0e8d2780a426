//! Offer of an environment to systems and brokers, as annotations of its ProviderConfig. Systems and brokers read
//! nothing else of an environment. All names of these annotations are defined here.
//!
//! An entry of the offer is `off`, `pending` or `ready`. The plan has `off` or `pending`; observations decide when it
//! becomes `ready`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::parts::owner::label;
use crate::parts::plan::Announcement;

/// Entry of an environment's offer that is ready once the virtual cluster is reached and has its namespaces. Systems
/// and brokers wait for it before they put anything into an environment, and only admitted ones get it.
pub const ENVIRONMENT: &str = "environment";
/// Entry of an environment's offer for Istio with its ingress gateway.
pub const ISTIO: &str = "istio";
pub const KNATIVE_SERVING: &str = "knative-serving";
/// Entry of an environment's offer for Prometheus and Grafana.
pub const OBSERVABILITY: &str = "observability";
/// Entry of an environment's offer for TLS: the certificate of the gateway.
pub const TLS: &str = "tls";
/// Annotation of an environment's offer with the namespaces inside, separated by commas.
pub const NAMESPACES: &str = "namespaces";
/// Annotation of an environment's offer with the tenant of each namespace inside, in the form of [`Tenancy`], separated
/// by commas.
pub const TENANTS: &str = "tenants";
/// Annotation of an environment's offer with the Secrets on the host that claims of other namespaces may name,
/// separated by commas.
const SHARED_SECRETS: &str = "shared-secrets";
/// Annotation of an environment's offer with the DNS domain of the routes.
const ENVIRONMENT_DOMAIN: &str = "domain";
/// Annotation of an environment's offer with the namespaces whose claims are admitted, separated by commas; `*` admits
/// all.
const CLAIM_NAMESPACES: &str = "claim-namespaces";

const OFF: &str = "off";
const PENDING: &str = "pending";
const READY: &str = "ready";

/// Entries of an environment's offer for which the parts of a system or broker may wait.
pub const OFFERED: [&str; 5] = [ENVIRONMENT, ISTIO, KNATIVE_SERVING, OBSERVABILITY, TLS];

/// Entry of an environment's offer, and the parts of the environment that must be ready for it; no parts where it is
/// off.
#[derive(Clone, Debug)]
pub struct Offered {
    pub name: &'static str,
    pub parts: &'static [&'static str],
}

/// Offer of one environment to systems and brokers, as its plan publishes it.
#[derive(Clone, Debug)]
pub struct Offer {
    pub offered: Vec<Offered>,
    pub namespaces: Vec<String>,
    pub domain: String,
    pub claim_namespaces: Vec<String>,
    pub tenants: Vec<Tenancy>,
    pub shared_secrets: Vec<String>,
}

/// Tenancy of a namespace inside an environment: the namespace on the host whose claims it is for. Neither name can
/// contain the equals sign that is between them in the offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenancy {
    pub namespace: String,
    pub claim_namespace: String,
}

impl fmt::Display for Tenancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.namespace, self.claim_namespace)
    }
}

impl Offer {
    /// Annotations of an environment's offer, as the plan has them before any entry is ready.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let state = |offered: &Offered| if offered.parts.is_empty() { OFF } else { PENDING };
        let states = self.offered.iter().map(|offered| (offered.name, state(offered).to_owned()));
        let places = [
            (NAMESPACES, self.namespaces.join(",")),
            (ENVIRONMENT_DOMAIN, self.domain.clone()),
            (CLAIM_NAMESPACES, self.claim_namespaces.join(",")),
            (TENANTS, self.tenants.iter().map(Tenancy::to_string).collect::<Vec<_>>().join(",")),
        ];
        // An environment that shares nothing, as most do, has no annotation for shared Secrets.
        let shared = (!self.shared_secrets.is_empty()).then(|| (SHARED_SECRETS, self.shared_secrets.join(",")));
        states.chain(places).chain(shared).map(|(name, value)| (annotation(name), value)).collect()
    }

    /// Announcements that make each entry of an environment's offer `ready` once its parts are ready.
    pub fn announcements(&self) -> Vec<Announcement> {
        let switched_on = self.offered.iter().filter(|offered| !offered.parts.is_empty());
        switched_on
            .map(|offered| Announcement {
                annotation: annotation(offered.name),
                parts: offered.parts,
                once_ready: READY,
            })
            .collect()
    }
}

/// Name of the annotation for an entry of an environment's offer.
pub fn annotation(name: &str) -> String {
    label(&format!("offers-{name}"))
}

/// System or broker that uses an environment, and the namespaces it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    pub environment: String,
    pub namespace: String,
    pub claim_namespace: String,
    /// Entries of the environment's offer that the claim can do without, each with the setting for that, such as
    /// `spec.expose: false`.
    pub opt_outs: &'static [(&'static str, &'static str)],
}

/// State of an entry of an environment's offer: switched off, not ready yet, or ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Off,
    Pending,
    Ready,
}

/// Answer of an environment to a system or broker that asks to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// No environment of this name was found: no ProviderConfig has its name.
    Missing,
    /// No environment has this name, but something else does: the ProviderConfig with the name belongs to no
    /// environment.
    Foreign,
    /// The environment that the system or broker names is being deleted.
    Leaving,
    /// The environment does not admit claims of the namespace on the host in which the system's or broker's claim is.
    Refused,
    /// The environment has no namespace inside with the name that the system or broker gives.
    NoNamespace,
    /// The namespace inside that the system or broker names is for claims of another namespace on the host.
    OfOthers { claim_namespace: String },
    /// The system or broker is admitted, and the entries of the environment's offer have these states.
    Open(BTreeMap<&'static str, State>),
}

impl Admission {
    /// Admission of a system or broker, read from the ProviderConfig with the environment's name.
    pub fn of(consumer: &Consumer, provider_config: Option<&Value>) -> Self {
        let Some(provider_config) = provider_config.filter(|found| found.get("metadata").is_some()) else {
            return Self::Missing;
        };
        let Some(published) = Published::of(consumer, provider_config) else { return Self::Foreign };
        let offer = |name: &str| published.annotation(name);
        let lists = |name: &str, wanted: &str| offer(name).split(',').any(|entry| entry == wanted || entry == "*");
        if provider_config.pointer("/metadata/deletionTimestamp").is_some() {
            Self::Leaving
        } else if !lists(CLAIM_NAMESPACES, &consumer.claim_namespace) {
            Self::Refused
        } else if !lists(NAMESPACES, &consumer.namespace) {
            Self::NoNamespace
        } else if published.tenant(&consumer.namespace) != consumer.claim_namespace {
            Self::OfOthers { claim_namespace: published.tenant(&consumer.namespace).to_owned() }
        } else {
            let state = |name: &str| match offer(name) {
                OFF => State::Off,
                READY => State::Ready,
                // Values of an offer's annotation that another release of this function may have published count as
                // pending, too.
                _ => State::Pending,
            };
            Self::Open(OFFERED.map(|name| (name, state(name))).into())
        }
    }

    /// Admission of a system or broker once all entries of the offer that are switched on are ready, for previews.
    #[must_use]
    pub fn in_the_end(self) -> Self {
        let ready = |state| if state == State::Pending { State::Ready } else { state };
        match self {
            Self::Open(states) => Self::Open(states.into_iter().map(|(name, state)| (name, ready(state))).collect()),
            refused => refused,
        }
    }

    /// Entries of the environment's offer that are ready for this system or broker.
    pub fn offered(&self) -> BTreeSet<&'static str> {
        match self {
            Self::Open(states) => {
                states.iter().filter(|(_, state)| **state == State::Ready).map(|(&name, _)| name).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// Whether the environment's name is in use, but not for this system or broker. A deletion of the environment is no
    /// refusal.
    pub fn refuses(&self) -> bool {
        matches!(self, Self::Foreign | Self::Refused | Self::NoNamespace | Self::OfOthers { .. })
    }

    /// Whether the environment admits the system or broker that asks to use it.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Whether the environment offers TLS, so that routes are reached by HTTPS.
    pub fn serves_tls(&self) -> bool {
        matches!(self, Self::Open(states) if states.get(TLS) == Some(&State::Ready))
    }

    /// All reasons why a system or broker cannot use the environment, joined into one line.
    pub fn reason(&self, consumer: &Consumer, waited_for: &BTreeSet<&'static str>) -> Option<String> {
        let reasons = self.reasons(consumer, waited_for);
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// Reasons why the environment does not admit a system or broker. For one that it admits, reasons why entries of
    /// the offer that parts wait for are not ready. Each is one sentence, with its remedy.
    pub fn reasons(&self, consumer: &Consumer, waited_for: &BTreeSet<&'static str>) -> Vec<String> {
        let Consumer { environment, namespace, claim_namespace, .. } = consumer;
        vec![match self {
            Self::Open(states) => {
                let entries = states.iter().filter(|(name, _)| waited_for.contains(*name));
                return entries.filter_map(|(name, state)| reason_missing(consumer, name, *state)).collect();
            }
            Self::Missing => format!(
                "there is no environment {environment}: create a VClusterEnvironmentClaim with spec.name {environment}, or name another in spec.environment"
            ),
            Self::Foreign => format!(
                "the ProviderConfig {environment} belongs to no environment of this platform and is not used: name another in spec.environment"
            ),
            Self::Leaving => {
                format!("the environment {environment} is being deleted: no further resource is created in it")
            }
            Self::Refused => format!(
                "the environment {environment} does not admit claims of namespace {claim_namespace}: its owner can add it to spec.allowedClaimNamespaces"
            ),
            Self::NoNamespace => format!(
                "the environment {environment} has no namespace {namespace}: its owner can add it to spec.namespaces"
            ),
            Self::OfOthers { claim_namespace: theirs } => format!(
                "the namespace {namespace} of environment {environment} is for claims of namespace {theirs}, not of {claim_namespace}: its owner can add another one for {claim_namespace}, in spec.namespaces and spec.tenants"
            ),
        }]
    }
}

/// ProviderConfig with an environment's offer: it carries the label of the environment that the system or broker names.
struct Published<'a>(&'a Value);

impl<'a> Published<'a> {
    fn of(consumer: &Consumer, provider_config: &'a Value) -> Option<Self> {
        let this = Self(provider_config);
        (this.entry("labels", &label("environment")) == consumer.environment).then_some(this)
    }

    fn entry(&self, kind: &str, name: &str) -> &'a str {
        let pointer = format!("/metadata/{kind}/{}", name.replace('/', "~1"));
        self.0.pointer(&pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn annotation(&self, name: &str) -> &'a str {
        self.entry("annotations", &annotation(name))
    }

    /// Namespace on the host in which the environment's claim is.
    fn owner(&self) -> &'a str {
        self.entry("labels", &label("claim-namespace"))
    }

    /// Namespace on the host whose claims a namespace inside is for. Without an entry it is the namespace of the
    /// environment's claim.
    fn tenant(&self, namespace: &str) -> &'a str {
        let mut tenants = self.annotation(TENANTS).split(',').filter_map(|tenancy| tenancy.split_once('='));
        tenants.find(|(inside, _)| *inside == namespace).map_or(self.owner(), |(_, claim_namespace)| claim_namespace)
    }
}

/// Namespace that owns an environment, and the Secrets on the host that its owner shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    pub owner: String,
    pub secrets: BTreeSet<String>,
}

impl Sharing {
    /// Owner of an environment and the Secrets that it shares, read from the ProviderConfig with the environment's
    /// name; none where that belongs to no environment.
    pub fn of(consumer: &Consumer, provider_config: Option<&Value>) -> Option<Self> {
        let published = Published::of(consumer, provider_config?)?;
        let shared = published.annotation(SHARED_SECRETS).split(',').filter(|name| !name.is_empty());
        Some(Self { owner: published.owner().to_owned(), secrets: shared.map(str::to_owned).collect() })
    }
}

/// Reason why an entry of an environment's offer is not ready, with its remedy.
fn reason_missing(consumer: &Consumer, offered: &str, state: State) -> Option<String> {
    let environment = &consumer.environment;
    let (name, field) = match offered {
        ISTIO => ("Istio", "istio"),
        KNATIVE_SERVING => ("Knative Serving", "knativeServing"),
        OBSERVABILITY => ("observability", "observability"),
        _ => ("", ""),
    };
    match state {
        State::Ready => None,
        State::Pending | State::Off if name.is_empty() => {
            Some(format!("the environment {environment} is not ready yet: its virtual cluster is being set up"))
        }
        State::Pending => Some(format!("{name} of the environment {environment} is not ready yet")),
        State::Off => {
            let opt_outs = consumer.opt_outs.iter().find(|(asked, _)| *asked == offered);
            let without = opt_outs.map_or_else(String::new, |(_, how)| format!(", or set {how} here"));
            Some(format!(
                "the environment {environment} has no {name}: switch on spec.components.{field} of its VClusterEnvironmentClaim{without}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn consumer() -> Consumer {
        Consumer {
            environment: "e".to_owned(),
            namespace: "n".to_owned(),
            claim_namespace: "team".to_owned(),
            opt_outs: &[(OBSERVABILITY, "spec.monitoring: false")],
        }
    }

    /// ProviderConfig of an environment that offers all but observability and TLS, with these parts ready.
    fn provider_config(claim_namespaces: &[&str], namespaces: &[&str], ready: &[&str]) -> Value {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let offered = |name, parts| Offered { name, parts };
        let offer = Offer {
            offered: vec![
                offered(ENVIRONMENT, &["cluster", "inside"]),
                offered(ISTIO, &["istiod", "gateway"]),
                offered(KNATIVE_SERVING, &["serving"]),
                offered(OBSERVABILITY, &[]),
                offered(TLS, &[]),
            ],
            namespaces: owned(namespaces),
            domain: "e.local".to_owned(),
            claim_namespaces: owned(claim_namespaces),
            tenants: vec![Tenancy { namespace: "n".to_owned(), claim_namespace: "team".to_owned() }],
            shared_secrets: Vec::new(),
        };
        let mut annotations = offer.annotations();
        for announcement in offer.announcements() {
            if announcement.parts.iter().all(|part| ready.contains(part)) {
                annotations.insert(announcement.annotation, announcement.once_ready.to_owned());
            }
        }
        json!({"metadata": {"labels": {label("environment"): "e"}, "annotations": annotations}})
    }

    const ALL: [&str; 5] = ["cluster", "inside", "istiod", "gateway", "serving"];

    #[test]
    fn a_guest_who_is_admitted_may_count_on_what_is_ready() {
        for admitted in [["team"], ["*"]] {
            let admission = Admission::of(&consumer(), Some(&provider_config(&admitted, &["m", "n"], &ALL)));
            assert_eq!(admission.offered(), BTreeSet::from([ENVIRONMENT, ISTIO, KNATIVE_SERVING]));
            assert_eq!(admission.reason(&consumer(), &BTreeSet::from([ENVIRONMENT, ISTIO])), None);
        }
    }

    #[test]
    fn what_is_pending_or_off_is_told_to_whom_it_concerns() {
        let published = provider_config(&["team"], &["n"], &["cluster", "inside", "istiod"]);
        let admission = Admission::of(&consumer(), Some(&published));
        assert_eq!(admission.offered(), BTreeSet::from([ENVIRONMENT]));
        let reason = |waited_for: &[&'static str]| admission.reason(&consumer(), &waited_for.iter().copied().collect());
        assert_eq!(reason(&[]), None);
        assert_eq!(reason(&[ENVIRONMENT, "kafka"]), None);
        assert_eq!(reason(&[ISTIO]).as_deref(), Some("Istio of the environment e is not ready yet"));
        assert_eq!(
            reason(&[OBSERVABILITY, KNATIVE_SERVING]).as_deref(),
            Some(
                "Knative Serving of the environment e is not ready yet; the environment e has no observability: switch on \
                 spec.components.observability of its VClusterEnvironmentClaim, or set spec.monitoring: false here"
            )
        );
        let in_the_end = admission.clone().in_the_end();
        assert_eq!(in_the_end.offered(), BTreeSet::from([ENVIRONMENT, ISTIO, KNATIVE_SERVING]));
    }

    #[test]
    fn an_environment_without_its_namespaces_is_not_ready() {
        let published = provider_config(&["team"], &["n"], &["cluster", "istiod", "gateway"]);
        let admission = Admission::of(&consumer(), Some(&published));
        assert!(!admission.offered().contains(ENVIRONMENT));
        let reason = admission.reason(&consumer(), &BTreeSet::from([ENVIRONMENT])).unwrap();
        assert_eq!(reason, "the environment e is not ready yet: its virtual cluster is being set up");
    }

    #[test]
    fn whoever_is_not_received_is_told_why_and_offered_nothing() {
        let mut leaving = provider_config(&["team"], &["n"], &ALL);
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let mut foreign = provider_config(&["team"], &["n"], &ALL);
        foreign["metadata"]["labels"] = json!({});
        let mut others = provider_config(&["team"], &["n"], &ALL);
        others["metadata"]["annotations"][annotation(TENANTS)] = json!("m=team,n=other,nn=team");
        // A namespace without an entry is for claims of the owner's namespace.
        let mut unsaid = provider_config(&["team"], &["n"], &ALL);
        unsaid["metadata"]["annotations"][annotation(TENANTS)] = json!("m=team");
        unsaid["metadata"]["labels"][label("claim-namespace")] = json!("owner");
        for (provider_config, expected) in [
            (None, Admission::Missing),
            (Some(foreign), Admission::Foreign),
            (Some(leaving), Admission::Leaving),
            (Some(provider_config(&["other"], &["n"], &ALL)), Admission::Refused),
            (Some(provider_config(&["team"], &["m"], &ALL)), Admission::NoNamespace),
            (Some(others), Admission::OfOthers { claim_namespace: "other".to_owned() }),
            (Some(unsaid), Admission::OfOthers { claim_namespace: "owner".to_owned() }),
        ] {
            let admission = Admission::of(&consumer(), provider_config.as_ref());
            assert_eq!(admission, expected);
            assert!(admission.offered().is_empty());
            assert!(admission.reason(&consumer(), &BTreeSet::new()).is_some());
        }
    }
}
