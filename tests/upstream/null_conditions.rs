//! `kubectl wait` does not wait for an object whose conditions are null, as those of a new definition are.

use std::fs;

use support::api_server::ApiServer;
use support::tools::{run, said, succeed};

use crate::{Fault, Seen, manifest};

pub const FAULT: Fault = Fault {
    name: "null-conditions",
    title: "A wait ends at conditions that are null",
    programs: &["kubectl"],
    reproduce,
};

fn reproduce() -> Seen {
    let server = ApiServer::start();
    server.define(&fs::read_to_string(manifest("null-conditions/definition.yaml")).unwrap()).unwrap();
    succeed(server.kubectl().args(["create", "--filename"]).arg(manifest("null-conditions/things.yaml")));
    let mut is_there = false;
    let mut lines = Vec::new();
    for name in ["without", "with-null"] {
        let mut wait = server.kubectl();
        let output = run(wait.args(["wait", "--for=condition=Ready", "--timeout=2s", "thing", name]));
        let said = said(&output).trim_end().to_owned();
        is_there |= name == "with-null" && !said.contains("timed out");
        lines.push(format!("{name}: {said}"));
    }
    Seen { is_there, lines }
}
