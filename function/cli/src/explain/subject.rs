//! Claims in the files that a user passes to the command `explain`, with the settings and the plan of each.

use realtime_platform_core::claims::Composed;
use realtime_platform_core::claims::between::neighbour::Neighbour;
use realtime_platform_core::life::ownership::{LockTarget, OtherLock};
use realtime_platform_core::parts::owner::Claim;
use realtime_platform_core::parts::plan::Plan;
use realtime_platform_core::progress::{Progress, Refused};
use realtime_platform_core::settings::Settings;

use crate::documents::fault::Located;
use crate::preview::collect::Asked;
use crate::preview::inputs::Inputs;

/// Result of the function for one claim: the progress of a valid claim, or the refusal of a claim with faults.
pub type Judged = Result<Progress, Refused>;

/// Valid claims in the files that a user passes to the command `explain`.
pub struct Subjects<'a> {
    pub all: Vec<Subject<'a>>,
    /// Warnings about properties of components whose values the command `explain` lacks, because KubeVela sets the
    /// values only when it deploys the Application.
    pub warnings: Vec<Located>,
}

/// Claim for the command `explain`, with its settings and plan. `environment` is the environment in which a system or
/// broker runs; it is `None` for the claim of an environment.
pub struct Subject<'a> {
    pub asked: Asked<'a>,
    pub inputs: &'a Inputs,
    pub settings: Settings,
    pub environment: Option<String>,
    pub lock_target: LockTarget,
    pub inhabitants: Vec<OtherLock>,
    pub neighbour: Option<Neighbour>,
    pub plan: Plan,
}

impl<'a> Subjects<'a> {
    /// Valid claims in the files that a user passes to the command `explain`. Faults of the other claims are added to
    /// `faults`.
    pub fn of(asked: Vec<Asked<'a>>, inputs: &'a Inputs, faults: &mut Vec<Located>) -> Self {
        let mut all: Vec<Subject> = Vec::new();
        let mut warnings = Vec::new();
        for asked in asked {
            warnings.extend(inputs.left_aside(&asked));
            match inputs.examine(&asked) {
                Ok(None) => warnings.extend(asked.later(false)),
                // The user's files may contain the same claim twice: as an object, and as a component of an
                // Application. The command `explain` ignores the second one.
                Ok(Some(_)) if all.iter().any(|other| other.is(asked.kind.claim, &asked.claim)) => {}
                Ok(Some((composed, settings))) => {
                    warnings.extend(asked.later(true));
                    let environment = composed.consumer.map(|consumer| consumer.environment);
                    let Composed { lock_target, inhabitants, neighbour, plan, .. } = composed;
                    all.push(Subject {
                        asked,
                        inputs,
                        settings,
                        environment,
                        lock_target,
                        inhabitants,
                        neighbour,
                        plan,
                    });
                }
                Err(wrong) => faults.extend(wrong),
            }
        }
        Self { all, warnings }
    }
}

impl Subject<'_> {
    /// Whether this claim, which a user passes to the command `explain`, has the given kind, namespace and name.
    pub fn is(&self, kind: &str, claim: &Claim) -> bool {
        self.asked.kind.claim == kind && self.asked.claim == *claim
    }
}
