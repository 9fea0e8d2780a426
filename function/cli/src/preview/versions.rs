//! Old and new version of a claim, and of a composed resource, as `preview --diff` compares them.

use realtime_platform_core::parts::plan::Resource;

use super::claim::Shown;
use super::fields::Change;

/// Old and new version of a claim that `preview --diff` compares, and the effects of the same change on other claims in
/// the environment. An added claim has no old version, and a removed claim no new one.
#[derive(Default)]
pub struct Sides<'a> {
    pub old: Option<&'a Shown<'a>>,
    pub new: Option<&'a Shown<'a>>,
    /// Claim of another name in the new version that takes the environment or namespace of a removed claim.
    pub successor: Option<&'a Shown<'a>>,
    /// Whether the change also removes the environment that the compared system or broker uses.
    pub environment_goes: bool,
    /// Whether the change that removes this claim also removes Kafka Connect from the claim's namespace, because the
    /// real-time system in that namespace is removed.
    pub connect_goes: bool,
    /// Systems and brokers that the new version keeps although the change removes their environment.
    pub consumers: Vec<&'a Shown<'a>>,
}

pub enum ResourceDifference<'a> {
    Added(&'a Resource),
    Removed(&'a Resource),
    Changed { old: &'a Resource, new: &'a Resource, fields: Vec<Change> },
}
