//! Crossplane up to 2.3 starts one watch per reference of a composite whose kind it does not watch yet, so that each
//! change of a composed resource is counted as often as the composite has such references.

use crate::plane::Plane;
use crate::{Fault, Seen};
use support::tools::succeed;

pub const FAULT: Fault = Fault {
    name: "duplicate-watches",
    title: "One watch per composed resource in place of one per kind",
    programs: &["crossplane-core"],
    reproduce,
};

/// Number of composed resources in the Composition.
const MEMBERS: usize = 18;

const COUNTED: &str = "circuit_breaker_events_total{";

fn reproduce() -> Seen {
    let mut plane = Plane::start();
    for file in ["definition", "composition", "composite"] {
        plane.apply(&format!("duplicate-watches/{file}.yaml"));
    }
    let composite = ["batch", "one", "--namespace=default"];
    plane.message(&composite, "Ready", "True", "");
    let first = plane.settled(COUNTED);
    let watches = plane.logged(&["Started watching GVK", "composite/batches.upstream.example.org", "Kind=ConfigMap"]);
    let mut get = plane.kubectl();
    get.args(["get", "configmaps", "--selector=crossplane.io/composite=one", "--output=name"]);
    let members = succeed(&mut get);
    assert_eq!(members.lines().count(), MEMBERS, "all are composed");
    let mut annotate = plane.kubectl();
    succeed(annotate.args(["annotate", members.lines().next().unwrap(), "upstream.example.org/touched=once"]));
    let second = plane.settled(COUNTED) - first;
    let responsive = plane.responsive(&composite);
    Seen {
        is_there: watches > 1,
        lines: vec![
            format!("lines `Started watching GVK … /v1, Kind=ConfigMap` of this controller in the log: {watches}"),
            format!("events that the circuit breaker counted until the composite was ready: {first}"),
            format!("events that it counted for one annotation on one ConfigMap: {second}"),
            format!("the composite says: {responsive}"),
        ],
    }
}
