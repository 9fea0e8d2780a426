//! Operators that an environment can have, which run distributed engines for systems and brokers. All names by which
//! both know an operator are in this module.

/// Operator of an engine, in a namespace of its own inside the virtual cluster.
#[derive(Debug)]
pub struct Operator {
    /// Name of the operator's part in an environment's plan, and of its entry in the environment's offer.
    pub name: &'static str,
    /// Field of the operator in the components of an environment's claim.
    pub component: &'static str,
    /// Program that the operator runs, for messages.
    pub program: &'static str,
    pub namespace: &'static str,
    /// Label by which network policies select the operator's pods.
    pub label: (&'static str, &'static str),
}

/// Strimzi, the operator of Kafka. Its chart sets this label.
pub const KAFKA: Operator = Operator {
    name: "kafka-operator",
    component: "kafkaOperator",
    program: "Kafka",
    namespace: "strimzi-system",
    label: ("strimzi.io/kind", "cluster-operator"),
};

/// CloudNativePG, the operator of PostgreSQL. Its chart sets this label.
pub const POSTGRES: Operator = Operator {
    name: "postgres-operator",
    component: "postgresOperator",
    program: "PostgreSQL",
    namespace: "cnpg-system",
    label: ("app.kubernetes.io/name", "cloudnative-pg"),
};

/// RabbitMQ's operator for clusters. Its chart sets this label.
pub const MQTT: Operator = Operator {
    name: "mqtt-operator",
    component: "mqttOperator",
    program: "MQTT",
    namespace: "rabbitmq-system",
    label: ("app.kubernetes.io/name", "rabbitmq-cluster-operator"),
};

/// Barman Cloud, CloudNativePG's plugin for backups, which runs beside that operator. Its chart sets this label.
pub const BACKUP: Operator = Operator {
    name: "postgres-backup",
    component: "postgresBackup",
    program: "PostgreSQL's backups",
    namespace: POSTGRES.namespace,
    label: ("app.kubernetes.io/name", "plugin-barman-cloud"),
};

pub const ALL: [&Operator; 4] = [&KAFKA, &POSTGRES, &BACKUP, &MQTT];
