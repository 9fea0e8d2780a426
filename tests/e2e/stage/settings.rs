//! What the platform team decides before the packages are built: the function's input, and the flags of its host.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::installation::crossplane_flags;
use crate::support::examples::{documents, files};

#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether provider-kubernetes watches what others wait for, and Crossplane's circuit breaker has the room that the
    /// install guide gives it; else everything runs with the flags that it has by default.
    pub watches: bool,
    /// How many of the function are started.
    pub replicas: usize,
}

impl Settings {
    /// The compositions with these settings, in a folder; charts come from the repository on loopback.
    pub fn compositions(&self, folder: &Path, charts: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        for file in files("compositions") {
            let mut composition: Vec<Value> = documents(&fs::read_to_string(&file).unwrap());
            let input = &mut composition[0]["spec"]["pipeline"][0]["input"];
            input["charts"] = json!({"repository": charts});
            input["watch"] = self.watches.into();
            // Short, so that a minute shows whether anything happens between.
            input["ttl"] = json!({"settledSeconds": 60});
            let text = serde_yaml::to_string(&composition[0]).unwrap();
            fs::write(folder.join(file.file_name().unwrap()), text).unwrap();
        }
        folder.to_owned()
    }

    /// The flags of Crossplane that the install guide gives it, or none.
    pub fn crossplane(&self) -> Vec<String> {
        if self.watches { crossplane_flags() } else { Vec::new() }
    }
}
