//! Untrusted text: quoted for other programs (`language`), and made visible for people (`readable`).

pub mod language;
pub mod readable;
