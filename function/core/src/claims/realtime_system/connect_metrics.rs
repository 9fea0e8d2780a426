//! Part of a real-time system's plan: metrics of the records that Kafka Connect skips, for Prometheus, and alerts on
//! them.
//!
//! With `errors.tolerance: all`, Connect reports a connector as running, however many records it skips. Connect counts
//! the skipped records, but publishes the counts over JMX only. A separate pod reads the counts, so that monitoring
//! neither restarts Kafka's pod nor removes Kafka's pod from its Service. The image of Kafka contains a JMX client. No
//! documentation mentions a program in that image that could serve the counts over HTTP, so a second container serves
//! them, from an image with Python and nothing else.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;

use super::checked::RealtimeSystem;
use super::{apps, phase, script};
use crate::claims::between::kafka::{CONNECT_JMX_PORT, KAFKA_SERVICE};
use crate::claims::between::network::{Traffic, prometheus};
use crate::claims::between::offer::OBSERVABILITY;
use crate::claims::between::part_of::{PartOf, Policy};
use crate::kinds::Spec;
use crate::kinds::monitoring::{Alert, AlertGroup, Endpoint, PrometheusRule, ServiceMonitor};
use crate::parts::cluster::to_text;
use crate::parts::part::{LOCK, Part};
use crate::parts::plan::{Outage, Ready, Resource};
use crate::parts::workload::{
    NOBODY, Port, TMP, Workload, confined, container, env, memory_volume, mount, pod_user, read_only, requests,
    scratch_volume, service, tcp_probe,
};
use crate::schema::size::Cpu;
use crate::settings::pins::Image;

const NAME: &str = "connect-metrics";
/// Value of the label `app` on the pod that serves Kafka Connect's counts of skipped records, and the name of the pod's
/// Deployment, Service, ServiceMonitor and PrometheusRule.
const APP: &str = apps::CONNECT_METRICS;
pub const METRICS: Port = ("metrics", 9404);

/// Directory that both containers of the pod with Kafka Connect's metrics share: one container reads counts of skipped
/// records from Connect and writes them into a file there, the other container serves the counts from that file.
const ANSWERS: &str = "/answers";

/// Java options of the program that reads Kafka Connect's counts of skipped records over JMX. The options for garbage
/// collection and compilation suit a program that runs for about a second. UTF-8 preserves the names of connectors.
const JAVA: &str = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8";

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::MONITORING, resources)
    .away_for(Outage {
        part: NAME,
        from: 5,
        to: 60,
        meanwhile: "the metrics of records that Connect skips; Connect keeps counting",
    })
    .only_if(|system| system.spec.monitoring && !system.is_replicated())
    .fenced_by(Policy {
        part: "connect-metrics-policy",
        name: "kafka-connect-metrics-policy",
        app: APP,
        admits: |_| Traffic::default().from([prometheus()], &[METRICS]),
    });

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(NAME, APP, &[LOCK, OBSERVABILITY]);
    let workload = Workload {
        part: &part,
        container: asks(system),
        init_containers: Vec::new(),
        volumes: vec![memory_volume("answers", "1Mi"), scratch_volume(TMP, "16Mi")],
        security: pod_user(NOBODY),
        restart_on: BTreeMap::new(),
    };
    let mut deployment = workload.deployment();
    if let Some(pod) = deployment.spec.as_mut().and_then(|spec| spec.template.spec.as_mut()) {
        pod.containers.push(serves(system));
    }
    let monitor = ServiceMonitor {
        selector: part.label_selector(),
        endpoints: vec![Endpoint { port: METRICS.0, path: "/metrics", interval: "30s" }],
    };
    vec![
        part.inside("deployment", &deployment, Ready::Available),
        part.inside("service", &service(&part, APP, &[METRICS]), Ready::Exists),
        part.inside("monitor", &monitor.named(part.metadata(APP)), Ready::Exists),
        part.inside("alerts", &alerts(&part).named(part.metadata(APP)), Ready::Exists),
    ]
}

fn asks(system: &RealtimeSystem) -> Container {
    Container {
        command: Some(["sh", "-c", script::ASK_CONNECT].map(str::to_owned).to_vec()),
        env: Some(vec![
            env("CONNECT_JMX", format!("{KAFKA_SERVICE}:{}", CONNECT_JMX_PORT.1)),
            env("ANSWER", format!("{ANSWERS}/connect")),
            env("KAFKA_HEAP_OPTS", "-Xmx32M"),
            env("KAFKA_JVM_PERFORMANCE_OPTS", JAVA),
        ]),
        volume_mounts: Some(vec![mount("answers", ANSWERS), mount(TMP, "/tmp")]),
        resources: Some(requests(Cpu::thousandths(50), "96Mi", "192Mi")),
        security_context: Some(confined()),
        ..container("ask", system.tenant.image(Image::FastDataDev), &[])
    }
}

fn serves(system: &RealtimeSystem) -> Container {
    Container {
        command: Some(["python3", "-c", script::CONNECT_METRICS].map(str::to_owned).to_vec()),
        env: Some(vec![env("PORT", METRICS.1.to_string()), env("ANSWER", format!("{ANSWERS}/connect"))]),
        volume_mounts: Some(vec![read_only("answers", ANSWERS)]),
        resources: Some(requests(Cpu::thousandths(10), "32Mi", "64Mi")),
        // The probes of the container that serves Kafka Connect's metrics do not depend on an answer of Connect,
        // because the container must also report that Connect does not answer.
        readiness_probe: Some(tcp_probe(METRICS.0, 10, 3)),
        liveness_probe: Some(tcp_probe(METRICS.0, 20, 6)),
        security_context: Some(confined()),
        ..container("serve", system.tenant.image(Image::Python), &[METRICS])
    }
}

fn alerts(part: &Part) -> PrometheusRule {
    let here = format!("namespace={}", to_text(&part.namespace));
    let of = |metric: &str| format!("kafka_connect_task_{metric}_total{{{here}}}");
    let skipped = format!(
        "({}) unless on (namespace, connector) sum by (namespace, connector) (max_over_time({}[10m])) > 0 or {}",
        grew(&of("skipped_records")),
        of("dead_letters"),
        grew(&of("dead_letter_failures")),
    );
    let asked = format!("up{{{here}, service={}}}", to_text(&APP));
    let alert = |alert, expr, lasts, summary, description| Alert {
        alert,
        expr,
        lasts,
        labels: BTreeMap::from([("severity", "warning")]),
        annotations: BTreeMap::from([("summary", summary), ("description", description)]),
    };
    PrometheusRule {
        groups: vec![AlertGroup {
            name: APP,
            rules: vec![
                alert(
                    "KafkaConnectRecordsSkipped",
                    skipped,
                    None,
                    "Connector {{ $labels.connector }} in {{ $labels.namespace }} has skipped records.",
                    "The records are not delivered, although the connector's state is RUNNING. The log of Connect, in Kafka's pod, has the reason.",
                ),
                alert(
                    "KafkaConnectDeadLetters",
                    grew(&of("dead_letters")),
                    None,
                    "Connector {{ $labels.connector }} in {{ $labels.namespace }} has sent records to its dead letter topic.",
                    "The records were not delivered. That topic holds each of them, with the reason in its headers.",
                ),
                alert(
                    "KafkaConnectNotMeasured",
                    format!("max by (namespace, service) ({asked}) == 0 or absent({asked})"),
                    Some("15m"),
                    "Kafka Connect in {{ $labels.namespace }} has no metrics of skipped records.",
                    "Connect does not answer the pod that reads these metrics, or that pod does not run.",
                ),
            ],
        }],
    }
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
