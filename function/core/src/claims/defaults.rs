//! Default values of claims' fields, as functions for the `default` attribute of serde.

pub fn yes() -> bool {
    true
}
