//! Facts that an installer can verify about the packages: their signatures, and the crates in them.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use support::built::{ARCHITECTURES, Built, CONFIGURATION, FUNCTION, ORGANISATION, binary, built, package};
use support::examples::project;
use support::tools::{Scratch, command, run, said, stdout};

/// Key pair without a password.
pub fn keys(scratch: &Scratch) {
    let mut generate = command("cosign");
    generate.arg("generate-key-pair").env("COSIGN_PASSWORD", "").current_dir(scratch.path());
    let output = run(&mut generate);
    assert!(output.status.success(), "{}", said(&output));
}

/// Signs all packages with a key, as `make push` does, but without an entry in the public log.
pub fn sign(built: &Built, keys: &Scratch) {
    let folder = built.folder().display().to_string();
    let key = keys.path().join("cosign.key");
    let mut sign = Command::new(project().join("package/push"));
    sign.args(["--sign", &folder, "--", "--tlog-upload=false"]);
    sign.env("REGISTRY", built.registry.host()).env("ORG", ORGANISATION);
    sign.env("KEY", key).env("COSIGN_PASSWORD", "");
    let output = run(&mut sign);
    assert!(output.status.success(), "{}", said(&output));
}

fn verify(what: &[&str], keys: &Scratch, reference: &str) -> Output {
    let mut verify = command("cosign");
    verify.args(what).args(["--insecure-ignore-tlog=true", "--key"]).arg(keys.path().join("cosign.pub"));
    run(verify.arg(reference))
}

/// Name and version of each crate in a CycloneDX list, which does not list the program itself as a component.
fn components(list: &Value) -> BTreeSet<(String, String)> {
    let components = list["components"].as_array().unwrap().iter();
    let text = |component: &Value, key: &str| component[key].as_str().unwrap().to_owned();
    components.map(|component| (text(component, "name"), text(component, "version"))).collect()
}

/// Name and version of each crate that a binary's embedded list names.
fn inside(architecture: &str) -> BTreeSet<(String, String)> {
    let output = run(command("rust-audit-info").arg(binary(architecture)));
    assert!(output.status.success(), "{}", said(&output));
    let list: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let text = |package: &Value, key: &str| package[key].as_str().unwrap().to_owned();
    let packages = list["packages"].as_array().unwrap().iter();
    let crates = packages.filter(|package| package["kind"] != "build" && package["name"] != FUNCTION);
    crates.map(|package| (text(package, "name"), text(package, "version"))).collect()
}

#[test]
fn the_list_of_crates_is_the_one_in_the_binary() {
    let Some(built) = built() else { return };
    let list = fs::read_to_string(built.file(&format!("{FUNCTION}.cdx.json"))).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    let listed = components(&list);
    for architecture in ARCHITECTURES {
        let inside = inside(architecture);
        assert!(inside.iter().any(|(name, _)| name == "tonic"), "{inside:?}");
        let missing: Vec<_> = inside.difference(&listed).collect();
        assert!(missing.is_empty(), "{architecture}: {missing:?}");
    }
    for component in list["components"].as_array().unwrap() {
        assert!(component["licenses"].is_array(), "{} has no licence", component["name"]);
    }
}

#[test]
fn what_is_pushed_is_signed_and_lists_its_crates() {
    let Some(built) = built() else { return };
    let ours = Scratch::new("keys");
    keys(&ours);
    let unsigned = verify(&["verify"], &ours, &built.digest(CONFIGURATION));
    assert!(!unsigned.status.success(), "{}", said(&unsigned));
    sign(built, &ours);
    for package in [FUNCTION, CONFIGURATION] {
        let output = verify(&["verify"], &ours, &built.digest(package));
        assert!(output.status.success(), "{}", said(&output));
    }
    let output = verify(&["verify-attestation", "--type", "cyclonedx"], &ours, &built.digest(FUNCTION));
    assert!(output.status.success(), "{}", said(&output));

    let theirs = Scratch::new("keys");
    keys(&theirs);
    let output = verify(&["verify"], &theirs, &built.digest(FUNCTION));
    assert!(!output.status.success(), "{}", said(&output));
}

#[test]
fn pushing_again_changes_no_digest() {
    let Some(built) = built() else { return };
    let before = [FUNCTION, CONFIGURATION].map(|package| built.digest(package));
    let output = package("push", &built.registry, &[&built.folder().display().to_string()]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(stdout(&output).lines().collect::<Vec<_>>(), before);
}
