//! Tests of `preview --diff`: the changes between two versions of claims, as people and programs read them.

use std::slice::from_ref;

use serde_json::Value;

use super::{refused, run, shown, texts, with_stdin};

const OLD: &str = "tests/fast/preview/claim.yaml";

/// Comparison of [`OLD`] with the same claim plus these lines: exit code, standard output, standard error.
fn after(arguments: &[&str], lines: &str) -> (Option<i32>, String, String) {
    let new = std::fs::read_to_string(OLD).unwrap() + lines;
    let output = with_stdin(&[&["--diff", OLD], arguments, &["-"]].concat(), &new);
    let (out, err) = texts(&output);
    (output.status.code(), out, err)
}

/// Lines below a heading of a difference.
fn fields<'a>(difference: &'a str, heading: &str) -> Vec<&'a str> {
    let lines = difference.lines().skip_while(|line| *line != heading).skip(1);
    lines.take_while(|line| line.starts_with("      ")).map(str::trim).collect()
}

#[test]
fn the_same_version_changes_nothing() {
    for example in super::examples() {
        let (difference, _) = shown(&["--diff", &example, &example]);
        assert!(difference.lines().all(|line| !line.starts_with("  ")), "{difference}");
        let total = difference.lines().last().unwrap();
        assert!(total.contains(": 0 added, 0 removed, 0 changed, ") && !total.contains(" 0 unchanged"), "{total}");
    }
}

#[test]
fn each_resource_is_told_with_the_fields_that_change() {
    let (code, difference, _) = after(
        &[],
        "  monitoring: false\n  snowflakeConfig: {account: a-b, user: U, role: R, database: D, topics: [t]}\n  kafkaConfig:\n    topics: [{name: t}]\n    cpu: '2'\n    storage: 20Gi\n",
    );
    assert_eq!(code, Some(0), "{difference}");
    assert!(difference.starts_with("RealtimeSystemClaim lenses in team\n"), "{difference}");
    assert_eq!(
        fields(&difference, "  ~ PersistentVolumeClaim kafka-data-pvc in streaming (kafka-data)"),
        ["spec.resources.requests.storage: 10Gi → 20Gi"]
    );
    assert_eq!(
        fields(&difference, "  ~ Deployment kafka-platform in streaming (kafka-deployment)"),
        [
            "spec.template.spec.containers[kafka].resources.limits.cpu: 4 → 8",
            "spec.template.spec.containers[kafka].resources.requests.cpu: 1 → 2",
        ]
    );
    for line in [
        "  + PushSecret streaming.snowflake-kafka-credentials in streaming (secrets-push-snowflake-kafka-credentials)",
        "  - ServiceMonitor lenses-metrics in streaming (lenses-metrics-monitor)",
    ] {
        assert!(difference.lines().any(|other| other == line), "{line} is not in\n{difference}");
    }
    let total = difference.lines().last().unwrap();
    assert!(total.contains(": 3 added, 7 removed, 8 changed, "), "{total}");
}

#[test]
fn long_texts_are_compared_line_by_line_and_a_job_is_one_that_runs_again() {
    let system =
        |topics: &str| std::fs::read_to_string(OLD).unwrap() + &format!("  kafkaConfig: {{topics: [{topics}]}}\n");
    let (_, difference, _) = between(
        &[],
        &system("{name: device_data}, {name: blood_pressure}, {name: heart_rate}, {name: temperature}"),
        &system("{name: device_data, partitions: 6}, {name: blood_pressure}"),
    );
    let heading = difference.lines().find(|line| line.starts_with("  ~ Job kafka-topics-")).unwrap();
    assert!(heading.ends_with(", runs again"), "{heading}");
    assert_eq!(
        fields(&difference, heading),
        [
            "spec.template.spec.containers[script].env[TOPICS].value:",
            "…",
            "-device_data 3 604800000",
            "+device_data 6 604800000",
            "blood_pressure 3 604800000",
            "-heart_rate 3 604800000",
            "-temperature 3 604800000",
        ]
    );
    let total = difference.lines().last().unwrap();
    assert!(total.contains(": 0 added, 0 removed, 1 changed, "), "{total}");
}

#[test]
fn what_is_refused_is_shown_and_said_at_its_field() {
    let system = |lines: &str| std::fs::read_to_string(OLD).unwrap() + lines;
    let (code, difference, err) = between(
        &[],
        &system("  kafkaConfig: {topics: [{name: device_data}]}\n"),
        &system(
            "  environment: other\n  kafkaConfig:\n    storage: 5Gi\n    topics: [{name: device_data, partitions: 1}]\n",
        ),
    );
    assert_eq!(code, Some(1), "{err}");
    assert!(difference.contains("storage: 10Gi → 5Gi"), "{difference}");
    for fault in [
        "<stdin>:13: RealtimeSystemClaim/lenses: spec.environment: cannot be changed after creation: create another claim ",
        "<stdin>:15: RealtimeSystemClaim/lenses: spec.kafkaConfig.storage: cannot shrink after creation, ",
        "<stdin>:16: RealtimeSystemClaim/lenses: spec.kafkaConfig.topics[0].partitions: cannot be lowered after creation: ",
    ] {
        assert!(err.lines().any(|line| line.starts_with(fault)), "{fault} is not in\n{err}");
    }
    assert_eq!(err.lines().last(), Some("3 changes are refused once the claims exist"));
}

#[test]
fn programs_are_told_the_same() {
    let (code, json, _) = after(&["-o", "json"], "  monitoring: false\n  database: {storage: 4Gi}\n");
    assert_eq!(code, Some(1));
    let json: Value = serde_json::from_str(&json).unwrap();
    let claim = &json["claims"][0];
    let removed = [
        "connect-metrics-policy-policy",
        "connect-metrics-deployment",
        "connect-metrics-service",
        "connect-metrics-monitor",
        "connect-metrics-alerts",
        "lenses-metrics-monitor",
        "dashboard-config",
    ];
    assert_eq!(claim["removed"], serde_json::json!(removed));
    assert_eq!(
        claim["changed"][0],
        serde_json::json!({"key": "postgres-data", "fields": [
            {"field": "spec.resources.requests.storage", "old": "8Gi", "new": "4Gi"},
        ]})
    );
    // Without monitoring, the network policies admit no Prometheus, and nothing queries Connect for metrics. No pod
    // restarts for this change.
    let changed: Vec<&Value> = claim["changed"].as_array().unwrap().iter().map(|changed| &changed["key"]).collect();
    assert_eq!(
        changed,
        ["postgres-data", "kafka-service", "system-policy-policy", "kafka-policy-policy", "lenses-hq-policy-policy"]
    );
    assert_eq!(json["refused"][0]["field"], "spec.database.storage");
}

#[test]
fn a_claim_that_comes_or_goes_is_told_whole() {
    let broker = "examples/minimal/iot-broker.yaml";
    let output = run(&["--diff", OLD, broker]);
    assert_eq!(output.status.code(), Some(4));
    let (difference, _) = texts(&output);
    assert!(difference.contains(": is new\n  + ConfigMap iot-broker-owner in "), "{difference}");
    assert!(difference.contains("RealtimeSystemClaim lenses in team: is gone\n  - ConfigMap "), "{difference}");
    assert!(difference.ends_with(", 0 changed, 0 unchanged\n"), "{difference}");
}

#[test]
fn a_composite_of_the_cluster_is_a_version_of_its_claim() {
    let (difference, _) = shown(&["--diff", "tests/fast/preview/composite.yaml", OLD]);
    assert!(difference.starts_with("RealtimeSystemClaim lenses in team: nothing changes\n"), "{difference}");
}

#[test]
fn faults_of_either_version_show_nothing() {
    let err = refused(&["--diff", "tests/fast/preview/wrong.yaml", OLD]);
    assert!(err.contains("tests/fast/preview/wrong.yaml:29: apiVersion: "), "{err}");
    let err = refused(&["--diff", OLD, "--input", "tests/fast/preview/wrong-input.yaml", OLD]);
    let mut lines: Vec<&str> = err.lines().collect();
    let count = lines.len();
    lines.dedup();
    assert_eq!(lines.len(), count, "each fault once: {err}");
    for form in ["yaml", "manifests", "svg", "html"] {
        assert_eq!(run(&["--diff", OLD, "-o", form, OLD]).status.code(), Some(2), "{form}");
    }
}

/// Costs of a change that a difference lists, in its order.
fn costs(difference: &str) -> Vec<&str> {
    difference.lines().filter_map(|line| line.strip_prefix("  ! ")).collect()
}

/// Comparison of two versions of one file: exit code, standard output, standard error.
fn between(arguments: &[&str], old: &str, new: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("old.yaml");
    std::fs::write(&file, old).unwrap();
    let output = with_stdin(&[&["--diff", file.to_str().unwrap()], arguments, &["-"]].concat(), new);
    let (out, err) = texts(&output);
    (output.status.code(), out, err)
}

const APPLICATION: &str = "examples/health-realtime-pipeline/application.yaml";

/// A claim with another name is another claim: KubeVela and kubectl delete the old one together with its volumes.
#[test]
fn a_renamed_claim_says_what_is_lost_and_how_not_to() {
    let old = std::fs::read_to_string(APPLICATION).unwrap();
    let new = old.replace("health-lenses", "lenses");
    let (code, difference, err) = between(&[], &old, &new);
    assert_eq!(code, Some(4), "{err}");
    assert!(difference.contains("RealtimeSystemClaim health-lenses in default: is gone, and lenses replaces it once "));
    assert_eq!(
        costs(&difference)[..2],
        [
            "data is lost: volume postgres-data-pvc (8Gi): set `retain: true` first, or keep the name",
            "data is lost: volume kafka-data-pvc (10Gi): set `retain: true` first, or keep the name",
        ]
    );
    assert!(
        costs(&difference)[2]
            .starts_with("stays behind: Secrets lenses-backend-postgres-credentials, lenses-hq-admin, ")
    );
    assert_eq!(err.lines().last(), Some("data is lost in 2 places"));

    let (code, json, _) = between(&["-o", "json"], &old, &new);
    assert_eq!(code, Some(4));
    let json: Value = serde_json::from_str(&json).unwrap();
    let gone = json["claims"].as_array().unwrap().iter().find(|claim| claim["name"] == "health-lenses").unwrap();
    assert_eq!(gone["successor"], "lenses");
    assert_eq!(
        gone["dataLost"][1],
        serde_json::json!({
            "what": "volume kafka-data-pvc (10Gi)",
            "instead": "set `retain: true` first, or keep the name",
            "volume": {"name": "kafka-data-pvc", "namespace": "health-streaming", "size": "10Gi"},
        })
    );
}

/// The cluster acts on the older version: `retain` in the same change comes too late.
#[test]
fn what_is_kept_stays_behind_and_says_how_to_remove_it() {
    let claim = |name: &str, retain: bool| {
        std::fs::read_to_string(OLD).unwrap().replace("name: lenses\n", &format!("name: {name}\n"))
            + &format!("  retain: {retain}\n")
    };
    let (code, difference, _) = between(&[], &claim("lenses", true), &claim("other", false));
    assert_eq!(code, Some(0), "{difference}");
    assert_eq!(
        costs(&difference)[1],
        "stays behind: volume kafka-data-pvc (10Gi) in streaming; taken up by other; \
         to remove: `kubectl delete persistentvolumeclaim kafka-data-pvc -n streaming` inside the virtual cluster"
    );
    let (code, difference, _) = between(&[], &claim("lenses", false), &claim("other", true));
    assert_eq!(code, Some(4), "{difference}");
    let (code, difference, _) = between(&[], &claim("lenses", true), &claim("lenses", false));
    assert_eq!((code, costs(&difference).len()), (Some(0), 0), "{difference}");

    let orphan = |name: &str| claim(name, false) + "  deletionPolicy: Orphan\n";
    let (code, difference, _) = between(&[], &orphan("lenses"), &claim("other", false));
    assert_eq!(code, Some(0), "{difference}");
    let left = costs(&difference);
    assert!(left.iter().any(|cost| cost.contains(", unmanaged; taken up by other; ")), "{difference}");
    assert!(!difference.contains("data is lost"), "{difference}");
}

/// The operator of a replicated database deletes its volumes with it, so its data is told of as that of a volume.
#[test]
fn a_replicated_database_that_goes_says_so() {
    let system = |lines: &str| {
        let claim = std::fs::read_to_string(OLD).unwrap();
        claim + &format!("  database: {{engine: CloudNativePG, replicas: 5}}\n{lines}")
    };
    let renamed = |lines: &str| system(lines).replace("name: lenses\n", "name: other\n");
    let (code, difference, _) = between(&[], &system(""), &renamed(""));
    assert_eq!(code, Some(4), "{difference}");
    let lost = "data is lost: PostgreSQL lenses-backend-postgres with its volumes (5 of 8Gi): set `retain: true` first";
    assert!(costs(&difference).iter().any(|cost| cost.starts_with(lost)), "{difference}");
    let (code, difference, _) = between(&[], &system("  retain: true\n"), &renamed("  retain: true\n"));
    assert_eq!(code, Some(0), "{difference}");
    let left =
        "`kubectl delete clusters.postgresql.cnpg.io lenses-backend-postgres -n streaming` inside the virtual cluster";
    assert!(costs(&difference).iter().any(|cost| cost.contains(left)), "{difference}");
    // Another number of pods is the operator's work; another engine is refused.
    let (_, difference, err) = between(&[], &system(""), &std::fs::read_to_string(OLD).unwrap());
    assert!(err.contains("spec.database.engine: cannot be changed after creation"), "{difference}{err}");
}

/// The volumes of a replicated Kafka go with its pool, so its data is told of as that of a volume.
#[test]
fn a_replicated_kafka_that_goes_says_so() {
    let system = |lines: &str| {
        let claim = std::fs::read_to_string(OLD).unwrap();
        claim + &format!("  kafkaConfig: {{engine: Strimzi, replicas: 5}}\n{lines}")
    };
    let renamed = |lines: &str| system(lines).replace("name: lenses\n", "name: other\n");
    let (code, difference, _) = between(&[], &system(""), &renamed(""));
    assert_eq!(code, Some(4), "{difference}");
    let lost = "data is lost: Kafka kafka with its volumes (5 of 10Gi): set `retain: true` first";
    assert!(costs(&difference).iter().any(|cost| cost.starts_with(lost)), "{difference}");
    let (code, difference, _) = between(&[], &system("  retain: true\n"), &renamed("  retain: true\n"));
    assert_eq!(code, Some(0), "{difference}");
    let left = "`kubectl delete kafkanodepools.kafka.strimzi.io kafka -n streaming` inside the virtual cluster";
    assert!(costs(&difference).iter().any(|cost| cost.contains(left)), "{difference}");
    let (_, difference, err) = between(&[], &system(""), &std::fs::read_to_string(OLD).unwrap());
    assert!(err.contains("spec.kafkaConfig.engine: cannot be changed after creation"), "{difference}{err}");
    let more = system("").replace("replicas: 5", "replicas: 7");
    let (_, difference, err) = between(&[], &system(""), &more);
    assert!(err.contains("spec.kafkaConfig.replicas: cannot be changed after creation"), "{difference}{err}");
}

/// A script removes connectors and processors, so they are listed although no resource of theirs is deleted.
#[test]
fn a_connector_or_a_processor_that_is_not_asked_for_any_more_stops() {
    let stops = |old: &str, new: &str| -> Vec<String> {
        let (code, difference, _) = between(&[], old, new);
        assert_eq!(code, Some(0), "{difference}");
        let stops = costs(&difference).into_iter().filter_map(|cost| cost.strip_prefix("stops: "));
        stops.map(str::to_owned).collect()
    };
    let stopped = |what: &str| format!("{what} is removed; its topics with their records stay");
    let system = |lines: &str| std::fs::read_to_string(OLD).unwrap() + lines;
    let processor = |name: &str, sql: &str| format!("{{name: {name}, sql: INSERT INTO heart_rate_device_topic {sql}}}");
    let (one, two) = (
        processor("one", "SELECT STREAM heart_rate FROM device_data"),
        processor("two", "SELECT STREAM ecg FROM device_data"),
    );
    let processors = |list: &[&str]| system(&format!("  sqlProcessors: [{}]\n", list.join(", ")));
    let both = processors(&[&one, &two]);
    assert_eq!(stops(&both, &processors(&[&one])), [stopped("SQL processor two")]);
    assert_eq!(stops(&both, &processors(&[])), [stopped("SQL processor one"), stopped("SQL processor two")]);
    assert_eq!(stops(&processors(&[&one]), &both), Vec::<String>::new());
    // A processor with other SQL is the same processor.
    let other = processor("one", "SELECT STREAM temperature FROM device_data");
    assert_eq!(stops(&processors(&[&one]), &processors(&[&other])), Vec::<String>::new());
    let renamed = one.replace("name: one", "name: other");
    assert_eq!(stops(&processors(&[&one]), &processors(&[&renamed])), [stopped("SQL processor one")]);

    let snowflake = system(
        "  snowflakeConfig: {account: a-b, user: U, role: R, database: D, topics: [t]}\n  kafkaConfig: {topics: [{name: t}]}\n",
    );
    assert_eq!(
        stops(&snowflake, &system("  kafkaConfig: {topics: [{name: t}]}\n")),
        [stopped("connector snowflake-sink-connector")]
    );
    let mapping =
        |topic: &str, converter: &str| format!("{{mqttTopic: {topic}, kafkaTopic: {topic}, converter: {converter}}}");
    let (fields, bytes) = (mapping("fields", "Json"), mapping("bytes", "Bytes"));
    let mappings = |list: &[&str]| {
        broker(&format!("  connectorConfig: {{mappings: [{}], simulator: {{enabled: false}}}}\n", list.join(", ")))
    };
    let both = mappings(&[&fields, &bytes]);
    let [of_fields, of_bytes] = ["", "bytes-"].map(|kind| stopped(&format!("connector mqtt-source-{kind}connector")));
    assert_eq!(stops(&both, &mappings(&[&fields])), from_ref(&of_bytes));
    assert_eq!(stops(&both, &mappings(&[&bytes])), from_ref(&of_fields));
    assert_eq!(stops(&both, &mappings(&[])), [of_fields, of_bytes]);

    let (_, json, _) = between(&["-o", "json"], &both, &mappings(&[&fields]));
    let json: Value = serde_json::from_str(&json).unwrap();
    let expected = serde_json::json!([{
        "what": "connector mqtt-source-bytes-connector",
        "stays": "its topics with their records stay",
    }]);
    assert_eq!(json["claims"][0]["stops"], expected);
}

/// Kafka Connect belongs to another claim, and no script remains that could remove what the broker's scripts created
/// there.
#[test]
fn a_broker_that_goes_by_itself_leaves_its_connectors() {
    let left = |old: &str, new: &str| -> Vec<String> {
        let (_, difference, _) = between(&[], old, new);
        let left = costs(&difference).into_iter().filter(|cost| cost.starts_with("stays behind: connector "));
        left.map(str::to_owned).collect()
    };
    let connector = |name: &str| {
        format!(
            "stays behind: connector {name} in Kafka Connect, which keeps failing to reach its source; \
             taken up by the next claim of that namespace; to remove: `kubectl exec deploy/kafka-platform -n streaming \
             -- curl -fsS -X DELETE http://localhost:8083/connectors/{name}` inside the virtual cluster"
        )
    };
    let system = std::fs::read_to_string(OLD).unwrap();
    let with = |broker: &str| format!("{system}---\n{broker}");
    let bytes = "  connectorConfig: {mappings: [{mqttTopic: a, kafkaTopic: a}, {mqttTopic: b, kafkaTopic: b, converter: Bytes}]}\n";
    let one = connector("mqtt-source-connector");
    let carries = "  connectorConfig: {mappings: [{mqttTopic: a, kafkaTopic: a}]}\n";
    assert_eq!(left(&with(&broker(carries)), &system), from_ref(&one));
    assert_eq!(left(&with(&broker(bytes)), &system), [one.clone(), connector("mqtt-source-bytes-connector")]);
    // Kafka Connect is assumed to exist if the files do not contain its claim.
    let elsewhere = system.replace("namespace: streaming", "namespace: elsewhere");
    assert_eq!(left(&format!("{elsewhere}---\n{}", broker(carries)), &elsewhere), [one]);

    let none = Vec::<String>::new();
    assert_eq!(left(&with(&broker(carries)), &elsewhere), none, "Kafka Connect goes as well");
    let renamed = broker(carries).replace("name: mqtt,", "name: other,");
    assert_eq!(left(&with(&broker(carries)), &with(&renamed)), none, "the other claim has the same connectors");
    assert_eq!(
        left(&with(&broker(&format!("{carries}  deletionPolicy: Orphan\n"))), &system),
        none,
        "the broker goes on as well"
    );
    assert_eq!(left(&with(&broker("")), &system), none, "there is none");
}

/// A deleted virtual cluster takes all content with it, including the volumes of its consumers.
#[test]
fn an_environment_that_goes_takes_every_volume_in_it() {
    let old = std::fs::read_to_string(APPLICATION).unwrap();
    let (code, difference, _) = between(&[], &old, &old.replace("health-streaming-env", "other-env"));
    assert_eq!(code, Some(4), "{difference}");
    let lost: Vec<&str> = costs(&difference).into_iter().filter(|cost| cost.starts_with("data is lost: ")).collect();
    assert_eq!(lost.len(), 4, "{difference}");
    assert_eq!(lost[0], "data is lost: virtual cluster health-streaming with everything in it: keep the name");
    assert_eq!(
        lost[3],
        "data is lost: volume mosquitto-data-pvc (5Gi) of health-mqtt: it is deleted with its virtual cluster, \
         even with `retain: true`: keep the name, or save the data first (docs/backup.md)"
    );
    // A system's `retain` has no effect if its environment is deleted in the same change.
    let kept = old.replace("lensesConfig:", "retain: true\n        lensesConfig:");
    assert_ne!(kept, old);
    let (code, difference, _) = between(&[], &kept, &std::fs::read_to_string(OLD).unwrap());
    assert_eq!(code, Some(4), "{difference}");
    assert!(difference.contains(
        "  ! data is lost: volume kafka-data-pvc (10Gi): it is deleted with its virtual cluster, even with `retain: true`: \
         keep the environment, or save the data first (docs/backup.md)\n"
    ));
    assert!(!difference.contains("stays behind"), "{difference}");
}

const BROKER: &str = "apiVersion: platform.example.org/v1alpha1\nkind: IotBrokerClaim\nmetadata: {name: mqtt, namespace: team}\nspec:\n  namespace: streaming\n";

fn broker(lines: &str) -> String {
    format!("{BROKER}{lines}")
}

#[test]
fn an_edit_that_loses_data_or_access_says_so() {
    let users = "  mqttConfig: {users: [{name: sensor, publish: [a/#, b/#]}, {name: reader, read: [a/#]}]}\n";
    let edits = [
        (
            "",
            "  mqttConfig: {persistence: false}\n",
            4,
            "data is lost: volume mosquitto-data-pvc (5Gi): set `retain: true` first, or take the change back",
        ),
        (
            users,
            "  mqttConfig: {users: [{name: sensor, publish: [a/#, b/#]}]}\n",
            0,
            "access is lost: MQTT user reader: the broker refuses its logins: leave it in spec.mqttConfig.users until no client needs it",
        ),
        (
            users,
            "  mqttConfig: {users: [{name: sensor, publish: [a/#]}, {name: reader, read: [a/#]}]}\n",
            0,
            "access is lost: MQTT user sensor may not publish to b/# any more: leave it in spec.mqttConfig.users until no client needs it",
        ),
        (
            "  viewerGroups: [team, support]\n",
            "  viewerGroups: [team]\n",
            0,
            "access is lost: group support does not see the namespace inside the virtual cluster any more: leave it in spec.viewerGroups while its people need that",
        ),
        (
            "  mqttConfig: {users: [{name: sensor, publish: [a/#], credentialsReaderGroups: [lab]}]}\n",
            "  mqttConfig: {users: [{name: sensor, publish: [a/#]}]}\n",
            0,
            "access is lost: group lab may not read these credentials any more, and knows those that it has read: leave it in credentialsReaderGroups of MQTT user sensor while its people need that, else change the password too",
        ),
        (
            "",
            "  expose: false\n",
            0,
            "access is lost: the route mqtt.streaming.local: keep `expose: true`, or tell those who use it",
        ),
        (
            "",
            "  domain: example.org\n",
            0,
            "access is lost: the route mqtt.streaming.local: tell those who use it; there is mqtt.example.org",
        ),
    ];
    for (old, new, expected, cost) in edits {
        let (code, difference, _) = between(&[], &broker(old), &broker(new));
        assert!(costs(&difference).contains(&cost), "{cost} is not in\n{difference}");
        assert_eq!(code, Some(expected), "{difference}");
    }
    // Reverting a change does not restore records that Kafka has deleted because of it.
    let topics =
        |retention: &str| format!("  kafkaConfig: {{topics: [{{name: device_data, retentionMs: {retention}}}]}}\n");
    let system = |lines: &str| std::fs::read_to_string(OLD).unwrap() + lines;
    let (code, difference, _) = between(&[], &system(&topics("-1")), &system(&topics("86400000")));
    assert_eq!(code, Some(4), "{difference}");
    assert_eq!(
        costs(&difference),
        [
            "data is lost: records of topic device_data that are older than 1 day: keep retentionMs, or deliver them first"
        ]
    );
    let (code, difference, _) = between(&[], &system(&topics("86400000")), &system(&topics("-1")));
    assert_eq!((code, costs(&difference).len()), (Some(0), 0), "{difference}");
    let more = "  kafkaConfig: {topics: [{name: device_data}, {name: heart_rate}]}\n";
    let (code, difference, _) =
        between(&[], &system(more), &system("  kafkaConfig: {topics: [{name: device_data}]}\n"));
    assert_eq!(code, Some(0), "{difference}");
    let topic = "stays behind: topic heart_rate in Kafka, with its records; taken up by a topic of that name; to remove: `kafka-topics ";
    assert!(costs(&difference).iter().any(|cost| cost.starts_with(topic)), "{difference}");
}

#[test]
fn pods_that_restart_are_told_with_what_is_away_for_how_long() {
    let (code, difference, _) = after(&[], "  kafkaConfig: {cpu: '2'}\n  database: {cpu: '1'}\n");
    assert_eq!(code, Some(0));
    assert_eq!(
        costs(&difference),
        [
            "restarts: Release lenses-backend-postgres in namespace streaming, away for 10 to 60 seconds: PostgreSQL, and with it Lenses and the dashboard",
            "restarts: Deployment kafka-platform in namespace streaming, away for 1 to 3 minutes: Kafka, Connect and Schema Registry",
        ]
    );
    let simulator = |rate: u32| {
        broker(&format!("  connectorConfig: {{simulator: {{enabled: true, messagesPerSecond: {rate}}}}}\n"))
    };
    let (_, difference, _) = between(&[], &simulator(1), &simulator(2));
    assert_eq!(costs(&difference), ["restarts: Service health-data-sim in namespace streaming, without a gap"]);
    let (_, json, _) = between(&["-o", "json"], &broker(""), &broker("  mqttConfig: {cpu: 200m}\n"));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["claims"][0]["restarts"],
        serde_json::json!([{
            "key": "broker-deployment",
            "pods": "Deployment health-mqtt-broker in namespace streaming",
            "awaySeconds": {"from": 5, "to": 60},
            "meanwhile": "MQTT; devices connect again",
        }])
    );
    for nothing in ["restarts", "dataLost", "accessLost", "staysBehind"] {
        assert!(json["claims"][0][nothing].is_array(), "{nothing}");
    }
}

/// The type of the gateway's Service restarts no pod. The function cannot derive which pods a chart restarts, so the
/// difference lists none for charts.
#[test]
fn what_a_chart_makes_of_a_change_is_not_made_up() {
    let environment = |lines: &str| {
        format!(
            "apiVersion: platform.example.org/v1alpha1\nkind: VClusterEnvironmentClaim\nmetadata: {{name: env, namespace: team}}\nspec:\n  name: streaming\n{lines}"
        )
    };
    let (_, difference, _) = between(&[], &environment(""), &environment("  gateway: {serviceType: NodePort}\n"));
    assert_eq!(costs(&difference).len(), 0, "{difference}");
    let open = "  allowedClaimNamespaces: [other]\n  tenants: []\n";
    let (_, difference, _) = between(&[], &environment(open), &environment(""));
    let cost = "access is lost: claims of namespace other are not admitted any more, and existing ones are refused: leave it in spec.allowedClaimNamespaces until they are deleted";
    assert_eq!(costs(&difference), [cost]);
}

#[test]
fn exit_codes_tell_programs_how_far_they_may_go() {
    let code = |arguments: &[&str], lines: &str| after(arguments, lines).0;
    let more = "  kafkaConfig: {cpu: '2'}\n";
    assert_eq!(code(&[], more), Some(0));
    assert_eq!(code(&["--exit-code"], ""), Some(0));
    assert_eq!(code(&["--exit-code"], more), Some(3));
    assert_eq!(code(&["--exit-code", "-o", "json"], more), Some(3));
    let less = "  kafkaConfig: {storage: 5Gi}\n";
    assert_eq!(code(&["--exit-code"], less), Some(1));
    let lost = |lines: &str, arguments: &[&str]| {
        let system = |retention: u32, lines: &str| {
            let claim = std::fs::read_to_string(OLD).unwrap();
            claim + &format!("  kafkaConfig: {{topics: [{{name: device_data, retentionMs: {retention}}}]}}\n{lines}")
        };
        between(arguments, &system(120_000, ""), &system(60_000, lines)).0
    };
    assert_eq!(lost("", &[]), Some(4));
    assert_eq!(lost("  database: {storage: 4Gi}\n", &["--exit-code"]), Some(4));
    // A comparison needs an older version.
    assert_eq!(run(&["--exit-code", OLD]).status.code(), Some(2));
    // The exit code does not depend on a reader that closes standard output early.
    let output = std::process::Command::new("sh")
        .args(["-c", "{ \"$0\" preview --diff \"$1\" \"$2\"; echo $? >&2; } | true"])
        .args([env!("CARGO_BIN_EXE_function-realtime-platform"), APPLICATION, OLD])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.lines().last(), Some("4"), "{said}");
}

/// The host deletes every volume of a virtual cluster with it, so an environment cannot retain data.
#[test]
fn a_new_environment_cannot_ask_to_be_kept() {
    let environment = |metadata: &str, retain: bool| {
        format!(
            "apiVersion: platform.example.org/v1alpha1\nkind: VClusterEnvironmentClaim\nmetadata: {{name: env, namespace: team{metadata}}}\nspec:\n  name: streaming\n  retain: {retain}\n"
        )
    };
    let refused = "VClusterEnvironmentClaim/env: spec.retain: cannot be switched on: the host deletes every volume ";
    let output = with_stdin(&["-"], &environment("", true));
    assert_eq!(output.status.code(), Some(1));
    assert!(texts(&output).1.starts_with(&format!("<stdin>:6: {refused}")), "{}", texts(&output).1);
    // An existing environment may have the field from an earlier version.
    let output = with_stdin(&["-"], &environment(", uid: 1f3a", true));
    assert_eq!(output.status.code(), Some(0), "{}", texts(&output).1);
    assert!(
        texts(&output).1.contains("warning: <stdin>:6: VClusterEnvironmentClaim/env: spec.retain: keeps the virtual cluster's own state, and no data: ")
    );

    let (code, _, err) = between(&[], &environment("", false), &environment("", true));
    assert_eq!(code, Some(1));
    assert!(err.contains(refused), "{err}");
    let (code, _, err) = between(&[], OTHER, &(OTHER.to_owned() + "---\n" + &environment("", true)));
    assert_eq!(code, Some(1));
    assert!(err.contains(refused), "{err}");
    for (old, new) in [(true, true), (true, false)] {
        let (code, difference, err) = between(&[], &environment("", old), &environment("", new));
        assert_eq!(code, Some(0), "{err}");
        assert_eq!(costs(&difference).len(), 0, "{difference}");
    }
    // The difference names both the retained and the lost objects.
    let (code, difference, _) = between(&[], &environment("", true), OTHER);
    assert_eq!(code, Some(4));
    assert_eq!(
        costs(&difference),
        [
            "data is lost: virtual cluster streaming with everything in it: keep the claim, or save the data first (docs/backup.md)",
            "stays behind: Namespace streaming on the host, with the volume of the virtual cluster's own state; \
             taken up by an environment of the same name; to remove: `kubectl delete namespace streaming`",
        ]
    );
}

const OTHER: &str = "apiVersion: platform.example.org/v1alpha1\nkind: IotBrokerClaim\nmetadata: {name: other, namespace: team}\nspec: {namespace: lab}\n";

/// A generated password exists only in its Secret.
#[test]
fn a_reference_named_later_is_refused_until_the_password_was_read_out() {
    let user = |own: &str, generation: u32| {
        broker(&format!(
            "  mqttConfig: {{users: [{{name: sensor, publish: [a]{own}}}]}}\n  credentialsGeneration: {generation}\n"
        ))
    };
    let own = ", credentialsSecretRef: {name: own}";
    let (code, difference, err) = between(&[], &user("", 1), &user(own, 1));
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("IotBrokerClaim/mqtt: spec.mqttConfig.users: cannot be given a credentialsSecretRef alone after a password was generated"), "{err}");
    let read_out = "access is lost: the generated password in Secret mqtt-user-sensor, which your Secret overwrites: read it out first: \
                    `kubectl get secret mqtt-user-sensor -n streaming -o jsonpath='{.data.password}' | base64 -d` inside the virtual cluster";
    assert!(costs(&difference).contains(&read_out), "{difference}");
    let (code, difference, err) = between(&[], &user("", 1), &user(own, 2));
    assert_eq!(code, Some(0), "{err}");
    assert!(costs(&difference).contains(&read_out), "{difference}");
    let (code, difference, _) = between(&[], &user(own, 1), &user("", 1));
    assert_eq!(code, Some(0), "{difference}");
    assert!(!difference.contains("generated password"), "{difference}");
    // A renamed claim in the same place overwrites the same Secret.
    let renamed = user(own, 1).replace("name: mqtt,", "name: other,");
    let (_, difference, _) = between(&[], &user("", 1), &renamed);
    assert!(costs(&difference).contains(&read_out), "{difference}");
}
