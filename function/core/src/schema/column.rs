//! Columns that `kubectl get` prints for a claim and for its composite.

/// Column of `kubectl get` with the text at one JSONPath.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub path: &'static str,
    pub description: &'static str,
    /// Whether the column is printed only by `kubectl get -o wide`.
    pub wide: bool,
}

impl Column {
    /// Column that `kubectl get` always prints.
    pub const fn new(name: &'static str, path: &'static str, description: &'static str) -> Self {
        Self { name, path, description, wide: false }
    }

    /// Column that is printed only by `kubectl get -o wide`.
    pub const fn wide(name: &'static str, path: &'static str, description: &'static str) -> Self {
        Self { name, path, description, wide: true }
    }
}
