//! Pods of Kafka and of Kafka Connect as Strimzi makes them, Strimzi's operator for users, and Apicurio Registry.

use super::reading::must;
use super::{Call, Login, Reading, Takes, Variable, connector, kafka};
use serde_json::json;

use crate::pods::Pod;
use crate::value::Look;
use crate::world::{Object, World};

/// A broker, which is a controller as well: it calls the other pods of its kind at the name that Strimzi gives them.
pub fn broker(reading: &mut Reading) {
    reading.listens(&[8443, 9090, 9091, 9092, 9404]);
    reading.behaviour.pages.push("/metrics".to_owned());
    for port in [9090, 9091] {
        calls_brokers(reading, port);
    }
}

/// The operator for users logs in at the port for replication.
pub fn user_operator(reading: &mut Reading) {
    reading.variables(&[]);
    reading.listens(&[8081]);
    calls_brokers(reading, 9091);
}

fn calls_brokers(reading: &mut Reading, port: i64) {
    let host = format!("{}-kafka-brokers", reading.pod.labels.get("strimzi.io/cluster").copied().unwrap_or_default());
    reading.behaviour.calls.push(Call { from: reading.index, host, port, field: "/spec".to_owned() });
}

/// A pod of Kafka Connect: it connects to Kafka as a user that there is, to the other pods of its kind, and to whatever its
/// connectors need, each of which may run in any of these pods.
pub fn connect(reading: &mut Reading) {
    reading.listens(&[8083, 9404]);
    reading.behaviour.pages.push("/metrics".to_owned());
    let (place, namespace) = (reading.pod.object.place, reading.pod.object.namespace.clone());
    let cluster = reading.pod.labels.get("strimzi.io/cluster").copied().unwrap_or_default();
    let world = reading.world;
    let Some(object) = world.find(place, "kafka.strimzi.io", "KafkaConnect", &namespace, cluster) else { return };
    let spec = object.manifest.at("/spec");
    reading.take("bootstrapServers", spec.text("/bootstrapServers"), Takes::Address);
    let host = format!("{cluster}-connect");
    reading.behaviour.calls.push(Call { from: reading.index, host, port: 8083, field: "/spec".to_owned() });
    let login = spec.at("/authentication");
    let known = user(world, reading.pod, login.text("/username"));
    let of_user = known.map(|user| user.manifest.at("/spec/authentication/password/valueFrom/secretKeyRef"));
    let own = [login.text("/passwordSecret/secretName"), login.text("/passwordSecret/password")];
    if login.text("/type") != "scram-sha-512" || of_user.map(|it| [it.text("/name"), it.text("/key")]) != Some(own) {
        reading.wrong("authentication", "not the login of a user of Kafka");
    }
    let trusted = spec.at("/tls/trustedCertificates");
    if trusted != &json!([{"secretName": "kafka-platform-cluster-ca-cert", "pattern": "*.crt"}]) {
        reading.wrong("tls", "not the authority that signs the certificates of the brokers");
    }
    kafka::starts_without_credentials(reading);
    if reading.container.value.items("/volumeMounts").iter().any(|mount| !mount.is_true("/readOnly")) {
        reading.finds("/volumeMounts", "what is only read is mounted for writing");
    }
    for name in ["/configStorageTopic", "/offsetStorageTopic", "/statusStorageTopic"] {
        let needed = ["Create", "Describe", "DescribeConfigs", "Read", "Write"];
        if !may(reading, login.text("/username"), spec.text(name), &needed) {
            reading.wrong(name, "a topic of its own to which Connect has no right");
        }
    }
    let connectors = world.of_kind("kafka.strimzi.io", "KafkaConnector").filter(|it| it.namespace == namespace);
    for it in connectors.filter(|it| it.labels().get("strimzi.io/cluster").copied() == Some(cluster)) {
        connector::of_strimzi(reading, it);
    }
}

const REGISTRY: &[Variable] = &[
    must("APICURIO_STORAGE_KIND", Takes::OneOf(&["sql"])),
    must("APICURIO_STORAGE_SQL_KIND", Takes::OneOf(&["postgresql"])),
    must("APICURIO_DATASOURCE_URL", Takes::Own),
    must("APICURIO_DATASOURCE_USERNAME", Takes::Own),
    must("APICURIO_DATASOURCE_PASSWORD", Takes::Credential),
    must("JAVA_TOOL_OPTIONS", Takes::OneOf(&["-XX:MaxRAMPercentage=50 -XX:+ExitOnOutOfMemoryError"])),
];

pub fn registry(reading: &mut Reading) {
    reading.variables(REGISTRY);
    reading.listens(&[8080, 9000]);
    reading.writes(&["/tmp"]);
    reading.behaviour.pages.extend(["/apis/ccompat/v7", "/health/live", "/health/ready"].map(str::to_owned));
    let url = reading.literal("APICURIO_DATASOURCE_URL").strip_prefix("jdbc:postgresql://").unwrap_or_default();
    let (Some((address, database)), Some(password)) =
        (url.split_once('/'), reading.credential("APICURIO_DATASOURCE_PASSWORD"))
    else {
        return reading.wrong("APICURIO_DATASOURCE_URL", "not a database of PostgreSQL");
    };
    reading.take("APICURIO_DATASOURCE_URL", address, Takes::Address);
    reading.behaviour.logins.push(Login {
        host: address.split(':').next().unwrap_or_default().to_owned(),
        database: database.to_owned(),
        role: reading.literal("APICURIO_DATASOURCE_USERNAME").to_owned(),
        password,
        field: format!("{}/env", reading.container.field),
    });
}

/// A Java program logs in as a user that there is, with the password that this user has.
pub fn login(reading: &mut Reading, field: &str, text: &str, password: &str) {
    let user = text
        .strip_prefix("org.apache.kafka.common.security.scram.ScramLoginModule required username=\"")
        .and_then(|rest| rest.strip_suffix(&format!("\" password=\"{password}\";")));
    let known = user.and_then(|user| self::user(reading.world, reading.pod, user));
    let Some(known) = known else { return reading.wrong(field, "not the login of a user of Kafka") };
    let of_user = known.manifest.at("/spec/authentication/password/valueFrom/secretKeyRef");
    let own = reading.credential("KAFKA_PASSWORD");
    if own.is_none_or(|(name, key)| name != of_user.text("/name") || key != of_user.text("/key")) {
        reading.wrong("KAFKA_PASSWORD", "not the password of its user of Kafka");
    }
}

/// A variable holds what Strimzi writes into the Secret of the certificate authority.
pub fn authority(reading: &mut Reading, name: &str, key: &str) {
    if reading.credential(name) != Some(("kafka-platform-cluster-ca-cert".to_owned(), key.to_owned())) {
        reading.wrong(name, "not from the authority that signs the certificates of the brokers");
    }
}

fn user<'w>(world: &'w World<'w>, pod: &Pod, name: &str) -> Option<&'w Object<'w>> {
    world.find(pod.object.place, "kafka.strimzi.io", "KafkaUser", &pod.object.namespace, name)
}

/// Whether a user of Kafka has the rights on a topic.
pub fn may(reading: &Reading, name: &str, topic: &str, needed: &[&str]) -> bool {
    let Some(user) = user(reading.world, reading.pod, name) else { return false };
    user.manifest.items("/spec/authorization/acls").iter().any(|acl| {
        let resource = acl.at("/resource");
        let is_named = match resource.text("/patternType") {
            "literal" => resource.text("/name") == topic,
            "prefix" => topic.starts_with(resource.text("/name")),
            _ => false,
        };
        let operations: Vec<&str> = acl.texts("/operations").collect();
        resource.text("/type") == "topic" && is_named && needed.iter().all(|needed| operations.contains(needed))
    })
}
