//! Border as provider-kubernetes reports it: its Objects show the command of the policy's message, become ready after
//! it has run, and leave no trace when they are deleted without it.

use std::fs;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::host::{FOREIGN, Host, KUBERNETES, environment, object};
use support::authority::Authority;
use support::defined::define;
use support::examples::documents;
use support::tools::{BEAT, Daemon, LIMIT, Scratch, command, tool};

/// Second namespace, created beforehand for an environment.
const BEFOREHAND: &str = "beforehand";

pub fn an_object_says_what_to_do(host: &Host) {
    let scratch = Scratch::new("provider-kubernetes");
    let _provider = provider(host, &scratch);
    host.may(None, &["create", "namespace", BEFOREHAND], &[]);
    host.may(None, &["create"], &[wrapping(FOREIGN), wrapping(BEFOREHAND)]);
    for name in [FOREIGN, BEFOREHAND] {
        // The provider may first report an error that it resolves itself, such as a usage that another attempt has
        // already created.
        let border = format!("namespace {name} is no environment of the real-time platform");
        let told = until(host, name, |found| {
            let synced = condition(found, "Synced")?;
            let message = synced["message"].as_str().filter(|message| message.contains(&border))?;
            (synced["status"] == "False").then(|| message.to_owned())
        });
        if name == FOREIGN {
            // A deleted Object leaves the namespace unchanged.
            host.may(None, &["delete", "--timeout=30s"], &[wrapping(FOREIGN)]);
            let found = host.json(&["get", "namespace", FOREIGN]);
            assert!(found["metadata"]["deletionTimestamp"].is_null(), "{found}");
            assert!(found["metadata"]["labels"][super::ENVIRONMENT].is_null(), "{found}");
        } else {
            let command = super::command(&told);
            host.may(None, &command.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
            // Trigger for the next attempt, which would otherwise follow later.
            host.may(
                None,
                &["annotate", &format!("objects.kubernetes.crossplane.io/{name}"), "example.org/again=true"],
                &[],
            );
            until(host, name, |found| (condition(found, "Ready")?["status"] == "True").then_some(()));
        }
    }
}

fn wrapping(namespace: &str) -> Value {
    json!({
        "apiVersion": "kubernetes.crossplane.io/v1alpha2",
        "kind": "Object",
        "metadata": {"name": namespace},
        "spec": {"forProvider": {"manifest": environment(namespace)}, "providerConfigRef": {"name": "host"}},
    })
}

fn condition(found: &Value, kind: &str) -> Option<Value> {
    found["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind).cloned()
}

fn until<T>(host: &Host, name: &str, so: impl Fn(&Value) -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        let found = host.json(&["get", "objects.kubernetes.crossplane.io", name]);
        match so(&found) {
            Some(so) => return so,
            None => assert!(started.elapsed() < LIMIT, "{name}: {found:#}"),
        }
        thread::sleep(BEAT * 10);
    }
}

/// Process of provider-kubernetes, which writes to the host with its own account.
fn provider(host: &Host, scratch: &Scratch) -> Daemon {
    let kinds = fs::read_dir(tool("crds").join("provider-kubernetes")).unwrap();
    let kinds = kinds.flat_map(|file| documents(&fs::read_to_string(file.unwrap().path()).unwrap()));
    define(&host.0, &kinds.collect::<Vec<_>>());
    let account = KUBERNETES.rsplit(':').next().unwrap();
    host.may(None, &["create", "serviceaccount", account, "--namespace=crossplane-system"], &[]);
    let token = host.asks(None, &["create", "token", account, "--namespace=crossplane-system"], &[]).said;
    let config = host.0.portable_kubeconfig(Some(token.trim()));
    let secret = object("crossplane-system", "v1", "Secret", &json!({"stringData": {"config": config}}));
    let reference = json!({"namespace": "crossplane-system", "name": "there", "key": "config"});
    let config = json!({
        "apiVersion": "kubernetes.crossplane.io/v1alpha1",
        "kind": "ProviderConfig",
        "metadata": {"name": "host"},
        "spec": {"credentials": {"source": "Secret", "secretRef": reference}},
    });
    host.may(None, &["create"], &[secret, config]);
    Authority::generate().equip(scratch.path());
    let mut provider = command("provider-kubernetes");
    provider.arg("--health-probe-bind-addr=127.0.0.1:0");
    provider.env("KUBECONFIG", host.0.kubeconfig()).env("TLS_SERVER_CERTS_DIR", scratch.path());
    Daemon::start(&provider, scratch.path().join("provider.log"))
}
