//! Arrows between the parts of a platform picture, with the references in manifests that they stand for.

use std::collections::HashMap;

/// Relation of two parts that an arrow in the picture of a platform stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Arrow for connections: its start opens them to its end.
    Calls,
    /// Arrow for routes: its start, such as a gateway, forwards traffic to its end.
    Routes,
    /// Arrow for data, which moves from the arrow's start to its end.
    Data,
    /// Arrow for a Secret: its start makes a Secret that its end uses.
    Secrets,
    /// Arrow for a network policy: its start is the policy and its end the pods, or its start is admitted to its end.
    Admits,
    /// Arrow for the order of a plan: its start must be ready before its end is released.
    Order,
}

/// Start or end of an arrow in the platform picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    Part(usize),
    /// End of an arrow outside the platform, such as a server on the internet, by its name.
    Beyond(String),
    /// End of an arrow where users enter: a host name by which the platform is reached.
    Entrance(String),
}

/// Arrow in the platform picture: a relation between two ends.
#[derive(Debug)]
pub struct Arrow {
    pub layer: Layer,
    pub from: End,
    pub to: End,
    /// References in manifests from which the arrow in the platform picture follows.
    pub because: Vec<String>,
}

/// All arrows of the platform picture while they are collected, without duplicates.
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
