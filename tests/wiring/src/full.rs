//! The fullest platform: claims and settings that ask for everything that can be asked for.

use std::fs;

use realtime_platform_core::settings::Settings;
use realtime_platform_core::settings::input::Input;
use serde_json::{Value, json};

use super::examples::root;
use super::platform::{BROKER, ENVIRONMENT, Platform, SYSTEM, Written, accepted, listed};

/// Function input in which the platform team decides everything that it can.
pub fn input() -> Value {
    json!({
        "gateways": listed()["gateways"],
        "images": {
            "registry": "registry.example.com/mirror",
            "pullSecrets": [{"name": "registry-credentials", "remoteKey": "platform/registry"}],
        },
        "charts": {"repository": "https://charts.example.com"},
        "storageClass": "fast",
        "secretStore": {"name": "platform-secrets", "allowedKeys": listed()["secretStore"]["allowedKeys"]},
        "archiveServers": listed()["archiveServers"],
        "backupServers": listed()["backupServers"],
        "scheduling": {
            "nodeSelector": {"example.com/pool": "streaming"},
            "tolerations": [{"key": "example.com/dedicated", "value": "streaming", "effect": "NoSchedule"}],
        },
        "virtualCluster": {"runAsNonRoot": true},
        "host": {"providerConfig": "this-cluster"},
        "watch": true,
    })
}

/// Checked settings of this input.
pub fn settings() -> Settings {
    Settings::check(serde_json::from_value::<Input>(input()).unwrap()).unwrap()
}

/// Namespace of the system and the broker inside the virtual cluster.
pub const NAMESPACE: &str = "streaming";

/// SQL processors of the example. They read every field that devices send.
fn processors() -> Value {
    let example = root().join("examples/health-realtime-pipeline/claims/health-lenses.yaml");
    let claim: Value = serde_yaml::from_str(&fs::read_to_string(example).unwrap()).unwrap();
    claim["spec"]["sqlProcessors"].clone()
}

/// Claims in a namespace whose name differs from the environment's.
pub fn claims() -> Vec<Written> {
    let archive = |name: &str| json!({"url": format!("https://example.com:8443/{name}.zip"), "sha256": "0".repeat(64)});
    let environment = json!({
        "name": "health",
        "namespaces": ["streaming", "research"],
        "tenants": [{"namespace": "research", "claimNamespace": "team"}],
        "sharedSecrets": ["common-license"],
        "domain": "health.example.com",
        "tls": {"secretName": "certificate"},
        "components": {"kafkaOperator": true, "postgresOperator": true, "postgresBackup": true, "mqttOperator": true},
        "gateway": {"serviceType": "LoadBalancer", "annotations": {"example.com/scheme": "internal"}},
        "allowedClaimNamespaces": ["team"],
    });
    let mut lenses = accepted();
    lenses["secureSessionCookies"] = true.into();
    lenses["administrator"] = json!({"credentialsReaderGroups": ["operators"]});
    let system = json!({
        "namespace": "streaming",
        "environment": "health",
        "domain": "streaming.health.example.com",
        "lensesConfig": lenses,
        "kafkaConfig": {
            "topics": [
                {"name": "device_data"},
                {"name": "blood_pressure_device_topic"},
                {"name": "heart_rate_device_topic"},
                {"name": "oxygen_saturation_device_topic"},
                {"name": "temperature_device_topic", "schema": {"type": "Avro", "definition": "{\"type\": \"string\"}"}},
            ],
            "brokerHeap": "512Mi",
            "connectors": {"mqtt": archive("mqtt"), "snowflake": archive("snowflake")},
        },
        "snowflakeConfig": {
            "account": "myorg-health",
            "user": "CONNECTOR",
            "role": "CONNECTOR_ROLE",
            "database": "HEALTH",
            "topics": [
                "blood_pressure_device_topic",
                "heart_rate_device_topic",
                "oxygen_saturation_device_topic",
                "temperature_device_topic",
            ],
            "privateKey": {"passphraseProperty": "passphrase"},
        },
        "sqlProcessors": processors(),
        "dashboard": {"administrator": {"credentialsReaderGroups": ["analysts"]}},
        "viewerGroups": ["developers", "oidc:operators"],
    });
    let broker = json!({
        "namespace": "streaming",
        "environment": "health",
        "domain": "streaming.health.example.com",
        "mqttConfig": {
            "tls": {"secretName": "broker-certificate"},
            "queuedMessages": 50_000,
            "users": [{"name": "health-user", "publish": ["health/#"], "credentialsReaderGroups": ["devices"]}],
        },
        "viewerGroups": ["developers"],
        "connectorConfig": {"mappings": [
            {"mqttTopic": "health/device_data", "kafkaTopic": "device_data", "keyField": "deviceId"},
            {"mqttTopic": "raw/#", "kafkaTopic": "device_data", "converter": "Bytes"},
        ], "simulator": {"enabled": true}},
    });
    vec![
        Written::new(ENVIRONMENT, "health-environment", environment),
        Written::new(SYSTEM, "health-system", system),
        Written::new(BROKER, "health-broker", broker),
    ]
}

pub fn platform() -> Platform {
    Platform::try_of("full", claims(), &settings()).unwrap()
}
