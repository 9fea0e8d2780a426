//! The story of one Application, as a user would see it.

use crate::stage::{Settings, Stage};

/// Plays it, with watches or with the flags that Crossplane and the providers have by default.
pub fn play(default_flags: bool) {
    let stage = Stage::start("play", &Settings { watches: !default_flags, replicas: 2 });
    drop(stage);
}
