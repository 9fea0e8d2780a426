//! Page about complete removal: after its commands, every object that an installer applies is deleted.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use support::api_server::ApiServer;
use support::crossplane::write;
use support::defined::define;
use support::examples::{installed, project, read};
use support::tools::{Scratch, run, said, stdout, tool};

/// Block of commands that the page marks for this suite.
fn block() -> String {
    let page = read("docs/removal.md");
    let (_, rest) = page.split_once("<!-- removal:").unwrap();
    let (_, rest) = rest.split_once("```bash\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Those of these objects that exist on the server.
fn there(server: &ApiServer, objects: &[Value]) -> BTreeSet<String> {
    let scratch = Scratch::new("removal");
    let file = write(scratch.path(), "objects.yaml", objects);
    let output = run(server.kubectl().args(["get", "--ignore-not-found", "--output=name", "--filename"]).arg(file));
    assert!(output.status.success(), "{}", said(&output));
    stdout(&output).lines().map(str::to_owned).collect()
}

#[test]
fn what_is_applied_beside_the_packages_is_removed_by_the_pages_commands() {
    let server = ApiServer::start();
    // The file with the ProviderConfigs for the host, and with a namespace, is deleted together with the packages that
    // define their kinds.
    let of_the_packages = |object: &Value| {
        let kinds = ["ProviderConfig", "ClusterProviderConfig", "Namespace", "Configuration"];
        kinds.iter().any(|kind| object["kind"] == *kind)
    };
    let objects: Vec<Value> = installed().into_iter().filter(|object| !of_the_packages(object)).collect();
    define(&server, &objects);
    for namespace in ["crossplane-system", "monitoring"] {
        run(server.kubectl().args(["create", "namespace", namespace]));
    }
    let scratch = Scratch::new("installed");
    let file = write(scratch.path(), "objects.yaml", &objects);
    let output = run(server.kubectl().args(["apply", "--server-side", "--force-conflicts", "--filename"]).arg(file));
    assert!(output.status.success(), "{}", said(&output));
    assert!(there(&server, &objects).len() > 20);

    // Path of the files in a checkout without built packages.
    let commands = block().replace("target/package/install", "package/install");
    assert!(commands.lines().filter(|line| line.starts_with("kubectl delete")).count() > 2, "{commands}");
    let mut bash = Command::new("bash");
    let path = std::env::join_paths(
        [tool("kubectl").parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    bash.args(["-euo", "pipefail", "-c", &commands]).current_dir(project());
    let output = run(bash.env("PATH", path.unwrap()).env("KUBECONFIG", server.kubeconfig()));
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(there(&server, &objects), BTreeSet::new());
}
