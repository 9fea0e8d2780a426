//! Network policies around the pods of systems and brokers, with the peers and ports of their rules.
//!
//! A pod that is selected by network policies accepts and opens only connections that at least one of these policies
//! admits. Every pod of a system or broker is behind a fence: a network policy that admits no connections to the pods,
//! and only those connections from the pods that all of them need. The policy of a part admits the further connections
//! that this part needs.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::claims::between::component_namespaces;
use crate::claims::between::operators::Operator;
use crate::parts::part::{PART_OF, Part};
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::Port;

/// Namespace of the cluster's DNS server. The fence, which is the network policy around all pods of a system or broker,
/// admits DNS queries to this namespace.
const NAME_SERVER: &str = "kube-system";
/// Ports of the DNS server in network policies: 53 of its Service, and 1053, on which the DNS server of a virtual
/// cluster listens behind that Service.
const NAME_SERVER_PORTS: [i32; 2] = [53, 1053];
/// Port of HTTPS, for the egress rules of network policies to servers outside the cluster.
pub const HTTPS: i32 = 443;
/// Ports of the API server in network policies: 443 of its Service, and 8443, on which the API server of a virtual
/// cluster listens behind that Service.
const API_SERVER_PORTS: [i32; 2] = [HTTPS, 8443];
/// Port for requests of queue-proxy, which is Knative's sidecar in each pod of a Knative service.
const KNATIVE_REQUESTS: Port = ("http", 8012);
/// Port of queue-proxy, Knative's sidecar, on which the autoscaler of Knative reads request counts.
const KNATIVE_COUNTS: Port = ("http-autometric", 9090);

/// Name of the label that Kubernetes sets on each namespace, with the namespace's name as value. Network policies
/// select namespaces by this label.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Connections that a network policy admits to its pods, and from them. A direction without rules is left to the fence,
/// which is the policy around all pods of a system or broker.
///
/// Kubernetes reads a rule without peers as one for all peers, and a rule without ports as one for all ports. Therefore
/// a rule whose list of peers or list of ports would be empty is not added to the policy.
#[derive(Default)]
#[must_use = "it admits nothing until a policy or a fence takes it"]
pub struct Traffic {
    ingress: Vec<NetworkPolicyIngressRule>,
    egress: Vec<NetworkPolicyEgressRule>,
    /// Whether the network policy stays with data that a claim retains, because the pods that serve the data stay.
    stays: bool,
}

impl Traffic {
    /// Admits connections to a network policy's pods from the given peers at the given ports.
    pub fn from(mut self, peers: impl IntoIterator<Item = NetworkPolicyPeer>, ports: &[Port]) -> Self {
        let peers: Vec<NetworkPolicyPeer> = peers.into_iter().collect();
        let ports = tcp(ports.iter().map(|&(_, port)| port));
        if !peers.is_empty() && !ports.is_empty() {
            self.ingress.push(NetworkPolicyIngressRule { from: Some(peers), ports: Some(ports) });
        }
        self
    }

    /// Keeps the network policy where the claim retains its data, for pods that go on running then.
    pub fn staying(self, stays: bool) -> Self {
        Self { stays, ..self }
    }

    /// Admits connections of Knative to the pods of a Knative service: from the gateway and the activator to the port
    /// for requests, and from the autoscaler to the port with the request counts.
    pub fn from_knative(self) -> Self {
        let serving = |app| within(component_namespaces::KNATIVE_SERVING, labels("app", app));
        self.from([gateway(), serving("activator")], &[KNATIVE_REQUESTS])
            .from([serving("autoscaler")], &[KNATIVE_COUNTS])
    }

    /// Admits connections from a network policy's pods to the given peer at the given ports.
    pub fn to(self, peer: NetworkPolicyPeer, ports: &[Port]) -> Self {
        self.admit_egress(Some(vec![peer]), ports.iter().map(|&(_, port)| port))
    }

    /// Admits connections from a network policy's pods to the given ports of any destination, also outside the cluster.
    pub fn to_anybody(self, ports: impl IntoIterator<Item = i32>) -> Self {
        self.admit_egress(None, ports)
    }

    /// Admits connections from a network policy's pods to the given networks at the given port.
    pub fn to_networks(self, networks: &[String], port: i32) -> Self {
        let block = |network: &String| IPBlock { cidr: network.clone(), except: None };
        let peer = |network| NetworkPolicyPeer { ip_block: Some(block(network)), ..NetworkPolicyPeer::default() };
        self.admit_egress(Some(networks.iter().map(peer).collect()), [port])
    }

    /// Adds an egress rule to a network policy, unless the rule's list of peers or of ports is empty. `None` as list of
    /// peers admits every destination.
    fn admit_egress(mut self, peers: Option<Vec<NetworkPolicyPeer>>, ports: impl IntoIterator<Item = i32>) -> Self {
        let ports = tcp(ports);
        if peers.as_ref().is_none_or(|peers| !peers.is_empty()) && !ports.is_empty() {
            self.egress.push(NetworkPolicyEgressRule { to: peers, ports: Some(ports) });
        }
        self
    }

    /// Admits connections from a network policy's pods to the API server. The API server of a virtual cluster has no
    /// label or address by which a network policy could select it, so its ports are open to any destination.
    pub fn to_api_server(self) -> Self {
        self.to_anybody(API_SERVER_PORTS)
    }
}

/// Network policy that admits the given connections to and from the pods of a part of the plan.
pub fn policy(part: &Part, name: &str, admissions: Traffic) -> Resource {
    let Traffic { ingress, egress, stays } = admissions;
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
    around(part, name, spec, stays)
}

fn around(part: &Part, name: &str, spec: NetworkPolicySpec, stays: bool) -> Resource {
    let policy = NetworkPolicy { metadata: part.metadata(name), spec: Some(spec) };
    if stays {
        part.kept_inside("policy", &policy, Ready::Exists)
    } else {
        part.inside("policy", &policy, Ready::Exists)
    }
}

/// Fence: the network policy around all pods of a system or broker. The fence admits no connections to the pods, and
/// from the pods only DNS queries and the egress that the caller lists.
pub fn fence(part: &Part, name: &str, admissions: Traffic) -> Resource {
    fence_of(part, name, system(part), admissions)
}

/// Fence around the pods with the given labels: those of an operator that keeps the label by which the fence of a system
/// or broker selects pods for itself.
pub fn fence_of(part: &Part, name: &str, labels: BTreeMap<String, String>, admissions: Traffic) -> Resource {
    let spec = NetworkPolicySpec {
        pod_selector: Some(selector(labels)),
        policy_types: Some(["Ingress", "Egress"].map(str::to_owned).to_vec()),
        egress: Some([to_name_server()].into_iter().chain(admissions.egress).collect()),
        ..NetworkPolicySpec::default()
    };
    around(part, name, spec, admissions.stays)
}

/// Label by which network policies select all pods of a system or broker, and no other pods.
fn system(part: &Part) -> BTreeMap<String, String> {
    labels(PART_OF, part.owner.system)
}

fn to_name_server() -> NetworkPolicyEgressRule {
    let ports = NAME_SERVER_PORTS.into_iter().flat_map(|number| [port("UDP", number), port("TCP", number)]);
    NetworkPolicyEgressRule { to: Some(vec![within(NAME_SERVER, BTreeMap::new())]), ports: Some(ports.collect()) }
}

/// Peer of a network policy: the pods with the given labels in the policy's own namespace.
pub fn pods(labels: BTreeMap<String, String>) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(selector(labels)), ..NetworkPolicyPeer::default() }
}

/// Peer of a network policy: the pods of one part of the plan, in the policy's own namespace, by their label `app`.
pub fn app(app: &str) -> NetworkPolicyPeer {
    pods(labels("app", app))
}

/// Peer of a network policy: all pods of the system or broker to which the given part of a plan belongs.
pub fn siblings(part: &Part) -> NetworkPolicyPeer {
    pods(system(part))
}

/// Peer of a network policy: the pods of the environment's Istio ingress gateway.
pub fn gateway() -> NetworkPolicyPeer {
    let (name, value) = component_namespaces::GATEWAY_LABEL;
    within(component_namespaces::ISTIO, labels(name, value))
}

/// Peer of a network policy: the pods of an operator.
pub fn operator(operator: &Operator) -> NetworkPolicyPeer {
    let (name, value) = operator.label;
    within(operator.namespace, labels(name, value))
}

/// Peer of a network policy: the pods of the environment's Prometheus, by the label that the Prometheus operator sets.
pub fn prometheus() -> NetworkPolicyPeer {
    within(component_namespaces::MONITORING, labels("app.kubernetes.io/name", "prometheus"))
}

/// Peer of a network policy: the pods with the given labels in the given namespace, or all pods of that namespace if no
/// labels are given.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_is_for_all_peers_or_all_ports_because_a_list_is_empty() {
        let port: Port = ("http", 80);
        let traffic = Traffic::default()
            .from([], &[port])
            .from([gateway()], &[])
            .to(gateway(), &[])
            .to_anybody([])
            .to_networks(&[], 443);
        assert!(traffic.ingress.is_empty() && traffic.egress.is_empty());
        let traffic = Traffic::default().from([gateway()], &[port]).to(gateway(), &[port]);
        assert_eq!((traffic.ingress.len(), traffic.egress.len()), (1, 1));
    }
}
