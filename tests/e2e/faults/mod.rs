//! Fault injection on real control planes (`make e2e-faults`). Each fault declares the expected state of the platform
//! before, during and after it. Results are recorded until the function or the files installed with it change, and are
//! written as a table into docs/faults.md.

mod claims;
mod crossplane;
mod forms;
mod function;
mod many;
mod providers;
mod record;
mod releases;
mod scene;
mod servers;

use std::panic::{AssertUnwindSafe, catch_unwind};

use record::Record;
use scene::Scene;

/// A failure to inject, with its expected effects.
pub struct Fault {
    /// Name on the command line.
    pub name: &'static str,
    /// Description of the failure.
    pub what: &'static str,
    /// Expected state while the failure lasts.
    pub during: &'static str,
    /// Expected state after the failure.
    pub after: &'static str,
    /// Platform that the failure needs.
    pub on: On,
    /// Injects the failure and returns the measurements as text. It panics on any unexpected state.
    pub happen: fn(&mut Scene) -> String,
}

/// State of the platform before the fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The example, settled; the fault leaves it settled for the next one.
    Settled,
    /// The example, settled; the fault destroys it.
    Last,
    /// No claim; the fault gets its own stage.
    Empty,
    /// As [`Self::Empty`], but run only when named: the fault takes too long for a run of all faults.
    Demand,
}

impl On {
    fn words(self) -> &'static str {
        match self {
            Self::Settled | Self::Last => "settled",
            Self::Empty | Self::Demand => "no claim",
        }
    }
}

/// All faults in order of execution: those that share a stage, then those that destroy it, then those with their own
/// stage.
fn all() -> Vec<Fault> {
    let rooms = [
        function::faults(),
        providers::faults(),
        servers::faults(),
        crossplane::faults(),
        claims::faults(),
        forms::faults(),
        many::faults(),
        releases::faults(),
    ];
    let mut all: Vec<_> = rooms.into_iter().flatten().collect();
    all.sort_by_key(|fault| fault.on as u8);
    all
}

/// Runs the named faults. Without names it runs all except the ones marked [`On::Demand`] and the ones already
/// measured.
pub fn run(names: &[String]) {
    let faults = all();
    let unknown = names.iter().find(|name| !faults.iter().any(|fault| fault.name == **name));
    if let Some(unknown) = unknown {
        let known: Vec<_> = faults.iter().map(|fault| fault.name).collect();
        panic!("no fault is called {unknown}; there are:\n  {}", known.join("\n  "));
    }
    let record = Record::open();
    record.write_table(&faults);
    let mut stage: Option<Scene> = None;
    let mut failed = Vec::new();
    for fault in &faults {
        let wanted = if names.is_empty() {
            fault.on != On::Demand && !record.is_measured(fault)
        } else {
            names.iter().any(|name| name == fault.name)
        };
        if !wanted {
            continue;
        }
        eprintln!("fault: {}: {}", fault.name, fault.what);
        let scene = stage.take();
        let happened = catch_unwind(AssertUnwindSafe(move || {
            let mut scene = match scene {
                Some(scene) if fault.on != On::Empty && fault.on != On::Demand => scene,
                _ => Scene::start(fault),
            };
            scene.begin(fault);
            let measured = (fault.happen)(&mut scene);
            (scene, measured)
        }));
        match happened {
            Ok((scene, measured)) => {
                eprintln!("fault: {}: {measured}", fault.name);
                record.keep(fault, &measured);
                // The table is written after each fault, because a run may be interrupted at any time.
                record.write_table(&faults);
                stage = (fault.on == On::Settled).then_some(scene);
            }
            // The panic hook has already printed the message.
            Err(_) => failed.push(fault.name),
        }
    }
    drop(stage);
    assert!(failed.is_empty(), "not as expected: {}", failed.join(", "));
}
