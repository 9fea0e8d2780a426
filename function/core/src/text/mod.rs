//! Text from other authors and for other programs: untrusted text quoted for programs (`language`) and made visible for
//! people (`readable`), YAML read and written as kubectl reads it (`yaml`), and JSON values merged (`json`).

pub mod json;
pub mod language;
pub mod readable;
pub mod yaml;
