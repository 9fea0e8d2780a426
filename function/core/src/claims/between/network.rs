//! Who may reach whom: network policies, and the peers and ports that they are made of.
//!
//! A pod that a policy selects accepts and opens only what some policy admits, and policies add up. Every pod of ours is
//! behind a fence, which admits nothing in, and out only what all of its system need; what a part needs beyond that, its
//! own policy admits. What runs in which part is no business of this room.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::claims::between::places;
use crate::parts::part::{PART_OF, Part};
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::Port;

/// The namespace of the cluster's own name server.
const NAME_SERVER: &str = "kube-system";
/// Where a name server is asked, and where a virtual cluster's listens behind that.
const NAME_SERVER_PORTS: [i32; 2] = [53, 1053];
/// Where most of what is outside is asked.
pub const HTTPS: i32 = 443;
/// Where an API server is asked, and where a virtual cluster's listens behind that.
const API_SERVER_PORTS: [i32; 2] = [HTTPS, 8443];
/// Where Knative's proxy, in each pod of its services, takes requests.
const KNATIVE_REQUESTS: Port = ("http", 8012);
/// Where it says how many there are.
const KNATIVE_COUNTS: Port = ("http-autometric", 9090);

/// The label that Kubernetes gives to each namespace.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// What is let into some pods, and out of them. What stays empty is left to the fence.
///
/// To Kubernetes a rule without peers, or without ports, is one for all of them. So whoever names none adds no rule.
#[derive(Default)]
#[must_use = "it admits nothing until a policy or a fence takes it"]
pub struct Traffic {
    ingress: Vec<NetworkPolicyIngressRule>,
    egress: Vec<NetworkPolicyEgressRule>,
}

impl Traffic {
    /// Lets these in at these ports.
    pub fn from(mut self, peers: impl IntoIterator<Item = NetworkPolicyPeer>, ports: &[Port]) -> Self {
        let peers: Vec<NetworkPolicyPeer> = peers.into_iter().collect();
        if !peers.is_empty() {
            let ports = tcp(ports.iter().map(|&(_, port)| port));
            self.ingress.push(NetworkPolicyIngressRule { from: Some(peers), ports: Some(ports) });
        }
        self
    }

    /// Lets Knative lead requests to the pods of one of its services, and count them.
    pub fn from_knative(self) -> Self {
        let serving = |app| within(places::KNATIVE_SERVING, labels("app", app));
        self.from([gateway(), serving("activator")], &[KNATIVE_REQUESTS])
            .from([serving("autoscaler")], &[KNATIVE_COUNTS])
    }

    /// Lets through to such pods at these ports.
    pub fn to(mut self, peer: NetworkPolicyPeer, ports: &[Port]) -> Self {
        let ports = tcp(ports.iter().map(|&(_, port)| port));
        self.egress.push(NetworkPolicyEgressRule { to: Some(vec![peer]), ports: Some(ports) });
        self
    }

    /// Lets through to whoever listens there, outside too.
    pub fn to_anybody(mut self, ports: impl IntoIterator<Item = i32>) -> Self {
        let ports = tcp(ports);
        if !ports.is_empty() {
            self.egress.push(NetworkPolicyEgressRule { to: None, ports: Some(ports) });
        }
        self
    }

    /// Lets through to whoever listens there in these networks. They are some: a rule without peers is one for all.
    pub fn to_networks(mut self, networks: &[String], port: i32) -> Self {
        let block = |network: &String| IPBlock { cidr: network.clone(), except: None };
        let peer = |network| NetworkPolicyPeer { ip_block: Some(block(network)), ..NetworkPolicyPeer::default() };
        if !networks.is_empty() {
            let peers = networks.iter().map(peer).collect();
            self.egress.push(NetworkPolicyEgressRule { to: Some(peers), ports: Some(tcp([port])) });
        }
        self
    }

    /// Lets through to the API server, which nothing inside a virtual cluster can tell by more than its ports.
    pub fn to_api_server(self) -> Self {
        self.to_anybody(API_SERVER_PORTS)
    }
}

/// A policy for a part's pods.
pub fn policy(part: &Part, name: &str, admissions: Traffic) -> Resource {
    let Traffic { ingress, egress } = admissions;
    let spec = NetworkPolicySpec {
        pod_selector: Some(part.label_selector()),
        policy_types: Some(
            [("Ingress", ingress.is_empty()), ("Egress", egress.is_empty())]
                .into_iter()
                .filter(|(_, is_empty)| !is_empty)
                .map(|(direction, _)| direction.to_owned())
                .collect(),
        ),
        ingress: (!ingress.is_empty()).then_some(ingress),
        egress: (!egress.is_empty()).then_some(egress),
    };
    part.inside("policy", &NetworkPolicy { metadata: part.metadata(name), spec: Some(spec) }, Ready::Exists)
}

/// The fence around all pods of a system: nothing comes in, and beside questions for names only what is admitted goes out.
pub fn fence(part: &Part, name: &str, admissions: Traffic) -> Resource {
    let spec = NetworkPolicySpec {
        pod_selector: Some(selector(system(part))),
        policy_types: Some(["Ingress", "Egress"].map(str::to_owned).to_vec()),
        egress: Some([to_name_server()].into_iter().chain(admissions.egress).collect()),
        ..NetworkPolicySpec::default()
    };
    part.inside("policy", &NetworkPolicy { metadata: part.metadata(name), spec: Some(spec) }, Ready::Exists)
}

/// The label that all pods of a part's system have, and no others.
fn system(part: &Part) -> BTreeMap<String, String> {
    labels(PART_OF, part.owner.system)
}

fn to_name_server() -> NetworkPolicyEgressRule {
    let ports = NAME_SERVER_PORTS.into_iter().flat_map(|number| [port("UDP", number), port("TCP", number)]);
    NetworkPolicyEgressRule { to: Some(vec![within(NAME_SERVER, BTreeMap::new())]), ports: Some(ports.collect()) }
}

/// Pods of the same namespace with these labels.
pub fn pods(labels: BTreeMap<String, String>) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(selector(labels)), ..NetworkPolicyPeer::default() }
}

/// The pods of a part of the same namespace.
pub fn app(app: &str) -> NetworkPolicyPeer {
    pods(labels("app", app))
}

/// All pods of a part's own system.
pub fn siblings(part: &Part) -> NetworkPolicyPeer {
    pods(system(part))
}

/// The pods of the environment's gateway.
pub fn gateway() -> NetworkPolicyPeer {
    let (name, value) = places::GATEWAY_LABEL;
    within(places::ISTIO, labels(name, value))
}

/// The environment's Prometheus, by the label that its operator gives.
pub fn prometheus() -> NetworkPolicyPeer {
    within(places::MONITORING, labels("app.kubernetes.io/name", "prometheus"))
}

/// Pods of another namespace with these labels; all of them without any.
fn within(namespace: &str, labelled: BTreeMap<String, String>) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(selector(labels(NAMESPACE_NAME, namespace))),
        pod_selector: (!labelled.is_empty()).then(|| selector(labelled)),
        ..NetworkPolicyPeer::default()
    }
}

fn labels(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

fn selector(labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
}

fn tcp(ports: impl IntoIterator<Item = i32>) -> Vec<NetworkPolicyPort> {
    ports.into_iter().map(|number| port("TCP", number)).collect()
}

fn port(protocol: &str, number: i32) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(number)),
        ..NetworkPolicyPort::default()
    }
}
