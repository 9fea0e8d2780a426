//! The claims that are explained, and what Crossplane asks about them.

use std::collections::BTreeMap;

use realtime_platform_core::parts::owner::Claim;
use realtime_platform_core::parts::plan::Plan;
use realtime_platform_core::progress::{Progress, Refused};
use realtime_platform_core::settings::Settings;
use serde_json::Value;

use crate::documents::located::Located;
use crate::preview::gather::Asked;
use crate::preview::inputs::Inputs;

/// What is answered for a claim.
pub type Judged = Result<Progress, Refused>;

/// The claims that are explained, none of which is wrong by itself.
pub struct Subjects<'a> {
    pub all: Vec<Subject<'a>>,
    /// What of them is not known before they are deployed.
    pub warnings: Vec<Located>,
}

/// A claim, the settings that hold for it, and its environment where that is another one's.
pub struct Subject<'a> {
    pub asked: Asked<'a>,
    pub settings: Settings,
    pub environment: Option<String>,
    pub former_lock: Option<String>,
    pub plan: Plan,
}

impl<'a> Subjects<'a> {
    /// The claims that files ask about.
    pub fn of(asked: Vec<Asked<'a>>, inputs: &Inputs, faults: &mut Vec<Located>) -> Self {
        let mut all: Vec<Subject> = Vec::new();
        let mut warnings = Vec::new();
        for asked in asked {
            let settings = inputs.settings(asked.kind).clone();
            match asked.examine(&settings) {
                Ok(None) => warnings.extend(asked.later(false)),
                // The same claim as a claim and in an Application is one.
                Ok(Some(_)) if all.iter().any(|other| other.is(asked.kind.claim, &asked.claim)) => {}
                Ok(Some(composed)) => {
                    warnings.extend(asked.later(true));
                    let environment = composed.consumer.map(|consumer| consumer.environment);
                    let former_lock = composed.lock_target.former_lock;
                    all.push(Subject { asked, settings, environment, former_lock, plan: composed.plan });
                }
                Err(wrong) => faults.extend(wrong),
            }
        }
        Self { all, warnings }
    }
}

impl Subject<'_> {
    /// Whether it is this claim.
    pub fn is(&self, kind: &str, claim: &Claim) -> bool {
        self.asked.kind.claim == kind && self.asked.claim == *claim
    }
}

/// What Crossplane asks about one claim.
#[derive(Clone, Debug)]
pub struct Call {
    /// The claim's name.
    pub claim: String,
    pub composite: Value,
    /// The composed resources, by key.
    pub observed: BTreeMap<String, Value>,
    /// What was found under the environment's name.
    pub provider_config: Option<Value>,
    /// What was found under each other name that an answer asks for, if anything was.
    pub found: BTreeMap<String, Option<Value>>,
}
