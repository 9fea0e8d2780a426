//! What may befall a platform, one at a time, with its expected state before, during and after.

/// Lets these happen, or all.
pub fn run(_names: &[String]) {
    panic!("there are no faults yet");
}
