//! Settings of the stage: the function's input in the compositions, and the flags of Crossplane.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use support::examples::{documents, files};
use support::installation::crossplane_flags;

#[derive(Clone, Debug)]
pub struct Settings {
    /// True: Crossplane and provider-kubernetes have the flags from the install guide. False: all programs run with
    /// their default flags.
    pub guided: bool,
    /// Number of replicas of the function.
    pub replicas: usize,
}

impl Settings {
    /// Crossplane's flags from the install guide, or none.
    pub fn crossplane(&self) -> Vec<String> {
        if self.guided { crossplane_flags() } else { Vec::new() }
    }
}

/// Writes the compositions with the settings of the stage into a folder. Charts come from the repository on loopback.
pub fn compositions(folder: &Path, charts: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    for file in files("compositions") {
        let mut composition: Vec<Value> = documents(&fs::read_to_string(&file).unwrap());
        // The Composition of PlatformSettings has no input.
        if let Some(input) = composition[0].pointer_mut("/spec/pipeline/0/input") {
            input["charts"] = json!({"repository": charts});
            // The TTL is short, so that the quiet period of the play covers several calls.
            input["ttl"] = json!({"settledSeconds": 60});
        }
        let text = serde_yaml::to_string(&composition[0]).unwrap();
        fs::write(folder.join(file.file_name().unwrap()), text).unwrap();
    }
    folder.to_owned()
}
