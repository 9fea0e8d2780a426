//! Cost of engines in pods, requests and volumes, and their resources that stay with `retain: true`: compared with the pages
//! that tell it.

use std::collections::BTreeSet;
use std::process::Command;

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::markdown::{Document, root};
use super::sizes::{mebibytes, millicores};

/// Beginning of the line above the table of costs.
const COSTS: &str = "<!-- costs:";
/// Beginning of the line above the table of what stays.
const RETAINED: &str = "<!-- retained:";

pub const KAFKA: &str = "examples/variants/replicated-kafka.yaml";
pub const BROKER: &str = "examples/variants/replicated-broker.yaml";

/// Cost of one kind of pod: its name, the number of pods, and for all of them CPU in thousandths of a core, memory and
/// memory limit in MiB, and volumes in GiB.
pub type Cost = (&'static str, [u64; 5]);

/// Compares the page's table with the plans of the examples. With `BLESS` it writes the table first.
pub fn check(page: impl Fn() -> Document) {
    let mut costs = of_the_examples();
    let sum = costs.iter().fold([0; 5], |sum, (_, cost)| std::array::from_fn(|at| sum[at] + cost[at]));
    costs.push(("together", sum));
    let rows: Vec<Vec<String>> = costs.iter().map(|(name, cost)| cells(name, *cost)).collect();
    if std::env::var_os("BLESS").is_some() {
        let written: Vec<String> =
            rows.iter().map(|row| format!("| {} |", row.join(" | ")).replace("|  |", "| |")).collect();
        page().replace_rows(COSTS, &written);
    }
    assert_eq!(page().table_after(COSTS), rows, "BLESS=1 writes them");
}

fn cells(name: &str, [pods, cpu, memory, limit, volumes]: [u64; 5]) -> Vec<String> {
    let cpu = if cpu % 1000 == 0 { (cpu / 1000).to_string() } else { format!("{cpu}m") };
    let volumes = if volumes == 0 { String::new() } else { format!("{volumes}Gi") };
    vec![name.to_owned(), pods.to_string(), cpu, format!("{memory}Mi"), format!("{limit}Mi"), volumes]
}

pub fn of_the_examples() -> Vec<Cost> {
    let [kafka, broker] = [KAFKA, BROKER].map(|example| manifests(&text(example)));
    let kind = |all: &[Value], kind: &str| find(all, |it| it["kind"] == kind);
    let named =
        |all: &[Value], kind: &str, name: &str| find(all, |it| it["kind"] == kind && it["metadata"]["name"] == name);
    let chart = |all: &[Value], chart: &str| {
        find(all, |it| it.pointer("/spec/forProvider/chart/name").is_some_and(|name| name == chart))
            .pointer("/spec/forProvider/values")
            .unwrap()
            .clone()
    };
    let pool = kind(&kafka, "KafkaNodePool");
    let users = kind(&kafka, "Kafka")["spec"]["entityOperator"]["userOperator"].clone();
    let registry = named(&kafka, "Deployment", "schema-registry");
    let connect = kind(&kafka, "KafkaConnect");
    let postgres = kind(&kafka, "Cluster");
    let rabbit = kind(&broker, "RabbitmqCluster");
    vec![
        ("Kafka", cost(&pool["spec"]["replicas"], &pool["spec"]["resources"], &pool["spec"]["storage"]["size"])),
        ("operator of Kafka's users", cost(&json!(1), &users["resources"], &Value::Null)),
        (
            "Schema Registry",
            cost(
                &registry["spec"]["replicas"],
                &registry["spec"]["template"]["spec"]["containers"][0]["resources"],
                &Value::Null,
            ),
        ),
        ("Kafka Connect", cost(&connect["spec"]["replicas"], &connect["spec"]["resources"], &Value::Null)),
        ("Strimzi's operator", cost(&json!(1), &chart(&kafka, "strimzi-kafka-operator")["resources"], &Value::Null)),
        (
            "PostgreSQL",
            cost(&postgres["spec"]["instances"], &postgres["spec"]["resources"], &postgres["spec"]["storage"]["size"]),
        ),
        ("CloudNativePG's operator", cost(&json!(1), &chart(&kafka, "cloudnative-pg")["resources"], &Value::Null)),
        (
            "RabbitMQ",
            cost(&rabbit["spec"]["replicas"], &rabbit["spec"]["resources"], &rabbit["spec"]["persistence"]["storage"]),
        ),
        (
            "RabbitMQ's operator",
            cost(&json!(1), &chart(&broker, "rabbitmq-cluster-operator")["clusterOperator"]["resources"], &Value::Null),
        ),
    ]
}

fn cost(pods: &Value, resources: &Value, volume: &Value) -> [u64; 5] {
    let pods = pods.as_u64().unwrap();
    let amount = |pointer: &str| resources.pointer(pointer).and_then(Value::as_str).unwrap();
    let volume = volume.as_str().map_or(0, |size| size.strip_suffix("Gi").unwrap().parse().unwrap());
    let each = [
        1,
        millicores(amount("/requests/cpu")),
        mebibytes(amount("/requests/memory")),
        mebibytes(amount("/limits/memory")),
        volume,
    ];
    each.map(|amount| amount * pods)
}

fn find(all: &[Value], wanted: impl Fn(&Value) -> bool) -> Value {
    let mut found = all.iter().filter(|it| wanted(it));
    let one = found.next().expect("it is composed").clone();
    assert!(found.next().is_none(), "there is more than one like {one}");
    one
}

/// Compares the kinds that stay with `retain: true`, by the page, with those whose Objects may not delete.
pub fn check_retained(page: &Document) {
    let backup = "        retain: true
        database:
          engine: CloudNativePG
          backup: {schedule: 0 3 * * *, destination: 'https://s3.example.com/backups/lenses', credentialsSecretRef: {name: writer}}
";
    let database = text("examples/variants/replicated-database.yaml")
        .replace("        database:\n          engine: CloudNativePG\n          replicas: 3\n", backup)
        .replace("postgresOperator: true", "postgresOperator: true\n          postgresBackup: true");
    assert!(database.contains("backup:") && database.contains("postgresBackup"));
    let retaining = |example: &str, component: &str| {
        let properties = format!("      type: {component}\n      properties:\n");
        let text = text(example);
        assert!(text.contains(&properties), "{example}");
        text.replace(&properties, &format!("{properties}        retain: true\n"))
    };
    let example = "examples/variants/no-snowflake.yaml";
    let system = staying(&retaining(example, "realtime-system"));
    let postgres_of_kafka = staying(&database);
    let with_kafka = staying(&retaining(KAFKA, "realtime-system"));
    let told: Vec<(String, BTreeSet<String>)> = page
        .table_after(RETAINED)
        .into_iter()
        .map(|row| (row[0].clone(), row[1].split('`').skip(1).step_by(2).map(str::to_owned).collect()))
        .collect();
    let stays = |engine: &str| -> BTreeSet<String> {
        told.iter().find(|(name, _)| name == engine).unwrap_or_else(|| panic!("no row {engine}")).1.clone()
    };
    assert_eq!(told.len(), 6);
    assert_eq!(stays("PostgreSQL, `Development`"), system);
    assert_eq!(stays("Kafka, `Development`"), system);
    assert_eq!(stays("MQTT, `Development`"), staying(&retaining(example, "iot-broker")));
    // In the example with `CloudNativePG`, Kafka is one pod, so that the example keeps what both rows name.
    let both: BTreeSet<String> = stays("PostgreSQL, `CloudNativePG`").union(&system).cloned().collect();
    assert_eq!(both, postgres_of_kafka);
    // The example with `Strimzi` has PostgreSQL by `CloudNativePG`, without backups, which adds its Cluster.
    let kafka: BTreeSet<String> = ["Cluster".to_owned()].into_iter().chain(stays("Kafka, `Strimzi`")).collect();
    assert_eq!(kafka, with_kafka);
    assert_eq!(stays("MQTT, `RabbitMQ`"), staying(&retaining(BROKER, "iot-broker")));
}

/// Kinds inside the virtual cluster whose Objects go without deleting them, of an Application.
fn staying(application: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("application.yaml");
    std::fs::write(&file, application).unwrap();
    let output = preview(&["-o", "json", file.to_str().unwrap()]);
    let shown: Value = serde_json::from_str(&output).unwrap();
    let claims = shown["claims"].as_array().unwrap().iter();
    // Secrets stay with every claim, and an environment's own parts go with its virtual cluster.
    let of_tenants = claims.filter(|claim| {
        claim["kind"] != "VClusterEnvironmentClaim"
            && claim.pointer("/claim/kind").is_none_or(|kind| kind != "VClusterEnvironmentClaim")
    });
    of_tenants
        .flat_map(|claim| claim["resources"].as_array().unwrap().clone())
        .filter(|resource| resource["composed"]["kind"] == "Object")
        .filter(|resource| {
            let policies = &resource["composed"]["spec"]["managementPolicies"];
            policies.as_array().is_some_and(|policies| {
                policies.contains(&json!("Create"))
                    && !policies.contains(&json!("*"))
                    && !policies.contains(&json!("Delete"))
            })
        })
        .map(|resource| {
            resource.pointer("/composed/spec/forProvider/manifest/kind").unwrap().as_str().unwrap().to_owned()
        })
        .collect()
}

fn text(example: &str) -> String {
    std::fs::read_to_string(root().join(example)).unwrap()
}

fn manifests(application: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("application.yaml");
    std::fs::write(&file, application).unwrap();
    let output = preview(&["-o", "manifests", file.to_str().unwrap()]);
    serde_yaml::Deserializer::from_str(&output).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn preview(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    let output = command.arg("preview").args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
