//! provider-helm writes a Release back whole, and a duration in its spec in another form than it was applied in.

use std::process::Command;

use support::tools::{run, said, succeed};

use crate::provider::Provider;
use crate::{Fault, Seen, manifest};

pub const FAULT: Fault = Fault {
    name: "wait-timeout",
    title: "A provider takes a duration over from whoever applied it",
    programs: &["provider-helm"],
    reproduce,
};

fn reproduce() -> Seen {
    let mut provider = Provider::start("provider-helm");
    provider.keep(&provider.server.portable_kubeconfig(None), "default");
    provider.apply("wait-timeout/provider-config.yaml", None);
    succeed(&mut apply(&provider));
    let mut lines = Vec::new();
    for release in ["minutes", "minutes-and-seconds"] {
        let release = ["releases.helm.crossplane.io", release];
        // Nothing is at the chart's address, so that the answer is False; it comes after the provider has written.
        provider.answered(&release);
        let mut get = provider.server.kubectl();
        let stands = succeed(get.arg("get").args(release).arg("--output=jsonpath={.spec.forProvider.waitTimeout}"));
        lines.push(format!("{}: once the provider has taken it up, waitTimeout is {stands}", release[1]));
    }
    let said = said(&run(&mut apply(&provider)));
    let told = said.lines().filter(|line| line.contains("serverside-applied") || line.contains(" conflict:"));
    lines.extend(told.map(|line| format!("applied again by the same manager: {line}")));
    Seen { is_there: said.contains(".spec.forProvider.waitTimeout"), lines }
}

fn apply(provider: &Provider) -> Command {
    let mut apply = provider.server.kubectl();
    apply.args(["apply", "--server-side", "--field-manager=composer", "--filename"]);
    apply.arg(manifest("wait-timeout/releases.yaml"));
    apply
}
