//! Tests of `preview -o summary`: it fits on a screen, and its numbers are those of the manifests, counted here in another
//! way, and those of the page about growing.
//!
//! `BLESS=1` writes the summaries below `tests/fast/preview/summary/`.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use realtime_platform_core::parts::plan::Resource;
use realtime_platform_core::parts::running::Running;
use realtime_platform_core::schema::size::{Bytes, Cpu};
use regex_lite::Regex;
use serde_json::Value;
use wiring::platform::Platform;
use wiring::value::Look;
use wiring::world::{Inventory, Origin};
use wiring::{charts, pods};

use super::{APPLICATION, command, documents, json, refused, run, shown, texts};
use crate::docs::costs;
use crate::docs::sizes::{mebibytes, millicores};

const PRODUCTION: &str = "examples/production";

fn summary(files: &str) -> String {
    shown(&["-o", "summary", files]).0
}

fn all_examples() -> Vec<String> {
    let mut examples = super::examples();
    examples.push(PRODUCTION.to_owned());
    examples
}

#[test]
fn a_person_reads_what_the_goldens_show() {
    for (name, files) in [("production", PRODUCTION), ("health-realtime-pipeline", APPLICATION)] {
        let golden = format!("tests/fast/preview/summary/{name}.txt");
        let text = summary(files);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&golden, &text).unwrap();
        }
        let known = std::fs::read_to_string(&golden).unwrap_or_default();
        assert!(known == text, "if this is meant, `make bless` writes {golden}:\n{text}");
    }
}

#[test]
fn a_summary_is_one_screen() {
    for example in all_examples() {
        let text = summary(&example);
        for line in text.lines() {
            assert!(line.chars().count() <= 120 && line.trim_end() == line, "{example}: {line:?}");
        }
        assert!(text.lines().count() <= 50, "{example}: {} lines", text.lines().count());
    }
}

/// What a resource runs, counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    pods: u64,
    most_pods: u64,
    /// CPU in thousandths of a core.
    cpu: u64,
    /// Memory in MiB.
    memory: u64,
    /// Volumes in MiB.
    volumes: u64,
    /// Whether a chart or operator makes pods that no manifest describes.
    installs: bool,
}

impl Count {
    fn plus(self, more: Self) -> Self {
        Self {
            pods: self.pods + more.pods,
            most_pods: self.most_pods + more.most_pods,
            cpu: self.cpu + more.cpu,
            memory: self.memory + more.memory,
            volumes: self.volumes + more.volumes,
            installs: self.installs || more.installs,
        }
    }

    fn times(pods: u64, [cpu, memory, volumes]: [u64; 3]) -> Self {
        let [cpu, memory, volumes] = [cpu, memory, volumes].map(|amount| amount * pods);
        Self { pods, most_pods: pods, cpu, memory, volumes, installs: false }
    }
}

/// Kinds from which no pod is made. A kind that is new here is counted in [`count`], or belongs to this list.
const WITHOUT_PODS: [&str; 24] = [
    "ClusterUsage",
    "ConfigMap",
    "ExternalSecret",
    "Gateway",
    "KafkaConnector",
    "KafkaUser",
    "Namespace",
    "NetworkPolicy",
    "ObjectStore",
    "Password",
    "PodDisruptionBudget",
    "PodMonitor",
    "PrometheusRule",
    "ProviderConfig",
    "PushSecret",
    "Role",
    "RoleBinding",
    "ScheduledBackup",
    "SecretStore",
    "ServiceAccount",
    "ServiceMonitor",
    "VirtualService",
    // The virtual cluster of Cluster API's Cluster is a VCluster, and a core Service has the pods of others.
    "cluster.x-k8s.io Cluster",
    " Service",
];

fn requests(resources: &Value) -> [u64; 2] {
    [millicores(resources.text("/requests/cpu")), mebibytes(resources.text("/requests/memory"))]
}

/// CPU and memory of a pod's containers together, or of an init container that requests more before them.
fn pod(template: &Value) -> [u64; 3] {
    let of = |list: &str| -> Vec<[u64; 2]> {
        template.items(list).iter().map(|container| requests(container.at("/resources"))).collect()
    };
    let sum = |at: usize| of("/spec/containers").iter().map(|each| each[at]).sum::<u64>();
    let most = |at: usize| of("/spec/initContainers").iter().map(|each| each[at]).max().unwrap_or(0);
    [sum(0).max(most(0)), sum(1).max(most(1)), 0]
}

fn count(composed: &Value) -> Count {
    let manifest = composed.pointer("/spec/forProvider/manifest").unwrap_or(composed);
    let policies: Vec<&str> = composed.texts("/spec/managementPolicies").collect();
    if policies == ["Observe"] {
        return Count::default();
    }
    let spec = manifest.at("/spec");
    let number = |pointer: &str| u64::try_from(spec.number(pointer).unwrap()).unwrap();
    let engine = |pods: u64, size: &str| {
        let [cpu, memory] = requests(spec.at("/resources"));
        let volume = if size.is_empty() { 0 } else { mebibytes(spec.text(size)) };
        Count::times(pods, [cpu, memory, volume])
    };
    let group = manifest.text("/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    match (group, manifest.text("/kind")) {
        ("apps", "Deployment" | "StatefulSet") => Count::times(number("/replicas"), pod(spec.at("/template"))),
        ("serving.knative.dev", "Service") => {
            let scale = |name: &str| {
                let annotations = spec.labels("/template/metadata/annotations");
                annotations.get(format!("autoscaling.knative.dev/{name}").as_str()).map(|scale| scale.parse().unwrap())
            };
            let [cpu, memory, _] = pod(spec.at("/template"));
            let least = Count::times(scale("min-scale").unwrap_or(0), [cpu + 25, memory + 64, 0]);
            Count { most_pods: scale("max-scale").unwrap(), ..least }
        }
        ("postgresql.cnpg.io", "Cluster") => {
            let pods = engine(number("/instances"), "/storage/size");
            let beside = if spec.has("/plugins") { [50, 128, 0] } else { [0; 3] };
            Count { pods: pods.pods, most_pods: pods.pods, ..pods.plus(Count::times(pods.pods, beside)) }
        }
        ("kafka.strimzi.io", "KafkaNodePool") => engine(number("/replicas"), "/storage/size"),
        ("kafka.strimzi.io", "KafkaConnect") => engine(number("/replicas"), ""),
        ("kafka.strimzi.io", "Kafka") => {
            let [cpu, memory] = requests(spec.at("/entityOperator/userOperator/resources"));
            Count::times(1, [cpu, memory, 0])
        }
        ("rabbitmq.com", "RabbitmqCluster") => engine(number("/replicas"), "/persistence/storage"),
        ("", "PersistentVolumeClaim") => {
            Count { volumes: mebibytes(spec.text("/resources/requests/storage")), ..Count::default() }
        }
        ("helm.crossplane.io" | "helm.m.crossplane.io", "Release")
        | ("infrastructure.cluster.x-k8s.io", "VCluster")
        | ("operator.knative.dev", "KnativeServing") => Count { installs: true, ..Count::default() },
        ("batch", "Job") => Count::default(),
        (group, kind) => {
            assert!(
                WITHOUT_PODS.iter().any(|known| *known == kind || *known == format!("{group} {kind}")),
                "are pods made from a {kind} of {group:?}? If so, `parts/operated.rs` or `parts/running.rs` and this test have to count them, else it belongs to WITHOUT_PODS"
            );
            Count::default()
        }
    }
}

fn platforms() -> Vec<Platform> {
    wiring::examples::platforms().into_iter().chain([wiring::full::platform()]).collect()
}

#[test]
fn every_resource_runs_what_is_counted_in_its_manifest() {
    let mut pods = 0;
    for platform in platforms() {
        for (_, resource) in platform.resources() {
            let Running { pods: known, most_pods, demand, installers, .. } = Running::of(resource).unwrap_or_default();
            let counted = count(&resource.composed);
            assert_eq!((known, most_pods), (counted.pods, counted.most_pods), "{} of {}", resource.key, platform.name);
            assert_eq!(demand.cpu, Cpu::thousandths(counted.cpu), "{} of {}", resource.key, platform.name);
            assert_eq!(demand.memory, Bytes::mebi(counted.memory), "{} of {}", resource.key, platform.name);
            assert_eq!(demand.storage, Bytes::mebi(counted.volumes), "{} of {}", resource.key, platform.name);
            assert_eq!(installers > 0, counted.installs, "{} of {}", resource.key, platform.name);
            pods += known;
        }
    }
    assert!(pods > 100, "{pods}");
}

/// The wiring checks know pods by what charts and operators make, so they find a kind whose pods nobody counts.
#[test]
fn whatever_runs_pods_in_the_model_of_a_platform_is_counted() {
    for platform in platforms() {
        let inventory = Inventory::of(&platform);
        let mut modelled = BTreeSet::new();
        for object in &inventory.objects {
            let Origin::Composed(claim, resource) = object.origin else { continue };
            let made = charts::made(object);
            let mut all = pods::of(slice::from_ref(object)).into_iter().chain(pods::of(&made));
            if all.any(|pod| pod.object.kind != "Job") {
                modelled.insert((claim.claim.name.clone(), resource.part));
            }
        }
        let runs = |resource: &Resource| {
            Running::of(resource).is_some_and(|running| running.most_pods > 0 || running.installers > 0)
        };
        let counted: BTreeSet<_> = platform
            .resources()
            .filter(|(_, resource)| runs(resource))
            .map(|(claim, resource)| (claim.claim.name.clone(), resource.part))
            // The chart with Istio's kinds has no pod.
            .filter(|(_, part)| *part != "istio-base")
            .collect();
        assert_eq!(counted, modelled, "{}", platform.name);
    }
}

/// Texts of a part's cells: pods, CPU, memory, and size of volumes.
type Cells = [String; 4];

/// Parts of each claim in a summary, by the claim's name. Claims with the pods of another claim have that claim's parts.
fn tables(text: &str) -> BTreeMap<String, BTreeMap<String, Cells>> {
    let heading = Regex::new(r"^\w+ (\S+) in \S+: \d+ composed resources(?:, the same pods as (\S+))?$").unwrap();
    let part = Regex::new(
        r"([a-z][a-z0-9-]*) +(\d+(?:-\d+)? pods?|chart)(?: +([\d.]+ CPU))?(?: +([\d.]+ [KMGT]iB))?(?: +([\d.]+ [KMGT]iB) disk)?",
    )
    .unwrap();
    let mut tables: BTreeMap<String, BTreeMap<String, Cells>> = BTreeMap::new();
    let mut claim = None;
    for line in text.lines() {
        if let Some(found) = heading.captures(line) {
            claim = Some(found[1].to_owned());
            let of_other = found.get(2).map(|other| tables[other.as_str()].clone());
            tables.insert(found[1].to_owned(), of_other.unwrap_or_default());
        } else if line.is_empty() {
            claim = None;
        } else if let Some(claim) = &claim {
            for found in part.captures_iter(line) {
                let cells = [2, 3, 4, 5].map(|cell| found.get(cell).map_or("", |found| found.as_str()).to_owned());
                assert!(tables.get_mut(claim).unwrap().insert(found[1].to_owned(), cells).is_none(), "{line}");
            }
        }
    }
    tables
}

fn cells(counted: &Count) -> Cells {
    let pods = match counted {
        Count { installs: true, .. } => "chart".to_owned(),
        Count { pods, most_pods, .. } if pods < most_pods => format!("{pods}-{most_pods} pods"),
        Count { pods: 1, .. } => "1 pod".to_owned(),
        Count { pods, .. } => format!("{pods} pods"),
    };
    let unless_none = |amount: u64, text: String| if amount == 0 { String::new() } else { text };
    [
        pods,
        unless_none(counted.cpu, format!("{} CPU", Cpu::thousandths(counted.cpu).words())),
        unless_none(counted.memory, Bytes::mebi(counted.memory).spelt_out()),
        unless_none(counted.volumes, Bytes::mebi(counted.volumes).spelt_out()),
    ]
}

#[test]
fn the_numbers_of_each_example_are_those_of_its_manifests() {
    for example in all_examples() {
        let text = summary(&example);
        let tables = tables(&text);
        let preview = json(&["-o", "json", &example]);
        let mut total = Count::default();
        let mut namespaces = 0;
        for claim in preview["claims"].as_array().unwrap() {
            let mut parts: BTreeMap<String, Count> = BTreeMap::new();
            for resource in claim["resources"].as_array().unwrap() {
                let counted = count(&resource["composed"]);
                total = total.plus(counted);
                let manifest = resource["composed"].pointer("/spec/forProvider/manifest");
                namespaces += usize::from(manifest.is_some_and(|manifest| manifest["kind"] == "Namespace"));
                // A chart of a system requests what its values say.
                let values = resource["composed"].at("/spec/forProvider/values/resources");
                let [cpu, memory] = if values.has("/requests") { requests(values) } else { [0; 2] };
                let of_chart = Count { cpu, memory, ..Count::default() };
                let part = parts.entry(resource["part"].as_str().unwrap().to_owned()).or_default();
                *part = part.plus(counted).plus(of_chart);
            }
            let is_environment = claim["claim"]["kind"] == "VClusterEnvironmentClaim";
            parts.retain(|_, count| count.most_pods > 0 || count.installs && !is_environment);
            let expected: BTreeMap<String, Cells> =
                parts.iter().map(|(part, count)| (part.clone(), cells(count))).collect();
            let name = claim["claim"]["name"].as_str().unwrap();
            assert_eq!(tables[name], expected, "{name} of {example}\n{text}");
        }
        let Count { pods, most_pods, cpu, memory, volumes, .. } = total;
        let requested = text.lines().find(|line| line.starts_with("   requests ")).unwrap_or_default();
        let requested = requested.trim_start_matches("   requests ").trim();
        let mut expected = Vec::new();
        if pods > 0 {
            let (noun, cpu) = (if pods == 1 { "pod" } else { "pods" }, Cpu::thousandths(cpu).spelt_out());
            expected.push(format!("{pods} {noun} with {cpu} CPU and {} of memory", Bytes::mebi(memory).spelt_out()));
        }
        if most_pods > pods {
            let more = most_pods - pods;
            expected.push(format!("up to {more} more pod{} under load", if more == 1 { "" } else { "s" }));
        }
        if volumes > 0 {
            expected.push(format!("{} of volumes", Bytes::mebi(volumes).spelt_out()));
        }
        assert_eq!(requested, expected.join(", "), "{example}\n{text}");
        assert!(namespaces == 0 || text.contains(&format!(" {namespaces} namespace")), "{namespaces}\n{text}");
    }
}

#[test]
fn engines_cost_what_the_page_about_growing_says() {
    let costs = costs::of_the_examples();
    let cost = |name: &str| costs.iter().find(|(known, _)| *known == name).unwrap().1;
    for (example, part, rows) in [
        (costs::KAFKA, "kafka", &["Kafka", "operator of Kafka's users"][..]),
        (costs::KAFKA, "schema-registry", &["Schema Registry"]),
        (costs::KAFKA, "connect", &["Kafka Connect"]),
        (costs::KAFKA, "postgres", &["PostgreSQL"]),
        (costs::BROKER, "broker", &["RabbitMQ"]),
    ] {
        let tables = tables(&summary(example));
        let found: Vec<&Cells> = tables.values().filter_map(|parts| parts.get(part)).collect();
        let sum = rows.iter().map(|row| cost(row)).fold([0; 5], |sum, row| std::array::from_fn(|at| sum[at] + row[at]));
        let [pods, cpu, memory, _, volumes] = sum;
        let expected = cells(&Count { pods, most_pods: pods, cpu, memory, volumes: volumes << 10, installs: false });
        assert_eq!(found, [&expected], "{part} of {example}");
    }
}

#[test]
fn what_a_claim_is_reached_by_and_what_flows_through_it_is_told() {
    let text = summary(PRODUCTION);
    for line in [
        "   reached at   https://lenses.north.plant.example.com/, https://analytics.north.plant.example.com/",
        "   data         measurements → too-hot → too_hot, too_hot → Snowflake PLANT.NORTH of myorg-plant",
        "   data         machines/+/measurements → measurements, machines/+/frames → frames",
        "RealtimeSystemClaim south-lenses in default: 74 composed resources, the same pods as north-lenses",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n{text}");
    }
    assert!(text.contains("mqtts://health-mqtt-service.north.svc.cluster.local:8883 inside"), "{text}");
    assert!(summary(APPLICATION).contains("   data         simulator → "), "{}", summary(APPLICATION));
}

/// Secrets that somebody has to provide, each with its place.
#[test]
fn what_is_needed_beforehand_is_told() {
    let text = summary(PRODUCTION).split_whitespace().collect::<Vec<_>>().join(" ");
    let secrets = "needs Secrets in namespace plant of the host cluster: plant-certificate, lenses-license, plant-backup-writer, plant-mqtt-certificate, in the secret store aws-secretsmanager: snowflake-credentials";
    assert!(text.ends_with(secrets), "{text}");
    let beforehand = std::fs::read_to_string(format!("{PRODUCTION}/beforehand.yaml")).unwrap();
    let brought: BTreeSet<String> =
        documents(&beforehand).iter().map(|secret| secret.text("/spec/target/name").to_owned()).collect();
    let (_, named) = secrets.split_once(": ").unwrap();
    let named: BTreeSet<String> = named.split(", ").take(brought.len()).map(str::to_owned).collect();
    assert_eq!(named, brought);
    let own = summary("examples/variants/own-secrets.yaml");
    assert!(own.contains("of the host cluster: ") && !own.contains("in the secret store"), "{own}");
}

#[test]
fn a_summary_of_a_cluster_api_environment_counts_its_chart() {
    let text = summary("examples/variants/cluster-api.yaml");
    assert!(text.contains("   charts       vcluster "), "{text}");
}

#[test]
fn the_tree_says_how_many_pods_an_operator_makes() {
    let (tree, _) = shown(&[PRODUCTION]);
    for (kind, pods) in [
        ("Cluster", "3 pods"),
        ("KafkaNodePool", "3 pods"),
        ("Kafka", "1 pod"),
        ("KafkaConnect", "3 pods"),
        ("RabbitmqCluster", "3 pods"),
    ] {
        let of_kind = tree.lines().filter(|line| line.contains(&format!("─ {kind} ")));
        let lines: Vec<&str> = of_kind.collect();
        assert!(lines.len() == 2 && lines.iter().all(|line| line.ends_with(&format!("  {pods}"))), "{lines:#?}");
    }
}

#[test]
fn colour_is_for_terminals_in_a_summary_too() {
    let coloured = command(&["-o", "summary", APPLICATION]).env("CLICOLOR_FORCE", "1").output().unwrap();
    let coloured = texts(&coloured).0;
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    let plain = Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(&coloured, "").into_owned();
    assert_eq!(plain, summary(APPLICATION));
}

#[test]
fn faults_and_warnings_of_a_summary_are_those_of_the_tree() {
    let wrong = "tests/fast/preview/wrong.yaml";
    assert_eq!(refused(&["-o", "summary", wrong]), refused(&[wrong]));
    assert_eq!(shown(&["-o", "summary", APPLICATION]).1, shown(&[APPLICATION]).1);
    let (_, err) = shown(&["-o", "summary", "tests/fast/preview/apart.yaml"]);
    assert!(err.contains("not shown: component shop of type webservice"), "{err}");
    let compared = run(&["-o", "summary", "--diff", APPLICATION, APPLICATION]);
    assert_eq!(compared.status.code(), Some(2), "{}", texts(&compared).1);
}
