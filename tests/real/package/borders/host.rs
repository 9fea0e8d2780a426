//! API server in the role of the host, with everything that enforces the border, and the requests that tests send to
//! it.

use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use support::api_server::ApiServer;
use support::crossplane::write;
use support::defined::define;
use support::examples::{documents, read};
use support::tools::{BEAT, LIMIT, Scratch, run, said};

pub const KUBERNETES: &str = "system:serviceaccount:crossplane-system:provider-kubernetes";
pub const HELM: &str = "system:serviceaccount:crossplane-system:provider-helm";

pub const POLICY: &str = "realtime-platform-borders";
pub const ENVIRONMENT: &str = "platform.example.org/environment";
pub const CLAIM_NAMESPACE: &str = "platform.example.org/claim-namespace";

/// Namespace of another team, namespace of an environment, and namespace that carries another environment's label.
pub const FOREIGN: &str = "argocd";
pub const OURS: &str = "streaming";
pub const MISLABELLED: &str = "lab";

pub struct Host(pub ApiServer);

impl Host {
    /// Starts the host with the policies, the providers' rights and the three namespaces.
    pub fn start() -> Self {
        let host = Self(ApiServer::start());
        let mut objects = Vec::new();
        for namespace in [FOREIGN, OURS, MISLABELLED] {
            objects.extend(contents(namespace));
        }
        let configs = [provider_config, helm_cluster_provider_config, kubernetes_cluster_provider_config]
            .map(|made| made("host", &[]));
        define(&host.0, objects.iter().chain(&configs));
        objects.splice(0..0, [namespace(FOREIGN, &[]), environment(OURS)]);
        objects.insert(0, namespace(MISLABELLED, &[(ENVIRONMENT, OURS), (CLAIM_NAMESPACE, "team")]));
        objects.extend(configs);
        objects.push(namespace("crossplane-system", &[]));
        objects.extend(documents(&read("package/install/providers/rights.yaml")));
        objects.extend(given_to_every_provider());
        objects.extend(documents(&read("package/install/providers/borders.yaml")));
        host.may(None, &["apply", "--server-side"], &objects);
        host.enforce(&namespace("unlabelled", &[]));
        host
    }

    /// Waits until the API server refuses this object: an admission policy takes effect a moment after it is applied.
    pub fn enforce(&self, refused: &Value) {
        let started = Instant::now();
        while !self.asks(Some(KUBERNETES), &["create", "--dry-run=server"], std::slice::from_ref(refused)).is_refused()
        {
            assert!(started.elapsed() < LIMIT, "the policy is not in force");
            thread::sleep(BEAT);
        }
    }

    pub fn asks(&self, user: Option<&str>, arguments: &[&str], objects: &[Value]) -> Answer {
        let mut kubectl = self.0.kubectl();
        kubectl.args(arguments).args(user.map(|user| format!("--as={user}")));
        let scratch = Scratch::new("borders");
        if !objects.is_empty() {
            let raw = arguments.contains(&"--raw");
            let file =
                if raw { body(scratch.path(), &objects[0]) } else { write(scratch.path(), "objects.yaml", objects) };
            kubectl.arg("-f").arg(file);
        }
        let output = run(&mut kubectl);
        let what = format!("{user:?}: kubectl {}", arguments.join(" "));
        Answer { what, done: output.status.success(), said: said(&output) }
    }

    /// Object as the server has it.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let answer = self.asks(None, &[arguments, &["--output=json"]].concat(), &[]);
        assert!(answer.done, "{}: {}", answer.what, answer.said);
        serde_json::from_str(&answer.said).unwrap()
    }

    pub fn may(&self, user: Option<&str>, arguments: &[&str], objects: &[Value]) {
        let answer = self.asks(user, arguments, objects);
        assert!(answer.done, "{}: {}", answer.what, answer.said);
    }

    /// Checks that the policy denies a request, and returns its message.
    pub fn refuses(&self, user: &str, arguments: &[&str], objects: &[Value]) -> String {
        let answer = self.asks(Some(user), arguments, objects);
        assert!(answer.is_refused(), "{}: {}", answer.what, answer.said);
        answer.said
    }
}

pub struct Answer {
    pub what: String,
    pub done: bool,
    pub said: String,
}

impl Answer {
    /// Number of objects that the policy denied.
    pub fn refusals(&self) -> usize {
        let denied = format!("ValidatingAdmissionPolicy '{POLICY}' with binding '{POLICY}' denied request: ");
        // A rule that fails to evaluate also denies a request, but without the command that helps.
        let told = |line: &&str| line.contains(&denied) && line.contains(": kubectl label --overwrite ");
        self.said.lines().filter(told).count()
    }

    pub fn is_refused(&self) -> bool {
        !self.done && self.refusals() > 0
    }
}

/// File with the body of a request, which `kubectl` sends unchanged.
fn body(folder: &std::path::Path, object: &Value) -> std::path::PathBuf {
    let file = folder.join("body.json");
    std::fs::write(&file, object.to_string()).unwrap();
    file
}

pub fn namespace(name: &str, labels: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<_, _> = labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

pub fn environment(name: &str) -> Value {
    namespace(name, &[(ENVIRONMENT, name), (CLAIM_NAMESPACE, "team"), ("platform.example.org/claim", "claim")])
}

pub fn provider_config(name: &str, labels: &[(&str, &str)]) -> Value {
    let mut config = namespace(name, labels);
    config["apiVersion"] = json!("helm.crossplane.io/v1beta1");
    config["kind"] = json!("ProviderConfig");
    config["spec"] = json!({"credentials": {"source": "InjectedIdentity"}});
    config
}

pub fn helm_cluster_provider_config(name: &str, labels: &[(&str, &str)]) -> Value {
    let mut config = provider_config(name, labels);
    config["apiVersion"] = json!("helm.m.crossplane.io/v1beta1");
    config["kind"] = json!("ClusterProviderConfig");
    config
}

pub fn kubernetes_cluster_provider_config(name: &str, labels: &[(&str, &str)]) -> Value {
    let mut config = helm_cluster_provider_config(name, labels);
    config["apiVersion"] = json!("kubernetes.m.crossplane.io/v1alpha1");
    config
}

/// Rights that Crossplane's RBAC manager gives every provider, for both providers.
fn given_to_every_provider() -> Vec<Value> {
    let rule = json!({
        "apiGroups": ["", "coordination.k8s.io"], "resources": ["secrets", "configmaps", "events", "leases"], "verbs": ["*"],
    });
    let own = json!({"apiGroups": ["helm.crossplane.io", "helm.m.crossplane.io"], "resources": ["*"], "verbs": ["*"]});
    vec![
        cluster_role("every-provider", &[rule]),
        binding("every-provider", "every-provider", &["provider-kubernetes", "provider-helm"]),
        cluster_role("own-kinds", &[own]),
        binding("own-kinds", "own-kinds", &["provider-helm"]),
    ]
}

pub fn cluster_role(name: &str, rules: &[Value]) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules,
    })
}

pub fn binding(name: &str, role: &str, accounts: &[&str]) -> Value {
    let subject = |account: &&str| json!({"kind": "ServiceAccount", "name": account, "namespace": "crossplane-system"});
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": accounts.iter().map(subject).collect::<Vec<_>>(),
    })
}

pub fn object(namespace: &str, api_version: &str, kind: &str, rest: &Value) -> Value {
    let metadata = json!({"name": "there", "namespace": namespace});
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
    object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    object
}

/// One object of each kind in a namespace that one of the providers may write.
pub fn contents(namespace: &str) -> Vec<Value> {
    let pod = json!({"containers": [{"name": "main", "image": "registry.example.org/image:1.0.0"}]});
    let selector = json!({"matchLabels": {"app": "there"}});
    let template = json!({"metadata": {"labels": {"app": "there"}}, "spec": pod});
    let workload = json!({"spec": {"selector": selector, "template": template, "serviceName": "there"}});
    let replicated = json!({"spec": {"selector": selector, "template": template}});
    let store = json!({"kind": "SecretStore", "name": "there"});
    let remote = json!({"match": {"secretKey": "key", "remoteRef": {"remoteKey": "remote"}}});
    let rbac = "rbac.authorization.k8s.io";
    let of = |api_version: &str, kind: &str, rest: &Value| object(namespace, api_version, kind, rest);
    vec![
        of("v1", "ConfigMap", &json!({})),
        of("v1", "Endpoints", &json!({})),
        of(
            "v1",
            "PersistentVolumeClaim",
            &json!({
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }),
        ),
        of("v1", "Pod", &json!({"spec": pod})),
        of("v1", "Secret", &json!({"type": "helm.sh/release.v1", "stringData": {"release": "of no value"}})),
        of("v1", "ServiceAccount", &json!({})),
        of("v1", "Service", &json!({"spec": {"ports": [{"port": 443}]}})),
        of("apps/v1", "Deployment", &replicated),
        of("apps/v1", "ReplicaSet", &replicated),
        of("apps/v1", "StatefulSet", &workload),
        of("discovery.k8s.io/v1", "EndpointSlice", &json!({"addressType": "IPv4", "endpoints": []})),
        of("networking.k8s.io/v1", "NetworkPolicy", &json!({"spec": {"podSelector": {}}})),
        of("rbac.authorization.k8s.io/v1", "Role", &json!({"rules": []})),
        of(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            &json!({
                "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "there"}, "subjects": [],
            }),
        ),
        of("external-secrets.io/v1", "ExternalSecret", &json!({"spec": {"secretStoreRef": store}})),
        of(
            "external-secrets.io/v1alpha1",
            "PushSecret",
            &json!({
                "spec": {"secretStoreRefs": [store], "selector": {"secret": {"name": "there"}}, "data": [remote]},
            }),
        ),
        of("external-secrets.io/v1", "SecretStore", &json!({"spec": {"provider": {"fake": {"data": []}}}})),
        of(
            "generators.external-secrets.io/v1alpha1",
            "Password",
            &json!({
                "spec": {"length": 32, "allowRepeat": true, "noUpper": false},
            }),
        ),
        of("cluster.x-k8s.io/v1beta1", "Cluster", &json!({"spec": {"paused": false}})),
        of(
            "infrastructure.cluster.x-k8s.io/v1alpha1",
            "VCluster",
            &json!({
                "spec": {"controlPlaneEndpoint": {"host": "there", "port": 443}},
            }),
        ),
    ]
}
