//! Crossplane checks the scope of a composed resource only if the function sets no namespace. With one, a composite of a
//! namespace gets a resource of the cluster, and is refused from its next reconcile on.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::plane::Plane;
use crate::{Fault, Seen};
use support::tools::{LIMIT, run, said};

pub const FAULT: Fault = Fault {
    name: "cluster-scoped",
    title: "A namespace hides that a composed resource is of the cluster",
    programs: &["crossplane-core"],
    reproduce,
};

const WITHOUT: [&str; 3] = ["holder", "without-namespace", "--namespace=team-a"];
const WITH: [&str; 3] = ["holder", "with-namespace", "--namespace=team-a"];
const COMPOSED: [&str; 2] = ["environmentconfig", "with-namespace"];

/// Time that the garbage collector gets for what it would collect within a second.
const WHILE: Duration = Duration::from_secs(30);

fn reproduce() -> Seen {
    let mut plane = Plane::start();
    for file in ["namespace", "definition", "composition-without", "composition-with", "composite-without"] {
        plane.apply(&format!("cluster-scoped/{file}.yaml"));
    }
    let refused = plane.message(&WITHOUT, "Synced", "False", "cluster scoped");
    let mut lines = vec![format!("without a namespace: Synced=False: {refused}")];
    plane.apply("cluster-scoped/composite-with.yaml");
    let refused = plane.message(&WITH, "Synced", "False", "cluster scoped");
    let Some(composed) = plane.object(&COMPOSED) else {
        lines.push(format!("with a namespace: Synced=False: {refused}"));
        return Seen { is_there: false, lines };
    };
    lines.push(format!("with a namespace: an EnvironmentConfig was made, whose owner is {}", owner(&composed)));
    lines.push(format!("with a namespace, from then on: Synced=False: {refused}"));
    plane.apply("cluster-scoped/composition-mended.yaml");
    plane.message(&WITH, "Synced", "True", "");
    let is_kept = gone_within(&plane, &COMPOSED, WHILE).is_none();
    lines.push(format!("the Composition without it: Synced=True, the EnvironmentConfig is {}", state(is_kept)));
    plane.apply("cluster-scoped/composition-with.yaml");
    plane.message(&WITH, "Synced", "False", "cluster scoped");
    assert!(plane.object(&COMPOSED).is_some(), "it was made again");
    let output = run(plane.kubectl().arg("delete").args(WITH));
    assert!(output.status.success(), "{}", said(&output));
    assert!(gone_within(&plane, &WITH, LIMIT).is_some(), "the composite goes");
    let is_kept = gone_within(&plane, &COMPOSED, WHILE).is_none();
    let after = WHILE.as_secs();
    lines.push(format!("{after} s after the composite was deleted: the EnvironmentConfig is {}", state(is_kept)));
    let events = plane.object(&["events", "--all-namespaces", "--field-selector=reason=OwnerRefInvalidNamespace"]);
    let event = events.and_then(|events| Some(events["items"].as_array()?.first()?["message"].as_str()?.to_owned()));
    lines.extend(event.map(|message| format!("event OwnerRefInvalidNamespace: {}", without_uid(&message))));
    Seen { is_there: true, lines }
}

fn owner(object: &Value) -> String {
    let owner = &object["metadata"]["ownerReferences"][0];
    let text = |field: &str| owner[field].as_str().unwrap_or_default().to_owned();
    format!("{} {} (controller: {})", text("kind"), text("name"), owner["controller"])
}

fn state(is_kept: bool) -> &'static str {
    if is_kept { "still there" } else { "gone" }
}

/// Message without the UID in it, which differs from run to run.
fn without_uid(message: &str) -> String {
    let mut parts = message.split(", uid: ");
    let before = parts.next().unwrap_or_default();
    let after =
        parts.next().and_then(|rest| rest.split_once(']')).map_or(String::new(), |(_, rest)| format!("]{rest}"));
    format!("{before}{after}")
}

fn gone_within(plane: &Plane, object: &[&str], limit: Duration) -> Option<Duration> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if plane.object(object).is_none() {
            return Some(started.elapsed());
        }
        thread::sleep(Duration::from_millis(200));
    }
    None
}
