//! Identity of Crossplane on the host: its service account, with exactly the rights that its chart and its RBAC manager
//! give it. A resource that the function requires fails to be read unless these rights, or those of package/install,
//! include it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::kubectl;
use support::api_server::ApiServer;
use support::control_plane::NAMESPACE;
use support::crossplane::write;
use support::tools::succeed;

const ACCOUNT: &str = "crossplane";

/// Creates the service account with its rights, and writes a kubeconfig with a token of it.
pub fn kubeconfig(server: &ApiServer, folder: &Path) -> PathBuf {
    let objects = write(folder, "crossplane-rights.yaml", &rights());
    succeed(kubectl(&server.kubeconfig()).args(["apply", "--server-side", "--filename"]).arg(objects));
    let mut create = kubectl(&server.kubeconfig());
    create.args(["create", "token", ACCOUNT, "--namespace", NAMESPACE, "--duration=24h"]);
    let token = succeed(&mut create);
    let path = folder.join("crossplane.kubeconfig");
    fs::write(&path, server.portable_kubeconfig(Some(token.trim()))).unwrap();
    path
}

fn rights() -> Vec<Value> {
    let role = |name: &str, rules: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name, "labels": {AGGREGATED: "true"}},
            "rules": rules,
        })
    };
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": NAMESPACE}}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": ACCOUNT},
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {AGGREGATED: "true"}}]},
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
        }),
        role("crossplane:system:aggregate-to-crossplane", own()),
        role("crossplane:of-the-rbac-manager", of_kinds()),
    ]
}

const AGGREGATED: &str = "rbac.crossplane.io/aggregate-to-crossplane";

fn rule(groups: &[&str], resources: &[&str]) -> Value {
    json!({"apiGroups": groups, "resources": resources, "verbs": ["*"]})
}

/// Rules of the ClusterRole in Crossplane's chart, versions 2.3 and 2.4.
fn own() -> Value {
    let groups = ["apiextensions.crossplane.io", "ops.crossplane.io", "pkg.crossplane.io", "protection.crossplane.io"];
    json!([
        rule(&[""], &["events", "secrets", "serviceaccounts", "services", "configmaps"]),
        rule(&["apiextensions.k8s.io"], &["customresourcedefinitions", "customresourcedefinitions/status"]),
        rule(&groups, &["*"]),
        rule(&["apps", "extensions"], &["deployments"]),
        rule(&["coordination.k8s.io"], &["leases"]),
        rule(&["admissionregistration.k8s.io"], &["validatingwebhookconfigurations", "mutatingwebhookconfigurations"]),
    ])
}

/// Rules that Crossplane's RBAC manager adds for each definition and each provider. The stage does not run the RBAC
/// manager.
fn of_kinds() -> Value {
    let groups = [
        "platform.example.org",
        "kubernetes.crossplane.io",
        "helm.crossplane.io",
        "kubernetes.m.crossplane.io",
        "helm.m.crossplane.io",
    ];
    json!([rule(&groups, &["*"])])
}
