//! Validation of all written, composed and wrapped objects against the schemas of their readers: no field is unknown,
//! and none has another form. Fields that these schemas leave open are listed. The tool accepts core kinds with any
//! content, so an API server checks those in `admission.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::sync::LazyLock;

use realtime_platform_core::settings::input::{API_VERSION, KIND};
use serde_json::{Value, json};
use support::composed;
use support::crossplane::{composite, write};
use support::defined::definitions_in;
use support::examples::{claims, distinct, documents, files, installed, objects, project, read};
use support::misspelt::{kind, outermost, variants};
use support::tools::{Scratch, command, crd_sources, offline, run, said, stdout};

/// All objects that have a schema, as they are written or composed.
static EVERYTHING: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let mut everything = composed::objects(&composed::platforms());
    // The other form has the same manifests, so that the examples and the fullest platform suffice.
    let mut platforms = wiring::examples::platforms();
    platforms.push(wiring::full::platform());
    everything.extend(composed::without_claims(&platforms));
    everything.extend(objects().into_iter().map(|(_, object)| object));
    everything.extend(distinct(&claims()).map(|example| composite(&example.claim)));
    everything.extend(definitions());
    for folder in ["xrds", "compositions"] {
        everything.extend(files(folder).iter().flat_map(|path| documents(&read(path))));
    }
    everything.extend(installed());
    everything
});

/// KubeVela's definitions as a cluster holds them.
fn definitions() -> Vec<Value> {
    let scratch = Scratch::new("definitions");
    let mut render = offline("vela");
    render.args(["def", "render"]).arg(project().join("definitions")).arg("-o").arg(scratch.path());
    let output = run(&mut render);
    assert!(output.status.success(), "{}", said(&output));
    let files = fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().path());
    let definitions: Vec<Value> = files.flat_map(|file| documents(&fs::read_to_string(file).unwrap())).collect();
    assert_eq!(definitions.len(), 6, "{definitions:?}");
    definitions
}

/// Complete input that a platform team may write into a Composition.
fn input() -> Value {
    let mut input = wiring::full::input();
    input["apiVersion"] = json!(API_VERSION);
    input["kind"] = json!(KIND);
    input["metadata"] = json!({"name": "input", "namespace": "default"});
    input
}

/// Folders with the schemas of the function and of all other projects.
fn schemas() -> OsString {
    let mut paths = vec![project().join("xrds"), project().join("package/function/input/inputs.yaml")];
    paths.extend(crd_sources().into_iter().map(|source| source.folder));
    paths.iter().map(|path| path.as_os_str()).collect::<Vec<_>>().join(&OsString::from(","))
}

/// Results of Crossplane's own validation, one for each object, and one more for the input of a Composition.
fn validate(objects: &[Value]) -> Vec<Value> {
    let scratch = Scratch::new("validate");
    let file = write(scratch.path(), "objects.yaml", objects);
    let mut validate = command("crossplane");
    validate.args(["resource", "validate"]).arg(schemas()).arg(file);
    // The empty image keeps the tool offline: it would download Crossplane's image otherwise.
    validate.args(["--crossplane-image=", "--output=json", "--error-on-missing-schemas"]);
    validate.arg("--cache-dir").arg(scratch.path());
    let output = run(&mut validate);
    let answer: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", said(&output)));
    answer["resources"].as_array().unwrap().clone()
}

fn is_valid(result: &Value) -> bool {
    result["status"] == "valid"
}

#[test]
fn nothing_has_a_field_that_its_schema_does_not_know() {
    let mut objects = EVERYTHING.clone();
    objects.push(input());
    let results = validate(&objects);
    let inputs = objects.iter().filter(|object| object.pointer("/spec/pipeline/0/input").is_some()).count();
    assert!(inputs > 2, "{inputs}");
    assert_eq!(results.len(), objects.len() + inputs, "each is looked at, and each input");
    for result in &results {
        assert!(is_valid(result), "{result:#}");
    }
    let kinds: BTreeSet<String> = objects.iter().map(kind).collect();
    for composed in [
        "kubernetes.crossplane.io/v1alpha2 Object",
        "helm.crossplane.io/v1beta1 Release",
        "kubernetes.m.crossplane.io/v1alpha1 Object",
        "helm.m.crossplane.io/v1beta1 Release",
        "helm.m.crossplane.io/v1beta1 ClusterProviderConfig",
        "protection.crossplane.io/v1beta1 Usage",
    ] {
        assert!(kinds.contains(composed), "{kinds:?}");
    }
}

/// Places where a schema accepts any field: labels, data, and content that another schema covers.
const OPEN: [&str; 46] = [
    "apiextensions.crossplane.io/v1 CompositeResourceDefinition /spec/versions/*/schema/openAPIV3Schema",
    "apiextensions.crossplane.io/v1 Composition /spec/pipeline/*/input",
    "apiextensions.crossplane.io/v2 CompositeResourceDefinition /spec/versions/*/schema/openAPIV3Schema",
    "core.oam.dev/v1beta1 Application /spec/components/*/properties",
    "external-secrets.io/v1 ExternalSecret /spec/target/template/data",
    "external-secrets.io/v1alpha1 PushSecret /spec/data/*/metadata",
    "external-secrets.io/v1alpha1 PushSecret /spec/template/data",
    "helm.crossplane.io/v1beta1 Release /spec/forProvider/values",
    "helm.m.crossplane.io/v1beta1 Release /spec/forProvider/values",
    "kafka.strimzi.io/v1 Kafka /spec/entityOperator/template/pod/metadata/labels",
    "kafka.strimzi.io/v1 Kafka /spec/kafka/config",
    "kafka.strimzi.io/v1 Kafka /spec/kafka/listeners/*/networkPolicyPeers/*/podSelector/matchLabels",
    "kafka.strimzi.io/v1 Kafka /spec/kafka/template/pod/metadata/labels",
    "kafka.strimzi.io/v1 Kafka /spec/kafka/template/pod/topologySpreadConstraints/*/labelSelector/matchLabels",
    "kafka.strimzi.io/v1 KafkaConnect /spec/config",
    "kafka.strimzi.io/v1 KafkaConnect /spec/template/pod/metadata/annotations",
    "kafka.strimzi.io/v1 KafkaConnect /spec/template/pod/metadata/labels",
    "kafka.strimzi.io/v1 KafkaConnect /spec/template/pod/topologySpreadConstraints/*/labelSelector/matchLabels",
    "kafka.strimzi.io/v1 KafkaConnector /spec/config",
    "kubernetes.crossplane.io/v1alpha2 Object /spec/forProvider/manifest",
    "kubernetes.m.crossplane.io/v1alpha1 Object /spec/forProvider/manifest",
    "monitoring.coreos.com/v1 PodMonitor /spec/selector/matchLabels",
    "monitoring.coreos.com/v1 PrometheusRule /spec/groups/*/rules/*/annotations",
    "monitoring.coreos.com/v1 PrometheusRule /spec/groups/*/rules/*/labels",
    "monitoring.coreos.com/v1 ServiceMonitor /spec/selector/matchLabels",
    "networking.istio.io/v1 Gateway /spec/selector",
    "operator.knative.dev/v1beta1 KnativeServing /spec/config/deployment",
    "operator.knative.dev/v1beta1 KnativeServing /spec/config/features",
    "operator.knative.dev/v1beta1 KnativeServing /spec/registry/override",
    "operator.knative.dev/v1beta1 KnativeServing /spec/workloads/*/nodeSelector",
    "pkg.crossplane.io/v1beta1 DeploymentRuntimeConfig /spec/deploymentTemplate/spec/template/metadata/labels",
    "pkg.crossplane.io/v1beta1 DeploymentRuntimeConfig /spec/deploymentTemplate/spec/template/spec/topologySpreadConstraints/*/labelSelector/matchLabels",
    "platform.example.org/v1alpha1 VClusterEnvironmentClaim /spec/gateway/annotations",
    "postgresql.cnpg.io/v1 Cluster /spec/externalClusters/*/plugin/parameters",
    "postgresql.cnpg.io/v1 Cluster /spec/inheritedMetadata/labels",
    "postgresql.cnpg.io/v1 Cluster /spec/plugins/*/parameters",
    "protection.crossplane.io/v1beta1 ClusterUsage /spec/by/resourceSelector/matchLabels",
    "protection.crossplane.io/v1beta1 ClusterUsage /spec/of/resourceSelector/matchLabels",
    "protection.crossplane.io/v1beta1 Usage /spec/by/resourceSelector/matchLabels",
    "protection.crossplane.io/v1beta1 Usage /spec/of/resourceSelector/matchLabels",
    "rabbitmq.com/v1beta1 RabbitmqCluster /spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/*/podAffinityTerm/labelSelector/matchLabels",
    "rabbitmq.com/v1beta1 RabbitmqCluster /spec/override/statefulSet/spec/template/metadata/annotations",
    "rabbitmq.com/v1beta1 RabbitmqCluster /spec/override/statefulSet/spec/template/metadata/labels",
    "serving.knative.dev/v1 Service /spec/template/metadata",
    "serving.knative.dev/v1 Service /spec/template/spec/nodeSelector",
    "serving.knative.dev/v1 Service /spec/template/spec/tolerations/*",
];

/// Whether the tool validates an object. It does not validate core kinds.
fn is_judged(object: &Value) -> bool {
    let group = object["apiVersion"].as_str().unwrap().split_once('/').map(|(group, _)| group);
    group.is_some_and(|group| group.contains('.') && !group.ends_with(".k8s.io"))
}

#[test]
fn a_field_that_nobody_knows_is_found_wherever_a_schema_is_closed() {
    let mut variants = variants(EVERYTHING.iter().filter(|object| is_judged(object)));
    // All objects have the same metadata, which the tool does not validate.
    variants.retain(|place, _| !place.contains(" /metadata"));
    let results = validate(&variants.values().cloned().collect::<Vec<_>>());
    // The input of a Composition has a separate result.
    let results: Vec<_> = results.iter().filter(|result| result["kind"] != "Input").collect();
    assert_eq!(results.len(), variants.len(), "each is looked at");
    let kinds = |results: &[&Value]| results.iter().map(|result| kind(result)).collect::<Vec<_>>();
    assert_eq!(kinds(&results), kinds(&variants.values().collect::<Vec<_>>()), "in this order");
    let judged = variants.keys().zip(results);
    let open: Vec<&String> = judged.filter(|(_, result)| is_valid(result)).map(|(place, _)| place).collect();
    assert_eq!(outermost(&open), OPEN);
}

/// Scope of each kind in upstream's definitions, by API version and kind.
fn scopes() -> BTreeMap<(String, String), String> {
    let mut scopes = BTreeMap::new();
    for source in crd_sources() {
        for definition in definitions_in(&source.folder) {
            let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            for version in definition["spec"]["versions"].as_array().into_iter().flatten() {
                let api_version = format!("{}/{}", text("/spec/group"), version["name"].as_str().unwrap());
                scopes.insert((api_version, text("/spec/names/kind").to_owned()), text("/spec/scope").to_owned());
            }
        }
    }
    scopes
}

/// Crossplane cannot compose a cluster-scoped resource for a composite in a namespace: nothing at all is composed then.
/// `crossplane composition render` accepts such a resource, so the definitions are asked.
#[test]
fn what_a_composite_in_a_namespace_composes_is_namespaced_and_in_the_same() {
    let scopes = scopes();
    let (mut namespaced, mut of_the_cluster) = (0, BTreeSet::new());
    for platform in composed::platforms() {
        for (claim, owner, resources) in composed::of_composites(&platform) {
            for resource in resources {
                let composed = &resource.composed;
                let kind = (composed["apiVersion"].as_str().unwrap(), composed["kind"].as_str().unwrap());
                let scope = &scopes[&(kind.0.to_owned(), kind.1.to_owned())];
                let namespace = composed["metadata"]["namespace"].as_str();
                let name = format!("{}: {} of {claim}", platform.name, resource.key);
                if scope == "Namespaced" {
                    assert_eq!(namespace, Some(owner.as_str()), "{name}");
                    namespaced += 1;
                } else {
                    // Only an environment may, which is cluster-scoped itself.
                    assert_eq!(namespace, None, "{name}");
                    of_the_cluster.insert(format!("{claim} {} {}", kind.0, kind.1));
                }
            }
        }
    }
    assert!(namespaced > 1000, "{namespaced}");
    let expected = ["VClusterEnvironment kubernetes.crossplane.io/v1alpha1 ProviderConfig".to_owned()];
    assert_eq!(of_the_cluster, BTreeSet::from(expected));
}

/// Value with every field that a schema names.
fn fullest(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("object") => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            fields.map(|(name, field)| (name.clone(), fullest(field))).collect()
        }
        Some("array") => json!([fullest(&schema["items"])]),
        _ => json!("x"),
    }
}

/// Messages of a preview about unknown fields.
fn unknown_to_a_preview(application: &Value) -> Vec<String> {
    let scratch = Scratch::new("preview");
    let file = write(scratch.path(), "application.yaml", std::slice::from_ref(application));
    let mut preview = std::process::Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    let said = said(&run(preview.arg("preview").arg(file)));
    said.lines().filter(|line| line.contains(": unknown field")).map(str::to_owned).collect()
}

/// Upstream's CRD defines the fields of an Application.
#[test]
fn a_preview_knows_the_fields_of_an_application_and_no_other() {
    let kubevela = crd_sources().into_iter().find(|source| source.name == "kubevela").unwrap();
    let definition = fs::read_to_string(kubevela.folder.join("core.oam.dev_applications.yaml")).unwrap();
    let definition = documents(&definition).remove(0);
    let mut versions = definition["spec"]["versions"].as_array().unwrap().iter();
    let version = versions.find(|version| version["name"] == "v1beta1").unwrap();
    let mut spec = fullest(&version["schema"]["openAPIV3Schema"]["properties"]["spec"]);
    assert!(spec["components"][0]["inputs"][0]["parameterKey"].is_string(), "{spec}");
    let environment = json!({"name": "env", "type": "vcluster-environment", "properties": {"name": "demo"}});
    spec["components"].as_array_mut().unwrap().push(environment);
    let application = json!({
        "apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "all"}, "spec": spec,
    });
    assert_eq!(unknown_to_a_preview(&application), [""; 0]);
    let variants = variants([&application]);
    let open = variants.iter().filter(|(_, variant)| unknown_to_a_preview(variant).is_empty());
    let open: Vec<&str> = open.map(|(place, _)| place.rsplit_once(' ').unwrap().1).collect();
    // Other definitions validate these fields: of a component, a trait, a policy or a workflow step.
    let judged_elsewhere = |place: &&str| place.ends_with("/properties") || place.ends_with("/scopes");
    assert!(open.iter().all(judged_elsewhere) && variants.len() > open.len() + 15, "{open:?} of {}", variants.len());
}
