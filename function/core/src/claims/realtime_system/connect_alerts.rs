//! Alerts on Kafka Connect. The engines of Kafka count the records that Connect does not deliver under different names, and
//! for each engine the alerts mean the same. With the engine `Strimzi`, Strimzi's reporter in each of Connect's pods serves
//! the metrics, and those of pods and connectors too.

use crate::claims::between::alerts::{self, Alert, PAGE, Severity, fewer, within};
use crate::kinds::monitoring::PrometheusRule;
use crate::parts::cluster::to_text;

/// Metrics of Kafka Connect's tasks, which have the label `connector`.
pub struct Counts {
    pub skipped: &'static str,
    pub dead_letters: &'static str,
    pub dead_letter_failures: &'static str,
}

impl Counts {
    pub fn names(&self) -> [&'static str; 3] {
        [self.skipped, self.dead_letters, self.dead_letter_failures]
    }
}

/// Names with the engine `Development`, under which a pod of the platform serves what it reads from Connect.
pub const DEVELOPMENT: Counts = Counts {
    skipped: "kafka_connect_task_skipped_records_total",
    dead_letters: "kafka_connect_task_dead_letters_total",
    dead_letter_failures: "kafka_connect_task_dead_letter_failures_total",
};

/// Names with the engine `Strimzi`, which Strimzi's reporter makes of Connect's own. Connect counts a record that a source
/// could not write to Kafka as a failure, though not as skipped. Connect tries no record again here, so that each failure
/// is a record that is left out, or one at which the task stops.
pub const STRIMZI: Counts = Counts {
    skipped: "kafka_connect_task_error_metrics_total_record_failures",
    dead_letters: "kafka_connect_task_error_metrics_deadletterqueue_produce_requests",
    dead_letter_failures: "kafka_connect_task_error_metrics_deadletterqueue_produce_failures",
};

/// Alerts on Kafka Connect with the engine `Strimzi`.
pub fn of_cluster(namespace: &str, replicas: u32) -> PrometheusRule {
    let of = |metric: &str| within(namespace, metric);
    let state =
        format!("kafka_connect_connector_metrics_status_info{{namespace={}, status=\"failed\"}}", to_text(&namespace));
    let tasks = of("kafka_connect_connect_worker_metrics_connector_failed_task_count");
    let by_connector = |series: &str| format!("max by (namespace, connector) ({series}) > 0");
    let of_pods = [
        Alert::warning(
            "KafkaConnectPodAway",
            fewer(replicas.into(), &of("kafka_connect_connect_worker_metrics_connector_count"), ">= bool 0"),
            "10m",
            "Not all of Kafka Connect's pods in {{ $labels.namespace }} serve.",
            "The other pods run all connectors, and have less memory for each.",
        ),
        Alert::warning(
            "KafkaConnectorFailed",
            format!("{} or {}", by_connector(&tasks), by_connector(&state)),
            "10m",
            "Connector {{ $labels.connector }} in {{ $labels.namespace }} has failed, and Strimzi could not restart it.",
            "Its records wait where they come from. The KafkaConnector's status has the reason.",
        ),
    ];
    let skipped = "The records are not delivered, although the connector's state is RUNNING. The logs of Connect's pods have the reason.";
    alerts::rules("kafka-connect", of_pods.into_iter().chain(undelivered(namespace, &STRIMZI, skipped, Some(PAGE))))
}

pub fn undelivered(namespace: &str, counts: &Counts, skipped: &'static str, page: Option<&'static str>) -> [Alert; 2] {
    let of = |metric: &str| within(namespace, metric);
    let (letters, failures) = (of(counts.dead_letters), of(counts.dead_letter_failures));
    // Connect counts a record that it sends to the dead letter topic as skipped too.
    let without_letter = format!(
        "({}) unless on (namespace, connector) sum by (namespace, connector) (max_over_time({letters}[10m])) > 0 or {}",
        grew(&of(counts.skipped)),
        grew(&failures),
    );
    let alert = |name, expression, summary, description| Alert {
        name,
        expression,
        lasts: None,
        severity: Severity::Warning,
        summary,
        description,
        page,
    };
    [
        alert(
            "KafkaConnectRecordsSkipped",
            without_letter,
            "Connector {{ $labels.connector }} in {{ $labels.namespace }} has skipped records.",
            skipped,
        ),
        alert(
            "KafkaConnectDeadLetters",
            grew(&letters),
            "Connector {{ $labels.connector }} in {{ $labels.namespace }} has sent records to its dead letter topic.",
            "The records were not delivered. That topic holds each of them, with the reason in its headers.",
        ),
    ]
}

/// PromQL expression that selects the connectors of Kafka Connect whose count in a metric grew in the last ten minutes.
/// `increase` covers a count that restarted from zero with Connect, but ignores the first value of a series. Therefore
/// the expression also compares the count with its value ten minutes ago, or with zero if there was none.
fn grew(metric: &str) -> String {
    let sum = |of: &str| format!("sum by (namespace, connector) ({of})");
    let (grown, now, before) =
        (sum(&format!("increase({metric}[10m])")), sum(metric), sum(&format!("{metric} offset 10m")));
    format!("{grown} > 0 or {now} > ({before} or {now} * 0)")
}
