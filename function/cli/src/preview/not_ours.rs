//! Objects and components that the command `preview` leaves out, because they are not of this platform.

use std::fmt;

/// Object or component that the preview leaves out, because this function composes nothing for its kind or type.
#[derive(Debug)]
pub struct NotOurs {
    pub source: String,
    pub kind: String,
    pub name: String,
    /// Type of a component that the preview leaves out; `None` for an object that is no component.
    pub component_type: Option<String>,
    /// Similar API group, kind or type of this function that the author of a left-out object may have meant.
    pub nearest: Option<&'static str>,
}

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, kind, name, component_type, nearest } = self;
        write!(f, "{kind} {name}")?;
        if let Some(component_type) = component_type {
            write!(f, " of type {component_type}")?;
        }
        if let Some(nearest) = nearest {
            write!(f, ", did you mean {nearest:?}?")?;
        }
        write!(f, " ({source})")
    }
}
