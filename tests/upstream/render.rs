//! `crossplane composition render` says that every kind is one of namespaces, so that it renders what a cluster refuses.

use std::fs;

use support::api_server::free_ports;
use support::examples::documents;
use support::tools::{Scratch, command, run, said, stdout, tool};

use crate::plane::serve;
use crate::{Fault, Seen, manifest};

pub const FAULT: Fault = Fault {
    name: "render",
    title: "A render takes what a cluster refuses for its scope",
    programs: &["crossplane", "crossplane-core"],
    reproduce,
};

fn reproduce() -> Seen {
    let scratch = Scratch::new("upstream-render");
    let [port] = free_ports();
    let (_function, address) = serve(scratch.path(), port, None);
    let functions = fs::read_to_string(manifest("cluster-scoped/functions.yaml")).unwrap();
    let file = scratch.path().join("functions.yaml");
    fs::write(&file, functions.replace("ADDRESS", &address)).unwrap();
    let mut is_there = false;
    let mut lines = Vec::new();
    for which in ["without", "with"] {
        let mut render = command("crossplane");
        render.args(["composition", "render", "--include-full-xr"]);
        render.arg(manifest(&format!("cluster-scoped/composite-{which}.yaml")));
        render.arg(manifest(&format!("cluster-scoped/composition-{which}.yaml"))).arg(&file);
        render.arg("--xrd").arg(manifest("cluster-scoped/definition.yaml"));
        let output = run(render.arg("--crossplane-binary").arg(tool("crossplane-core")));
        let code = output.status.code().unwrap_or(-1);
        is_there |= code == 0;
        if code != 0 {
            let last = said(&output).lines().last().unwrap_or_default().to_owned();
            lines.push(format!("{which} a namespace: exit code {code}: {last}"));
            continue;
        }
        let objects = documents(&stdout(&output));
        let conditions = objects[0]["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let synced = conditions.iter().find(|condition| condition["type"] == "Synced");
        let synced = synced.and_then(|condition| condition["status"].as_str()).unwrap_or("missing");
        let composed = objects.iter().find(|object| object["kind"] == "EnvironmentConfig").expect("one is composed");
        let namespace = composed["metadata"]["namespace"].as_str().unwrap_or("none");
        lines.push(format!(
            "{which} a namespace: exit code 0, Synced={synced}, an EnvironmentConfig with the namespace {namespace}"
        ));
    }
    Seen { is_there, lines }
}
