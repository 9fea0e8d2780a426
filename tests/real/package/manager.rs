//! Crossplane's own package manager, with all objects that an installer applies. It installs the configuration from the
//! registry, then the configuration's dependencies, and with verification on only signed packages.
//!
//! Two things are simulated: stand-ins replace the providers' packages (`installation`), and Deployments are marked as
//! available, because no pods run here.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::package::log::Log;
use support::built::{Built, CONFIGURATION, FUNCTION, binary};
use support::control_plane::{ControlPlane, NAMESPACE, holds};
use support::examples::{documents, read};
use support::installation::{PROVIDERS, configuration, crossplane_flags, installed, mirror, stand_in, unverified};
use support::registry::crane;
use support::server::Launch;
use support::tools::{Scratch, command, release, run, said};

fn names(objects: &[Value]) -> BTreeSet<String> {
    objects.iter().map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// Waits until there are this many objects of a kind, and a condition of each is true.
fn all(plane: &mut ControlPlane, kind: &str, number: usize, condition: &str) -> Vec<Value> {
    plane.until(&format!("{condition} of {number} {kind}"), |plane| {
        let found = plane.list(kind);
        found.iter().try_for_each(|object| holds(object, condition))?;
        if found.len() == number { Ok(found) } else { Err(format!("there are {:?}", names(&found))) }
    })
}

#[test]
fn the_package_manager_installs_everything_from_one_configuration() {
    let Some(built) = Built::new() else { return };
    stand_in(&built.registry);
    let mut plane = ControlPlane::start(&crossplane_flags(), &[]);
    plane.apply(&[mirror(&built)]);
    plane.apply(&unverified(installed(&built, "install/function")));
    let host = |object: &Value| object["kind"].as_str().unwrap().ends_with("ProviderConfig");
    let (host, providers): (Vec<_>, Vec<_>) = installed(&built, "install/providers").into_iter().partition(host);
    plane.apply(&providers);
    plane.apply(&[configuration(&built)]);

    all(&mut plane, "configurations.pkg", 1, "Installed");
    all(&mut plane, "configurations.pkg", 1, "Healthy");
    all(&mut plane, "functionrevisions.pkg", 1, "RevisionHealthy");
    all(&mut plane, "providerrevisions.pkg", 2, "RevisionHealthy");
    all(&mut plane, "compositeresourcedefinitions", 7, "Established");
    composed_by_what_is_installed(&plane);
    let deployments = plane.until("a Deployment of each", |plane| {
        let found = plane.list("deployments");
        if found.len() == 3 { Ok(found) } else { Err(format!("there are {:?}", names(&found))) }
    });
    runs_as_configured(&deployments);
    for deployment in names(&deployments) {
        plane.pretend_available(&deployment);
    }
    all(&mut plane, "functions.pkg", 1, "Healthy");
    all(&mut plane, "providers.pkg", 2, "Healthy");
    // The providers have brought the CRDs of their ProviderConfigs.
    plane.apply(&host);
    serves_with_crossplanes_certificates(&plane);
}

/// Checks that each Composition refers to an installed function.
fn composed_by_what_is_installed(plane: &ControlPlane) {
    let installed = names(&plane.list("functions.pkg"));
    let compositions = plane.list("compositions.apiextensions.crossplane.io");
    assert_eq!(compositions.len(), 7, "of three claims, of three composites in their place and of PlatformSettings");
    for composition in compositions {
        let name = composition["spec"]["pipeline"][0]["functionRef"]["name"].as_str().unwrap();
        assert!(installed.contains(name), "{name} is none of {installed:?}");
    }
}

/// Flags of the providers, by file and runtime configuration, in the order in which the files are applied here.
fn configured() -> Vec<(&'static str, String, Vec<String>)> {
    let files = ["runtime", "watches"].into_iter();
    let objects = files.flat_map(|file| {
        documents(&read(format!("package/install/providers/{file}.yaml"))).into_iter().map(move |object| (file, object))
    });
    objects
        .filter(|(_, object)| object["kind"] == "DeploymentRuntimeConfig")
        .map(|(file, object)| {
            let args = &object["spec"]["deploymentTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"];
            let args = serde_json::from_value(args.clone()).unwrap();
            (file, object["metadata"]["name"].as_str().unwrap().to_owned(), args)
        })
        .collect()
}

#[test]
fn the_providers_know_the_flags_that_they_are_given() {
    let configured = configured();
    assert_eq!(configured.len(), 3, "{configured:?}");
    for (file, provider, flags) in &configured {
        assert!(!flags.is_empty(), "{file} {provider}");
        let output = run(command(provider).args(flags).arg("--help"));
        assert!(output.status.success(), "{file} {provider}: {}", said(&output));
    }
    // The configuration with watches differs only by its flag.
    let of = |file: &str| configured.iter().find(|it| it.0 == file && it.1 == "provider-kubernetes").unwrap().2.clone();
    assert_eq!(of("watches"), [of("runtime"), vec!["--enable-watches".to_owned()]].concat());
    assert!(!run(command("provider-kubernetes").args(["--enable-watching", "--help"])).status.success());
}

/// Checks the Deployments that Crossplane created from the runtime configurations.
fn runs_as_configured(deployments: &[Value]) {
    let pods = |account: &str| {
        let of = |deployment: &&Value| {
            let spec = &deployment["spec"]["template"]["spec"];
            spec["serviceAccountName"].as_str().unwrap().starts_with(account)
        };
        deployments.iter().find(of).unwrap_or_else(|| panic!("{account}: {deployments:?}"))
    };
    for provider in PROVIDERS {
        let account = &pods(provider)["spec"]["template"]["spec"]["serviceAccountName"];
        assert_eq!(account, provider, "what the rights are given to");
        let args = &pods(provider)["spec"]["template"]["spec"]["containers"][0]["args"];
        let flags = configured().into_iter().rfind(|(_, configuration, _)| configuration == provider).unwrap().2;
        assert_eq!(args, &json!(flags), "{provider}");
    }
    let monitor = documents(&read("package/install/monitoring/metrics.yaml")).pop().unwrap();
    assert_eq!(monitor["kind"], "PodMonitor");
    let wanted = &monitor["spec"]["selector"]["matchExpressions"][0];
    let template = &pods("provider-kubernetes")["spec"]["template"];
    let label = &template["metadata"]["labels"][wanted["key"].as_str().unwrap()];
    assert!(wanted["values"].as_array().unwrap().contains(label), "{wanted} does not select {label}");
    let port = &monitor["spec"]["podMetricsEndpoints"][0]["port"];
    let ports = template["spec"]["containers"][0]["ports"].as_array().unwrap();
    assert!(ports.iter().any(|found| found["name"] == *port), "{ports:?}");
    let function = &pods(&format!("acme-{FUNCTION}"))["spec"];
    assert_eq!(function["replicas"], 2);
    assert_eq!(function["template"]["metadata"]["labels"]["app.kubernetes.io/name"], FUNCTION);
    let pod = &function["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
    let container = &pod["containers"][0];
    let ports: Vec<&Value> = container["ports"].as_array().unwrap().iter().map(|port| &port["name"]).collect();
    assert_eq!(ports, ["metrics", "grpc"], "what the probes and the Service ask for");
    let security = &container["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["capabilities"]["drop"], json!(["ALL"]));
    assert_eq!(container["resources"]["limits"]["memory"], "128Mi");
}

/// Checks that the function in the image serves with the certificates that Crossplane created for it, and answers only
/// Crossplane.
fn serves_with_crossplanes_certificates(plane: &ControlPlane) {
    let scratch = Scratch::new("certificates");
    let of = |secret: &str| plane.secret(secret).into_iter().collect::<std::collections::BTreeMap<_, _>>();
    for (file, content) in of(&format!("acme-{FUNCTION}-tls-server")) {
        fs::write(scratch.path().join(file), content).unwrap();
    }
    let client = of("crossplane-tls-client");
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&client["ca.crt"]))
        .domain_name(format!("acme-{FUNCTION}.{NAMESPACE}"))
        .identity(Identity::from_pem(&client["tls.crt"], &client["tls.key"]));
    let directory = scratch.path().display().to_string();
    let server = Launch::of(Command::new(binary("amd64")), ["--tls-certs-dir", &directory]).tls(tls).start();
    server.run(function_sdk_rust::proto::v1::RunFunctionRequest::default());
}

#[test]
fn with_verification_only_what_is_signed_is_installed() {
    let Some(built) = Built::new() else { return };
    stand_in(&built.registry);
    let log = Log::new();
    let mut plane = ControlPlane::start(&["--enable-signature-verification".to_owned()], &log.variables());
    let key = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "publisher", "namespace": NAMESPACE},
        "stringData": {"cosign.pub": log.public_key()},
    });
    let mut verification: Vec<Value> = installed(&built, "install/function");
    verification.retain(|object| !object["spec"]["verification"].is_null());
    let reference = json!({"secretRef": {"name": "publisher", "key": "cosign.pub"}, "hashAlgorithm": "sha256"});
    for config in &mut verification {
        config["spec"]["verification"]["cosign"]["authorities"] = json!([{"name": "publisher", "key": reference}]);
    }
    plane.apply(&[key, mirror(&built)]);
    plane.apply(&verification);
    plane.apply(&[configuration(&built)]);
    refused(&mut plane, "configurations.pkg");
    assert!(plane.list("functions.pkg").is_empty());

    for package in [CONFIGURATION, FUNCTION] {
        log.sign(&built.digest(package));
    }
    // A changed package triggers the next attempt, which would otherwise follow after a while.
    plane.apply(&[asked_again(configuration(&built))]);
    all(&mut plane, "configurations.pkg", 1, "Installed");
    all(&mut plane, "functionrevisions.pkg", 1, "RevisionHealthy");

    // The package manager installs one provider after the other.
    for _ in PROVIDERS {
        let provider = refused(&mut plane, "providers.pkg");
        let name = provider["metadata"]["name"].as_str().unwrap();
        let own = PROVIDERS.iter().find(|own| name.ends_with(*own)).unwrap();
        let repository = format!("{}/crossplane-contrib/{own}", built.registry.host());
        log.sign(&format!("{repository}@{}", crane(&["digest", &format!("{repository}:{}", release(own))])));
        let object = json!({"apiVersion": provider["apiVersion"], "kind": "Provider", "metadata": {"name": name}});
        plane.apply(&[asked_again(object)]);
        plane.until("a signed provider", |plane| {
            let revisions = plane.list("providerrevisions.pkg");
            let revision =
                revisions.iter().find(|revision| revision["metadata"]["labels"]["pkg.crossplane.io/package"] == name);
            holds(revision.ok_or("there is no revision")?, "RevisionHealthy")
        });
    }
    all(&mut plane, "configurations.pkg", 1, "Healthy");
}

/// Waits until a package of a kind is refused for its missing signature.
fn refused(plane: &mut ControlPlane, kind: &str) -> Value {
    plane.until(&format!("the refusal of one of {kind}"), |plane| {
        let found = plane.list(kind);
        let mut refused = found.iter().filter(|package| package.to_string().contains("signature verification failed"));
        refused.next().cloned().ok_or_else(|| Value::from(found.clone()).to_string())
    })
}

fn asked_again(mut package: Value) -> Value {
    package["metadata"]["annotations"] = json!({"example.org/signed": "true"});
    package
}
