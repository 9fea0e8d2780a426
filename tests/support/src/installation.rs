//! Objects that an installer pushes and applies, with a registry of the suite in place of upstream's.
//!
//! Upstream's packages cannot be pulled here. The stand-ins for the providers' packages are built from upstream's CRDs.

use std::fs;
use std::path::Path;

use regex_lite::Regex;
use serde_json::{Value, json};

use crate::built::Built;
use crate::crossplane::write;
use crate::examples::{documents, read};
use crate::registry::Registry;
use crate::tools::{Scratch, command, release, run, said, tool};

/// Providers that the configuration brings along.
pub const PROVIDERS: [&str; 2] = ["provider-kubernetes", "provider-helm"];

/// Registry from which the configuration pulls the providers.
pub const UPSTREAM: &str = "xpkg.crossplane.io";

/// Packages with the names, versions and CRDs of the providers that are run here, without a program.
pub fn stand_in(registry: &Registry) {
    for name in PROVIDERS {
        let scratch = Scratch::new(name);
        let kinds = tool("crds").join(name);
        for file in fs::read_dir(kinds).unwrap().map(|file| file.unwrap().path()) {
            fs::copy(&file, scratch.path().join(file.file_name().unwrap())).unwrap();
        }
        // Upstream's packages have this capability too: their CRDs stay inactive until an activation policy names them.
        let spec = json!({"capabilities": ["SafeStart"]});
        let meta = json!({
            "apiVersion": "meta.pkg.crossplane.io/v1", "kind": "Provider", "metadata": {"name": name}, "spec": spec,
        });
        write(scratch.path(), "crossplane.yaml", &[meta]);
        let file = scratch.path().join("provider.xpkg");
        let mut build = command("crossplane");
        build.args(["xpkg", "build", "--examples-root=none", "--package-root"]).arg(scratch.path());
        let mut push = command("crossplane");
        push.args(["xpkg", "push", &format!("{}/crossplane-contrib/{name}:{}", registry.host(), release(name))]);
        for command in [build.arg("--package-file").arg(&file), push.arg("--package-files").arg(&file)] {
            let output = run(command);
            assert!(output.status.success(), "{}", said(&output));
        }
    }
}

/// Objects that an installer applies, with the registry of the suite in place of upstream's.
pub fn installed(built: &Built, folder: &str) -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(built.file(folder)).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = |file: &Path| documents(&fs::read_to_string(file).unwrap().replace(UPSTREAM, &built.registry.host()));
    files.iter().flat_map(|file| read(file)).collect()
}

/// Objects without the ImageConfigs that verify signatures: installers may leave those out.
pub fn unverified(objects: Vec<Value>) -> Vec<Value> {
    objects.into_iter().filter(|object| object["spec"]["verification"].is_null()).collect()
}

pub fn mirror(built: &Built) -> Value {
    json!({
        "apiVersion": "pkg.crossplane.io/v1beta1",
        "kind": "ImageConfig",
        "metadata": {"name": "mirror"},
        "spec": {
            "matchImages": [{"prefix": format!("{UPSTREAM}/")}],
            "rewriteImage": {"prefix": format!("{}/", built.registry.host())},
        },
    })
}

/// Configuration package that installs all others, as it is built for an installer.
pub fn configuration(built: &Built) -> Value {
    documents(&fs::read_to_string(built.file("install/configuration.yaml")).unwrap()).remove(0)
}

/// Flags with which the guide starts Crossplane.
pub fn crossplane_flags() -> Vec<String> {
    let guide = read("docs/install.md");
    let flag = Regex::new(r"(?m)^  - (--\S+)$").unwrap();
    let flags: Vec<_> = flag.captures_iter(&guide).map(|found| found[1].to_owned()).collect();
    assert_eq!(flags.len(), 2, "{flags:?}");
    flags
}
