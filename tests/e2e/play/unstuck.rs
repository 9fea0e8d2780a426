//! The way out that the documents name for what waits for ever, taken where it is needed and said aloud: Kubernetes'
//! garbage collector removes what tells a provider that a ProviderConfig is used from a resource that is deleted in the
//! foreground, and where that was the last user for a moment, the ProviderConfig is gone before its user.

use std::os::unix::fs::symlink;
use std::process::Command;

use serde_json::Value;

use super::user::User;
use crate::support::examples::read;
use crate::support::tools::{LIMIT, Scratch, run_within, said, tool};

/// What is being deleted through a ProviderConfig that is gone.
pub fn stranded(managed: &[Value]) -> Vec<String> {
    let is = |object: &&Value| {
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        let mut messages = conditions.filter_map(|condition| condition["message"].as_str());
        let lost = messages.any(|said| said.contains("cannot get provider config") && said.contains("not found"));
        lost && object["metadata"]["deletionTimestamp"].is_string()
    };
    managed.iter().filter(is).map(|object| format!("{} {}", object["kind"], object["metadata"]["name"])).collect()
}

/// Runs the block of the documents for an environment.
pub fn unstick(user: &User, environment: &str) {
    let document = read("docs/deletion.md");
    let (_, after) = document.split_once("<!-- unstuck: ").unwrap();
    let block = after.split_once("```bash\n").unwrap().1.split_once("```").unwrap().0;
    let block = block.replace("ENVIRONMENT=health-streaming\n", &format!("ENVIRONMENT={environment}\n"));
    let scratch = Scratch::new("unstick");
    symlink(tool("kubectl"), scratch.path().join("kubectl")).unwrap();
    let path = format!("{}:{}", scratch.path().display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &block]).env("PATH", path);
    let output = run_within(bash.env("KUBECONFIG", user.stage.host.administrator()), LIMIT);
    assert!(output.status.success(), "{}", said(&output));
}
