//! Old and new version of one claim, and of one composed resource, for the difference between them.

use realtime_platform_core::parts::plan::Resource;

use super::claim::Shown;
use super::fields::Change;

/// Two versions of a claim, of which one may be missing, and the fate of the claims around it.
#[derive(Default)]
pub struct Sides<'a> {
    pub old: Option<&'a Shown<'a>>,
    pub new: Option<&'a Shown<'a>>,
    /// Claim of another name that takes the place of a removed claim.
    pub successor: Option<&'a Shown<'a>>,
    /// Whether a change removes the environment of the compared claim as well.
    pub environment_goes: bool,
    /// Whether Kafka Connect is removed with a claim, because no real-time system is left in the claim's place.
    pub connect_goes: bool,
    /// Systems and brokers that stay although their environment is removed.
    pub consumers: Vec<&'a Shown<'a>>,
}

pub enum ResourceDifference<'a> {
    Added(&'a Resource),
    Removed(&'a Resource),
    Changed { old: &'a Resource, new: &'a Resource, fields: Vec<Change> },
}
