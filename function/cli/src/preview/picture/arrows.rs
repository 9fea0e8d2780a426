//! Arrows between the parts of a picture, with the references in manifests that they stand for.

use std::collections::HashMap;

/// Meaning of an arrow in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// The arrow's start opens connections to the arrow's end.
    Calls,
    /// The arrow's start forwards traffic to the arrow's end.
    Routes,
    /// Data moves from the arrow's start to the arrow's end.
    Data,
    /// The arrow's start makes a Secret that the arrow's end uses.
    Secrets,
    /// The arrow's start is a network policy for the arrow's end, or a network policy admits the start to the end.
    Admits,
    /// The arrow's start must be ready before the arrow's end.
    Order,
}

/// Start or end of an arrow in the picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    Part(usize),
    /// Something outside the platform, by its name.
    Beyond(String),
    /// Host name by which the platform is reached.
    Entrance(String),
}

/// Arrow in the picture: a relation between two ends.
#[derive(Debug)]
pub struct Arrow {
    pub layer: Layer,
    pub from: End,
    pub to: End,
    /// References in manifests that the arrow stands for.
    pub because: Vec<String>,
}

/// All arrows of the picture, without duplicates.
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
