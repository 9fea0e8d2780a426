//! Network policies, evaluated as a network plugin does: a pod that some policy selects in a direction is limited to
//! the connections that some policy admits; all other pods are unrestricted in that direction.

use serde_json::Value;

use super::pods::Pod;
use super::value::{Labels, Look, selects};
use super::world::{Object, World};

/// Protocol and port.
pub type Door<'a> = (&'a str, i64);

/// One rule of a policy, in one direction.
pub struct Rule<'w> {
    pub policy: &'w Object<'w>,
    /// JSON pointer to the rule.
    pub field: String,
    /// Peers as written in the policy. An empty list means every peer, also outside the cluster.
    pub peers: &'w [Value],
    pub doors: Vec<Door<'w>>,
    /// Indices in `World::pods` of the pods that the peers select.
    pub pods: Vec<usize>,
}

/// Rules of all policies in one direction, ingress or egress.
pub struct Direction<'w> {
    /// For each pod, `None` if no policy selects the pod, else the indices of the rules that apply.
    by_pod: Vec<Option<Vec<usize>>>,
    pub rules: Vec<Rule<'w>>,
}

/// Rules of all policies in both directions.
pub struct Traffic<'w> {
    pub ingress: Direction<'w>,
    pub egress: Direction<'w>,
}

impl<'w> Traffic<'w> {
    pub fn of(world: &'w World<'w>) -> Self {
        Self {
            ingress: Direction::of(world, "Ingress", "ingress", "from"),
            egress: Direction::of(world, "Egress", "egress", "to"),
        }
    }

    /// Whether one pod reaches another at a port. A pod always reaches itself.
    pub fn reach(&self, from: usize, to: usize, door: Door) -> bool {
        from == to || self.egress.admits(from, Some(to), door) && self.ingress.admits(to, Some(from), door)
    }
}

impl<'w> Direction<'w> {
    fn of(world: &'w World<'w>, direction_type: &str, list: &str, side: &str) -> Self {
        let mut direction = Self { by_pod: world.pods.iter().map(|_| None).collect(), rules: Vec::new() };
        for policy in world.of_kind("networking.k8s.io", "NetworkPolicy") {
            if !policy.manifest.texts("/spec/policyTypes").any(|named| named == direction_type) {
                continue;
            }
            let first = direction.rules.len();
            for (index, rule) in policy.manifest.items(&format!("/spec/{list}")).iter().enumerate() {
                direction.rules.push(Rule {
                    policy,
                    field: format!("/spec/{list}/{index}"),
                    peers: rule.items(&format!("/{side}")),
                    doors: rule.items("/ports").iter().map(door).collect(),
                    pods: peers(world, policy, rule.items(&format!("/{side}"))),
                });
            }
            let rules = first..direction.rules.len();
            for index in selected(world, policy) {
                direction.by_pod[index].get_or_insert_default().extend(rules.clone());
            }
        }
        direction
    }

    /// Whether some policy selects a pod.
    pub fn is_closed(&self, pod: usize) -> bool {
        self.by_pod[pod].is_some()
    }

    /// Rules that apply to a pod.
    pub fn of_pod(&self, pod: usize) -> impl Iterator<Item = &Rule<'w>> {
        self.by_pod[pod].iter().flatten().map(|&index| &self.rules[index])
    }

    /// Whether the rules of this direction admit traffic between a pod and a peer at a port. `None` is a peer outside
    /// the cluster.
    pub fn admits(&self, pod: usize, peer: Option<usize>, door: Door) -> bool {
        let is_peer = |rule: &Rule| match peer {
            Some(peer) => rule.peers.is_empty() || rule.pods.contains(&peer),
            None => rule.peers.is_empty() || rule.peers.iter().any(is_network),
        };
        !self.is_closed(pod) || self.of_pod(pod).any(|rule| is_peer(rule) && rule.doors.contains(&door))
    }
}

/// Whether a peer is an IP block, and not a pod selector.
pub fn is_network(peer: &Value) -> bool {
    peer.has("/ipBlock/cidr")
}

fn door(port: &Value) -> Door<'_> {
    (port.text("/protocol"), port.number("/port").unwrap_or_default())
}

/// Indices in `World::pods` of the pods that a policy selects.
pub fn selected<'a>(world: &'a World, policy: &'a Object) -> impl Iterator<Item = usize> + 'a {
    let selector = policy.manifest.labels("/spec/podSelector/matchLabels");
    world.pods.iter().enumerate().filter_map(move |(index, pod)| {
        let is_here = pod.object.place == policy.place && pod.is_selected(&policy.namespace, &selector);
        is_here.then_some(index)
    })
}

fn peers(world: &World, policy: &Object, peers: &[Value]) -> Vec<usize> {
    let read: Vec<(Option<Labels>, Labels)> = peers
        .iter()
        .filter(|peer| !is_network(peer))
        .map(|peer| {
            let namespace = peer.has("/namespaceSelector").then(|| peer.labels("/namespaceSelector/matchLabels"));
            (namespace, peer.labels("/podSelector/matchLabels"))
        })
        .collect();
    let is_peer = |pod: &Pod| {
        read.iter().any(|(namespace, labels)| {
            selects(labels, &pod.labels)
                && match namespace {
                    None => pod.object.namespace == policy.namespace,
                    Some(selector) => world
                        .namespace(pod.object.place, &pod.object.namespace)
                        .is_some_and(|labels| selects(selector, &labels)),
                }
        })
    };
    let pods = world.pods.iter().enumerate().filter(|(_, pod)| pod.object.place == policy.place && is_peer(pod));
    pods.map(|(index, _)| index).collect()
}
