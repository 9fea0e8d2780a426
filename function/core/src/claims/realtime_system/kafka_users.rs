//! Part of a real-time system's plan: the users of Kafka with the engine `Strimzi`, one for each of our programs that
//! connects to Kafka, with what it may do there and nothing else.

use k8s_openapi::api::core::v1::{EnvVar, SecretKeySelector};

use super::checked::RealtimeSystem;
use super::kafka_names::{NAME, USERS};
use super::secrets::{self, kafka_key};
use super::{apps, phase};
use crate::claims::between::kafka::in_cluster;
use crate::claims::between::part_of::PartOf;
use crate::claims::between::secret::{SECRETS, Secret};
use crate::kinds::Spec;
use crate::kinds::strimzi::{Acl, AclResource, Authentication, Authorization, KafkaUser, Password, SecretKey};
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::env;
use crate::text::language::{Placeholders, Text};

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::KAFKA, resources).only_if(RealtimeSystem::is_replicated);

/// User of Kafka by which the Lenses agent connects.
pub const AGENT: &str = "lenses-agent";
/// User of Kafka by which Kafka Connect connects, and name of the group of its pods.
pub const CONNECT: &str = "kafka-connect";
/// User of Kafka by which the Job connects that creates topics.
pub const TOPICS: &str = "kafka-topics";

/// Secret of Strimzi with the certificate of the authority that signs the brokers' certificates, its keys, and the key of
/// the password of the PKCS#12 store among them.
pub const AUTHORITY: &str = "kafka-platform-cluster-ca-cert";
pub const AUTHORITY_PEM: &str = "ca.crt";
pub const AUTHORITY_STORE: &str = "ca.p12";
pub const AUTHORITY_STORE_PASSWORD: &str = "ca.password";

const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(USERS, apps::KAFKA_USERS, &[SECRETS, NAME]);
    let user = |name: &'static str, key: &str, acls: Vec<Acl>| {
        let password = SecretKeySelector { name: secrets::kafka().name, key: key.to_owned(), optional: None };
        let user = KafkaUser {
            authentication: Authentication {
                kind: "scram-sha-512",
                password: Password { value_from: SecretKey { secret_key_ref: password } },
            },
            authorization: Authorization { kind: "simple", acls },
        };
        part.inside(name, &user.named(in_cluster(&part, name)), Ready::Condition)
    };
    let connect = system.runs_connect().then(|| user(CONNECT, kafka_key::CONNECT, of_connect(system)));
    let others = [user(AGENT, kafka_key::AGENT, of_agent()), user(TOPICS, kafka_key::TOPICS, of_topics(system))];
    others.into_iter().chain(connect).collect()
}

/// Rights of the Lenses agent, which shows and changes all topics and groups for its users and runs SQL processors. It
/// may not change the rights of others, nor the brokers.
fn of_agent() -> Vec<Acl> {
    let all = |kind| Acl { resource: named(kind, "*"), operations: vec!["All"] };
    let cluster = AclResource { kind: "cluster", name: None, pattern_type: None };
    vec![
        all("topic"),
        all("group"),
        all("transactionalId"),
        Acl { resource: cluster, operations: vec!["Describe", "DescribeConfigs"] },
    ]
}

/// Rights of the Job that creates topics: on the topics of the claim alone.
fn of_topics(system: &RealtimeSystem) -> Vec<Acl> {
    let operations = ["Alter", "AlterConfigs", "Create", "Describe", "DescribeConfigs"];
    let topics = system.spec.kafka_config.topics.iter();
    topics.map(|topic| Acl { resource: named("topic", &topic.name), operations: operations.to_vec() }).collect()
}

/// Rights of Kafka Connect with its connectors: to read and write the topics of the claim, and to make its own topics and
/// those for undelivered records, whose names no claim can take.
fn of_connect(system: &RealtimeSystem) -> Vec<Acl> {
    let own = |kind| AclResource { pattern_type: Some("prefix"), ..named(kind, "connect-") };
    let of_claim = system.spec.kafka_config.topics.iter().map(|topic| Acl {
        resource: named("topic", &topic.name),
        operations: vec!["Describe", "DescribeConfigs", "Read", "Write"],
    });
    [
        Acl { resource: named("group", CONNECT), operations: vec!["Describe", "Read"] },
        // A connector that reads topics has a group of its own, with its name behind this beginning.
        Acl { resource: own("group"), operations: vec!["Describe", "Read"] },
        Acl { resource: own("topic"), operations: vec!["Create", "Describe", "DescribeConfigs", "Read", "Write"] },
    ]
    .into_iter()
    .chain(of_claim)
    .collect()
}

fn named(kind: &'static str, name: &str) -> AclResource {
    AclResource { kind, name: Some(name.to_owned()), pattern_type: Some("literal") }
}

/// Environment variables by which a program of Kafka's own connects as a user: the text of its settings, and the values
/// that stand behind the placeholders in this text. No setting holds a secret.
pub fn environment(user: &str, key: &str) -> Vec<EnvVar> {
    let settings = [
        "security.protocol=SASL_SSL".to_owned(),
        "sasl.mechanism=SCRAM-SHA-512".to_owned(),
        format!("sasl.jaas.config={}", login(user, "${env:KAFKA_PASSWORD}")),
        "ssl.truststore.type=PEM".to_owned(),
        "ssl.truststore.certificates=${env:KAFKA_AUTHORITY}".to_owned(),
        "config.providers=env".to_owned(),
        "config.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider".to_owned(),
    ];
    vec![
        env("CLIENT_CONFIG", settings.join("\n")),
        secrets::kafka().env("KAFKA_PASSWORD", key),
        Secret::new(AUTHORITY).env("KAFKA_AUTHORITY", AUTHORITY_PEM),
    ]
}

/// Login of a Java program as a user of Kafka. Passwords have only letters and digits, which need no quoting.
fn login(user: &str, password: &str) -> String {
    format!("{SCRAM} required username=\"{user}\" password=\"{password}\";")
}

/// Login of the Lenses agent, which replaces the placeholder by the variable of its container.
pub fn agents_login() -> Text<Placeholders> {
    Text::joined([SCRAM, " required username=\"", AGENT, "\" password=\"${KAFKA_PASSWORD}\";"])
}
