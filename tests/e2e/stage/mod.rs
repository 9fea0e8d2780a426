//! Everything real, started in the order in which it needs each other, and ended together.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::standins;
use crate::support::tools::command;

/// How the platform team has set it up.
pub struct Settings {
    /// Whether provider-kubernetes watches what others wait for.
    pub watches: bool,
}

/// The programs, gone with their owner.
pub struct Stage {
    standins: standins::StandIns,
    charts: standins::Charts,
    folder: PathBuf,
}

impl Stage {
    /// Starts everything, up to the installed Configuration and the applied definitions.
    pub fn start(_settings: &Settings) -> Self {
        let folder = PathBuf::new();
        let charts = standins::charts(&folder, "");
        let standins = standins::start(&folder, &folder, &folder);
        Self { standins, charts, folder }
    }

    /// Where every program's log is.
    pub fn logs(&self) -> &Path {
        &self.folder
    }

    /// `kubectl` at the host, as its administrator.
    pub fn host(&self) -> Command {
        kubectl(&self.folder.join("host"))
    }

    /// `kubectl` inside the virtual cluster, as its administrator.
    pub fn inner(&self) -> Command {
        kubectl(&self.folder.join("inner"))
    }
}

fn kubectl(kubeconfig: &Path) -> Command {
    let mut command = command("kubectl");
    command.env("KUBECONFIG", kubeconfig);
    command
}

pub fn up() {}

pub fn down() {}

pub fn hold() {}
