//! `crossplane core init` uses a kind right after it has defined it, before the API server serves it.

use support::api_server::ApiServer;
use support::control_plane::NAMESPACE;
use support::tools::{command, run, said, succeed, tool};

use crate::{Fault, Seen};

pub const FAULT: Fault = Fault {
    name: "core-init",
    title: "The first initialisation stops at a kind that is not served yet",
    programs: &["crossplane-core"],
    reproduce,
};

/// Number of API servers without anything of Crossplane that are initialised.
const SERVERS: usize = 3;

fn reproduce() -> Seen {
    let mut server = ApiServer::start();
    let mut is_there = false;
    let mut lines = Vec::new();
    for nth in 1..=SERVERS {
        if nth > 1 {
            server.renew();
        }
        succeed(server.kubectl().args(["create", "namespace", NAMESPACE]));
        for attempt in ["first", "second"] {
            let mut init = command("crossplane-core");
            init.args(["core", "init", "--webhook-enabled=false"]).env("KUBECONFIG", server.kubeconfig());
            init.env("CRDS_PATH", tool("crds").join("crossplane"));
            init.env("TLS_CA_SECRET_NAME", "crossplane-root-ca").env("TLS_CLIENT_SECRET_NAME", "crossplane-tls-client");
            let output = run(&mut init);
            let said = said(&output);
            let last = said.lines().last().unwrap_or_default();
            let last = last.find("crossplane: error").map_or("", |at| &last[at..]);
            is_there |= !output.status.success() && attempt == "first";
            let code = output.status.code().unwrap_or(-1);
            lines.push(format!("server {nth}, {attempt} run: exit code {code} {last}").trim_end().to_owned());
        }
    }
    Seen { is_there, lines }
}
