//! Alerts on the MQTT broker with the engine `RabbitMQ`, from the metrics of its plug-in `rabbitmq_prometheus` in each pod.

use crate::claims::between::alerts::{self, Alert, fewer, within};
use crate::kinds::monitoring::PrometheusRule;

/// Part of the messages of ten minutes that may go without an answer. Some do whenever a client loses its connection.
const UNANSWERED: f64 = 0.01;

pub fn alerts(namespace: &str, replicas: u64, queue_bytes: u64) -> PrometheusRule {
    let of = |metric: &str| within(namespace, metric);
    // Each node shows this series, with the value 1.
    let nodes = of("rabbitmq_identity_info");
    let rate = |metric: &str| format!("sum by (namespace) (rate({}[10m]))", of(metric));
    let held = format!("sum by (namespace) ({})", of("rabbitmq_queue_messages_bytes"));
    // RabbitMQ counts an error that it answers to MQTT 5 as a confirmation. So the queues tell of a refusal too: no metric
    // is of one queue alone, but the volume has not room for much more than one that is full.
    let refused = format!(
        "{held} >= {queue_bytes} or 1 - {} / {} > {UNANSWERED}",
        rate("rabbitmq_global_messages_confirmed_total"),
        rate("rabbitmq_global_messages_received_confirm_total"),
    );
    let any_pod = |metric: &str| format!("max by (namespace, pod) ({}) > 0", of(metric));
    let all = [
        Alert::warning(
            "MqttNodeAway",
            fewer(replicas, &nodes, "== bool 1"),
            "10m",
            "Not all of RabbitMQ's pods in {{ $labels.namespace }} serve.",
            "Nothing is lost as long as the majority of the pods is there. Clients connect to the others.",
        ),
        Alert::critical(
            "MqttWithoutMajority",
            format!("sum by (namespace) ({nodes}) < {}", replicas / 2 + 1),
            "2m",
            "The majority of RabbitMQ's pods in {{ $labels.namespace }} is away.",
            "No session takes messages, and no client connects, until the majority is back.",
        ),
        Alert::critical(
            "MqttMemoryAlarm",
            any_pod("rabbitmq_alarms_memory_used_watermark"),
            "1m",
            "RabbitMQ's pod {{ $labels.pod }} in {{ $labels.namespace }} has used its memory.",
            "All pods stop reading from clients that publish, until memory is free.",
        ),
        Alert::critical(
            "MqttDiskAlarm",
            any_pod("rabbitmq_alarms_free_disk_space_watermark"),
            "1m",
            "The volume of RabbitMQ's pod {{ $labels.pod }} in {{ $labels.namespace }} is nearly full.",
            "All pods stop reading from clients that publish, until there is room.",
        ),
        Alert::warning(
            "MqttQueuesFill",
            format!("{held} > {}", queue_bytes / 2),
            "5m",
            "Messages for clients that are away take {{ $value | humanize1024 }}B at RabbitMQ in {{ $labels.namespace }}.",
            "That is more than half of what one client's queue may hold. A full queue refuses messages.",
        ),
        Alert::critical(
            "MqttMessagesRefused",
            refused,
            "2m",
            "RabbitMQ in {{ $labels.namespace }} refuses messages.",
            "Nothing that was acknowledged is lost. The queue of a client that is away is full: publishers of MQTT 5 get an error, those of MQTT 3.1.1 no answer.",
        ),
    ];
    alerts::rules("mqtt", all)
}
