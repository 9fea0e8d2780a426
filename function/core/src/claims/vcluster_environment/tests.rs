use super::parts;
use std::collections::BTreeSet;
use std::io::Write as _;

use serde_json::{Value, json};

use super::checked::Environment;
use super::vcluster;
use crate::claims::checked::Checked;
use crate::life::adoption::HOST_NAMES;
use crate::parts::cluster::to_value;
use crate::parts::owner::Claim;
use crate::parts::plan::tests::assert_sound;
use crate::parts::plan::{Place, Plan, Resource};
use crate::settings::Settings;
use crate::settings::input::Input;
use crate::settings::pins::KNATIVE_SERVING_WORKLOADS;
use crate::text::yaml;

fn settings(input: &Value) -> Settings {
    let input: Input = serde_json::from_value(input.clone()).unwrap();
    Settings::check(input).unwrap()
}

fn check(spec: &Value, input: &Value) -> Result<Environment, Vec<String>> {
    let claim = Claim::new("default", "env");
    Environment::check(serde_json::from_value(spec.clone()).unwrap(), claim, &settings(input))
        .map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn environment(spec: &Value) -> Environment {
    check(spec, &json!({})).unwrap()
}

fn find<'a>(plan: &'a Plan, key: &str) -> &'a Resource {
    plan.resources.iter().find(|resource| resource.key == key).unwrap_or_else(|| panic!("no {key}"))
}

fn values<'a>(plan: &'a Plan, key: &str) -> &'a Value {
    &find(plan, key).composed["spec"]["forProvider"]["values"]
}

const VARIANTS: [&str; 6] = [
    r#"{"name": "streaming"}"#,
    r#"{"name": "streaming", "provisioner": "ClusterAPI", "retain": true}"#,
    r#"{"name": "streaming", "components": {"istio": false, "knativeServing": false, "observability": false}}"#,
    r#"{"name": "streaming", "components": {"istio": true, "knativeServing": false, "observability": true}}"#,
    r#"{"name": "streaming", "tls": {"secretName": "certificate"}, "namespaces": ["streaming", "research"]}"#,
    r#"{"name": "streaming", "retain": true, "domain": "streaming.example.com"}"#,
];

fn variants() -> impl Iterator<Item = Environment> {
    VARIANTS.iter().map(|spec| environment(&serde_json::from_str(spec).unwrap()))
}

const MIRRORED: &str = r#"{
    "images": {"registry": "mirror.example.com/all", "pullSecrets": [{"name": "pull", "remoteKey": "pull"}]},
    "storageClass": "fast",
    "scheduling": {"nodeSelector": {"pool": "streaming"}, "tolerations": [{"key": "pool", "operator": "Exists"}]}
}"#;

fn mirrored() -> Environment {
    check(&json!({"name": "streaming"}), &serde_json::from_str(MIRRORED).unwrap()).unwrap()
}

#[test]
fn every_plan_is_sound() {
    for environment in variants().chain([mirrored()]) {
        assert_sound(&environment.plan(), &[HOST_NAMES]);
    }
}

#[test]
fn a_switched_off_component_is_not_there() {
    let spec =
        json!({"name": "streaming", "components": {"istio": false, "knativeServing": false, "observability": false}});
    let parts: Vec<&str> = environment(&spec).plan().resources.iter().map(|resource| resource.part).collect();
    let first = [
        "lock",
        "helm-provider-config",
        "host-namespace",
        "vcluster",
        "protection",
        "protection",
        "protection",
        "namespaces",
    ];
    assert_eq!(parts, first);
}

#[test]
fn nothing_inside_is_deleted_through_the_cluster_that_goes() {
    for environment in variants() {
        for resource in environment.plan().resources.iter().filter(|resource| resource.place == Place::Inside) {
            let policies = resource.composed["spec"]["managementPolicies"].as_array().unwrap();
            assert!(!policies.contains(&json!("*")) && !policies.contains(&json!("Delete")), "{}", resource.key);
        }
    }
}

#[test]
fn each_usage_finds_exactly_one_on_either_side() {
    for environment in variants() {
        let plan = environment.plan();
        let found = |side: &Value| {
            plan.resources
                .iter()
                .filter(|resource| {
                    let composed = &resource.composed;
                    let named = side["resourceRef"]["name"].as_str();
                    let labels = side["resourceSelector"]["matchLabels"].as_object();
                    composed["kind"] == side["kind"]
                        && composed["apiVersion"] == side["apiVersion"]
                        && named.is_none_or(|name| composed["metadata"]["name"] == name)
                        && labels.is_none_or(|labels| {
                            labels.iter().all(|(key, value)| composed["metadata"]["labels"][key] == *value)
                        })
                })
                .map(|resource| resource.key.clone())
                .collect::<Vec<_>>()
        };
        let cluster = match environment.spec.provisioner {
            super::claim::Provisioner::Helm => "vcluster-release",
            super::claim::Provisioner::ClusterAPI => "vcluster-cluster",
        };
        let expected = [
            (cluster, "lock-kubernetes"),
            (cluster, "helm-provider-config-object"),
            ("host-namespace-object", cluster),
        ];
        let usages: Vec<_> = plan.resources.iter().filter(|resource| resource.part == "protection").collect();
        assert_eq!(usages.len(), expected.len());
        for (usage, (of, by)) in usages.iter().zip(expected) {
            let spec = &usage.composed["spec"];
            assert_eq!(found(&spec["of"]), [of], "{}", usage.key);
            assert_eq!(found(&spec["by"]), [by], "{}", usage.key);
            assert_eq!(spec["replayDeletion"], true);
        }
    }
}

#[test]
fn who_keeps_the_volume_keeps_its_namespace() {
    for (retain, policy) in [(false, "Delete"), (true, "Retain")] {
        let plan = environment(&json!({"name": "streaming", "retain": retain})).plan();
        let namespace = &find(&plan, "host-namespace-object").composed["spec"]["managementPolicies"];
        assert_eq!(*namespace == json!(["*"]), !retain);
        let persistence = &values(&plan, "vcluster-release")["controlPlane"]["statefulSet"]["persistence"];
        assert_eq!(persistence["volumeClaim"]["retentionPolicy"], policy);
    }
}

#[test]
fn cluster_api_gets_the_same_chart_with_the_same_values() {
    // Without quotes, Helm reads the name of this storage class as true.
    let settings = json!({"storageClass": "on"});
    let environment = check(&json!({"name": "streaming", "provisioner": "ClusterAPI"}), &settings).unwrap();
    let plan = environment.plan();
    let infrastructure = find(&plan, "vcluster-infrastructure");
    let release = &infrastructure.manifest()["spec"]["helmRelease"];
    let values = yaml::read::value(release["values"].as_str().unwrap()).unwrap();
    assert_eq!(values, vcluster::values(&environment));
    assert_eq!(release["chart"]["name"], "vcluster");
    // Cluster API deletes the VCluster together with its Cluster. A deletion by Crossplane as well would be a race.
    assert_ne!(infrastructure.composed["spec"]["managementPolicies"], json!(["*"]));
    let cluster = find(&plan, "vcluster-cluster");
    assert_eq!(cluster.composed["spec"]["managementPolicies"], json!(["*"]));
    assert_eq!(cluster.manifest()["spec"]["infrastructureRef"]["name"], infrastructure.manifest()["metadata"]["name"]);
    let secret = &find(&plan, "lock-kubernetes").composed["spec"]["credentials"]["secretRef"];
    assert_eq!(*secret, json!({"namespace": "streaming", "name": "streaming-kubeconfig", "key": "value"}));
}

#[test]
fn the_virtual_cluster_answers_under_a_name_in_its_certificate() {
    let plan = environment(&json!({"name": "streaming"})).plan();
    assert_eq!(values(&plan, "vcluster-release")["exportKubeConfig"]["server"], "https://streaming.streaming:443");
    let secret = &find(&plan, "helm-provider-config-object").manifest()["spec"]["credentials"]["secretRef"];
    assert_eq!(*secret, json!({"namespace": "streaming", "name": "vc-streaming", "key": "config"}));
}

#[test]
fn a_certificate_turns_http_into_https() {
    let spec = json!({"name": "streaming", "tls": {"secretName": "mine"}, "namespaces": ["research"]});
    let plan = environment(&spec).plan();
    let gateway = find(&plan, "gateways-research").manifest();
    assert_eq!(gateway["metadata"]["name"], "research-gateway");
    let [http, https] = gateway["spec"]["servers"].as_array().unwrap().as_slice() else { panic!("two servers") };
    assert_eq!(http["tls"], json!({"httpsRedirect": true}));
    assert_eq!(http["hosts"], https["hosts"]);
    assert_eq!(https["hosts"][1], "mqtt.research.streaming.local");
    let pushed = find(&plan, "certificate-push-streaming-tls").manifest();
    assert_eq!(https["tls"]["credentialName"], pushed["spec"]["data"][0]["match"]["remoteRef"]["remoteKey"]);
    assert_eq!(pushed["spec"]["selector"]["secret"]["name"], "mine");
    // A template would replace the Secret's type, `kubernetes.io/tls`.
    assert_eq!(pushed["spec"].get("template"), None);
}

#[test]
fn tenants_are_told_what_there_is() {
    let spec = json!({"name": "streaming", "components": {"observability": false}, "allowedClaimNamespaces": ["team"]});
    let plan = environment(&spec).plan();
    for key in ["lock-kubernetes", "helm-provider-config-object"] {
        let metadata = &find(&plan, key).manifest()["metadata"];
        assert_eq!(metadata["name"], "streaming");
        assert_eq!(metadata["labels"]["platform.example.org/environment"], "streaming");
    }
    let annotations = &find(&plan, "lock-kubernetes").composed["metadata"]["annotations"];
    let offers = |name: &str| annotations[format!("platform.example.org/offers-{name}")].clone();
    assert_eq!(offers("environment"), "pending");
    assert_eq!(offers("istio"), "pending");
    assert_eq!(offers("observability"), "off");
    assert_eq!(offers("tls"), "off");
    assert_eq!(offers("namespaces"), "streaming");
    assert_eq!(offers("domain"), "streaming.local");
    assert_eq!(offers("claim-namespaces"), "default,team");
}

#[test]
fn what_is_offered_hangs_on_every_part_of_it() {
    for environment in variants().chain([mirrored()]) {
        let plan = environment.plan();
        let has = |part: &str| plan.resources.iter().any(|resource| resource.part == part);
        let announces = &find(&plan, "lock-kubernetes").announces;
        let annotations = &find(&plan, "lock-kubernetes").composed["metadata"]["annotations"];
        let mut parts: BTreeSet<&str> = BTreeSet::new();
        for announcement in announces {
            assert!(announcement.parts.iter().all(|part| has(part)), "{announcement:?}");
            assert_eq!(annotations[&announcement.annotation], "pending");
            assert_eq!(announcement.once_ready, "ready");
            parts.extend(announcement.parts);
        }
        let pending = annotations.as_object().unwrap().values().filter(|state| *state == "pending").count();
        assert_eq!(announces.len(), pending, "{annotations}");
        // Parts that no tenant waits for: those before the virtual cluster, and those that order its deletion.
        let unseen = ["lock", "host-namespace", "pull-secrets", parts::PROTECTION];
        let planned: BTreeSet<&str> = plan.resources.iter().map(|resource| resource.part).collect();
        assert_eq!(parts, planned.into_iter().filter(|part| !unseen.contains(part)).collect());
    }
}

#[test]
fn a_mirror_is_asked_for_every_image_that_no_one_names_elsewhere() {
    let plan = mirrored().plan();
    let cluster = &values(&plan, "vcluster-release")["controlPlane"];
    assert_eq!(cluster["advanced"]["defaultImageRegistry"], "mirror.example.com/all");
    assert_eq!(cluster["advanced"]["workloadServiceAccount"]["imagePullSecrets"], json!([{"name": "pull"}]));
    assert_eq!(values(&plan, "istiod-release")["global"]["hub"], "mirror.example.com/all/istio");
    assert_eq!(values(&plan, "kube-prometheus-stack-release")["global"]["imageRegistry"], "mirror.example.com/all");
    let operator = &values(&plan, "knative-operator-release")["knative_operator"];
    let image = "mirror.example.com/all/knative-releases/knative.dev/operator/cmd/operator";
    assert_eq!(operator["knative_operator"]["image"], image);
    let serving = &find(&plan, "knative-serving-serving").manifest()["spec"];
    let images = serving["registry"]["override"].as_object().unwrap();
    assert!(
        images.values().all(|image| image.as_str().unwrap().starts_with("mirror.example.com/all/knative-releases/"))
    );
    let proxy = "mirror.example.com/all/knative-releases/knative.dev/serving/cmd/queue:v1.23.0";
    assert_eq!(serving["config"]["deployment"]["queue-sidecar-image"], proxy);
    let unresolved = serving["config"]["deployment"]["registries-skipping-tag-resolving"].as_str().unwrap();
    assert!(unresolved.split(',').any(|registry| registry == "mirror.example.com"), "{unresolved}");
    assert_eq!(find(&plan, "vcluster-release").waits_for, ["host-namespace", "helm-provider-config", "pull-secrets"]);
    let pulled = &find(&plan, "pull-secrets-pull").manifest()["spec"]["target"]["template"];
    assert_eq!(pulled["type"], "kubernetes.io/dockerconfigjson");
}

/// Claims of brokers name images of their own, which come from the mirror whatever the platform team pins.
#[test]
fn tags_at_a_mirror_without_a_path_are_not_resolved() {
    let pins = json!({"nginx": "pins.example.com/nginx:1", "python": "pins.example.com/python:3"});
    let input = json!({"images": {"registry": "mirror.example.com", "pins": pins}});
    let plan = check(&json!({"name": "streaming"}), &input).unwrap().plan();
    let deployment = &find(&plan, "knative-serving-serving").manifest()["spec"]["config"]["deployment"];
    let unresolved = "dev.local,kind.local,ko.local,mirror.example.com,pins.example.com";
    assert_eq!(deployment["registries-skipping-tag-resolving"], unresolved);
}

#[test]
fn knative_runs_where_pods_may_run() {
    let plan = mirrored().plan();
    let (selector, toleration) = (json!({"pool": "streaming"}), json!([{"key": "pool", "operator": "Exists"}]));
    let operator = &values(&plan, "knative-operator-release")["knative_operator"];
    for deployment in ["knative_operator", "operator_webhook"] {
        let required =
            &operator[deployment]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        let expression = json!({"key": "pool", "operator": "In", "values": ["streaming"]});
        assert_eq!(required["nodeSelectorTerms"], json!([{"matchExpressions": [expression]}]), "{deployment}");
        assert_eq!(operator[deployment]["tolerations"], toleration, "{deployment}");
    }
    let serving = &find(&plan, "knative-serving-serving").composed["spec"]["forProvider"]["manifest"]["spec"];
    let workloads = serving["workloads"].as_array().unwrap();
    assert_eq!(workloads.len(), KNATIVE_SERVING_WORKLOADS.len());
    for workload in workloads {
        assert_eq!((&workload["nodeSelector"], &workload["tolerations"]), (&selector, &toleration), "{workload}");
    }
    let features = json!({"kubernetes.podspec-nodeselector": "enabled", "kubernetes.podspec-tolerations": "enabled"});
    assert_eq!(serving["config"]["features"], features);
}

/// A node selector and tolerations take effect independently. Knative's configuration has no field for a setting that
/// is absent.
#[test]
fn knative_is_told_nothing_that_is_not_asked_for() {
    for (input, features, fields) in [
        (json!({}), &[][..], &[][..]),
        (json!({"scheduling": {"nodeSelector": {"pool": "a"}}}), &["nodeselector"], &["nodeSelector"]),
        (json!({"scheduling": {"tolerations": [{"operator": "Exists"}]}}), &["tolerations"], &["tolerations"]),
    ] {
        let plan = check(&json!({"name": "streaming"}), &input).unwrap().plan();
        let serving = &find(&plan, "knative-serving-serving").composed["spec"]["forProvider"]["manifest"]["spec"];
        for feature in ["nodeselector", "tolerations"] {
            let is_enabled = serving["config"]["features"].get(format!("kubernetes.podspec-{feature}")).is_some();
            assert_eq!(is_enabled, features.contains(&feature), "{input}: {feature}");
        }
        assert_eq!(serving.get("workloads").is_some(), !fields.is_empty(), "{input}");
        let said = |field: &str| serving["workloads"][0].get(field).is_some();
        assert!(["nodeSelector", "tolerations"].iter().all(|field| said(field) == fields.contains(field)), "{input}");
        let operator = &values(&plan, "knative-operator-release")["knative_operator"]["knative_operator"];
        assert_eq!(operator.get("affinity").is_some(), fields.contains(&"nodeSelector"), "{input}");
        assert_eq!(operator.get("tolerations").is_some(), fields.contains(&"tolerations"), "{input}");
    }
}

#[test]
fn every_fault_is_found_at_once() {
    let spec = json!({
        "name": "default",
        "namespaces": ["kube-system", "monitoring", "fine"],
        "components": {"istio": false},
        "tls": {"secretName": "certificate"},
        "domain": format!("{}.example.com", "x".repeat(64)),
        "gateway": {"annotations": {"no key": "", "service.example.com/type": "nlb"}},
    });
    let faults = check(&spec, &json!({})).unwrap_err();
    let fields: Vec<&str> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(
        fields,
        [
            "spec.namespaces[0]",
            "spec.namespaces[1]",
            "spec.domain",
            "spec.name",
            "spec.components.knativeServing",
            "spec.tls",
            "spec.gateway.annotations",
            "spec.gateway.annotations",
        ],
        "{faults:#?}"
    );
}

#[test]
fn a_gateway_asks_of_the_cloud_only_what_the_platform_allows() {
    let idle = json!({"name": "streaming", "gateway": {"annotations": {"cloud.example.com/idle": "60"}}});
    let faults = check(&idle, &json!({})).unwrap_err();
    assert_eq!(
        faults,
        [
            "spec.gateway.annotations: must not have the key \"cloud.example.com/idle\": the platform allows none (gateways.allowedAnnotations)"
        ]
    );
    let faults =
        check(&idle, &json!({"gateways": {"allowedAnnotations": ["cloud.example.com/idle-time"]}})).unwrap_err();
    assert!(faults[0].contains("the platform allows cloud.example.com/idle-time"), "{faults:?}");
    check(&idle, &json!({"gateways": {"allowedAnnotations": ["cloud.example.com/idle"]}})).unwrap();

    let inner = json!({"gateways": {"allowedServiceTypes": ["ClusterIP", "NodePort"]}});
    let faults = check(&json!({"name": "streaming"}), &inner).unwrap_err();
    assert_eq!(
        faults,
        [
            "spec.gateway.serviceType: must be ClusterIP or NodePort, which the platform allows (gateways.allowedServiceTypes), not LoadBalancer"
        ]
    );
    check(&json!({"name": "streaming", "gateway": {"serviceType": "NodePort"}}), &inner).unwrap();
    // The Service type is not checked without Istio, because there is no gateway.
    check(&json!({"name": "streaming", "components": {"istio": false, "knativeServing": false}}), &inner).unwrap();
}

#[test]
fn nothing_is_told_to_the_makers_unless_it_is_asked_for() {
    let silent = environment(&json!({"name": "streaming"})).plan();
    assert_eq!(values(&silent, "vcluster-release")["telemetry"], json!({"enabled": false}));
    let grafana = &values(&silent, "kube-prometheus-stack-release")["grafana"]["grafana.ini"];
    for check in ["check_for_updates", "check_for_plugin_updates", "reporting_enabled"] {
        assert_eq!(grafana["analytics"][check], false, "{check}");
    }
    let talks = json!({"telemetry": {"vcluster": true, "grafana": true}});
    let talking = check(&json!({"name": "streaming"}), &talks).unwrap().plan();
    assert_eq!(values(&talking, "vcluster-release")["telemetry"], json!({"enabled": true}));
    assert!(values(&talking, "kube-prometheus-stack-release")["grafana"].get("grafana.ini").is_none());
}

#[test]
fn tokens_of_service_accounts_stand_in_secrets() {
    for environment in variants() {
        assert_eq!(vcluster::values(&environment)["sync"]["toHost"]["pods"]["useSecretsForSATokens"], true);
    }
}

#[test]
fn a_control_plane_is_root_unless_it_is_said_otherwise() {
    let security = |input: &Value| {
        let environment = check(&json!({"name": "streaming"}), input).unwrap();
        vcluster::values(&environment)["controlPlane"]["statefulSet"]["security"].clone()
    };
    assert_eq!(security(&json!({}))["containerSecurityContext"], Value::Null);
    let said = security(&json!({"virtualCluster": {"runAsNonRoot": true}}));
    assert_eq!(said["podSecurityContext"], json!({"fsGroup": 12345, "seccompProfile": {"type": "RuntimeDefault"}}));
    // Helm merges these with the chart's defaults, such as `allowPrivilegeEscalation: false`.
    assert_eq!(said["containerSecurityContext"], json!({"runAsUser": 12345, "runAsNonRoot": true}));
}

#[test]
fn volumes_inside_find_their_class_without_rights_of_the_whole_host() {
    for environment in variants() {
        let values = vcluster::values(&environment);
        assert_eq!(values["sync"]["fromHost"], json!({"storageClasses": {"enabled": true}}));
        assert_eq!(values["rbac"], json!({"clusterRole": {"enabled": false}}));
        assert_eq!(values["sync"]["toHost"]["pods"]["rewriteHosts"], json!({"enabled": false}));
    }
}

#[test]
fn an_environment_takes_no_name_that_is_taken_inside() {
    let faults = check(&json!({"name": "monitoring"}), &json!({})).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("spec.name: must not be \"monitoring\""), "{faults:?}");
    check(&json!({"name": "monitoring", "namespaces": ["fine"]}), &json!({})).unwrap();
}

#[test]
fn status_says_where_to_go() {
    let status = to_value(&environment(&json!({"name": "streaming"})).status(false));
    assert_eq!(status["kubeconfig"], json!({"namespace": "streaming", "name": "vc-streaming", "key": "config"}));
    assert_eq!(status["hosts"][0], "lenses.streaming.local");
    assert_eq!(status["grafana"]["secret"], "kube-prometheus-stack-grafana");
    let bare =
        json!({"name": "streaming", "components": {"istio": false, "knativeServing": false, "observability": false}});
    let status = to_value(&environment(&bare).status(false));
    assert_eq!((status.get("hosts"), status.get("grafana")), (None, None));
}

/// Upstream's JSON schema of the chart's values, if a folder above the project has it in `shared/schemas`.
fn chart_schema() -> Option<Value> {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .ancestors()
        .map(|folder| folder.join("shared/schemas/vcluster-0.36.1.values.schema.json"))
        .find_map(|file| std::fs::read_to_string(file).ok())
        .map(|text| serde_json::from_str(&text).unwrap())
}

#[test]
fn the_chart_takes_its_values() {
    let Some(schema) = chart_schema() else {
        // The test runner captures the output of `eprintln!`, but not a write to standard error itself.
        let skipped = "skipped: shared/schemas/vcluster-0.36.1.values.schema.json is nowhere above this project";
        writeln!(std::io::stderr(), "the chart's values: {skipped}").unwrap();
        return;
    };
    let validator = jsonschema::validator_for(&schema).unwrap();
    for environment in variants().chain([mirrored()]) {
        let mut values = vcluster::values(&environment);
        let faults: Vec<String> = validator.iter_errors(&values).map(|error| error.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new());
        values["controlPlane"]["statefulSet"]["imag"] = json!({});
        assert!(!validator.is_valid(&values), "a misspelt key must not pass");
    }
}
