//! Who may call Kafka and PostgreSQL. A pod that a policy selects accepts only what some policy admits.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::names::{CONNECT_PORT, JMX_PORT, KAFKA_APP, KAFKA_PORT, SCHEMA_REGISTRY_PORT, kafka_client};
use super::{RealtimeSystem, lenses_agent, lenses_hq, metabase, postgres};
use crate::part::Part;
use crate::plan::{Ready, Resource};
use crate::tenant::LOCK;
use crate::workload::Port;

pub fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let kafka = system.tenant.part("kafka-policy", KAFKA_APP, &[LOCK]);
    let postgres = system.tenant.part("postgres-policy", postgres::APP, &[LOCK]);
    let clients = [lenses_hq::APP, lenses_agent::APP, metabase::APP, postgres::DATABASES_APP];
    vec![
        policy(
            &kafka,
            "mqtt-kafka-policy",
            vec![
                admit(vec![app(lenses_agent::APP)], &[KAFKA_PORT, SCHEMA_REGISTRY_PORT, CONNECT_PORT, JMX_PORT]),
                admit(vec![pods(BTreeMap::from([kafka_client()]))], &[KAFKA_PORT, SCHEMA_REGISTRY_PORT, CONNECT_PORT]),
            ],
        ),
        policy(
            &postgres,
            "lenses-postgres-policy",
            vec![admit(clients.into_iter().map(app).collect(), &[postgres::PORT])],
        ),
    ]
}

/// A policy for a part's pods.
pub fn policy(part: &Part, name: &str, ingress: Vec<NetworkPolicyIngressRule>) -> Resource {
    let policy = NetworkPolicy {
        metadata: part.metadata(name),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(part.label_selector()),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(ingress),
            ..NetworkPolicySpec::default()
        }),
    };
    part.inside("policy", &policy, Ready::Exists)
}

/// Lets these in at these ports.
pub fn admit(from: Vec<NetworkPolicyPeer>, ports: &[Port]) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from: Some(from),
        ports: Some(
            ports
                .iter()
                .map(|&(_, port)| NetworkPolicyPort {
                    protocol: Some("TCP".to_owned()),
                    port: Some(IntOrString::Int(port)),
                    ..NetworkPolicyPort::default()
                })
                .collect(),
        ),
    }
}

/// Pods of the same namespace with these labels.
pub fn pods(labels: BTreeMap<String, String>) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }),
        ..NetworkPolicyPeer::default()
    }
}

/// The pods of a part of the same namespace.
pub fn app(app: &str) -> NetworkPolicyPeer {
    pods(BTreeMap::from([("app".to_owned(), app.to_owned())]))
}
