use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::accounts;
use super::checked::IotBroker;
use crate::claims::between::offer::{ENVIRONMENT, ISTIO, KNATIVE_SERVING};
use crate::claims::checked::Checked;
use crate::parts::cluster::to_value;
use crate::parts::owner::Claim;
use crate::parts::plan::tests::assert_sound;
use crate::parts::plan::{Plan, Resource};
use crate::settings::Settings;
use crate::settings::input::Input;

fn check(spec: &Value) -> Result<IotBroker, Vec<String>> {
    let claim = Claim::new("default", "mqtt");
    let settings = Settings::check(Input::default()).unwrap();
    IotBroker::check(serde_json::from_value(spec.clone()).unwrap(), claim, &settings)
        .map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

fn broker(spec: &Value) -> IotBroker {
    check(spec).unwrap()
}

fn find<'a>(plan: &'a Plan, key: &str) -> &'a Resource {
    plan.resources.iter().find(|resource| resource.key.starts_with(key)).unwrap_or_else(|| panic!("no {key}"))
}

fn keys(plan: &Plan) -> Vec<&str> {
    plan.resources.iter().map(|resource| resource.key.as_str()).collect()
}

/// Value of a container's variable, or the Secret and key that the variable refers to.
fn variable(container: &Value, name: &str) -> Value {
    let variables = container["env"].as_array().unwrap();
    let found = variables.iter().find(|variable| variable["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name}"));
    found.get("value").or_else(|| found.pointer("/valueFrom/secretKeyRef")).unwrap().clone()
}

fn connector(plan: &Plan, name: &str) -> Value {
    let keepers = plan.resources.iter().filter(|resource| resource.manifest()["kind"] == "StatefulSet");
    let containers = keepers.map(|keeper| &keeper.manifest()["spec"]["template"]["spec"]["containers"][0]);
    let keeper = containers.into_iter().find(|container| variable(container, "CONNECTOR_NAME") == name);
    let config = variable(keeper.unwrap_or_else(|| panic!("no {name}")), "CONNECTOR_CONFIG");
    serde_json::from_str(config.as_str().unwrap()).unwrap()
}

/// Bridge with one mapping, and the simulator.
fn carried() -> Value {
    let mapping = json!({"mqttTopic": "health/device_data", "kafkaTopic": "device_data", "keyField": "deviceId"});
    json!({"mappings": [mapping], "simulator": {"enabled": true}})
}

fn variants() -> [Value; 6] {
    [
        json!({"namespace": "streaming"}),
        json!({"namespace": "streaming", "connectorConfig": carried()}),
        json!({"namespace": "research", "environment": "streaming", "expose": false, "retain": true}),
        json!({"namespace": "streaming", "connectorConfig": {"mappings": [], "simulator": {"enabled": false}}}),
        json!({"namespace": "streaming", "mqttConfig": {"listeners": {"websockets": false}, "persistence": false}}),
        json!({"namespace": "streaming", "mqttConfig": {"users": [
            {"name": "sensors", "publish": ["lab/#"], "credentialsSecretRef": {"name": "mine"}},
            {"name": "reader", "read": ["lab/+/samples"]},
        ]}, "connectorConfig": {"mappings": [
            {"mqttTopic": "lab/+/samples", "kafkaTopic": "samples", "converter": "Bytes"},
            {"mqttTopic": "lab/status/#", "kafkaTopic": "status"},
        ], "credentialsSecretRef": {"name": "bridge"}, "simulator": {"enabled": true, "image": "example.com/sim:1.0"}}}),
    ]
}

#[test]
fn every_plan_is_sound() {
    for spec in variants() {
        assert_sound(&broker(&spec).plan(), &[ENVIRONMENT, ISTIO, KNATIVE_SERVING]);
    }
}

#[test]
fn what_is_not_wanted_is_not_there() {
    let spec = json!({
        "namespace": "streaming",
        "expose": false,
        "mqttConfig": {"persistence": false, "listeners": {"websockets": false}},
    });
    let plan = broker(&spec).plan();
    // The key of a Job ends with a hash, which the test ignores.
    let keys: Vec<&str> = keys(&plan).iter().map(|key| key.split_inclusive("job-").next().unwrap()).collect();
    assert_eq!(
        keys,
        [
            "lock-object",
            "secrets-store",
            "secrets-generator",
            "secrets-push-mqtt-user-health-user",
            "broker-config",
            "broker-deployment",
            "broker-service",
            // The Job that deletes connectors which an earlier version of the claim asked for.
            "bridge-job-",
            "system-policy-policy",
            "broker-policy-policy",
        ]
    );
    let conf = find(&plan, "broker-config").manifest()["data"]["mosquitto.conf"].as_str().unwrap();
    assert!(conf.contains("persistence false\n") && !conf.contains("9001"), "{conf}");
    let ports = &find(&plan, "broker-service").manifest()["spec"]["ports"];
    assert_eq!(ports.as_array().unwrap().len(), 1);
}

#[test]
fn the_smallest_broker_carries_and_simulates_nothing() {
    let plan = broker(&json!({"namespace": "streaming"})).plan();
    let parts: Vec<&str> = plan.resources.iter().map(|resource| resource.part).collect();
    assert!(!parts.contains(&"simulator"), "{parts:?}");
    for resource in &plan.resources {
        assert!(!resource.composed.to_string().contains("device_data"), "{}", resource.key);
    }
}

#[test]
fn each_account_is_pushed_hashed_and_listed() {
    for spec in variants() {
        let broker = broker(&spec);
        let plan = broker.plan();
        let accounts = accounts::all(&broker);
        let secrets: BTreeSet<String> = accounts.iter().map(|account| account.secret.name.clone()).collect();
        assert_eq!(secrets.len(), accounts.len());
        let pushed: BTreeSet<String> =
            keys(&plan).iter().filter_map(|key| key.strip_prefix("secrets-push-").map(str::to_owned)).collect();
        assert_eq!(pushed, secrets);
        let pod = &find(&plan, "broker-deployment").manifest()["spec"]["template"]["spec"];
        let hashed: BTreeSet<String> = pod["initContainers"][0]["volumeMounts"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|mount| mount["mountPath"].as_str().unwrap().strip_prefix("/credentials/").map(str::to_owned))
            .collect();
        assert_eq!(hashed, secrets);
        let acl = find(&plan, "broker-config").manifest()["data"]["acl"].as_str().unwrap();
        let listed: Vec<&str> = acl.lines().filter_map(|line| line.strip_prefix("user ")).collect();
        assert_eq!(listed, accounts.iter().map(|account| account.user).collect::<Vec<_>>());
        let credentials = to_value(&broker.status(false))["credentials"].clone();
        assert_eq!(credentials.as_array().unwrap().len(), accounts.len());
    }
}

#[test]
fn an_account_may_do_what_is_said_and_no_more() {
    let [.., spec] = variants();
    let acl = accounts::access_list(&broker(&spec));
    assert_eq!(
        acl,
        "user sensors\ntopic write lab/#\n\n\
         user reader\ntopic read lab/+/samples\n\n\
         user kafka-bridge\n\
         topic deny lab//samples\ntopic deny lab/status\ntopic deny lab/status/\n\
         topic read lab/+/samples\ntopic read lab/status/#\n\n\
         user health-data-sim\ntopic write health/device_data\n"
    );
}

#[test]
fn a_secret_of_ones_own_needs_a_password_only() {
    let [.., spec] = variants();
    let plan = broker(&spec).plan();
    let own = &find(&plan, "secrets-push-mqtt-user-sensors").manifest()["spec"];
    assert_eq!(own["selector"], json!({"secret": {"name": "mine"}}));
    assert_eq!(own["template"], json!({"type": "Opaque", "data": {"username": "sensors"}}));
    let keys = ["password", "username"];
    for (data, key) in own["data"].as_array().unwrap().iter().zip(keys) {
        let remote = json!({"remoteKey": "mqtt-user-sensors", "property": key});
        assert_eq!(data["match"], json!({"secretKey": key, "remoteRef": remote}));
    }
    assert_eq!(own["data"].as_array().unwrap().len(), keys.len(), "nothing else of the user's Secret");
    assert_eq!(find(&plan, "secrets-push-mqtt-credentials").manifest()["spec"]["selector"]["secret"]["name"], "bridge");
    let made = &find(&plan, "secrets-push-mqtt-user-reader").manifest()["spec"]["selector"]["generatorRef"];
    assert_eq!(made["name"], find(&plan, "secrets-generator").manifest()["metadata"]["name"]);
}

#[test]
fn without_passwords_to_make_up_nothing_makes_them_up() {
    let spec = json!({
        "namespace": "streaming",
        "mqttConfig": {"users": [{"name": "sensors", "credentialsSecretRef": {"name": "mine"}}]},
        "connectorConfig": {"mappings": [], "simulator": {"enabled": false}},
    });
    assert!(!keys(&broker(&spec).plan()).contains(&"secrets-generator"));
}

#[test]
fn fields_and_bytes_get_a_connector_each() {
    let [.., spec] = variants();
    let plan = broker(&spec).plan();
    let fields = connector(&plan, "mqtt-source-connector");
    let bytes = connector(&plan, "mqtt-source-bytes-connector");
    assert_eq!(
        fields["connect.mqtt.kcql"],
        "INSERT INTO `status` SELECT * FROM `lab/status/#` \
         WITHCONVERTER=`io.lenses.streamreactor.connect.converters.source.JsonSimpleConverter`"
    );
    assert_eq!(
        bytes["connect.mqtt.kcql"],
        "INSERT INTO `samples` SELECT * FROM `lab/+/samples` \
         WITHCONVERTER=`io.lenses.streamreactor.connect.converters.source.BytesConverter`"
    );
    assert_ne!(fields["connect.mqtt.client.id"], bytes["connect.mqtt.client.id"]);
    assert_eq!(fields["value.converter"], "io.confluent.connect.avro.AvroConverter");
    assert_eq!(fields["value.converter.scrub.invalid.names"], "true");
    assert_eq!(fields["transforms.record.schema.name"], "health_device_data");
    assert_eq!(bytes["value.converter"], "org.apache.kafka.connect.converters.ByteArrayConverter");
    assert_eq!(
        (bytes.get("transforms"), fields["value.converter.schema.registry.url"].as_str()),
        (None, Some("http://127.0.0.1:8081"))
    );
    assert_eq!(bytes["connect.mqtt.password"], "${dir:/mnt/secrets/mqtt:password}");
}

#[test]
fn the_connector_of_the_example_reads_a_key_and_any_schema() {
    let plan = broker(&json!({"namespace": "streaming", "connectorConfig": carried()})).plan();
    let config = connector(&plan, "mqtt-source-connector");
    assert!(config["connect.mqtt.kcql"].as_str().unwrap().ends_with("JsonSimpleConverter` WITHKEY(`deviceId`)"));
    assert_eq!(config["connect.mqtt.hosts"], "tcp://health-mqtt-service.streaming.svc.cluster.local:1883");
    let keeper = find(&plan, "bridge-keeper").manifest();
    let container = &keeper["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(variable(container, "SUBJECTS"), "device_data-value");
    assert_eq!(variable(container, "CREDENTIAL_PRESENT"), json!({"name": "mqtt-credentials", "key": "username"}));
    assert_eq!(keeper["spec"]["template"]["metadata"]["labels"]["platform.example.org/kafka-client"], "true");
}

#[test]
fn a_connector_that_the_claim_does_not_ask_for_is_removed_by_whatever_runs() {
    let unwanted = |converters: &[&str]| {
        let mapping = |(index, converter)| {
            let topic = format!("lab/{index}");
            json!({"mqttTopic": topic, "kafkaTopic": "device_data", "converter": converter})
        };
        let mappings: Vec<Value> = converters.iter().enumerate().map(mapping).collect();
        let plan = broker(&json!({"namespace": "streaming", "connectorConfig": {"mappings": mappings}})).plan();
        let pods = plan.resources.iter().filter(|resource| resource.part == "bridge");
        let pods = pods.filter_map(|resource| resource.manifest().pointer("/spec/template/spec/containers/0"));
        pods.map(|container| variable(container, "UNWANTED").as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(unwanted(&["Json"]), ["mqtt-source-bytes-connector"]);
    assert_eq!(unwanted(&["Bytes"]), ["mqtt-source-connector"]);
    assert_eq!(unwanted(&["Bytes", "Json"]), ["", ""]);
    assert_eq!(unwanted(&[]), ["mqtt-source-connector mqtt-source-bytes-connector"]);
}

#[test]
fn the_simulator_logs_in_to_this_broker() {
    let plan = broker(&json!({"namespace": "streaming", "connectorConfig": carried()})).plan();
    let template = &find(&plan, "simulator-service").manifest()["spec"]["template"];
    let container = &template["spec"]["containers"][0];
    assert_eq!(variable(container, "MQTT_HOST"), "health-mqtt-service.streaming.svc.cluster.local");
    assert_eq!(variable(container, "MQTT_PASSWORD"), json!({"name": "mqtt-simulator", "key": "password"}));
    assert_eq!(template["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"], "1");
    let [.., own] = variants();
    let plan = broker(&own).plan();
    let template = &find(&plan, "simulator-service").manifest()["spec"]["template"]["spec"];
    assert_eq!(template["containers"][0]["image"], "example.com/sim:1.0");
    assert_eq!((template["containers"][0].get("command"), template.get("volumes")), (None, None));
    assert!(!keys(&plan).contains(&"simulator-config"));
}

#[test]
fn routes_lead_to_what_listens() {
    let plan =
        broker(&json!({"namespace": "research", "environment": "streaming", "connectorConfig": carried()})).plan();
    let route = &find(&plan, "mqtt-websockets-route").manifest()["spec"];
    assert_eq!(route["hosts"], json!(["mqtt.research.streaming.local"]));
    assert_eq!(route["gateways"], json!(["research-gateway"]));
    let destination = &route["http"][0]["route"][0]["destination"];
    let service = find(&plan, "broker-service").manifest();
    let host = format!("{}.research.svc.cluster.local", service["metadata"]["name"].as_str().unwrap());
    assert_eq!(destination["host"], host);
    assert_eq!(destination["port"]["number"], service["spec"]["ports"][1]["port"]);
    let generator = &find(&plan, "data-generator-route").manifest()["spec"]["http"][0];
    assert_eq!(generator["rewrite"]["authority"], "health-data-sim.research.svc.cluster.local");
}

#[test]
fn a_changed_user_restarts_the_broker() {
    let template =
        |spec: Value| find(&broker(&spec).plan(), "broker-deployment").manifest()["spec"]["template"].clone();
    let user =
        |read: Value| json!({"namespace": "streaming", "mqttConfig": {"users": [{"name": "user", "read": read}]}});
    assert_ne!(template(user(json!(["a"]))), template(user(json!(["b"]))));
    let rotated = json!({"namespace": "streaming", "credentialsGeneration": 2});
    assert_ne!(template(json!({"namespace": "streaming"})), template(rotated));
}

#[test]
fn every_fault_is_found_at_once() {
    let spec = json!({
        "namespace": "kube-system",
        "environment": "default",
        "domain": format!("{}.example.com", "x".repeat(64)),
        "mqttConfig": {"users": [{"name": "kafka-bridge"}]},
        "connectorConfig": {
            "mappings": [
                {"mqttTopic": "health/#", "kafkaTopic": "a"},
                {"mqttTopic": "health/device_data", "kafkaTopic": "b"},
                {"mqttTopic": "health/device_data/x", "kafkaTopic": "c", "converter": "Bytes", "keyField": "id"},
            ],
            "simulator": {"image": "example.com/sim:latest", "minScale": 3, "maxScale": 2},
        },
    });
    let faults = check(&spec).unwrap_err();
    let fields: Vec<&str> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    assert_eq!(
        fields,
        [
            "spec.environment",
            "spec.namespace",
            "spec.domain",
            "spec.mqttConfig.users[0].name",
            "spec.connectorConfig.mappings[1].mqttTopic",
            "spec.connectorConfig.mappings[2].keyField",
            "spec.connectorConfig.simulator.minScale",
            "spec.connectorConfig.simulator.image",
        ],
        "{faults:#?}"
    );
}

/// Directives of Mosquitto's configuration that limit its queues.
fn queue(mqtt: &Value, mappings: &Value) -> [String; 2] {
    let connector = json!({"mappings": mappings});
    let plan = broker(&json!({"namespace": "streaming", "mqttConfig": mqtt, "connectorConfig": connector})).plan();
    let conf = find(&plan, "broker-config").manifest()["data"]["mosquitto.conf"].as_str().unwrap().to_owned();
    ["max_queued_messages ", "max_queued_bytes "].map(|name| {
        conf.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}")).to_owned()
    })
}

#[test]
fn the_queue_lasts_for_a_restart_of_kafka_or_fills_what_there_is() {
    let json = json!([{"mqttTopic": "a", "kafkaTopic": "a"}]);
    let both =
        json!([{"mqttTopic": "a", "kafkaTopic": "a"}, {"mqttTopic": "a", "kafkaTopic": "raw", "converter": "Bytes"}]);
    for (mqtt, mappings, messages) in [
        (json!({}), &json, 180_000_u64),
        (json!({}), &both, 114_688),
        (json!({"memory": "1Gi"}), &both, 180_000),
        (json!({"memory": "256Mi"}), &json, 141_994),
        (json!({"memory": "64Mi"}), &json, 10_922),
        (json!({"storage": "100Mi"}), &json, 34_133),
        (json!({"storage": "100Mi", "persistence": false}), &json, 180_000),
        (json!({"storage": "1Ki"}), &json, 1),
        (json!({"memory": "1Gi", "queuedMessages": 600_000}), &json, 600_000),
        (json!({"queuedMessages": 1000}), &json, 1000),
    ] {
        assert_eq!(queue(&mqtt, mappings), [messages.to_string(), (messages * 1024).to_string()], "{mqtt}");
    }
    let warnings = |rate: u32, queued: u32| {
        let mut carried = carried();
        carried["simulator"] = json!({"enabled": true, "messagesPerSecond": rate, "maxScale": 1});
        let spec = json!({
            "namespace": "streaming",
            "mqttConfig": {"queuedMessages": queued},
            "connectorConfig": carried,
        });
        broker(&spec).warnings().join("\n")
    };
    assert_eq!(warnings(1000, 180_000), "");
    assert!(warnings(1000, 179_999).starts_with("spec.connectorConfig.simulator.messagesPerSecond: 1 instances send"));
}

#[test]
fn one_topic_may_be_carried_in_two_ways() {
    let spec = json!({"namespace": "streaming", "connectorConfig": {"mappings": [
        {"mqttTopic": "health/+", "kafkaTopic": "device_data"},
        {"mqttTopic": "health/+", "kafkaTopic": "raw", "converter": "Bytes"},
    ], "simulator": {"enabled": true}}});
    let broker = broker(&spec);
    assert!(accounts::access_list(&broker).contains("user kafka-bridge\ntopic deny health/\ntopic read health/+\n\n"));
    assert_eq!(broker.warnings(), [""; 0]);
    let plan = broker.plan();
    for (name, topic) in [("mqtt-source-connector", "device_data"), ("mqtt-source-bytes-connector", "raw")] {
        let statement = format!("INSERT INTO `{topic}` SELECT * FROM `health/+` WITHCONVERTER");
        assert!(connector(&plan, name)["connect.mqtt.kcql"].as_str().unwrap().starts_with(&statement));
    }
}

#[test]
fn mappings_that_cannot_work_as_meant_are_warned_of() {
    let spec = json!({
        "namespace": "streaming",
        "mqttConfig": {"users": [{"name": "sensors", "publish": ["lab/#"]}]},
        "connectorConfig": {"mappings": [
            {"mqttTopic": "lab/samples", "kafkaTopic": "samples"},
            {"mqttTopic": "ward/+/pulse", "kafkaTopic": "pulse"},
            {"mqttTopic": "lab/raw", "kafkaTopic": "samples", "converter": "Bytes"},
        ], "simulator": {"enabled": false}},
    });
    let warnings = broker(&spec).warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].starts_with("spec.connectorConfig.mappings[1].mqttTopic: no user may publish to \"ward/+/pulse\"")
    );
    assert!(warnings[1].starts_with("spec.connectorConfig.mappings[2].kafkaTopic: \"samples\" also receives"));
}

#[test]
fn a_broker_is_for_somebody() {
    let spec = json!({
        "namespace": "streaming",
        "mqttConfig": {"users": []},
        "connectorConfig": {"mappings": [], "simulator": {"enabled": false}},
    });
    let faults = check(&spec).unwrap_err();
    assert!(faults[0].starts_with("spec.mqttConfig.users: must name a user"), "{faults:?}");
}

#[test]
fn what_changes_nothing_is_said() {
    let spec = json!({
        "namespace": "streaming",
        "retain": true,
        "mqttConfig": {"persistence": false, "listeners": {"websockets": false}, "users": [{"name": "idle"}]},
        "connectorConfig": {"mappings": [], "credentialsSecretRef": {"name": "mine"}, "simulator": {"enabled": false}},
    });
    let warnings = broker(&spec).warnings().join("\n");
    for field in ["spec.expose", "spec.retain", "spec.connectorConfig.credentialsSecretRef", "spec.mqttConfig.users[0]"]
    {
        assert!(warnings.contains(&format!("{field}: ")), "{field} in {warnings}");
    }
    let spec =
        json!({"namespace": "streaming", "connectorConfig": {"simulator": {"enabled": true, "topic": "elsewhere"}}});
    let warnings = broker(&spec).warnings().join("\n");
    assert!(warnings.contains("spec.connectorConfig.simulator.topic: no mapping carries \"elsewhere\""), "{warnings}");
}
