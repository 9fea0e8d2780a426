//! Columns that `kubectl get` prints for a claim and for its composite.

/// Column in the output of `kubectl get` for a claim or its composite, with the value at one JSONPath.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub path: &'static str,
    pub description: &'static str,
    /// Whether only `kubectl get -o wide` prints the column of a claim or its composite.
    pub wide: bool,
}

impl Column {
    /// Column of a claim or its composite that `kubectl get` always prints.
    pub const fn new(name: &'static str, path: &'static str, description: &'static str) -> Self {
        Self { name, path, description, wide: false }
    }

    /// Column of a claim or its composite that only `kubectl get -o wide` prints.
    pub const fn wide(name: &'static str, path: &'static str, description: &'static str) -> Self {
        Self { name, path, description, wide: true }
    }
}
