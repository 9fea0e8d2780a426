//! Content of charts and of Knative's operator, read from the charts and manifests themselves: nodes of their pods,
//! images, and RBAC rights.
//!
//! Five charts and all of Knative Serving are in Go modules and are checked in each run. The archives of the other two
//! charts are in their makers' repositories only: `make charts` fetches them, or reads them from the folder CHARTS, and
//! compares every chart with function/core/src/settings/charts.rs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use realtime_platform_core::settings::charts::brought;
use realtime_platform_core::settings::pins::{
    Chart, KNATIVE_SERVING, KNATIVE_SERVING_IMAGES, KNATIVE_SERVING_WORKLOADS,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::chart::{fetched, helm, rendered, shipped};
use support::examples::documents;
use support::standins::repository::Repository;
use support::tools::{Scratch, run, said, stdout, tool};

/// Releases of the smallest platform with this input, by the name of their chart.
fn releases(input: &Value) -> BTreeMap<String, Value> {
    let scratch = Scratch::new("releases");
    let file = scratch.path().join("input.json");
    fs::write(&file, input.to_string()).unwrap();
    let mut preview = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    preview.args(["preview", "--output", "json", "--input"]).arg(file).arg("examples/minimal");
    let output = run(preview.current_dir(env!("CARGO_MANIFEST_DIR")));
    assert!(output.status.success(), "{}", said(&output));
    let shown: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let claims = shown["claims"].as_array().unwrap().iter();
    let resources = claims.flat_map(|claim| claim["resources"].as_array().unwrap());
    let composed = resources.map(|resource| resource["composed"].clone());
    let releases = composed.filter(|composed| composed["kind"] == "Release");
    releases.map(|it| (it["spec"]["forProvider"]["chart"]["name"].as_str().unwrap().to_owned(), it)).collect()
}

const POOL: (&str, &str) = ("example.com/pool", "streaming");

fn scheduled() -> Value {
    let (key, value) = POOL;
    json!({
        "apiVersion": "fn.platform.example.org/v1alpha1",
        "kind": "Input",
        "scheduling": {
            "nodeSelector": {key: value},
            "tolerations": [{"key": key, "operator": "Equal", "value": value, "effect": "NoSchedule"}],
        },
    })
}

/// Pods of these manifests, by kind and name of their owner. A Prometheus resource counts as a pod, which its operator
/// creates.
fn pods(manifests: &[Value]) -> Vec<(String, &Value)> {
    let pod = |manifest: &'_ Value| {
        let pointer = match manifest["kind"].as_str()? {
            "Pod" | "Prometheus" => "/spec",
            "CronJob" => "/spec/jobTemplate/spec/template/spec",
            _ => "/spec/template/spec",
        };
        manifest.pointer(pointer).filter(|spec| spec["containers"].is_array() || manifest["kind"] == "Prometheus")?;
        Some(pointer)
    };
    let named = |manifest: &Value| {
        let name = &manifest["metadata"]["name"];
        format!("{} {}", manifest["kind"].as_str().unwrap(), name.as_str().unwrap_or_default())
    };
    let found = manifests.iter().filter_map(|manifest| Some((named(manifest), manifest.pointer(pod(manifest)?)?)));
    found.collect()
}

/// Whether a pod runs only on the nodes of the pool and tolerates their taint.
fn is_on_the_pool(pod: &Value) -> bool {
    let (key, value) = POOL;
    let affinity = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let terms = pod.pointer(affinity).and_then(Value::as_array);
    let expression = json!({"key": key, "operator": "In", "values": [value]});
    let is_of_pool = |term: &Value| term["matchExpressions"].as_array().is_some_and(|all| all.contains(&expression));
    let selects = pod["nodeSelector"][key] == value
        || terms.is_some_and(|terms| !terms.is_empty() && terms.iter().all(is_of_pool));
    let mut tolerations = pod["tolerations"].as_array().into_iter().flatten();
    selects && tolerations.any(|it| it["key"] == key && it["value"] == value && it["effect"] == "NoSchedule")
}

/// Pods without a restriction to the pool.
fn elsewhere(manifests: &[Value]) -> Vec<String> {
    let mut names: Vec<String> =
        pods(manifests).into_iter().filter(|(_, pod)| !is_on_the_pool(pod)).map(|(name, _)| name).collect();
    names.sort();
    names
}

/// Images that manifests name, except `auto`, Istio's placeholder for the image that it injects.
fn images(manifests: &[Value]) -> BTreeSet<String> {
    let mut images = BTreeSet::new();
    for (_, pod) in pods(manifests) {
        let containers = ["initContainers", "containers"].map(|list| pod[list].as_array().into_iter().flatten());
        let of_containers = containers.into_iter().flatten().map(|container| &container["image"]);
        let named = of_containers.chain([&pod["image"]]).filter_map(Value::as_str);
        images.extend(named.filter(|image| *image != "auto").map(str::to_owned));
    }
    images
}

const MIRROR: &str = "mirror.example.com/all";

fn mirrored() -> Value {
    json!({
        "apiVersion": "fn.platform.example.org/v1alpha1",
        "kind": "Input",
        "images": {"registry": MIRROR},
    })
}

/// Releases of the smallest platform: one set restricted to certain nodes, one set behind a mirror.
struct Asked {
    scheduled: BTreeMap<String, Value>,
    mirrored: BTreeMap<String, Value>,
}

impl Asked {
    fn new() -> Self {
        Self { scheduled: releases(&scheduled()), mirrored: releases(&mirrored()) }
    }
}

/// Differences between the list of one chart and this archive or folder.
fn wrong(chart: Chart, asked: &Asked, path: &Path, scratch: &Scratch) -> Vec<String> {
    let manifests = rendered(&asked.scheduled[chart.name()], path, scratch);
    let listed = brought(chart);
    let mut wrong = Vec::new();
    let mut compare = |what: &str, listed: String, found: String| {
        if listed != found {
            wrong.push(format!(
                "{}: {what}: function/core/src/settings/charts.rs has {listed}, the chart {found}",
                chart.key()
            ));
        }
    };
    compare("images", format!("{:?}", listed.images), format!("{:?}", images(&manifests).iter().collect::<Vec<_>>()));
    compare("elsewhere", format!("{:?}", listed.elsewhere), format!("{:?}", elsewhere(&manifests)));
    let behind: BTreeSet<String> =
        listed.images.iter().map(|image| format!("{MIRROR}/{}", image.split_once('/').unwrap().1)).collect();
    let pulled = images(&rendered(&asked.mirrored[chart.name()], path, scratch));
    compare("images behind a mirror", format!("{behind:?}"), format!("{pulled:?}"));
    // Images that a chart's programs start are named in the programs' arguments or in their own sources.
    if path.is_file() {
        let mut digest = String::new();
        for byte in Sha256::digest(fs::read(path).unwrap()) {
            write!(digest, "{byte:02x}").unwrap();
        }
        compare("archive", listed.archive.unwrap_or("none").to_owned(), digest);
    }
    wrong
}

/// Charts that Go modules contain. Those of Istio are from the source of 1.31.0; the notes of 1.31.1 name no change of
/// their manifests.
const SHIPPED: [Chart; 5] =
    [Chart::IstioBase, Chart::Istiod, Chart::IstioGateway, Chart::KnativeOperator, Chart::VCluster];

#[test]
fn charts_that_modules_ship_are_as_they_are_listed() {
    let asked = Asked::new();
    let scratch = Scratch::new("charts");
    for chart in SHIPPED {
        let path = shipped(chart.name(), chart.version(), &scratch);
        assert_eq!(wrong(chart, &asked, &path, &scratch), Vec::<String>::new());
        if chart == Chart::IstioBase {
            // Definitions and webhooks, and no pod.
            continue;
        }
        // Control: without these values, pods run on any node.
        let mut untold = asked.scheduled[chart.name()].clone();
        untold["spec"]["forProvider"]["values"] = json!({});
        assert_ne!(elsewhere(&rendered(&untold, &path, &scratch)), Vec::<String>::new(), "{}", chart.key());
    }
}

/// Names, labels and ports of Istio that plans name, the definitions that manifests are checked against, and the image
/// that istiod's webhook injects into the gateway's pod, which no manifest names.
#[test]
fn istio_brings_what_plans_count_on() {
    let (asked, scratch) = (Asked::new(), Scratch::new("istio"));
    let manifests = |chart: Chart| {
        let path = shipped(chart.name(), chart.version(), &scratch);
        rendered(&asked.scheduled[chart.name()], &path, &scratch)
    };
    let find = |manifests: &[Value], kind: &str, name: &str| {
        let found = manifests.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}")).clone()
    };
    let ports = |service: &Value| -> BTreeSet<u64> {
        service["spec"]["ports"].as_array().unwrap().iter().map(|port| port["port"].as_u64().unwrap()).collect()
    };
    let definitions = |manifests: Vec<Value>| -> BTreeMap<String, Value> {
        let definitions = manifests.into_iter().filter(|it| it["kind"] == "CustomResourceDefinition");
        definitions.map(|it| (it["metadata"]["name"].as_str().unwrap().to_owned(), it["spec"].clone())).collect()
    };
    let istio = tool("crds").join("istio/customresourcedefinitions.gen.yaml");
    let checked = definitions(documents(&fs::read_to_string(istio).unwrap()));
    assert!(checked.len() > 10 && definitions(manifests(Chart::IstioBase)) == checked, "{:?}", checked.keys());

    let gateway = manifests(Chart::IstioGateway);
    let name = "istio-ingressgateway";
    let labels = &find(&gateway, "Deployment", name)["spec"]["template"]["metadata"]["labels"];
    assert_eq!((&labels["app"], &labels["istio"]), (&json!(name), &json!("ingressgateway")));
    assert_eq!(ports(&find(&gateway, "Service", name)), [80, 443, 15021].into());

    let istiod = manifests(Chart::Istiod);
    let labels = &find(&istiod, "Deployment", "istiod")["spec"]["template"]["metadata"]["labels"];
    assert_eq!(labels["app"], "istiod");
    assert_eq!(ports(&find(&istiod, "Service", "istiod")), [443, 15010, 15012, 15014].into());
    let injected = find(&istiod, "ConfigMap", "istio-sidecar-injector")["data"]["values"].as_str().unwrap().to_owned();
    let injected: Value = serde_json::from_str(&injected).unwrap();
    let text = |pointer: &str| injected.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
    let image = format!("{}/{}:{}", text("/global/hub"), text("/global/proxy/image"), text("/global/tag"));
    assert_eq!([image.as_str()], brought(Chart::IstioGateway).later);
}

/// The installer of a virtual cluster creates RBAC rights in its namespace only.
#[test]
fn the_virtual_cluster_asks_for_no_rights_in_the_whole_host() {
    let scratch = Scratch::new("rights");
    let release = &releases(&scheduled())[Chart::VCluster.name()];
    let path = shipped(Chart::VCluster.name(), Chart::VCluster.version(), &scratch);
    let kinds = |release: &Value| -> BTreeSet<String> {
        let manifests = rendered(release, &path, &scratch).into_iter();
        manifests.map(|manifest| manifest["kind"].as_str().unwrap().to_owned()).collect()
    };
    let expected = ["Role", "RoleBinding", "Secret", "Service", "ServiceAccount", "StatefulSet"];
    assert_eq!(kinds(release), expected.map(str::to_owned).into());
    // Control: without these values, the chart creates cluster-wide rights for the storage classes that it syncs.
    let mut untold = release.clone();
    untold["spec"]["forProvider"]["values"]["rbac"] = json!({});
    assert!(kinds(&untold).is_superset(&["ClusterRole", "ClusterRoleBinding"].map(str::to_owned).into()));
    let read: BTreeSet<_> = documents(&support::examples::read("package/install/providers/rights.yaml"))
        .into_iter()
        .filter(|it| it["metadata"]["name"] == "realtime-platform-storage-classes" && it["kind"] == "ClusterRole")
        .map(|it| it["rules"].to_string())
        .collect();
    let manifests = rendered(&untold, &path, &scratch);
    let asked = manifests.iter().find(|it| it["kind"] == "ClusterRole").unwrap();
    let sorted = |rules: &Value| {
        let mut rules = rules.clone();
        for rule in rules.as_array_mut().unwrap() {
            let verbs: BTreeSet<String> = serde_json::from_value(rule["verbs"].clone()).unwrap();
            rule["verbs"] = json!(verbs);
        }
        rules.to_string()
    };
    // The rights that are bound beforehand are exactly those that the chart would have created.
    let bound: Value = serde_json::from_str(read.first().unwrap()).unwrap();
    assert_eq!(sorted(&asked["rules"]), sorted(&bound));
}

/// All manifests of Knative Serving that the pinned operator installs.
fn knative_serving() -> Vec<Value> {
    let folders = ["knative-serving", "knative-ingress"].map(|name| tool("published").join(name));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    files.flat_map(|file| documents(&fs::read_to_string(file).unwrap())).collect()
}

#[test]
fn knative_serving_is_told_where_each_of_its_workloads_runs() {
    let manifests = knative_serving();
    let workloads = manifests.iter().filter(|it| !it["spec"]["template"]["spec"]["containers"].is_null());
    let name =
        |it: &Value| it["metadata"]["name"].as_str().or(it["metadata"]["generateName"].as_str()).map(str::to_owned);
    let names: BTreeSet<String> = workloads.map(|it| name(it).unwrap()).collect();
    assert_eq!(names, KNATIVE_SERVING_WORKLOADS.map(str::to_owned).into());
    let versions: BTreeSet<&str> =
        manifests.iter().filter_map(|it| it["metadata"]["labels"]["app.kubernetes.io/version"].as_str()).collect();
    assert_eq!(versions, [KNATIVE_SERVING].into());
}

/// A setting for mirrors names each image. The key that carries the image of the proxy depends on Serving.
#[test]
fn knative_serving_pulls_no_image_past_a_mirror() {
    let manifests = knative_serving();
    let unversioned = |image: &str| image.split(['@', ':']).next().unwrap().to_owned();
    let mut pulled: BTreeSet<String> = images(&manifests).iter().map(|image| unversioned(image)).collect();
    let deployment =
        manifests.iter().find(|it| it["kind"] == "ConfigMap" && it["metadata"]["name"] == "config-deployment");
    let of_services = deployment.unwrap()["data"]["queue-sidecar-image"].as_str().expect("it is set by this key");
    pulled.insert(unversioned(of_services));
    let known: BTreeSet<String> = KNATIVE_SERVING_IMAGES.iter().map(|(_, image)| (*image).to_owned()).collect();
    assert_eq!(pulled, known);
}

/// Archive of a chart in a folder, with or without `v` before the version: makers use both forms.
fn in_folder(chart: Chart, folder: &Path) -> Result<PathBuf, String> {
    let files = ["", "v"].map(|v| folder.join(format!("{}-{v}{}.tgz", chart.name(), chart.version())));
    let missing = format!("there is no {}", files[0].display());
    files.into_iter().find(|file| file.exists()).ok_or(missing)
}

/// Fetching as in `make charts`, with a repository on loopback in place of the makers' repositories.
#[test]
fn an_archive_is_fetched_and_compared_with_the_list() {
    let (scratch, folder) = (Scratch::new("chart"), Scratch::new("repository"));
    let chart = Chart::VCluster;
    let path = shipped(chart.name(), chart.version(), &scratch);
    for arguments in [["package", path.to_str().unwrap()], ["repo", "index"]] {
        let mut helm = helm(&scratch);
        helm.args(arguments);
        helm.args(if arguments[0] == "package" { &["--destination"][..] } else { &[] }).arg(folder.path());
        let output = run(&mut helm);
        assert!(output.status.success(), "{}", said(&output));
    }
    let repository = Repository::serve(folder.path());
    let asked = Asked::new();
    let mut release = asked.scheduled[chart.name()].clone();
    release["spec"]["forProvider"]["chart"]["repository"] = json!(repository.url());
    let archive = fetched(&release, &scratch).unwrap();
    // The archive packed by this test has another digest than the makers' archive; all else matches the list.
    let wrong = wrong(chart, &asked, &archive, &scratch);
    assert!(wrong.len() == 1 && wrong[0].starts_with("vcluster: archive: "), "{wrong:?}");
    release["spec"]["forProvider"]["chart"]["version"] = json!("9.9.9");
    let why = fetched(&release, &scratch).unwrap_err();
    assert!(why.contains("9.9.9"), "{why}");
}

#[test]
#[ignore = "asks the charts' repositories: make charts"]
fn every_chart_is_as_it_is_listed() {
    let asked = Asked::new();
    let scratch = Scratch::new("archives");
    let given = std::env::var_os("CHARTS").map(PathBuf::from);
    let mut all = Vec::new();
    for chart in Chart::ALL {
        let archive = match &given {
            Some(folder) => in_folder(chart, folder),
            None => fetched(&asked.scheduled[chart.name()], &scratch),
        };
        match archive {
            Ok(archive) => all.extend(wrong(chart, &asked, &archive, &scratch)),
            Err(why) => all.push(format!("{}: {}", chart.key(), why.trim())),
        }
        println!("{} {}: looked at", chart.key(), chart.version());
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}
