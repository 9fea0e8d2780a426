//! The way out for what waits for ever, taken where it is needed and said aloud: Kubernetes' garbage collector removes
//! what tells a provider that a ProviderConfig is used from a resource that is deleted in the foreground, and where that
//! was the last user for a moment, the ProviderConfig is gone before its user. Made again, it lets its user go.

use serde_json::{Value, json};

/// What is being deleted through a ProviderConfig that is gone.
pub fn stranded(managed: &[Value]) -> Vec<&Value> {
    let is = |object: &&Value| {
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        let mut messages = conditions.filter_map(|condition| condition["message"].as_str());
        let lost = messages.any(|said| said.contains("cannot get provider config") && said.contains("not found"));
        lost && object["metadata"]["deletionTimestamp"].is_string()
    };
    managed.iter().filter(is).collect()
}

/// The ProviderConfigs of an environment, as its claim had them composed.
pub fn provider_configs(environment: &str) -> [Value; 2] {
    ["kubernetes.crossplane.io/v1alpha1", "helm.crossplane.io/v1beta1"].map(|api_version| {
        let secret = json!({"namespace": environment, "name": format!("vc-{environment}"), "key": "config"});
        json!({
            "apiVersion": api_version,
            "kind": "ProviderConfig",
            "metadata": {"name": environment, "labels": {"example.org/made-again": "true"}},
            "spec": {"credentials": {"source": "Secret", "secretRef": secret}},
        })
    })
}
