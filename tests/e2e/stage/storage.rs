//! Storage provisioner for the inner cluster: creates a PersistentVolume for each pending PersistentVolumeClaim.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Value, json};

use super::kubectl;
use support::crossplane::write;
use support::tools::{Scratch, run, stdout};

pub struct Storage {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Storage {
    pub fn start(kubeconfig: PathBuf) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let told = ended.clone();
        let thread = thread::spawn(move || {
            let scratch = Scratch::new("storage");
            while !told.load(Ordering::Relaxed) {
                provision(&kubeconfig, &scratch);
                thread::sleep(Duration::from_secs(2));
            }
        });
        Self { ended, thread: Some(thread) }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already been printed.
            let _ = thread.join();
        }
    }
}

/// Creates the missing volumes once. If the cluster does not answer, the next round tries again.
fn provision(kubeconfig: &std::path::Path, scratch: &Scratch) {
    let mut get = kubectl(kubeconfig);
    let output = run(get.args(["get", "persistentvolumeclaims", "--all-namespaces", "--output=json"]));
    let Ok(list) = serde_json::from_str::<Value>(&stdout(&output)) else { return };
    let claims = list["items"].as_array().into_iter().flatten();
    let volumes: Vec<Value> = claims.filter(|claim| claim["status"]["phase"] == "Pending").map(volume).collect();
    if !volumes.is_empty() {
        let file = write(scratch.path(), "volumes.yaml", &volumes);
        run(kubectl(kubeconfig).args(["apply", "--server-side", "--filename"]).arg(file));
    }
}

fn volume(claim: &Value) -> Value {
    let (metadata, spec) = (&claim["metadata"], &claim["spec"]);
    let reference = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"],
    });
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": format!("pv-{}", metadata["uid"].as_str().unwrap_or_default())},
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": spec["resources"]["requests"],
            "claimRef": reference,
            "hostPath": {"path": "/nowhere"},
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec["storageClassName"].as_str().unwrap_or_default(),
        },
    })
}
