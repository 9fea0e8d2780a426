//! Arrows between the parts in the platform picture. Each arrow records the references in manifests that imply it, such
//! as an environment variable with a host name.

use std::collections::HashMap;

/// Relation that an arrow in the platform picture shows between its start and its end, such as a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Arrow in the platform picture for connections: its start opens connections to its end.
    Calls,
    /// Arrow in the platform picture for routes: its start, such as a gateway, directs traffic to its end.
    Routes,
    /// Arrow in the platform picture for data, which flows from the start of the arrow to its end.
    Data,
    /// Arrow in the platform picture for a Secret: the start of the arrow makes the Secret, and its end uses the
    /// Secret.
    Secrets,
    /// Arrow in the platform picture for a network policy: from the policy to the pods that it protects, or to these
    /// pods from other pods whose connections the policy allows.
    Admits,
    /// Arrow in the platform picture for the order of a plan: its start must be ready before the resources at its end
    /// are no longer held.
    Order,
}

/// Start or end of an arrow in the platform picture: a part of a claim, or something outside the platform.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    Part(usize),
    /// End of an arrow in the platform picture: the name of something outside the platform, such as the host name of a
    /// server on the internet.
    Beyond(String),
    /// End of an arrow in the platform picture: a host name by which users reach the platform.
    Entrance(String),
}

/// Arrow in the platform picture: a relation between two parts, or between a part and something outside the platform.
#[derive(Debug)]
pub struct Arrow {
    pub layer: Layer,
    pub from: End,
    pub to: End,
    /// References in manifests that imply this arrow of the platform picture, such as an environment variable with a
    /// host name.
    pub because: Vec<String>,
}

/// All arrows of the platform picture while they are collected. A second arrow with the same relation and ends only
/// adds its reference to the first.
#[derive(Default)]
pub struct Arrows {
    pub all: Vec<Arrow>,
    known: HashMap<(Layer, End, End), usize>,
}

impl Arrows {
    pub fn add(&mut self, layer: Layer, from: End, to: End, because: String) {
        if from == to {
            return;
        }
        let index = *self.known.entry((layer, from.clone(), to.clone())).or_insert(self.all.len());
        match self.all.get_mut(index) {
            Some(arrow) if arrow.because.contains(&because) => {}
            Some(arrow) => arrow.because.push(because),
            None => self.all.push(Arrow { layer, from, to, because: vec![because] }),
        }
    }
}
