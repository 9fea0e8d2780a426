//! The inner cluster: an API server, the workload controllers, a scheduler, and KWOK in the place of kubelets, which
//! reports pods as running and Jobs as complete without running a container.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::kubectl;
use support::api_server::{ApiServer, controller_manager, free_ports};
use support::crossplane::write;
use support::tools::{Daemon, Scratch, command, succeed};

/// KWOK's stages: the status changes that it makes to pods and nodes.
const KUBELET: &str = include_str!("kubelet.yaml");

const CONTROLLERS: [&str; 11] = [
    "garbage-collector-controller",
    "namespace-controller",
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "job-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "serviceaccount-controller",
    "node-lifecycle-controller",
];

pub struct Inner {
    // Fields are dropped from top to bottom: clients end before the servers that they call.
    pub kubelet: Daemon,
    pub scheduler: Daemon,
    pub manager: Daemon,
    pub server: ApiServer,
}

impl Inner {
    pub fn start(logs: &Path, folder: &Path) -> Self {
        let server = ApiServer::start_logging("inner-", Some(logs));
        let kubeconfig = server.kubeconfig();
        let manager = Daemon::start(
            &controller_manager(&kubeconfig, &CONTROLLERS),
            logs.join("inner-kube-controller-manager.log"),
        );
        let [port] = free_ports();
        let mut scheduler = command("kube-scheduler");
        scheduler.args(["--bind-address=127.0.0.1", "--leader-elect=false"]).arg(format!("--secure-port={port}"));
        scheduler.arg(format!("--kubeconfig={}", kubeconfig.display()));
        let scheduler = Daemon::start(&scheduler, logs.join("inner-kube-scheduler.log"));
        let stages = folder.join("kubelet.yaml");
        fs::write(&stages, KUBELET).unwrap();
        let mut kubelet = command("kwok");
        kubelet.arg("--kubeconfig").arg(&kubeconfig).arg("--config").arg(&stages);
        kubelet.args(["--manage-all-nodes=true", "--node-lease-duration-seconds=40"]);
        let kubelet = Daemon::start(&kubelet, logs.join("inner-kwok.log"));
        let this = Self { kubelet, scheduler, manager, server };
        this.add_node();
        this
    }

    /// Empties the inner cluster, as if a virtual cluster were deleted and created again. Kubeconfigs stay valid.
    pub fn renew(&mut self) {
        for program in [&mut self.kubelet, &mut self.scheduler, &mut self.manager] {
            program.stop();
        }
        self.server.renew();
        for program in [&mut self.kubelet, &mut self.scheduler, &mut self.manager] {
            program.start_again();
        }
        self.add_node();
    }

    fn add_node(&self) {
        // Capacity for 50 systems with requests of 12 GiB each. No container runs, so that the machine needs none of
        // it.
        let room = json!({"cpu": "1000", "memory": "2Ti", "pods": "5000"});
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "node", "labels": {"kubernetes.io/hostname": "node"}},
            "status": {"allocatable": room, "capacity": room},
        });
        let scratch = Scratch::new("node");
        let file = write(scratch.path(), "node.yaml", &[node]);
        succeed(kubectl(&self.administrator()).args(["create", "--filename"]).arg(file));
    }

    pub fn administrator(&self) -> PathBuf {
        self.server.kubeconfig()
    }
}
