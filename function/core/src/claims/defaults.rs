//! Defaults of claims' fields, in the form in which serde asks for them.

pub fn yes() -> bool {
    true
}

pub fn first() -> u32 {
    1
}
