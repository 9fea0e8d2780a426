//! Alerts on Kafka with the engine `Strimzi`, from the metrics of Strimzi's reporter in each of Kafka's pods.

use crate::claims::between::alerts::{self, Alert, fewer, within};
use crate::kinds::monitoring::PrometheusRule;

/// State of a broker that serves its clients, as Kafka numbers the states.
const RUNNING: &str = "== bool 3";

pub fn alerts(namespace: &str, replicas: u32) -> PrometheusRule {
    let of = |metric: &str| within(namespace, metric);
    let sum = |metric: &str| format!("sum by (namespace) ({})", of(metric));
    let all = [
        Alert::warning(
            "KafkaBrokerAway",
            fewer(replicas.into(), &of("kafka_server_kafkaserver_brokerstate"), RUNNING),
            "10m",
            "Not all of Kafka's pods in {{ $labels.namespace }} serve.",
            "Kafka takes records as long as two copies of each are there, and has fewer copies than it should.",
        ),
        Alert::critical(
            "KafkaWithoutController",
            format!("{} < 1", sum("kafka_controller_kafkacontroller_activecontrollercount")),
            "2m",
            "Kafka in {{ $labels.namespace }} has no active controller.",
            "The majority of Kafka's pods is away. No leader is elected and no topic is made or changed.",
        ),
        Alert::warning(
            "KafkaPartitionsUnderReplicated",
            format!("{} > 0", sum("kafka_server_replicamanager_underreplicatedpartitions")),
            "15m",
            "{{ $value }} partitions of Kafka in {{ $labels.namespace }} have a copy that is not in sync.",
            "Nothing is lost. One more pod that is lost can stop these partitions.",
        ),
        Alert::critical(
            "KafkaPartitionsUnderMinIsr",
            format!("{} > 0", sum("kafka_server_replicamanager_underminisrpartitioncount")),
            "2m",
            "{{ $value }} partitions of Kafka in {{ $labels.namespace }} take no records.",
            "Fewer than two copies are in sync, so that Kafka refuses records of clients that wait for all copies, which is their default.",
        ),
        Alert::critical(
            "KafkaPartitionsOffline",
            format!("max by (namespace) ({}) > 0", of("kafka_controller_kafkacontroller_offlinepartitionscount")),
            "2m",
            "{{ $value }} partitions of Kafka in {{ $labels.namespace }} have no leader.",
            "These partitions can be neither written nor read.",
        ),
    ];
    alerts::rules("kafka", all)
}
