//! Content of the packages: one static binary for each architecture, the files for a package manager, and nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use serde_json::{Value, json};

use support::built::{ARCHITECTURES, Built, CONFIGURATION, FUNCTION, binary, built, package};
use support::examples::{documents, files, project, read};
use support::registry::crane;
use support::server::Launch;
use support::tools::{Scratch, run, said};

/// Maximum compressed size in bytes. The code that checks the Avro and JSON schemas of topics is a third of it.
const MOST: u64 = 6_900_000;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort();
    names
}

/// Layers of an image in the registry.
fn layers(built: &Built, package: &str, architecture: &str) -> Vec<Value> {
    let manifest = crane(&["manifest", &format!("--platform=linux/{architecture}"), &built.reference(package)]);
    serde_json::from_str::<Value>(&manifest).unwrap()["layers"].as_array().unwrap().clone()
}

#[test]
fn the_image_holds_one_static_binary_and_is_small() {
    let Some(built) = built() else { return };
    for (architecture, machine) in ARCHITECTURES.into_iter().zip([62, 183]) {
        let files = built.files(FUNCTION, architecture);
        assert_eq!(names(files.path()), [FUNCTION, "package.yaml"], "{architecture}");
        let content = fs::read(files.path().join(FUNCTION)).unwrap();
        assert_eq!(content, fs::read(binary(architecture)).unwrap(), "what is pulled is what was built");
        let elf = Elf(&content);
        assert_eq!(elf.machine(), machine, "{architecture}");
        assert!(!elf.asks_for_a_loader(), "{architecture} is not static");
        let size: u64 = layers(built, FUNCTION, architecture).iter().map(|layer| layer["size"].as_u64().unwrap()).sum();
        assert!(size <= MOST, "{architecture} has {size} bytes");
        println!("{architecture}: {size} bytes to pull, {} unpacked", content.len());
    }
}

#[test]
fn a_build_writes_nothing_into_the_checkout() {
    let before = SystemTime::now();
    if Built::new().is_none() {
        return;
    }
    let mut folders = vec![project().to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
        for entry in entries.filter(|entry| !matches!(entry.file_name().to_str(), Some(".git" | "target"))) {
            // The folder tells of a file that was there for a moment.
            let changed = entry.metadata().unwrap().modified().unwrap();
            assert!(changed < before, "{} changed during the build", entry.path().display());
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
        }
    }
}

#[test]
fn the_image_starts_the_function_as_nobody() {
    let Some(built) = built() else { return };
    for architecture in ARCHITECTURES {
        let config = crane(&["config", &format!("--platform=linux/{architecture}"), &built.reference(FUNCTION)]);
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["architecture"], architecture);
        let expected = [
            ("Entrypoint", json!([format!("/{FUNCTION}")])),
            ("User", json!("65532:65532")),
            ("ExposedPorts", json!({"8080/tcp": {}, "9443/tcp": {}})),
        ];
        for (field, expected) in expected {
            assert_eq!(config["config"][field], expected, "{architecture}");
        }
        for field in ["Cmd", "Env"] {
            assert!(config["config"][field].is_null(), "{architecture} {field}");
        }
    }
}

/// Starts a binary, checks its health and an answer, and stops it.
fn answers(program: Command) {
    let server = Launch::of(program, ["--insecure"]).start();
    server.run(function_sdk_rust::proto::v1::RunFunctionRequest::default());
    assert!(server.metrics().contains("function_build_info{version="));
}

#[test]
fn the_binary_answers_on_this_machine() {
    if built().is_some() {
        answers(Command::new(binary("amd64")));
    }
}

#[test]
fn the_binary_answers_on_an_emulated_machine_of_the_other_kind() {
    if built().is_some() {
        let mut emulated = Command::new("qemu-aarch64-static");
        emulated.arg(binary("arm64"));
        answers(emulated);
    }
}

/// First object of this kind in a package.
fn object(folder: &Path, kind: &str) -> Value {
    let package = fs::read_to_string(folder.join("package.yaml")).unwrap();
    documents(&package).into_iter().find(|object| object["kind"] == kind).unwrap()
}

#[test]
fn a_package_says_what_it_is_and_what_it_needs() {
    let Some(built) = built() else { return };
    for (package, kind) in [(FUNCTION, "Function"), (CONFIGURATION, "Configuration")] {
        let files = built.files(package, "amd64");
        let meta = object(files.path(), kind);
        assert_eq!(meta["metadata"]["name"], package);
        for annotation in ["maintainer", "source", "license", "description", "readme"] {
            let text = &meta["metadata"]["annotations"][format!("meta.crossplane.io/{annotation}")];
            assert!(text.as_str().is_some_and(|text| !text.trim().is_empty()), "{package} has no {annotation}");
        }
    }
    let files = built.files(FUNCTION, "amd64");
    assert_eq!(object(files.path(), "Function")["spec"]["capabilities"], json!(["composition"]));
    let crd = object(files.path(), "CustomResourceDefinition");
    assert_eq!(crd["spec"]["group"], "fn.platform.example.org");
    let files = built.files(CONFIGURATION, "amd64");
    let meta = object(files.path(), "Configuration");
    let text = |dependency: &Value, key: &str| dependency[key].as_str().unwrap().to_owned();
    let needed = meta["spec"]["dependsOn"].as_array().unwrap().iter();
    let needed: Vec<_> = needed.map(|it| (text(it, "kind"), text(it, "package"), text(it, "version"))).collect();
    let own = built.reference(FUNCTION);
    let own = (own.rsplit_once(':').unwrap().0.to_owned(), format!("~{}", env!("CARGO_PKG_VERSION")));
    assert_eq!(needed[0], ("Function".to_owned(), own.0, own.1));
    assert_eq!(needed.len(), 3, "{needed:?}");
}

#[test]
fn the_configuration_differs_from_the_sources_by_the_name_of_the_function_only() {
    let Some(built) = built() else { return };
    let packed = fs::read_to_string(built.files(CONFIGURATION, "amd64").path().join("package.yaml")).unwrap();
    let packed = documents(&packed);
    let mut sources: Vec<Value> = files("xrds").iter().flat_map(|path| documents(&read(path))).collect();
    for mut composition in files("compositions").iter().flat_map(|path| documents(&read(path))) {
        let name = &mut composition["spec"]["pipeline"][0]["functionRef"]["name"];
        assert_eq!(name, FUNCTION);
        *name = json!(format!("acme-{FUNCTION}"));
        sources.push(composition);
    }
    sources.extend(documents(&read("package/configuration/activation.yaml")));
    let named = |objects: &[Value], name: &Value| {
        let found =
            objects.iter().find(|object| object["metadata"]["name"] == *name && object["kind"] != "Configuration");
        found.unwrap_or_else(|| panic!("there is no {name}"))["spec"].clone()
    };
    assert_eq!(packed.len(), sources.len() + 1);
    for source in &sources {
        assert_eq!(named(&packed, &source["metadata"]["name"]), source["spec"]);
    }
}

#[test]
fn the_same_sources_give_the_same_bytes() {
    let Some(built) = built() else { return };
    let again = Scratch::new("again");
    let output = package("build", &built.registry, &[&again.path().display().to_string()]);
    assert!(output.status.success(), "{}", said(&output));
    let names = names(built.folder());
    assert_eq!(names.len(), 5, "{names:?}");
    for name in names.iter().filter(|name| built.file(name).is_file()) {
        assert!(fs::read(built.file(name)).unwrap() == fs::read(again.path().join(name)).unwrap(), "{name} differs");
    }
}

/// The binary contains no path of the build machine. Otherwise a build on another machine would differ.
#[test]
fn the_binary_does_not_tell_where_it_was_built() {
    if built().is_none() {
        return;
    }
    let home = std::env::var("HOME").unwrap();
    let places = [env!("CARGO_MANIFEST_DIR").to_owned(), format!("{home}/.cargo"), format!("{home}/.rustup")];
    for architecture in ARCHITECTURES {
        let content = fs::read(binary(architecture)).unwrap();
        for place in &places {
            let found = content.windows(place.len()).any(|window| window == place.as_bytes());
            assert!(!found, "{architecture} names {place}");
        }
    }
}

#[test]
fn an_installed_name_that_is_too_long_is_refused() {
    let scratch = Scratch::new("long");
    let mut build = Command::new(project().join("package/build"));
    build.arg(scratch.path()).env("REGISTRY", "example.org").env("ORG", "o".repeat(40));
    let output = run(&mut build);
    assert!(
        !output.status.success() && said(&output).contains("more than 63 characters: shorten ORG"),
        "{}",
        said(&output)
    );
}

/// ELF file, with the header fields that this test needs.
struct Elf<'a>(&'a [u8]);

impl Elf<'_> {
    fn number(&self, at: usize, bytes: usize) -> usize {
        self.0[at..at + bytes].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    fn machine(&self) -> usize {
        assert_eq!(&self.0[..4], b"\x7fELF");
        self.number(18, 2)
    }

    /// Whether a program header has the type PT_INTERP (3), which names a dynamic loader.
    fn asks_for_a_loader(&self) -> bool {
        let (start, size, count) = (self.number(32, 8), self.number(54, 2), self.number(56, 2));
        (0..count).any(|index| self.number(start + index * size, 4) == 3)
    }
}
