//! What may befall a platform, one fault at a time: how it stands before, what may be seen during, how it stands after,
//! and that nothing is lost. Each is measured on a stage of real control planes; what was measured is kept until the
//! function or what is installed with it changes, and written as a table into the documents.

mod claims;
mod crossplane;
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

/// One of them.
pub struct Fault {
    /// How it is asked for.
    pub name: &'static str,
    /// What happens.
    pub what: &'static str,
    /// What is expected to be seen while it does.
    pub during: &'static str,
    /// What is expected afterwards.
    pub after: &'static str,
    /// On what it happens.
    pub on: On,
    /// Lets it happen, and says what was measured. It stops where something is not as expected.
    pub happen: fn(&mut Scene) -> String,
}

/// How the platform stands before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The example, settled; and so it is left.
    Settled,
    /// The example, settled, which does not survive.
    Last,
    /// No claim at all, on a stage of its own.
    Empty,
    /// As [`Self::Empty`], and only by name: it takes too long to be among all.
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

/// Those that share a stage come first, then those that end it, then those that have one of their own.
fn all() -> Vec<Fault> {
    let rooms = [
        function::faults(),
        providers::faults(),
        servers::faults(),
        crossplane::faults(),
        claims::faults(),
        many::faults(),
        releases::faults(),
    ];
    let mut all: Vec<_> = rooms.into_iter().flatten().collect();
    all.sort_by_key(|fault| fault.on as u8);
    all
}

/// Lets these happen, or all but those that are only for whoever names them. Without names, what is measured already is
/// left out.
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
                // A run may be ended at any time.
                record.write_table(&faults);
                stage = (fault.on == On::Settled).then_some(scene);
            }
            // What it panicked with was said when it did.
            Err(_) => failed.push(fault.name),
        }
    }
    drop(stage);
    assert!(failed.is_empty(), "not as expected: {}", failed.join(", "));
}
