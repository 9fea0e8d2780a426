//! A platform: all claims of one environment, each with its composed resources and status.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use realtime_platform_core::claims::Kind;
use realtime_platform_core::parts::owner::Claim;
use realtime_platform_core::parts::plan::{Phase, Resource};
use realtime_platform_core::schema::fault::Fault;
use realtime_platform_core::settings::Settings;
use realtime_platform_core::settings::input::Input;
use serde_json::{Value, json};

use super::value::Look;

/// A claim as its author wrote it.
#[derive(Clone, Debug)]
pub struct Written {
    pub kind: &'static str,
    pub claim: Claim,
    pub spec: Value,
}

/// A claim with its composed resources and status.
#[derive(Clone)]
pub struct ComposedClaim {
    pub kind: &'static Kind,
    pub claim: Claim,
    pub spec: Value,
    pub resources: Vec<Resource>,
    /// Phase of each part.
    pub phases: BTreeMap<&'static str, Phase>,
    pub status: Value,
}

/// All claims of one environment, with the settings.
#[derive(Clone)]
pub struct Platform {
    pub name: String,
    pub environment: String,
    pub settings: Settings,
    pub claims: Vec<ComposedClaim>,
}

pub const ENVIRONMENT: &str = "VClusterEnvironmentClaim";
pub const SYSTEM: &str = "RealtimeSystemClaim";
pub const BROKER: &str = "IotBrokerClaim";

/// Settings of a platform team that sets nothing but [`listed`].
static DEFAULTS: LazyLock<Settings> = LazyLock::new(|| {
    let input = serde_json::from_value::<Input>(listed()).unwrap();
    Settings::check(input).unwrap()
});

/// Settings at their defaults, except for [`listed`].
pub fn defaults() -> Settings {
    DEFAULTS.clone()
}

/// Annotations, archive servers and secret store keys that the platform team must list before claims may use them.
pub fn listed() -> Value {
    json!({
        "gateways": {"allowedAnnotations": ["example.com/scheme"]},
        "archiveServers": [{"host": "example.com", "port": 8443, "cidrs": ["192.0.2.0/24"]}],
        "backupServers": [{"host": "s3.eu-central-1.amazonaws.com", "cidrs": ["198.51.100.0/24"]}],
        "secretStore": {"allowedKeys": ["*"]},
    })
}

impl Written {
    pub fn new(kind: &'static str, name: &str, spec: Value) -> Self {
        Self { kind, claim: Claim::new("default", name), spec }
    }

    /// Name of the claim's environment.
    pub fn environment(&self) -> &str {
        let pointers: &[&str] = match self.kind {
            ENVIRONMENT => &["/name"],
            _ => &["/environment", "/namespace"],
        };
        pointers.iter().map(|pointer| self.spec.text(pointer)).find(|name| !name.is_empty()).unwrap_or_default()
    }

    /// Composes the claim, or returns its faults.
    pub fn compose(self, settings: &Settings) -> Result<ComposedClaim, Vec<Fault>> {
        let kind = Kind::of_claim(self.kind).unwrap();
        let composed = kind.compose(self.spec.clone(), self.claim.clone(), settings)?;
        Ok(ComposedClaim {
            kind,
            claim: self.claim,
            spec: self.spec,
            resources: composed.plan.resources,
            phases: composed.plan.phases,
            status: composed.view.status,
        })
    }
}

impl Platform {
    /// Platform of these claims, with the default settings and [`listed`].
    pub fn of(name: impl Into<String>, claims: Vec<Written>) -> Self {
        Self::try_of(name, claims, &DEFAULTS).unwrap()
    }

    /// Platform of these claims, or their faults. All claims must be of one environment.
    pub fn try_of(name: impl Into<String>, claims: Vec<Written>, settings: &Settings) -> Result<Self, Vec<Fault>> {
        let environment = claims.first().map(Written::environment).unwrap_or_default().to_owned();
        assert!(claims.iter().all(|claim| claim.environment() == environment), "claims of one environment");
        let claims = claims.into_iter().map(|claim| claim.compose(settings)).collect::<Result<_, _>>()?;
        Ok(Self { name: name.into(), environment, settings: settings.clone(), claims })
    }

    /// Every composed resource, with its claim.
    pub fn resources(&self) -> impl Iterator<Item = (&ComposedClaim, &Resource)> {
        self.claims
            .iter()
            .flat_map(|composed_claim| composed_claim.resources.iter().map(move |resource| (composed_claim, resource)))
    }
}

/// Adds the claims that these claims need: an environment with their namespaces, and a system for each broker.
pub fn completed(mut claims: Vec<Written>) -> Vec<Written> {
    let stands = |claims: &[Written], kind, namespace: &str| {
        claims.iter().any(|claim| claim.kind == kind && claim.spec.text("/namespace") == namespace)
    };
    for broker in claims.clone().iter().filter(|claim| claim.kind == BROKER) {
        let namespace = broker.spec.text("/namespace");
        if !stands(&claims, SYSTEM, namespace) {
            let environment = broker.environment();
            claims.push(Written::new(
                SYSTEM,
                "completed",
                json!({"namespace": namespace, "environment": environment, "lensesConfig": accepted()}),
            ));
        }
    }
    if !claims.iter().any(|claim| claim.kind == ENVIRONMENT) {
        let mut namespaces: Vec<&str> = claims.iter().map(|claim| claim.spec.text("/namespace")).collect();
        namespaces.dedup();
        let spec = json!({"name": claims[0].environment(), "namespaces": namespaces});
        claims.insert(0, Written::new(ENVIRONMENT, "completed", spec));
    }
    claims
}

/// Fields of `lensesConfig` that have no default.
pub fn accepted() -> Value {
    json!({"acceptEULA": true, "licenseSecretRef": {"name": "lenses-license"}})
}
