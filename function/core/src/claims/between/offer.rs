//! Offer of an environment to systems and brokers, as annotations of its ProviderConfig. Systems and brokers read
//! nothing else of an environment. All names of these annotations are defined in this module.
//!
//! An entry of the offer is `off`, `pending` or `ready`. The plan of the environment has `off` or `pending`;
//! observations decide when the entry becomes `ready`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::claims::between::operators::{self, Operator};
use crate::kinds::Form;
use crate::parts::owner::label;
use crate::parts::plan::Announcement;

/// Entry of an environment's offer that is ready once the virtual cluster is reached and has its namespaces. Systems
/// and brokers wait for this entry before they create anything in the virtual cluster. The entry counts as ready only
/// for systems and brokers that the environment admits.
pub const ENVIRONMENT: &str = "environment";
/// Entry of an environment's offer that is ready once Istio and its ingress gateway are ready.
pub const ISTIO: &str = "istio";
pub const KNATIVE_SERVING: &str = "knative-serving";
/// Entry of an environment's offer that is ready once Prometheus and Grafana are ready.
pub const OBSERVABILITY: &str = "observability";
/// Entry of an environment's offer that is ready once the ingress gateway has its TLS certificate.
pub const TLS: &str = "tls";
/// Annotation of an environment's offer that lists the namespaces inside its virtual cluster, separated by commas.
pub const NAMESPACES: &str = "namespaces";
/// Annotation of an environment's offer that reserves namespaces inside the virtual cluster, each for the claims of one
/// namespace in the host cluster. An entry has both names in this order, such as `lab=team-a`; commas separate the
/// entries.
pub const TENANTS: &str = "tenants";
/// Annotation of an environment's offer that lists the Secrets in the host cluster which claims of other namespaces may
/// name, separated by commas.
const SHARED_SECRETS: &str = "shared-secrets";
/// Annotation of an environment's offer with the DNS domain of its routes.
const ENVIRONMENT_DOMAIN: &str = "domain";
/// Annotation of an environment's offer that lists the host cluster's namespaces whose claims are admitted, separated
/// by commas; `*` admits all.
const CLAIM_NAMESPACES: &str = "claim-namespaces";

/// Annotation of an environment's offer with the environment's own form, which its tenants have unless the next
/// annotation says otherwise. Absent: claims.
const FORM: &str = "form";
/// Annotation of an environment's offer that lists forms of namespaces inside the virtual cluster, as
/// `namespace=Form`, separated by commas: those for which the environment's author has chosen one.
pub const TENANT_FORMS: &str = "tenant-forms";
/// Entry of an environment's offer that is ready once tenants of the form that is not the environment's own reach the
/// virtual cluster. Only an environment with tenants of chosen forms has it.
pub const OTHER_FORM: &str = "other-form";

const OFF: &str = "off";
const PENDING: &str = "pending";
const READY: &str = "ready";

/// Entries of an environment's offer for which the parts of a system or broker may wait. The entry of an
/// operator is ready once the operator is, and an environment without the operator does not publish the entry.
pub const OFFERED: [&str; 9] = [
    ENVIRONMENT,
    ISTIO,
    KNATIVE_SERVING,
    OBSERVABILITY,
    operators::KAFKA.name,
    operators::POSTGRES.name,
    operators::BACKUP.name,
    operators::MQTT.name,
    TLS,
];

/// Entry of an environment's offer, and the parts of the environment's plan that must be ready for it; no parts where
/// the entry is off.
#[derive(Clone, Debug)]
pub struct Offered {
    pub name: &'static str,
    pub parts: &'static [&'static str],
}

/// Offer of one environment to systems and brokers, as the environment's plan publishes it.
#[derive(Clone, Debug)]
pub struct Offer {
    pub offered: Vec<Offered>,
    pub namespaces: Vec<String>,
    pub domain: String,
    pub claim_namespaces: Vec<String>,
    pub tenants: Vec<Tenancy>,
    pub shared_secrets: Vec<String>,
    /// Form in which the environment was asked for: as a claim, or as a composite resource.
    pub form: Form,
    /// Forms that the environment's author has chosen for namespaces inside the virtual cluster.
    pub tenant_forms: BTreeMap<String, Form>,
}

/// Tenancy of a namespace inside an environment's virtual cluster: the namespace is for claims of one namespace in the
/// host cluster. The offer has both names with an equals sign between them, which neither name can contain.
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
    /// Annotations for an environment's offer on its ProviderConfig, as the plan has them before any entry is ready.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let state = |offered: &Offered| if offered.parts.is_empty() { OFF } else { PENDING };
        let states = self.offered.iter().map(|offered| (offered.name, state(offered).to_owned()));
        let places = [
            (NAMESPACES, self.namespaces.join(",")),
            (ENVIRONMENT_DOMAIN, self.domain.clone()),
            (CLAIM_NAMESPACES, self.claim_namespaces.join(",")),
            (TENANTS, self.tenants.iter().map(Tenancy::to_string).collect::<Vec<_>>().join(",")),
        ];
        // Only an environment that shares Secrets has the annotation for shared Secrets. Most environments share none.
        let shared = (!self.shared_secrets.is_empty()).then(|| (SHARED_SECRETS, self.shared_secrets.join(",")));
        let form = (self.form != Form::default()).then(|| (FORM, self.form.name().to_owned()));
        let entries = self.tenant_forms.iter().map(|(namespace, form)| format!("{namespace}={}", form.name()));
        let forms = (!self.tenant_forms.is_empty()).then(|| (TENANT_FORMS, entries.collect::<Vec<_>>().join(",")));
        states
            .chain(places)
            .chain(shared)
            .chain(form)
            .chain(forms)
            .map(|(name, value)| (annotation(name), value))
            .collect()
    }

    /// Announcements in an environment's plan: each one sets the annotation for one entry of the offer to `ready` once
    /// the parts of the plan that the entry needs are ready.
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

/// Consumer of an environment: a system or broker, with its namespace inside the virtual cluster and the namespace of
/// its claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    pub environment: String,
    pub namespace: String,
    pub claim_namespace: String,
    pub form: Form,
    /// Entries of the environment's offer that the system or broker can do without, each with the field that switches
    /// off the need for it, such as `spec.expose: false`.
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
    /// No environment has the name that the system or broker gives: no ProviderConfig with the name was found.
    Missing,
    /// No environment has the name that the system or broker gives: the ProviderConfig with the name does not belong to
    /// an environment.
    Foreign,
    /// The environment that the system or broker names is being deleted.
    Leaving,
    /// The environment admits no claims of the host cluster's namespace in which the claim of the system or broker is.
    Refused,
    /// The environment has no namespace with the name that the system or broker gives in its virtual cluster.
    NoNamespace,
    /// The namespace in the virtual cluster that the system or broker names is for claims of another namespace in the
    /// host cluster, `claim_namespace`.
    OfOthers { claim_namespace: String },
    /// The namespace in the virtual cluster that the system or broker names is for tenants of the other form.
    OtherForm,
    /// The system or broker is admitted. The answer includes the state of each entry of the environment's offer.
    Open(BTreeMap<&'static str, State>),
}

impl Admission {
    /// Admission of a system or broker by its environment, read from the ProviderConfig with the environment's name.
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
        } else if published.form(&consumer.namespace) != consumer.form {
            Self::OtherForm
        } else {
            let state = |name: &str| match offer(name) {
                OFF => State::Off,
                // An environment publishes this entry only if it has the component, and older environments know no
                // such entry.
                "" if operator(name).is_some() => State::Off,
                READY => State::Ready,
                // Another release of this function may have published a value that this release does not define, so an
                // unknown value in an annotation of the offer counts as pending.
                _ => State::Pending,
            };
            let mut states = BTreeMap::from(OFFERED.map(|name| (name, state(name))));
            if consumer.form != published.own_form() && state(OTHER_FORM) != State::Ready {
                states.insert(ENVIRONMENT, State::Pending);
            }
            Self::Open(states)
        }
    }

    /// Admission of a system or broker as if all entries of the environment's offer that are switched on were ready.
    /// Previews use this admission to show the final state of a claim.
    #[must_use]
    pub fn in_the_end(self) -> Self {
        let ready = |state| if state == State::Pending { State::Ready } else { state };
        match self {
            Self::Open(states) => Self::Open(states.into_iter().map(|(name, state)| (name, ready(state))).collect()),
            refused => refused,
        }
    }

    /// Entries of the environment's offer that are ready; none where the system or broker is not admitted.
    pub fn offered(&self) -> BTreeSet<&'static str> {
        match self {
            Self::Open(states) => {
                states.iter().filter(|(_, state)| **state == State::Ready).map(|(&name, _)| name).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// Whether the environment's answer to the system or broker is a refusal. An environment that does not exist, or
    /// that is being deleted, does not count as a refusal.
    pub fn refuses(&self) -> bool {
        matches!(self, Self::Foreign | Self::Refused | Self::NoNamespace | Self::OfOthers { .. } | Self::OtherForm)
    }

    /// Whether the environment admits the system or broker that asks to use it.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Whether the environment offers TLS, so that the routes of the system or broker are reached by HTTPS.
    pub fn serves_tls(&self) -> bool {
        matches!(self, Self::Open(states) if states.get(TLS) == Some(&State::Ready))
    }

    /// All reasons why a system or broker cannot use its environment, joined into one line.
    pub fn reason(&self, consumer: &Consumer, waited_for: &BTreeSet<&'static str>) -> Option<String> {
        let reasons = self.reasons(consumer, waited_for);
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// Reasons why the environment does not admit a system or broker. For an admitted one, reasons why the offer's
    /// entries that its parts wait for are not ready. Each reason is one sentence, with its remedy.
    pub fn reasons(&self, consumer: &Consumer, waited_for: &BTreeSet<&'static str>) -> Vec<String> {
        let Consumer { environment, namespace, claim_namespace, .. } = consumer;
        vec![match self {
            Self::Open(states) => {
                let entries = states.iter().filter(|(name, _)| waited_for.contains(*name));
                return entries.filter_map(|(name, state)| reason_missing(consumer, name, *state)).collect();
            }
            Self::Missing if consumer.form == Form::Namespaced => format!(
                "there is no environment {environment}: create a VClusterEnvironment with spec.name {environment}, or name another in spec.environment"
            ),
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
            Self::OtherForm => {
                let (theirs, own) = (called(consumer.form.other()), called(consumer.form));
                format!(
                    "the namespace {namespace} of environment {environment} is for {theirs}, not for {own}: its owner can add another one for {own}, or, once nothing of the other form is in it, set spec.tenantForms.{namespace} to {}",
                    consumer.form.name()
                )
            }
        }]
    }
}

/// Tenants of one form, for messages.
fn called(form: Form) -> &'static str {
    match form {
        Form::Claim => "RealtimeSystemClaims and IotBrokerClaims",
        Form::Namespaced => "RealtimeSystems and IotBrokers",
    }
}

/// Whether the owner of the environment has chosen a form for the namespace that a system or broker names, and can
/// choose the other form later. Then the namespace may still belong to a tenant of the other form.
pub fn has_both_forms(consumer: &Consumer, provider_config: Option<&Value>) -> bool {
    let published = provider_config.and_then(|found| Published::of(consumer, found));
    published.is_some_and(|published| published.chosen_form(&consumer.namespace).is_some())
}

/// ProviderConfig with the offer of an environment. One of its labels has the environment's name.
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

    /// Namespace in the host cluster that contains the environment's claim, and so owns the environment.
    fn owner(&self) -> &'a str {
        self.entry("labels", &label("claim-namespace"))
    }

    /// Form in which the environment was asked for, by its offer.
    fn own_form(&self) -> Form {
        form(self.annotation(FORM)).unwrap_or_default()
    }

    /// Form that the owner of the environment has chosen for a namespace of the virtual cluster.
    fn chosen_form(&self, namespace: &str) -> Option<Form> {
        let mut entries = self.annotation(TENANT_FORMS).split(',').filter_map(|entry| entry.split_once('='));
        entries.find(|(inside, _)| *inside == namespace).and_then(|(_, name)| form(name))
    }

    /// Form of the tenants of a namespace of the virtual cluster. Default: the environment's own form.
    fn form(&self, namespace: &str) -> Form {
        self.chosen_form(namespace).unwrap_or_else(|| self.own_form())
    }

    /// Namespace in the host cluster whose claims may use the given namespace of the virtual cluster. Default: the
    /// namespace in the host cluster that owns the environment.
    fn tenant(&self, namespace: &str) -> &'a str {
        let mut tenants = self.annotation(TENANTS).split(',').filter_map(|tenancy| tenancy.split_once('='));
        tenants.find(|(inside, _)| *inside == namespace).map_or(self.owner(), |(_, claim_namespace)| claim_namespace)
    }
}

fn form(name: &str) -> Option<Form> {
    Form::BOTH.into_iter().find(|form| form.name() == name)
}

/// Namespace in the host cluster that owns an environment, and the Secrets there which the environment shares with
/// claims of other namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    pub owner: String,
    pub secrets: BTreeSet<String>,
}

impl Sharing {
    /// Owner of an environment and the Secrets that it shares, read from the ProviderConfig with the environment's
    /// name; none where the ProviderConfig belongs to no environment.
    pub fn of(consumer: &Consumer, provider_config: Option<&Value>) -> Option<Self> {
        let published = Published::of(consumer, provider_config?)?;
        let shared = published.annotation(SHARED_SECRETS).split(',').filter(|name| !name.is_empty());
        Some(Self { owner: published.owner().to_owned(), secrets: shared.map(str::to_owned).collect() })
    }
}

/// Operator that an entry of an environment's offer is about.
fn operator(entry: &str) -> Option<&'static Operator> {
    operators::ALL.into_iter().find(|operator| operator.name == entry)
}

/// Reason why an entry of an environment's offer is not ready, with a remedy for the user.
fn reason_missing(consumer: &Consumer, offered: &str, state: State) -> Option<String> {
    let environment = &consumer.environment;
    let (name, field) = match offered {
        ISTIO => ("Istio".to_owned(), "istio"),
        KNATIVE_SERVING => ("Knative Serving".to_owned(), "knativeServing"),
        OBSERVABILITY => ("observability".to_owned(), "observability"),
        _ => operator(offered).map(|it| (format!("operator of {}", it.program), it.component)).unwrap_or_default(),
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
            Some(format!("the environment {environment} has no {name}: switch on its spec.components.{field}{without}"))
        }
    }
}

#[cfg(test)]
mod tests;
