//! What `kubectl get` shows of a claim and of its composite.

/// A column: text that stands at one path.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub name: &'static str,
    pub path: &'static str,
    pub description: &'static str,
    /// Only with `-o wide`.
    pub wide: bool,
}

impl Column {
    /// A column that is always shown.
    pub const fn new(name: &'static str, path: &'static str, description: &'static str) -> Self {
        Self { name, path, description, wide: false }
    }

    /// A column that is shown with `-o wide`.
    pub const fn wide(name: &'static str, path: &'static str, description: &'static str) -> Self {
        Self { name, path, description, wide: true }
    }
}
