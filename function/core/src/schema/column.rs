//! Columns that `kubectl get` prints for a claim and for its composite.

/// Column with the text at one JSONPath.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub path: &'static str,
    pub description: &'static str,
    /// Printed only with `-o wide`.
    pub wide: bool,
}

impl Column {
    /// Column that is always printed.
    pub const fn new(name: &'static str, path: &'static str, description: &'static str) -> Self {
        Self { name, path, description, wide: false }
    }

    /// Column that is printed only with `-o wide`.
    pub const fn wide(name: &'static str, path: &'static str, description: &'static str) -> Self {
        Self { name, path, description, wide: true }
    }
}
