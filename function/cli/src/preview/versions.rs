//! Two versions of one claim, and of one composed resource.

use realtime_platform_core::parts::plan::Resource;

use super::claim::Shown;
use super::fields::Change;

/// Two versions of a claim, of which one may be missing, and the fate of the claims around it.
#[derive(Default)]
pub struct Sides<'a> {
    pub old: Option<&'a Shown<'a>>,
    pub new: Option<&'a Shown<'a>>,
    /// For a removed claim, the claim of another name that takes its place.
    pub successor: Option<&'a Shown<'a>>,
    /// Whether the environment of the claim is removed as well.
    pub environment_goes: bool,
    /// For a removed claim, whether Kafka Connect is removed as well, because no system is left in its place.
    pub connect_goes: bool,
    /// For a removed environment, its systems and brokers that are not removed.
    pub consumers: Vec<&'a Shown<'a>>,
}

pub enum ResourceDifference<'a> {
    Added(&'a Resource),
    Removed(&'a Resource),
    Changed { old: &'a Resource, new: &'a Resource, fields: Vec<Change> },
}
