//! Measurements of a play, and the table made of them in docs/e2e.md.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use super::book::Book;
use super::order::Part;
use crate::stage::{Settings, Stage};
use support::examples::project;
use support::server::get;

const TABLE: &str = "docs/e2e.md";

pub struct Figures {
    watches: bool,
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
    pub fn new(settings: &Settings, took: Duration) -> Self {
        Self {
            watches: settings.watches,
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
        Duration::from_mins(if self.watches { 3 } else { 6 })
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
        assert!(!self.watches || self.opened == 0.0, "{} watch circuits opened, with the guide's room", self.opened);
    }

    pub fn parts(&mut self, parts: Vec<Part>, book: &Book) {
        // The table counts seconds from the release of the first part.
        self.began = parts.first().map_or(book.now(), |part| part.released);
        self.parts = parts;
    }

    pub fn quiet(&mut self, calls: f64) {
        self.quiet = calls;
    }

    /// Prints the table, and with `BLESS` set also writes it into docs/e2e.md.
    pub fn publish(&self) {
        let told = self.section();
        println!("\n{told}");
        if std::env::var_os("BLESS").is_some() {
            let file = project().join(TABLE);
            let table = fs::read_to_string(&file).unwrap();
            let (begin, end) = (format!("<!-- {} begin -->\n", self.name()), format!("<!-- {} end -->", self.name()));
            let (before, rest) = table.split_once(&begin).unwrap();
            let (_, after) = rest.split_once(&end).unwrap();
            fs::write(file, format!("{before}{begin}{told}{end}{after}")).unwrap();
        }
    }

    fn name(&self) -> &'static str {
        if self.watches { "watches" } else { "default-flags" }
    }

    fn section(&self) -> String {
        let mut told = "| what | measured | wanted |\n|---|---|---|\n".to_owned();
        let rows = [
            ("everything stands", format!("{:.0} s", self.stands), "at most 60 s"),
            (
                "`vela up` to `running`",
                format!("{:.0} s", self.settled),
                if self.watches { "at most 180 s" } else { "at most 360 s" },
            ),
            ("calls of the function until then", format!("{}", self.calls), ""),
            ("reconciles of composites until then", format!("{}", self.reconciles), ""),
            ("watch events that circuit breakers counted", format!("{}", self.counted), ""),
            ("watch circuits that opened", format!("{}", self.opened), if self.watches { "0" } else { "" }),
            ("calls in 3 quiet minutes, TTL 60 s", format!("{}", self.quiet), "18, two each time"),
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
