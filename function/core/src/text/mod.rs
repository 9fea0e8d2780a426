//! Text from other authors and for other programs: untrusted text quoted for programs (`language`) and made visible for
//! people (`readable`), and YAML read and written as kubectl reads it (`yaml`).

pub mod language;
pub mod readable;
pub mod yaml;
