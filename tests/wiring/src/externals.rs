//! Secrets, pods, hosts and API groups that a platform uses and does not make. Users or the platform team provide them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::platform::Platform;
use super::value::Look;

/// Secrets that claims name, each with its keys. All of them are in the environment's namespace on the host.
pub fn promised_secrets(platform: &Platform) -> BTreeMap<String, Vec<String>> {
    let mut promised = BTreeMap::new();
    for composed_claim in &platform.claims {
        collect(&composed_claim.spec, &mut promised);
    }
    promised
}

fn collect(spec: &Value, promised: &mut BTreeMap<String, Vec<String>>) {
    for (field, value) in spec.entries("") {
        let (name, keys): (&str, Vec<&str>) = match field {
            "licenseSecretRef" if value.has("/key") => (value.text("/name"), vec![value.text("/key")]),
            "licenseSecretRef" => (value.text("/name"), vec!["license"]),
            // That of an object store, beside its address.
            "credentialsSecretRef" if spec.has("/destination") => {
                (value.text("/name"), vec!["access-key-id", "secret-access-key"])
            }
            "credentialsSecretRef" => (value.text("/name"), vec!["password"]),
            // The field `passphraseProperty` next to `secretRef` names the key with the passphrase, if the private key
            // has one.
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

/// Entries of the platform's secret store that settings and claims name: remote key and property.
pub fn promised_entries(platform: &Platform) -> Vec<(String, Option<String>)> {
    let pulls = platform.settings.pull_secrets.iter().map(|secret| (secret.remote_key.clone(), None));
    let keys = platform.claims.iter().map(|composed_claim| composed_claim.spec.at("/snowflakeConfig/privateKey"));
    let keys = keys.flat_map(|key| {
        let said = |field: &str, default: &str| key.get(field).and_then(Value::as_str).unwrap_or(default).to_owned();
        let passphrase = key.get("passphraseProperty").and_then(Value::as_str).map(str::to_owned);
        let properties = [Some(said("property", "private_key")), passphrase].into_iter().flatten();
        properties.map(move |property| (said("remoteKey", "snowflake-credentials"), Some(property))).collect::<Vec<_>>()
    });
    pulls.chain(keys).collect()
}

/// Labels, without the platform's domain, of pods that users start themselves. The documentation of a broker's status
/// names the label.
pub const PROMISED_PODS: &[&str] = &["mqtt-client"];

/// A program that calls hosts outside the virtual cluster although none of our configuration names them.
pub struct Outside {
    /// Label `app` of the program's pods.
    pub app: &'static str,
    pub ports: &'static [i64],
    /// Whether the program calls outside only in systems that deliver to Snowflake.
    pub for_snowflake: bool,
    /// Whether an operator makes the program's pods.
    pub is_operated: bool,
}

pub const OUTSIDE: &[Outside] = &[
    // Documentation of Lenses HQ does not say whether HQ calls its vendor about the licence.
    Outside { app: "lenses-hq", ports: &[443], for_snowflake: false, is_operated: false },
    // Snowflake's clients check at port 80 whether a certificate of Snowflake was revoked.
    Outside { app: "kafka-platform", ports: &[80, 443], for_snowflake: true, is_operated: false },
    Outside { app: "kafka-connect", ports: &[80, 443], for_snowflake: true, is_operated: true },
    // Users may add Snowflake to Metabase as a database.
    Outside { app: "metabase-dashboard", ports: &[80, 443], for_snowflake: true, is_operated: false },
];

/// API groups that the host serves before any claim: those of Kubernetes, and those that the platform team has
/// installed.
pub const HOST_GROUPS: &[&str] = &[
    "",
    "apps",
    "batch",
    "rbac.authorization.k8s.io",
    "networking.k8s.io",
    // Crossplane and its two providers.
    "protection.crossplane.io",
    "kubernetes.crossplane.io",
    "kubernetes.m.crossplane.io",
    "helm.crossplane.io",
    "helm.m.crossplane.io",
    // External Secrets.
    "external-secrets.io",
    "generators.external-secrets.io",
    // Cluster API with the vcluster provider, needed only if a claim asks for it.
    "cluster.x-k8s.io",
    "infrastructure.cluster.x-k8s.io",
];

/// API groups that a virtual cluster serves by itself.
pub const INNER_GROUPS: &[&str] =
    &["apiextensions.k8s.io", "", "apps", "batch", "rbac.authorization.k8s.io", "networking.k8s.io", "policy"];
