//! Results in docs/upstream.md: a block of lines for each fault, one part for each version that was run, and a table made
//! of all blocks. A run writes anew what it ran and leaves what other versions showed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use support::examples::project;

use crate::{Fault, Seen};

const DOCUMENT: &str = "docs/upstream.md";
const TABLE: (&str, &str) = ("<!-- table begin -->\n", "<!-- table end -->");

pub fn verdict(is_there: bool) -> &'static str {
    if is_there { "has it" } else { "does not have it" }
}

/// Writes the outcome of a reproduction into the block of its fault. `of` is the names and versions of what ran.
pub fn keep(fault: &Fault, of: &str, seen: &Seen) {
    rewrite(&block(fault), |old| {
        let mut parts = parts(old);
        let lines = seen.lines.iter().fold(String::new(), |text, line| text + "  " + line + "\n");
        parts.insert(of.to_owned(), (seen.is_there, lines));
        let mut text = "```text\n".to_owned();
        for (of, (is_there, lines)) in parts {
            let _ = write!(text, "{of}: {}\n{lines}", verdict(is_there));
        }
        text + "```\n"
    });
}

/// Writes the table: a row for each fault, with the versions that were seen with and without it.
pub fn write_table(faults: &[Fault]) {
    let document = fs::read_to_string(project().join(DOCUMENT)).unwrap();
    let mut text = "| fault | seen in | not seen in |\n|---|---|---|\n".to_owned();
    for fault in faults {
        let parts = parts(between(&document, &block(fault)).1);
        let versions = |wanted: bool| {
            let of = parts.iter().filter(|(_, (is_there, _))| *is_there == wanted).map(|(of, _)| of.as_str());
            of.collect::<Vec<_>>().join("; ")
        };
        let _ = writeln!(
            text,
            "| [{}](#{}) | {} | {} |",
            fault.title,
            anchor(fault.title),
            versions(true),
            versions(false)
        );
    }
    rewrite(&(TABLE.0.to_owned(), TABLE.1.to_owned()), |_| text.clone());
}

/// Marks around the block of a fault.
fn block(fault: &Fault) -> (String, String) {
    (format!("<!-- {} begin: `make upstream` writes this -->\n", fault.name), format!("<!-- {} end -->", fault.name))
}

/// Parts of a block by the programs that ran: whether they have the fault, and the lines.
fn parts(block: &str) -> BTreeMap<String, (bool, String)> {
    let mut parts: BTreeMap<String, (bool, String)> = BTreeMap::new();
    let mut current = String::new();
    for line in block.lines().filter(|line| !line.starts_with("```")) {
        if let Some((of, verdict)) = line.split_once(": ").filter(|_| !line.starts_with("  ")) {
            of.clone_into(&mut current);
            parts.insert(current.clone(), (verdict == self::verdict(true), String::new()));
        } else if let Some((_, lines)) = parts.get_mut(&current) {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    parts
}

/// Address of a heading, as Markdown's readers make it.
fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

fn between<'a>(document: &'a str, (begin, end): &(String, String)) -> (&'a str, &'a str, &'a str) {
    let (before, rest) = document.split_once(begin.as_str()).unwrap_or_else(|| panic!("{DOCUMENT} has no {begin}"));
    let (old, after) = rest.split_once(end.as_str()).unwrap_or_else(|| panic!("{DOCUMENT} has no {end}"));
    (before, old, after)
}

fn rewrite(marks: &(String, String), new: impl Fn(&str) -> String) {
    let path = project().join(DOCUMENT);
    let document = fs::read_to_string(&path).unwrap();
    let (before, old, after) = between(&document, marks);
    fs::write(path, format!("{before}{}{}{}{after}", marks.0, new(old), marks.1)).unwrap();
}
