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
use super::connect_alerts::{self, DEVELOPMENT};
use super::{apps, phase, script};
use crate::claims::between::alerts::{self, Alert, Severity};
use crate::claims::between::kafka::{CONNECT_JMX_PORT, KAFKA_SERVICE};
use crate::claims::between::network::{Traffic, prometheus};
use crate::claims::between::offer::OBSERVABILITY;
use crate::claims::between::part_of::{PartOf, Policy};
use crate::kinds::Spec;
use crate::kinds::monitoring::{Endpoint, PrometheusRule, ServiceMonitor};
use crate::parts::cluster::to_text;
use crate::parts::part::LOCK;
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

/// Description of the alert on skipped records.
const SKIPPED: &str = "The records are not delivered, although the connector's state is RUNNING. The log of Connect, in Kafka's pod, has the reason.";

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
        part.inside("alerts", &alerts(part.namespace).named(part.metadata(APP)), Ready::Exists),
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

fn alerts(namespace: &str) -> PrometheusRule {
    let here = format!("namespace={}", to_text(&namespace));
    let asked = format!("up{{{here}, service={}}}", to_text(&APP));
    let not_measured = Alert {
        name: "KafkaConnectNotMeasured",
        expression: format!("max by (namespace, service) ({asked}) == 0 or absent({asked})"),
        lasts: Some("15m"),
        severity: Severity::Warning,
        summary: "Kafka Connect in {{ $labels.namespace }} has no metrics of skipped records.",
        description: "Connect does not answer the pod that reads these metrics, or that pod does not run.",
        page: None,
    };
    let [skipped, letters] = connect_alerts::undelivered(namespace, &DEVELOPMENT, SKIPPED, None);
    alerts::rules(APP, [skipped, letters, not_measured])
}
