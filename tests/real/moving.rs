//! The move to another engine, as docs/moving-to-an-engine.md has it, at a real API server: commands that copy and pause
//! there, and manifests that it takes. What the other commands do is for the programs of `tests/real/files/`.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::api_server::ApiServer;
use support::crossplane::write;
use support::defined::define;
use support::examples::{documents, read};
use support::tools::{Scratch, crd_sources, run, said, stdout, tool};

const PAGE: &str = "docs/moving-to-an-engine.md";

/// Block of code of the page below the mark with this name.
fn block(name: &str) -> String {
    let page = read(PAGE);
    let (_, after) = page.split_once(&format!("<!-- {name}: ")).unwrap_or_else(|| panic!("no mark {name}"));
    let (_, fenced) = after.split_once("\n```").unwrap();
    let (_, code) = fenced.split_once('\n').unwrap();
    code.split_once("\n```").unwrap().0.to_owned()
}

/// Runs a block of the page as a person would, with the API server's administrator's kubeconfig.
fn bash(server: &ApiServer, name: &str) -> Output {
    let kubectl = tool("kubectl");
    let path = format!("{}:{}", kubectl.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", &block(name)]).env("PATH", path).env("KUBECONFIG", server.kubeconfig());
    run(&mut command)
}

fn create(server: &ApiServer, objects: &[Value]) {
    let scratch = Scratch::new("moving");
    let output = run(server.kubectl().args(["create", "-f"]).arg(write(scratch.path(), "objects.yaml", objects)));
    assert!(output.status.success(), "{}", said(&output));
}

fn got(server: &ApiServer, arguments: &[&str]) -> Value {
    let output = run(server.kubectl().arg("get").args(arguments).arg("--output=json"));
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

fn secret(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": "secrets"}, "annotations": {"owned": "yes"}},
        "stringData": {"password": format!("of {name} in {namespace}")},
    })
}

/// Secrets that the new system takes over, whichever it has already.
#[test]
fn passwords_are_copied_and_nothing_else() {
    let server = ApiServer::start();
    let taken = [
        "lenses-backend-postgres-credentials",
        "lenses-hq-admin",
        "metabase-admin",
        "mqtt-credentials",
        "mqtt-user-device",
    ];
    let left = ["lenses-agent-key", "lenses-license", "kafka-platform-credentials", "mqtt-certificate"];
    create(&server, &[namespace("streaming"), namespace("production")]);
    let all: Vec<Value> = taken.iter().chain(&left).map(|name| secret("streaming", name)).collect();
    create(&server, &all);
    let output = bash(&server, "passwords");
    assert!(output.status.success(), "{}", said(&output));
    let copied = got(&server, &["secrets", "--namespace=production"]);
    let names: Vec<&str> =
        copied["items"].as_array().unwrap().iter().map(|it| it["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, taken);
    for copy in copied["items"].as_array().unwrap() {
        let name = copy["metadata"]["name"].as_str().unwrap();
        let original = got(&server, &["secret", name, "--namespace=streaming"]);
        assert_eq!((&copy["data"], &copy["type"]), (&original["data"], &original["type"]), "{name}");
        assert_eq!(copy["metadata"]["labels"], json!({"cnpg.io/reload": "true"}));
        assert_eq!(copy["metadata"].get("annotations"), None, "{name}");
    }
    // A Secret that is there already is not overwritten, and a person sees that.
    assert!(!bash(&server, "passwords").status.success());
}

/// Programs that are stopped for the databases' move, and no other ones.
#[test]
fn the_providers_leave_alone_what_is_stopped_and_take_it_up_again() {
    let server = ApiServer::start();
    let object = |claim: &str, kind: &str, name: &str| {
        let manifest = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
        json!({
            "apiVersion": "kubernetes.crossplane.io/v1alpha2", "kind": "Object",
            "metadata": {"name": format!("{claim}.{name}.{}", kind.to_lowercase()), "labels": {"platform.example.org/claim": claim}},
            "spec": {"forProvider": {"manifest": manifest}},
        })
    };
    let claims = ["streaming-lenses", "production-lenses", "others-lenses"];
    let parts = [
        ("Deployment", "lenses-hq"),
        ("Service", "lenses-hq"),
        ("Deployment", "metabase-dashboard"),
        ("Deployment", "lenses-agent"),
    ];
    let all: Vec<Value> = claims.iter().flat_map(|claim| parts.map(|(kind, name)| object(claim, kind, name))).collect();
    define(&server, &all);
    create(&server, &all);
    let paused = || -> Vec<String> {
        let all = got(&server, &["objects.kubernetes.crossplane.io"]);
        let of = |it: &Value| {
            it.pointer("/metadata/annotations/crossplane.io~1paused")
                .map(|_| it["metadata"]["name"].as_str().unwrap().to_owned())
        };
        all["items"].as_array().unwrap().iter().filter_map(of).collect()
    };
    assert_eq!(paused(), [""; 0]);
    let output = bash(&server, "pause");
    assert!(output.status.success(), "{}", said(&output));
    let wanted = ["production-lenses", "streaming-lenses"]
        .map(|claim| ["lenses-hq", "metabase-dashboard"].map(|name| format!("{claim}.{name}.deployment")));
    assert_eq!(paused(), wanted.concat());
    let output = bash(&server, "resume");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(paused(), [""; 0]);
}

#[test]
fn the_api_server_takes_the_mirror_and_refuses_a_field_that_is_none() {
    let server = ApiServer::start();
    let source = crd_sources().into_iter().find(|source| source.name == "strimzi").unwrap();
    for kind in ["KafkaMirrorMaker2", "KafkaUser"] {
        server.define(&fs::read_to_string(source.folder.join(format!("{kind}.yaml"))).unwrap()).unwrap();
    }
    let mirror = block("mirror");
    let answer = server.server_dry_run(&mirror).unwrap();
    assert_eq!(answer.matches("created (server dry run)").count(), documents(&mirror).len(), "{answer}");
    let refused = server.server_dry_run(&mirror.replace("topicsPattern", "topicPattern")).unwrap_err();
    assert!(refused.contains("topicPattern"), "{refused}");
}
