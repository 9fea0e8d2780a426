//! Arrows: what leads to what, and because of which references.

use std::collections::HashMap;

/// What an arrow means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Opens connections to it.
    Calls,
    /// Leads traffic on to it.
    Routes,
    /// Data moves there.
    Data,
    /// Hands it a Secret.
    Secrets,
    /// A policy lets it in.
    Admits,
    /// Must be ready before it.
    Order,
}

/// What an arrow ends at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    Part(usize),
    /// Something beyond the platform, by its name.
    Beyond(String),
    /// A host by which the platform is reached.
    Entrance(String),
}

/// One thing leads to another.
#[derive(Debug)]
pub struct Arrow {
    pub layer: Layer,
    pub from: End,
    pub to: End,
    /// The references that it stands for.
    pub because: Vec<String>,
}

/// All arrows, each once.
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
