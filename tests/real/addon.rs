//! Tests of the KubeVela addon, which KubeVela's own CLI packs and enables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use realtime_platform_core::settings::objects;
use serde_json::{Value, json};
use support::api_server::ApiServer;
use support::examples::{documents, project, read, yaml};
use support::tools::{Scratch, command, offline, release, run, said, stdout, tool};

const ADDON: &str = "realtime-platform";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const REGISTRY: &str = "registry.example.org:5000/team";
const ORGANISATION: &str = "acme";
/// Package that a team with a mirror of its own sets as the addon's parameter.
const MIRRORED: &str = "mirror.example.org/realtime/configuration:v9";
const TYPES: [&str; 6] = [
    "iot-broker-xr",
    "iot-broker",
    "realtime-system-xr",
    "realtime-system",
    "vcluster-environment-xr",
    "vcluster-environment",
];

/// Output of `make addon`.
static BUILT: LazyLock<Scratch> = LazyLock::new(|| {
    let scratch = Scratch::new("addon");
    let mut build = Command::new(project().join("package/build-addon"));
    build.arg(scratch.path()).env("REGISTRY", REGISTRY).env("ORG", ORGANISATION);
    let output = run(&mut build);
    assert!(output.status.success(), "{}", said(&output));
    scratch
});

fn folder() -> PathBuf {
    BUILT.path().join(ADDON)
}

/// Files below a folder, by path.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

fn unpacked() -> Scratch {
    let scratch = Scratch::new("unpacked");
    let archive = BUILT.path().join(format!("{ADDON}-{VERSION}.tgz"));
    let output = run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(scratch.path()));
    assert!(output.status.success(), "{}", said(&output));
    scratch
}

fn configuration_name() -> String {
    let package = documents(&read("package/configuration/crossplane.yaml")).remove(0);
    package["metadata"]["name"].as_str().unwrap().to_owned()
}

/// Reference under which `make push` pushes the configuration.
fn pushed() -> String {
    format!("{REGISTRY}/{ORGANISATION}/{}:v{VERSION}", configuration_name())
}

#[test]
fn the_archive_holds_what_the_folder_does() {
    let unpacked = unpacked();
    let mut archived = files(&unpacked.path().join(ADDON));
    let chart: Value = serde_yaml::from_str(&archived.remove(Path::new("Chart.yaml")).unwrap()).unwrap();
    assert_eq!((chart["name"].as_str(), chart["version"].as_str()), (Some(ADDON), Some(VERSION)));
    assert_eq!(archived, files(&folder()));
    for (name, content) in archived {
        for place in ["REGISTRY/", "/ORG/", "vVERSION", ": VERSION"] {
            assert!(!content.contains(place), "{place} is left in {}", name.display());
        }
    }
}

#[test]
fn its_definitions_are_the_projects() {
    let built = files(&folder());
    let names: Vec<_> = built.keys().filter(|name| name.starts_with("definitions")).collect();
    assert_eq!(names, TYPES.map(|name| PathBuf::from(format!("definitions/{name}.cue"))).iter().collect::<Vec<_>>());
    for name in names {
        assert_eq!(built[name], fs::read_to_string(project().join(name)).unwrap(), "{}", name.display());
    }
}

#[test]
fn its_metadata_is_complete() {
    let metadata = documents(&files(&folder())[Path::new("metadata.yaml")]).remove(0);
    assert_eq!((metadata["name"].as_str(), metadata["version"].as_str()), (Some(ADDON), Some(VERSION)));
    assert!(metadata["description"].as_str().is_some_and(|description| description.len() > 40), "{metadata}");
    assert!(metadata["tags"].as_array().is_some_and(|tags| tags.len() > 2), "{metadata}");
    assert!(metadata["system"]["vela"].is_string() && metadata["system"]["kubernetes"].is_string(), "{metadata}");
    assert!(files(&folder())[Path::new("README.md")].contains("vela addon enable"));
}

/// Both versions of CUE are tried, because KubeVela compiles these files itself.
#[test]
fn its_notes_name_the_package() {
    let built = files(&folder());
    let [parameter, notes] = ["parameter.cue", "NOTES.cue"].map(|name| &built[Path::new(name)]);
    for (chosen, expected) in [(json!({}), pushed()), (json!({"package": MIRRORED}), MIRRORED.to_owned())] {
        for cue in ["cue-0.9", "cue-0.14"] {
            let scratch = Scratch::new("notes");
            let file = scratch.path().join("notes.cue");
            fs::write(&file, format!("{parameter}\nparameter: {chosen}\n{notes}")).unwrap();
            let output = run(command(cue).args(["export", "--out", "text", "--expression", "notes"]).arg(file));
            assert!(output.status.success(), "{}", said(&output));
            assert!(stdout(&output).lines().any(|line| line.trim() == expected), "{}", stdout(&output));
        }
    }
}

/// API server with the kinds of KubeVela and Crossplane, and with a Deployment that shows the version of KubeVela.
fn cluster(vela: &str) -> ApiServer {
    let server = ApiServer::start();
    for kinds in ["kubevela", "crossplane"] {
        let files = fs::read_dir(tool("crds").join(kinds)).unwrap();
        let crds = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
        server.define(&crds.collect::<Vec<_>>().join("\n---\n")).unwrap();
    }
    // KubeVela reads its version from this container's image.
    let labels = json!({"controller.oam.dev/name": "vela-core"});
    let container = json!({"name": "kubevela", "image": format!("oamdev/vela-core:{vela}")});
    let core = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "kubevela-vela-core", "namespace": "vela-system", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    });
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vela-system"}});
    server.define(&yaml(&[namespace, core])).unwrap();
    server
}

/// Objects that KubeVela would create for the addon, or its error message.
fn enable(server: &ApiServer, arguments: &[&str]) -> Result<Vec<Value>, String> {
    let mut vela = offline("vela");
    vela.args(["addon", "enable", "--dry-run"]).arg(folder()).args(arguments).env("KUBECONFIG", server.kubeconfig());
    let output = run(&mut vela);
    if !output.status.success() {
        return Err(said(&output));
    }
    let shown = stdout(&output);
    let start = shown.find("apiVersion: ").unwrap_or_else(|| panic!("{}", said(&output)));
    Ok(documents(&shown[start..]))
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

#[test]
fn vela_enables_it_in_a_cluster() {
    let server = cluster(&release("vela"));
    let chosen = format!("package={MIRRORED}");
    let set = ["settings.storageClass=gp3", "settings.images.registry=mirror.example.org"];
    let own = json!({"storageClass": "gp3", "images": {"registry": "mirror.example.org"}});
    for (arguments, package, settings) in [
        (vec![], pushed(), None),
        (vec![chosen.as_str()], MIRRORED.to_owned(), None),
        (set.to_vec(), pushed(), Some(own)),
    ] {
        let made = enable(&server, &arguments).unwrap();
        let [application] = of_kind(&made, "Application")[..] else { panic!("{made:#?}") };
        assert_eq!(application["metadata"]["name"], format!("addon-{ADDON}"));
        let components = application["spec"]["components"].as_array().unwrap();
        assert_eq!(components.len(), 1 + usize::from(settings.is_some()), "{components:#?}");
        if let Some(settings) = settings {
            let object = &components[1]["properties"]["objects"][0];
            assert_eq!((&object["kind"], &object["metadata"]["name"]), (&json!("PlatformSettings"), &json!("base")));
            assert_eq!(object["spec"], settings);
            assert_eq!(objects::faults(object, &[]), []);
        }
        let configuration = &components[0]["properties"]["objects"][0];
        assert_eq!(configuration["metadata"]["name"], configuration_name());
        assert_eq!(configuration["spec"]["package"], package);
        // The policy `garbage-collect` keeps the configuration, and with it every claim, when the addon is disabled.
        // The policy `take-over` adopts a configuration that is there already, from a disabled addon or applied by
        // hand.
        let policies = application["spec"]["policies"].as_array().unwrap();
        let kinds: Vec<_> = policies.iter().map(|policy| &policy["type"]).collect();
        assert_eq!(kinds, ["garbage-collect", "take-over"]);
        assert_eq!(policies[0]["properties"]["rules"][0]["strategy"], "never");
        for policy in policies {
            let selector = &policy["properties"]["rules"][0]["selector"];
            assert_eq!(selector["componentNames"], json!(["configuration", "settings"]));
        }
        let definitions = of_kind(&made, "ComponentDefinition");
        assert_eq!(definitions.len(), TYPES.len());
        for definition in &definitions {
            let name = definition["metadata"]["name"].as_str().unwrap();
            assert!(TYPES.contains(&name), "{name}");
            let rendered = &rendered(name)["spec"];
            assert_eq!(&definition["spec"], rendered, "{name}");
        }
        let objects = made.iter().chain([configuration]).cloned().collect::<Vec<_>>();
        server.server_dry_run(&yaml(&objects)).unwrap();
    }
}

/// Definition as `vela def apply` would write it.
fn rendered(name: &str) -> Value {
    let scratch = Scratch::new("rendered");
    let file = scratch.path().join("rendered.yaml");
    let mut render = offline("vela");
    render.args(["def", "render"]).arg(project().join(format!("definitions/{name}.cue"))).arg("-o").arg(&file);
    let output = run(&mut render);
    assert!(output.status.success(), "{}", said(&output));
    documents(&fs::read_to_string(file).unwrap()).remove(0)
}

#[test]
fn vela_refuses_it_where_kubevela_is_too_old() {
    let refused = enable(&cluster("v1.10.8"), &[]).unwrap_err();
    assert!(refused.contains("v1.10.8") && refused.contains(">=v1.10.9"), "{refused}");
}

#[test]
fn vela_refuses_it_where_kubevela_is_newer_than_what_was_tried() {
    let refused = enable(&cluster("v1.12.0"), &[]).unwrap_err();
    assert!(refused.contains("<v1.12.0") && refused.matches("v1.12.0").count() > 1, "{refused}");
}
