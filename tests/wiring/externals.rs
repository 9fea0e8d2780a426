//! What a platform names and does not make: it is somebody else's, and documented as such.

use std::collections::BTreeMap;

use serde_json::Value;

use super::platform::Platform;
use super::value::Look;

/// The Secrets that users promise in their claims, all in the environment's namespace on the host: name and keys.
pub fn promised_secrets(platform: &Platform) -> BTreeMap<String, Vec<String>> {
    let mut promised = BTreeMap::new();
    for standing in &platform.claims {
        collect(&standing.spec, &mut promised);
    }
    promised
}

fn collect(spec: &Value, promised: &mut BTreeMap<String, Vec<String>>) {
    for (field, value) in spec.entries("") {
        let (name, keys): (&str, Vec<&str>) = match field {
            "licenseSecretRef" if value.has("/key") => (value.text("/name"), vec![value.text("/key")]),
            "licenseSecretRef" => (value.text("/name"), vec!["license"]),
            "credentialsSecretRef" => (value.text("/name"), vec!["password"]),
            // Beside it the claim names the key with the passphrase, if there is one.
            "secretRef" => (
                value.text("/name"),
                ["private_key"].into_iter().chain(spec.at("/passphraseProperty").as_str()).collect(),
            ),
            "secretName" => (value.as_str().unwrap_or_default(), vec!["tls.crt", "tls.key"]),
            _ => {
                collect(value, promised);
                value.items("").iter().for_each(|item| collect(item, promised));
                continue;
            }
        };
        let all = promised.entry(name.to_owned()).or_default();
        all.extend(keys.into_iter().map(str::to_owned));
    }
}

/// The entries of the platform's secret store that are promised: name and property.
pub fn promised_entries(platform: &Platform) -> Vec<(String, Option<String>)> {
    let pulls = platform.settings.pull_secrets.iter().map(|secret| (secret.remote_key.clone(), None));
    let keys = platform.claims.iter().map(|standing| standing.spec.at("/snowflakeConfig/privateKey"));
    let keys = keys.flat_map(|key| {
        let said = |field: &str, default: &str| key.get(field).and_then(Value::as_str).unwrap_or(default).to_owned();
        let passphrase = key.get("passphraseProperty").and_then(Value::as_str).map(str::to_owned);
        let properties = [Some(said("property", "private_key")), passphrase].into_iter().flatten();
        properties.map(move |property| (said("remoteKey", "snowflake-credentials"), Some(property))).collect::<Vec<_>>()
    });
    pulls.chain(keys).collect()
}

/// Labels of pods that users are told to start themselves: the name in the status, below our domain.
pub const PROMISED_PODS: &[&str] = &["mqtt-client"];

/// A program that leaves the virtual cluster although no configuration of ours says so.
pub struct Outside {
    /// The label `app` of its pods.
    pub app: &'static str,
    pub ports: &'static [i64],
    /// Only where something is delivered to Snowflake.
    pub for_snowflake: bool,
}

/// All of them.
pub const OUTSIDE: &[Outside] = &[
    // Whether it asks its maker about a licence is documented nowhere.
    Outside { app: "lenses-hq", ports: &[443], for_snowflake: false },
    // Snowflake's clients ask at 80 whether its certificates were revoked.
    Outside { app: "kafka-platform", ports: &[80, 443], for_snowflake: true },
    // Somebody adds Snowflake to it as a database.
    Outside { app: "metabase-dashboard", ports: &[80, 443], for_snowflake: true },
];

/// API groups that the host serves before any claim: Kubernetes' own, and those of what the platform team has installed.
pub const HOST_GROUPS: &[&str] = &[
    "",
    "apps",
    "batch",
    "rbac.authorization.k8s.io",
    "networking.k8s.io",
    // Crossplane and its two providers.
    "protection.crossplane.io",
    "kubernetes.crossplane.io",
    "helm.crossplane.io",
    // External Secrets.
    "external-secrets.io",
    "generators.external-secrets.io",
    // Cluster API with the vcluster provider, only where a claim asks for it.
    "cluster.x-k8s.io",
    "infrastructure.cluster.x-k8s.io",
];

/// API groups that a virtual cluster serves by itself.
pub const INNER_GROUPS: &[&str] = &["", "apps", "batch", "rbac.authorization.k8s.io", "networking.k8s.io"];
