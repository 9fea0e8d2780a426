//! The two versions of one claim, and of one composed resource.

use realtime_platform_core::parts::plan::Resource;

use super::fields::Change;
use super::shown::Shown;

/// The two versions of a claim, of which one can be missing, and what becomes of others beside it.
#[derive(Default)]
pub struct Sides<'a> {
    pub old: Option<&'a Shown<'a>>,
    pub new: Option<&'a Shown<'a>>,
    /// Of a claim that goes, the one that takes its place: the same one under another name.
    pub successor: Option<&'a Shown<'a>>,
    /// Whether the environment that it stands in goes as well.
    pub environment_goes: bool,
    /// Of a claim that goes, whether Kafka Connect goes as well: its place has no system any more.
    pub connect_goes: bool,
    /// Of an environment that goes, the systems and brokers in it that do not go themselves.
    pub consumers: Vec<&'a Shown<'a>>,
}

pub enum ResourceDifference<'a> {
    Added(&'a Resource),
    Removed(&'a Resource),
    Changed { old: &'a Resource, new: &'a Resource, fields: Vec<Change> },
}
