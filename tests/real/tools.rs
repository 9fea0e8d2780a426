//! Check that the programs that other suites rely on are installed, have the pinned version, and behave as expected.

use std::fs;
use std::process::Command;
use std::time::Duration;

use support::api_server::ApiServer;
use support::tools::{command, crd_sources, offline, run, run_within, said, stdout};

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo, namespace: trial}
spec:
  replicas: 1
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec: {containers: [{name: echo, image: 'example.org/echo:1'}]}
";

#[test]
fn programs_are_the_releases_pinned() {
    let asked = [
        (command("crossplane"), "version --client", "v2.5.0"),
        (command("crossplane-core"), "--version", "v2.4.0"),
        (offline("vela"), "version", "v1.11.0"),
        (command("kubectl"), "version --client", "v1.34.4"),
        (command("kube-apiserver"), "--version", "v1.34.4"),
        (command("kube-controller-manager"), "--version", "v1.34.4"),
        (command("kube-scheduler"), "--version", "v1.34.4"),
        (command("etcd"), "--version", "3.6.5"),
        (command("kwok"), "--version", "v0.8.0"),
        (command("cue-0.9"), "version", "v0.9.2"),
        (command("cue-0.14"), "version", "v0.14.1"),
        (command("helm"), "version", "v3.21.1"),
        (command("cloudnative-pg"), "version", "1.30.0"),
        (command("crane"), "version", "v0.21.9"),
        (command("cosign"), "version", "v3.0.6"),
        (command("kube-score"), "version", "v1.20.0"),
        (command("actionlint"), "--version", "v1.7.12"),
        (command("cargo-deny"), "--version", "0.20.2"),
    ];
    for (mut program, arguments, release) in asked {
        let output = run(program.args(arguments.split(' ')));
        let said = said(&output);
        assert!(output.status.success() && said.contains(release), "{program:?} is not {release}: {said}");
    }
}

#[test]
fn every_source_of_schemas_holds_some() {
    let sources = crd_sources();
    assert!(!sources.is_empty());
    for source in sources {
        let files: Vec<_> = fs::read_dir(&source.folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{source:?}");
        for file in files {
            let schema = fs::read_to_string(&file).unwrap();
            assert!(schema.contains("kind: CustomResourceDefinition"), "{}", file.display());
        }
    }
}

#[test]
fn the_api_server_takes_what_is_right_and_names_what_is_wrong() {
    let server = ApiServer::start();
    let taken = server.server_dry_run(DEPLOYMENT).unwrap();
    assert!(taken.contains("deployment.apps/echo created (server dry run)"), "{taken}");

    let misspelt = DEPLOYMENT.replace("replicas: 1", "replicaz: 1");
    let refused = server.server_dry_run(&misspelt).unwrap_err();
    assert!(refused.contains(r#"unknown field "spec.replicaz""#), "{refused}");

    let pods = run(server.kubectl().args(["get", "deployments", "--namespace=trial", "--output=name"]));
    assert_eq!(stdout(&pods), "", "a dry run leaves nothing behind");
}

#[test]
#[should_panic(expected = "was not done within")]
fn a_program_that_hangs_is_stopped() {
    run_within(Command::new("sleep").arg("30"), Duration::from_millis(100));
}
