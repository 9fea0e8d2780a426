//! Measurements of a play, and what is made of them: its tables in docs/e2e.md, and its row in docs/versions.md.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use super::book::Book;
use super::order::Part;
use crate::stage::{Settings, Stage};
use support::examples::project;
use support::server::get;
use support::tools::{is_oldest, release};

const TABLE: &str = "docs/e2e.md";
const VERSIONS: &str = "docs/versions.md";

/// Programs whose releases docs/versions.md names, in the order of its columns.
const RELEASES: [&str; 6] =
    ["crossplane-core", "provider-kubernetes", "provider-helm", "vela-core", "kube-apiserver", "crossplane"];

/// Kind of a play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Current releases, with the flags from the install guide.
    Guided,
    /// Current releases, with their default flags.
    DefaultFlags,
    /// Oldest supported releases, with the flags from the install guide.
    Oldest,
}

impl Run {
    pub fn of(settings: &Settings) -> Self {
        match (is_oldest(), settings.guided) {
            (false, true) => Self::Guided,
            (false, false) => Self::DefaultFlags,
            (true, true) => Self::Oldest,
            (true, false) => panic!("no table has the oldest releases with default flags"),
        }
    }

    /// Name of its folder of logs.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Guided => "play",
            Self::DefaultFlags => "play-default-flags",
            Self::Oldest => "play-oldest",
        }
    }

    /// Name of its tables in docs/e2e.md.
    fn tables(self) -> &'static str {
        match self {
            Self::Guided => "guided",
            Self::DefaultFlags => "default-flags",
            Self::Oldest => "oldest",
        }
    }

    /// First cell of its row in docs/versions.md.
    fn row(self) -> &'static str {
        match self {
            Self::Guided => "current, flags of the guide",
            Self::DefaultFlags => "current, default flags",
            Self::Oldest => "oldest, flags of the guide",
        }
    }

    /// Whether the circuit breakers have the room that the guide gives them.
    fn has_room(self) -> bool {
        self != Self::DefaultFlags
    }

    /// Number of calls for one reconcile of a settled claim. Crossplane 2.3 calls the function once for its
    /// requirements, and once with the resources that it required. Crossplane 2.4 brings those along at once, as it
    /// found them required the last time.
    pub fn calls_each_time(self) -> f64 {
        if self == Self::Oldest { 2.0 } else { 1.0 }
    }
}

/// Writes the tables of this name into docs/e2e.md.
pub fn write(name: &str, told: &str) {
    let file = project().join(TABLE);
    let table = fs::read_to_string(&file).unwrap();
    let (begin, end) = (format!("<!-- {name} begin -->\n"), format!("<!-- {name} end -->"));
    let (before, rest) = table.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    fs::write(file, format!("{before}{begin}{told}{end}{after}")).unwrap();
}

pub struct Figures {
    pub run: Run,
    stands: f64,
    settled: f64,
    calls: f64,
    reconciles: f64,
    counted: f64,
    opened: f64,
    quiet: f64,
    parts: Vec<Part>,
    began: f64,
    pub deleted: f64,
    pub environment_first: f64,
}

impl Figures {
    pub fn new(run: Run, took: Duration) -> Self {
        Self {
            run,
            stands: took.as_secs_f64(),
            settled: 0.0,
            calls: 0.0,
            reconciles: 0.0,
            counted: 0.0,
            opened: 0.0,
            quiet: 0.0,
            parts: Vec::new(),
            began: 0.0,
            deleted: 0.0,
            environment_first: 0.0,
        }
    }

    /// Time limit for an Application to run.
    pub fn limit(&self) -> Duration {
        Duration::from_mins(if self.run.has_room() { 3 } else { 6 })
    }

    /// Records the time until the Application ran, and Crossplane's metrics at that moment.
    pub fn settled(&mut self, stage: &Stage, seconds: f64) {
        let page = get(stage.host.metrics(), "/metrics");
        let sum = |series: &str, label: &str| {
            let of = |line: &str| line.starts_with(series) && line.contains(label);
            let value = |line: &str| line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok());
            page.lines().filter(|line| of(line)).filter_map(value).fold(0.0, |sum, value| sum + value)
        };
        self.settled = seconds;
        self.reconciles = sum("controller_runtime_reconcile_total{", "controller=\"composite/");
        self.counted = sum("circuit_breaker_events_total{", "");
        self.opened = sum("circuit_breaker_opens_total{", "");
        self.calls = sum("function_run_function_request_total{", "");
        // Crossplane exports no metric for a circuit that never opened, but always one for the events that its circuit
        // breakers counted.
        assert!(self.counted > 0.0, "Crossplane's metrics tell nothing of its circuit breakers");
        assert!(
            !self.run.has_room() || self.opened == 0.0,
            "{} watch circuits opened, with the guide's room",
            self.opened
        );
    }

    pub fn parts(&mut self, parts: Vec<Part>, book: &Book) {
        // The table counts seconds from the release of the first part.
        self.began = parts.first().map_or(book.now(), |part| part.released);
        self.parts = parts;
    }

    pub fn quiet(&mut self, calls: f64) {
        self.quiet = calls;
    }

    /// Prints tables and row, and with `BLESS` set also writes them into docs/e2e.md and docs/versions.md.
    pub fn publish(&self) {
        let (told, row) = (self.section(), self.row());
        println!("\n{told}\n{row}");
        if std::env::var_os("BLESS").is_some() {
            write(self.run.tables(), &told);
            let file = project().join(VERSIONS);
            let page = fs::read_to_string(&file).unwrap();
            let own = format!("| {} |", self.run.row());
            let lines = page.lines().map(|line| if line.starts_with(&own) { row.as_str() } else { line });
            fs::write(file, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
        }
    }

    /// Row of docs/versions.md.
    fn row(&self) -> String {
        let releases = RELEASES.map(|name| release(name).trim_start_matches('v').to_owned()).join(" | ");
        format!("| {} | {releases} | {:.0} s | {:.0} s |", self.run.row(), self.settled, self.deleted)
    }

    fn section(&self) -> String {
        let mut told = "| what | measured | wanted |\n|---|---|---|\n".to_owned();
        let rows = [
            ("everything stands", format!("{:.0} s", self.stands), "at most 60 s"),
            (
                "`vela up` to `running`",
                format!("{:.0} s", self.settled),
                if self.run.has_room() { "at most 180 s" } else { "at most 360 s" },
            ),
            ("calls of the function until then", format!("{}", self.calls), ""),
            ("reconciles of composites until then", format!("{}", self.reconciles), ""),
            ("watch events that circuit breakers counted", format!("{}", self.counted), ""),
            ("watch circuits that opened", format!("{}", self.opened), if self.run.has_room() { "0" } else { "" }),
            (
                "calls in 3 quiet minutes, TTL 60 s",
                format!("{}", self.quiet),
                if self.run.calls_each_time() > 1.0 { "18, two each time" } else { "9, one each time" },
            ),
            ("written in 3 quiet minutes", "nothing".to_owned(), "nothing"),
            ("`vela delete` to nothing left", format!("{:.0} s", self.deleted), "at most 120 s"),
            (
                "an environment deleted first, gone after system and broker",
                format!("{:.0} s", self.environment_first),
                "at most 120 s",
            ),
        ];
        for (what, measured, wanted) in rows {
            writeln!(told, "| {what} | {measured} | {wanted} |").unwrap();
        }
        writeln!(told, "\n| claim | part | waits for | released | ready after |\n|---|---|---|---|---|").unwrap();
        for part in &self.parts {
            let released = part.released - self.began;
            let waits = part.waits_for.join(", ");
            writeln!(
                told,
                "| {} | {} | {waits} | {released:.1} s | {:.1} s |",
                part.claim,
                part.name,
                part.ready - part.released
            )
            .unwrap();
        }
        told
    }
}
