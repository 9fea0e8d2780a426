//! Stand-ins: charts and small programs in the place of those that the end-to-end suite cannot run. Objects that they
//! create have the label [`LABEL`], and their actions are logged.
//!
//! A stand-in does what the documentation of the real program describes, and rejects what it does not implement. The
//! stand-ins depend on two facts of the function only: the charts that it pins, and the environment variables with
//! which its Jobs name their Secret.

pub mod charts;
mod cluster;
mod external_secrets;
mod jobs;
mod journal;
mod knative;
mod load_balancer;
mod operators;
pub mod repository;
mod store;
mod template;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

pub use self::charts::{Charts, charts};
use self::cluster::{Cluster, Trouble};
use self::journal::Journal;
use crate::examples::project;

/// Label on objects of stand-ins; its value names the replaced program.
pub const LABEL: &str = "example.org/stand-in-for";

/// Polling interval. The real programs watch; a stand-in reacts within this time.
const BEAT: Duration = Duration::from_millis(500);

/// Pause after an error, such as a cluster that does not answer.
const PAUSE: Duration = Duration::from_secs(2);

/// Running stand-ins for controllers; they end when dropped.
pub struct StandIns {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts all stand-ins with the administrators' kubeconfigs of both clusters. Their log is written to `log`.
pub fn start(host: &Path, inner: &Path, log: &Path) -> StandIns {
    let journal = Journal::at(log);
    let (host, inner) = (host.to_owned(), inner.to_owned());
    let (stop, stopped) = oneshot::channel();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be made").block_on(async {
            tokio::select! {
                () = all(&host, &inner, &journal) => {}
                _ = stopped => {}
            }
        });
    });
    StandIns { stop: Some(stop), thread: Some(thread) }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn all(host: &Path, inner: &Path, journal: &Journal) {
    tokio::join!(
        repeat("External Secrets", host, journal, external_secrets::ExternalSecrets::default()),
        repeat("the Knative operator and Knative Serving", inner, journal, knative::Knative),
        repeat("the scripts of Jobs", inner, journal, jobs::Jobs),
        repeat("a cloud's load balancer", inner, journal, load_balancer::LoadBalancer),
        repeat("Strimzi", inner, journal, operators::Strimzi),
        repeat("CloudNativePG and its plugin", inner, journal, operators::CloudNativePg),
        repeat("RabbitMQ's operator", inner, journal, operators::RabbitMq),
    );
}

/// One stand-in; `look` reconciles all its objects once.
trait StandIn {
    async fn look(&mut self, cluster: &Cluster, journal: &Journal) -> Result<(), Trouble>;
}

async fn repeat(what: &str, kubeconfig: &Path, journal: &Journal, mut stand_in: impl StandIn) {
    journal.say(&format!("in the place of {what}"));
    let mut before = String::new();
    loop {
        let outcome = match Cluster::at(kubeconfig).await {
            Ok(cluster) => loop {
                if let Err(trouble) = stand_in.look(&cluster, journal).await {
                    break trouble.to_string();
                }
                before.clear();
                tokio::time::sleep(BEAT).await;
            },
            Err(trouble) => trouble.to_string(),
        };
        // A repeated error is logged once.
        if outcome != before {
            journal.say(&format!("for {what}: {outcome}"));
            before = outcome;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Random letters and digits for a generated secret value. No file of the project holds one.
fn random(length: usize) -> Result<String, Trouble> {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    let mut bytes = vec![0; length];
    let source = fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    source.map_err(|error| Trouble::new(format!("cannot read random bytes: {error}")))?;
    Ok(bytes.into_iter().map(|byte| LETTERS[usize::from(byte) % LETTERS.len()] as char).collect())
}

/// Folder of the stand-ins' source files.
fn folder() -> PathBuf {
    project().join("tests/support/src/standins")
}
