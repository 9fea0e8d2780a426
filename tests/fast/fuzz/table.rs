//! Report of a run: printed at its end, and written into docs/fuzz.md if the run had a number of requests.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::fuzz::judge::Tally;

/// Minimum number of requests for a row that is kept.
const WORTH_KEEPING: u64 = 100_000;

pub fn tell(tally: &Tally, took: Duration, [before, most, after]: [usize; 3], (wanted, seed): (Option<u64>, u64)) {
    let binary = if cfg!(debug_assertions) { "unoptimized" } else { "optimized" };
    let row = [
        tally.sent.to_string(),
        format!("{seed}"),
        binary.to_owned(),
        tally.answered.to_string(),
        tally.fatal.to_string(),
        (tally.refused + tally.too_large).to_string(),
        format!("{} / {}", tally.repeated, tally.compared),
        tally.faults.len().to_string(),
        format!("{} / {} / {} MiB", before >> 20, most >> 20, after >> 20),
        format!("{} KiB", tally.largest_request >> 10),
        format!("{} KiB", tally.largest_answer >> 10),
        format!("{} s", took.as_secs()),
    ];
    let row = format!("| {} |", row.join(" | "));
    println!("{row}");
    if wanted.is_some_and(|wanted| wanted >= WORTH_KEEPING) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fuzz.md");
        let page = fs::read_to_string(&file).expect("the page is there");
        let (start, rest) = page.split_once(FIRST).expect("the page says where its rows are");
        let (_, end) = rest.split_once(LAST).expect("the page says where its rows end");
        fs::write(&file, format!("{start}{FIRST}{HEAD}{row}\n{LAST}{end}")).expect("the page can be written");
    }
}

const FIRST: &str = "<!-- measured: `make fuzz` writes what is below -->\n";
const LAST: &str = "<!-- end of the measured -->";
const HEAD: &str = "\
| requests | seed | binary | answered | fatal | refused | sent again / compared | faults | resident before / most / after | largest request | largest answer | took |
|---|---|---|---|---|---|---|---|---|---|---|---|
";
