//! Untrusted text: quoted for other programs (`language`), and made visible for people (`readable`); and YAML (`yaml`).

pub mod language;
pub mod readable;
pub mod yaml;
