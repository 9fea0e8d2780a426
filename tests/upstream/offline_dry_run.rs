//! `vela dry-run --offline` wants a kubeconfig, and says nothing where it has none.

use std::fs;

use support::tools::{Scratch, command, kubeconfig_of, run, stdout};

use crate::{Fault, Seen, manifest};

pub const FAULT: Fault = Fault {
    name: "offline-dry-run",
    title: "An offline dry run without a kubeconfig ends without a word",
    programs: &["vela"],
    reproduce,
};

fn reproduce() -> Seen {
    let scratch = Scratch::new("upstream-dry-run");
    let missing = scratch.path().join("missing");
    let unreachable = scratch.path().join("kubeconfig");
    fs::write(&unreachable, kubeconfig_of("https://127.0.0.1:1", "", "")).unwrap();
    let mut lines = Vec::new();
    let mut printed = Vec::new();
    for (what, kubeconfig) in [("no kubeconfig", missing), ("a kubeconfig of a server that is not there", unreachable)]
    {
        let mut vela = command("vela");
        vela.env("KUBECONFIG", kubeconfig).env("VELA_HOME", scratch.path()).env("HOME", scratch.path());
        vela.args(["dry-run", "--offline", "--file"]).arg(manifest("offline-dry-run/application.yaml"));
        let output = run(vela.arg("--definition").arg(manifest("offline-dry-run/definition.yaml")));
        let (manifests, errors) = (stdout(&output), String::from_utf8_lossy(&output.stderr).into_owned());
        let code = output.status.code().unwrap_or(-1);
        let errors = if errors.is_empty() { "nothing".to_owned() } else { format!("{} bytes", errors.len()) };
        lines.push(format!("{what}: exit code {code}, {} bytes of output, {errors} on stderr", manifests.len()));
        printed.push(manifests.contains("kind: ConfigMap"));
    }
    Seen { is_there: printed == [false, true], lines }
}
