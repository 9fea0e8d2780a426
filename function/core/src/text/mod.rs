//! Text that is not trusted: as a value in the language of another program, and as people are shown it.

pub mod language;
pub mod readable;
