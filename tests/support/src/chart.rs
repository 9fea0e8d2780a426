//! Helm charts rendered by `helm template`, with the version of Helm that provider-helm contains.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize as _;
use serde_json::Value;

use super::tools::{Scratch, command, run, run_within, said, stdout, tool};

/// Kubernetes version of the virtual clusters, which `helm template` gives to charts as the cluster's version.
const KUBERNETES: &str = "1.36.0";

/// Time limit for the download of a chart.
const FETCHING: Duration = Duration::from_mins(5);

/// Chart from the source of a Go module, edited as in its makers' release: with the version, and the registry and tag
/// of the images.
pub fn shipped(name: &str, version: &str, scratch: &Scratch) -> PathBuf {
    let chart = scratch.path().join(name);
    copy(&tool("published").join(name), &chart);
    let edit = |file: &str, change: &dyn Fn(&str) -> String| {
        let file = chart.join(file);
        let content = fs::read_to_string(&file).expect("a chart has this file");
        fs::write(&file, change(&content)).expect("a copy can be written");
    };
    let versioned = |line: &str| {
        if line.starts_with("version:") { format!("version: {version}\n") } else { format!("{line}\n") }
    };
    edit("Chart.yaml", &|content| content.lines().map(versioned).collect());
    edit("values.yaml", &|content| {
        let knative = content.replace("{{ tag }}", &format!("v{version}"));
        let istio = knative.replace("hub: registry.istio.io/testing", "hub: docker.io/istio");
        istio.replace("tag: latest", &format!("tag: {version}"))
    });
    chart
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be read") {
        let entry = entry.expect("a folder can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).map(drop).expect("a file can be copied");
        }
    }
}

/// Downloads the chart archive that a Release names.
pub fn fetched(release: &Value, scratch: &Scratch) -> Result<PathBuf, String> {
    let chart = &release["spec"]["forProvider"]["chart"];
    let text = |key: &str| chart[key].as_str().expect("a Release names its chart");
    let folder = scratch.path().join("archives").join(text("name")).join(text("version"));
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let mut pull = helm(scratch);
    pull.args(["pull", text("name"), "--repo", text("repository"), "--version", text("version")]);
    let output = run_within(pull.arg("--destination").arg(&folder).current_dir(scratch.path()), FETCHING);
    if !output.status.success() {
        return Err(said(&output));
    }
    let mut files = fs::read_dir(&folder).map_err(|error| error.to_string())?;
    let file = files.next().ok_or("nothing was fetched")?.map_err(|error| error.to_string())?;
    Ok(file.path())
}

/// Manifests of a Release: its chart, in a folder or an archive, rendered with the Release's name, namespace and
/// values.
pub fn rendered(release: &Value, chart: &Path, scratch: &Scratch) -> Vec<Value> {
    let parameters = &release["spec"]["forProvider"];
    let name = release["metadata"]["annotations"]["crossplane.io/external-name"].as_str();
    let values = scratch.path().join("values.json");
    fs::write(&values, parameters["values"].to_string()).expect("a folder of ours can be written to");
    let mut template = helm(scratch);
    template.arg("template").arg(name.expect("a Release is named")).arg(chart).arg("--values").arg(values);
    template.args(["--namespace", parameters["namespace"].as_str().expect("a Release has a namespace")]);
    let output = run(template.args(["--include-crds", "--skip-tests", "--kube-version", KUBERNETES]));
    assert!(output.status.success(), "{}: {}", chart.display(), said(&output));
    let text = stdout(&output);
    let documents = serde_yaml::Deserializer::from_str(&text);
    let documents = documents.map(|document| Value::deserialize(document).expect("Helm writes YAML"));
    documents.filter(|document| !document.is_null()).collect()
}

/// `helm` with its cache, configuration and data in the scratch folder.
pub fn helm(scratch: &Scratch) -> Command {
    let mut helm = command("helm");
    for (variable, folder) in [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
    {
        helm.env(variable, scratch.path().join(folder));
    }
    helm
}
