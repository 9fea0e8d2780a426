//! The host cluster: an API server, the controllers of Kubernetes that a host needs, Crossplane with its usage webhook,
//! both providers and vela-core.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::dial::Dial;
use super::settings::Settings;
use super::{identity, kubectl};
use support::api_server::{ApiServer, controller_manager, free_ports};
use support::authority::Authority;
use support::control_plane::{ControlPlane, NAMESPACE};
use support::examples::{documents, read};
use support::tools::{Daemon, Scratch, command, is_oldest, succeed, tool};

pub struct Host {
    // Fields are dropped from top to bottom: clients end before the servers that they call.
    later: Option<Controllers>,
    /// kube-controller-manager with the garbage collector, the namespace controller and the aggregation of
    /// ClusterRoles.
    pub manager: Daemon,
    pub plane: ControlPlane,
    metrics: u16,
    authority: Authority,
    scratch: Scratch,
}

/// Controllers that start after their custom resource definitions are installed.
pub struct Controllers {
    pub kubernetes: Daemon,
    pub helm: Daemon,
    pub vela: Daemon,
}

impl Host {
    pub fn start(server: ApiServer, settings: &Settings, dial: &Dial, logs: &Path) -> Self {
        let scratch = Scratch::new("host");
        let kubeconfig = server.kubeconfig();
        let controllers =
            ["garbage-collector-controller", "namespace-controller", "clusterrole-aggregation-controller"];
        let manager = controller_manager(&kubeconfig, &controllers);
        let manager = Daemon::start(&manager, logs.join("host-kube-controller-manager.log"));
        let mut kinds = kubectl(&kubeconfig);
        kinds.args(["apply", "--server-side", "--filename"]).arg(tool("crds").join("kubevela"));
        succeed(kinds.arg("--filename").arg(tool("crds").join("external-secrets")));
        let authority = Authority::generate();
        let certificates = scratch.path().join("certificates");
        fs::create_dir_all(&certificates).unwrap();
        authority.equip(&certificates);
        let [webhook, metrics] = free_ports();
        let mut flags = settings.crossplane();
        flags.extend([format!("--webhook-port={webhook}"), format!("--metrics-port={metrics}"), "--debug".to_owned()]);
        flags.push(format!("--tls-server-certs-dir={}", certificates.display()));
        let (variable, proxy) = dial.variable();
        let identity = identity::kubeconfig(&server, scratch.path());
        let variables = [
            (variable, PathBuf::from(proxy)),
            ("NO_PROXY", PathBuf::from("127.0.0.1,localhost")),
            ("KUBECONFIG", identity),
        ];
        let own = Scratch::new("crossplane");
        let plane = ControlPlane::start_on(server, own, logs.join("crossplane.log"), &flags, &variables);
        plane.apply(&[usages(webhook, &authority)]);
        Self { later: None, manager, plane, metrics, authority, scratch }
    }

    /// Starts the providers and vela-core. The providers' packages must be installed, because the ProviderConfigs are
    /// applied here.
    pub fn start_controllers(&mut self, settings: &Settings, logs: &Path) {
        let controllers = Controllers {
            kubernetes: self.provider_kubernetes(settings, logs),
            helm: self.provider_helm(logs),
            vela: self.vela_core(logs),
        };
        self.plane.apply(&self.provider_configs());
        self.later = Some(controllers);
    }

    /// Both providers and vela-core. Panics before [`Self::start_controllers`].
    pub fn controllers(&mut self) -> &mut Controllers {
        self.later.as_mut().expect("they have been started")
    }

    fn provider_kubernetes(&self, settings: &Settings, logs: &Path) -> Daemon {
        let mut provider = command("provider-kubernetes");
        provider.arg("--health-probe-bind-addr=127.0.0.1:0");
        if settings.guided {
            // Flags from the DeploymentRuntimeConfig that the install guide applies: before release 1.4 another one,
            // for whoever wants watches.
            let file = if is_oldest() { "watches" } else { "runtime" };
            let configuration = &documents(&read(format!("package/install/providers/{file}.yaml")))[0];
            let containers = &configuration["spec"]["deploymentTemplate"]["spec"]["template"]["spec"]["containers"];
            provider.args(containers[0]["args"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap()));
        }
        provider.env("KUBECONFIG", self.administrator());
        provider.env("TLS_SERVER_CERTS_DIR", self.scratch.path().join("certificates"));
        // Later releases name their ports themselves, others take those that `tools/build` has compiled in.
        provider.env("METRICS_BIND_ADDRESS", "127.0.0.1:0").env("WEBHOOK_PORT", "0");
        Daemon::start(&provider, logs.join("provider-kubernetes.log"))
    }

    fn provider_helm(&self, logs: &Path) -> Daemon {
        let folder = self.scratch.path().join("helm");
        fs::create_dir_all(&folder).unwrap();
        let mut provider = command("provider-helm");
        provider.env("KUBECONFIG", self.administrator());
        for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            provider.env(variable, &folder);
        }
        provider.current_dir(&folder);
        Daemon::start(&provider, logs.join("provider-helm.log"))
    }

    fn vela_core(&self, logs: &Path) -> Daemon {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vela-system"}});
        self.plane.apply(&[namespace]);
        let [metrics, health] = free_ports();
        let mut vela = command("vela-core");
        vela.arg(format!("--metrics-addr=127.0.0.1:{metrics}")).arg(format!("--health-addr=127.0.0.1:{health}"));
        vela.args(["--application-re-sync-period=5s", "--max-workflow-wait-backoff-time=2"]);
        vela.arg("--enable-external-package-for-default-compiler=false");
        vela.arg("--feature-gates=DisableBootstrapClusterInfo=true,MultiStageComponentApply=true");
        vela.env("KUBECONFIG", self.administrator());
        Daemon::start(&vela, logs.join("vela-core.log"))
    }

    /// ProviderConfigs and ClusterProviderConfigs named `host`, which the providers use to reach the host cluster. An
    /// installation uses the identity of the providers' pods. The stage uses tokens of the same service accounts, which
    /// have the same rights.
    fn provider_configs(&self) -> Vec<Value> {
        let of = |provider: &str, group: &str, version: &str| {
            let mut create = self.kubectl();
            create.args(["create", "token", provider, "--namespace", NAMESPACE, "--duration=24h"]);
            let token = succeed(&mut create);
            let reference = json!({"namespace": NAMESPACE, "name": format!("{provider}-host"), "key": "config"});
            let metadata = json!({"namespace": NAMESPACE, "name": format!("{provider}-host")});
            let config = self.plane.server.portable_kubeconfig(Some(token.trim()));
            [
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"config": config}}),
                json!({
                    "apiVersion": format!("{group}.crossplane.io/{version}"),
                    "kind": "ProviderConfig",
                    "metadata": {"name": "host"},
                    "spec": {"credentials": {"source": "Secret", "secretRef": reference}},
                }),
                json!({
                    "apiVersion": format!("{group}.m.crossplane.io/{version}"),
                    "kind": "ClusterProviderConfig",
                    "metadata": {"name": "host"},
                    "spec": {"credentials": {"source": "Secret", "secretRef": reference}},
                }),
            ]
        };
        let kubernetes = of("provider-kubernetes", "kubernetes", "v1alpha1");
        let helm = of("provider-helm", "helm", "v1beta1");
        kubernetes.into_iter().chain(helm).collect()
    }

    pub fn administrator(&self) -> PathBuf {
        self.plane.server.kubeconfig()
    }

    pub fn kubectl(&self) -> Command {
        kubectl(&self.administrator())
    }

    /// A program that users run on the host: `vela` or `crossplane`.
    pub fn user(&self, program: &str) -> Command {
        let mut command = command(program);
        command.env("KUBECONFIG", self.administrator()).env("VELA_HOME", self.scratch.path().join("vela"));
        command
    }

    /// Address of Crossplane's metrics page.
    pub fn metrics(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.metrics).into()
    }
}

/// Crossplane's own ValidatingWebhookConfiguration for usages, with an address on loopback instead of a Service.
fn usages(port: u16, authority: &Authority) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "crossplane-no-usages"},
        "webhooks": [{
            "name": "nousages.protection.crossplane.io",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {
                "url": format!("https://127.0.0.1:{port}/validate-no-usages"),
                "caBundle": BASE64_STANDARD.encode(authority.pem()),
            },
            "failurePolicy": "Fail",
            "objectSelector": {"matchLabels": {"crossplane.io/in-use": "true"}},
            "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["*"]}],
            "sideEffects": "None",
        }],
    })
}
