//! Stand-ins: charts and small programs in the place of what cannot be had or cannot run where the whole chain is tried.
//! Each says so in what it makes, by the label [`LABEL`], and in its log.
//!
//! They do what the real ones are documented to do with what is asked of them, and refuse what they do not know. Of our
//! function they know which charts it pins and how its Jobs say what they write; they never help it along.

#![allow(dead_code, unused_imports, reason = "the suites take the parts they need")]
#![allow(clippy::expect_used, reason = "a stage without its stand-ins has to stop, and say why")]

pub mod charts;
mod cluster;
mod external_secrets;
mod jobs;
mod journal;
mod knative;
mod load_balancer;
mod repository;
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

/// What stands for something else says for what, by this label.
pub const LABEL: &str = "example.org/stand-in-for";

/// How often they look. The real ones watch; what follows from a change follows within this time.
const BEAT: Duration = Duration::from_millis(500);

/// How long they look away from a cluster that does not answer.
const PAUSE: Duration = Duration::from_secs(2);

/// The programs that stand in for controllers, until dropped.
pub struct StandIns {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts them in both clusters, by their administrators' kubeconfigs. What they do goes to `log`.
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
    );
}

/// One of them: what it does each time it looks.
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
        // The same trouble again is no news.
        if outcome != before {
            journal.say(&format!("for {what}: {outcome}"));
            before = outcome;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Letters and digits that nobody can guess and no file holds.
fn random(length: usize) -> Result<String, Trouble> {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    let mut bytes = vec![0; length];
    let source = fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    source.map_err(|error| Trouble::new(format!("cannot read random bytes: {error}")))?;
    Ok(bytes.into_iter().map(|byte| LETTERS[usize::from(byte) % LETTERS.len()] as char).collect())
}

/// Where this folder is.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/standins")
}
