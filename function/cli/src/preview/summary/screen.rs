//! Lines of the preview's summary, within the width of a screen: lists behind a label, and tables of parts with their
//! pods and requests. This module does not depend on the meaning of the lists.

use std::fmt::Write;

use realtime_platform_core::parts::running::Running;
use realtime_platform_core::schema::size::{Bytes, Cpu};

use crate::preview::tree::{PART, counted_pods};
use crate::terminal::painted;

/// Largest number of columns in a line of the summary. Only a word that is longer itself makes a line longer.
const WIDTH: usize = 120;
const INDENT: usize = 3;
/// Columns of a label, the space behind it included.
const LABEL: usize = 13;
/// Number of entries from which a list is cut.
const MOST: usize = 16;

/// Cells of a part in a table: name, pods, CPU, memory, and size of volumes.
const CELLS: usize = 5;
/// Spaces between two cells of a part.
const GAP: usize = 2;
/// Spaces between two parts in one line.
const BETWEEN: usize = 4;

/// List of entries behind a label, separated by commas and continued in further lines. A long list is cut, with the
/// number of entries that are left out. An empty list has no line.
pub fn list(label: &str, entries: &[String]) -> String {
    let mut text = String::new();
    for (index, line) in folded(&shortened(entries), WIDTH - INDENT - LABEL).iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        let _ = writeln!(text, "{:INDENT$}{}{line}", "", padded(label, LABEL));
    }
    text
}

fn shortened(entries: &[String]) -> Vec<String> {
    if entries.len() <= MOST {
        return entries.to_vec();
    }
    let (shown, rest) = entries.split_at(MOST - 1);
    shown.iter().cloned().chain([format!("and {} more", rest.len())]).collect()
}

/// Entries as lines of at most `room` columns, each with a comma behind it except for the last. An entry is broken only
/// if it is longer than a line.
fn folded(entries: &[String], room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut add = |word: &str, is_new: bool| match lines.last_mut() {
        Some(line) if !is_new && width(line) + 1 + width(word) <= room => {
            line.push(' ');
            line.push_str(word);
        }
        _ => lines.push(word.to_owned()),
    };
    let mut column = 0;
    for (index, entry) in entries.iter().enumerate() {
        let comma = if index + 1 < entries.len() { "," } else { "" };
        let entry = format!("{entry}{comma}");
        let fits = column > 0 && column + 1 + width(&entry) <= room;
        for (index, word) in entry.split_whitespace().enumerate() {
            add(word, index == 0 && !fits);
        }
        column = if fits { column + 1 + width(&entry) } else { width(&entry) };
    }
    lines
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Label in the colour of parts, filled with spaces.
fn padded(label: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(label));
    if label.is_empty() { " ".repeat(spaces) } else { format!("{}{:spaces$}", painted(PART, label), "") }
}

/// Part of a claim by its name, with its pods and volumes.
pub type Part = (&'static str, Running);

/// Part of a claim in a table, by the texts of its cells.
pub struct Row([String; CELLS]);

impl Row {
    pub fn of((part, running): &Part) -> Self {
        let demand = running.demand.plus(running.of_installers);
        let cpu = (demand.cpu > Cpu::default()).then(|| format!("{} CPU", demand.cpu.words()));
        let memory = (demand.memory > Bytes::default()).then(|| demand.memory.spelt_out());
        let storage = (demand.storage > Bytes::default()).then(|| format!("{} disk", demand.storage.spelt_out()));
        let [cpu, memory, storage] = [cpu, memory, storage].map(Option::unwrap_or_default);
        Self([(*part).to_owned(), pods(running), cpu, memory, storage])
    }
}

/// Number of pods of a part, as its range where load decides, or the word `chart` for pods that the plan does not have.
fn pods(running: &Running) -> String {
    match running {
        Running { pods: 0, most_pods: 0, installers: 0, .. } => String::new(),
        Running { pods: 0, most_pods: 0, .. } => "chart".to_owned(),
        Running { pods, most_pods: u64::MAX, .. } if *pods < u64::MAX => format!("{pods}+ pods"),
        Running { pods, most_pods, .. } if pods < most_pods => format!("{pods}-{most_pods} pods"),
        Running { pods, .. } => counted_pods(*pods),
    }
}

/// Number of parts beside each other in a line of a table, and the widths of their cells, for all tables of a summary.
pub struct Layout {
    beside: Vec<[usize; CELLS]>,
}

impl Layout {
    /// Layout with two parts in a line where they have room, or else with one.
    pub fn of<'a>(tables: impl Iterator<Item = &'a [Row]> + Clone) -> Self {
        let two = Self::with(2, tables.clone());
        if two.width() <= WIDTH { two } else { Self::with(1, tables) }
    }

    fn with<'a>(count: usize, tables: impl Iterator<Item = &'a [Row]>) -> Self {
        let mut beside = vec![[0; CELLS]; count];
        for (index, Row(cells)) in tables.flat_map(|rows| rows.iter().enumerate()) {
            for (known, cell) in beside[index % count].iter_mut().zip(cells) {
                *known = (*known).max(width(cell));
            }
        }
        Self { beside }
    }

    fn width(&self) -> usize {
        let of_part = |cells: &[usize; CELLS]| {
            let filled = cells.iter().filter(|cell| **cell > 0);
            filled.map(|cell| cell + GAP).sum::<usize>().saturating_sub(GAP)
        };
        INDENT + self.beside.iter().map(of_part).sum::<usize>() + BETWEEN * (self.beside.len() - 1)
    }

    pub fn table(&self, rows: &[Row]) -> String {
        let mut text = String::new();
        for line in rows.chunks(self.beside.len()) {
            let parts: Vec<String> = line.iter().zip(&self.beside).map(|(row, widths)| cells(row, widths)).collect();
            let line = parts.join(&" ".repeat(BETWEEN));
            let _ = writeln!(text, "{:INDENT$}{}", "", line.trim_end());
        }
        text
    }
}

fn cells(Row([name, amounts @ ..]): &Row, [name_width, widths @ ..]: &[usize; CELLS]) -> String {
    let mut text = padded(name, *name_width);
    for (amount, width) in amounts.iter().zip(widths).filter(|(_, width)| **width > 0) {
        let _ = write!(text, "{:GAP$}{amount:>width$}", "");
    }
    text
}

#[cfg(test)]
mod tests {
    use realtime_platform_core::settings::limits::Demand;

    use super::*;

    fn entries(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|&entry| entry.to_owned()).collect()
    }

    #[test]
    fn a_line_is_broken_between_entries_and_within_one_that_is_longer() {
        assert_eq!(folded(&entries(&["ab 1", "cd 2", "ef 3"]), 11), ["ab 1, cd 2,", "ef 3"]);
        assert_eq!(folded(&entries(&["ab 1", "cd 2"]), 10), ["ab 1, cd 2"]);
        assert_eq!(folded(&entries(&["a", "one of two lines", "b"]), 10), ["a,", "one of two", "lines,", "b"]);
        assert_eq!(folded(&entries(&["a", "longer-than-a-line", "b"]), 10), ["a,", "longer-than-a-line,", "b"]);
        assert_eq!(folded(&[], 10), [""; 0]);
    }

    #[test]
    fn a_long_list_is_cut_with_the_number_of_the_rest() {
        let numbers = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
        assert_eq!(shortened(&numbers(MOST)), numbers(MOST));
        let cut = shortened(&numbers(MOST + 3));
        assert_eq!((cut.len(), cut.last().map(String::as_str)), (MOST, Some("and 4 more")));
    }

    fn running(pods: u64, most_pods: u64, storage: Bytes) -> Running {
        let demand = Demand { cpu: Cpu::thousandths(1500), memory: Bytes::mebi(512), storage };
        Running { pods, most_pods, demand, ..Running::default() }
    }

    #[test]
    fn a_part_shows_how_many_pods_it_has_as_far_as_that_is_known() {
        let none = Bytes::default();
        assert_eq!(pods(&running(1, 1, none)), "1 pod");
        assert_eq!(pods(&running(3, 3, none)), "3 pods");
        assert_eq!(pods(&running(0, 2, none)), "0-2 pods");
        assert_eq!(pods(&running(1, u64::MAX, none)), "1+ pods");
        assert_eq!(pods(&running(0, 0, none)), "");
        assert_eq!(pods(&Running { installers: 1, ..Running::default() }), "chart");
        let Row(cells) = Row::of(&("kafka", running(3, 3, Bytes::mebi(1536))));
        assert_eq!(cells, ["kafka", "3 pods", "1.5 CPU", "512 MiB", "1.5 GiB disk"]);
        let Row(cells) = Row::of(&("analytics", Running { most_pods: 2, ..Running::default() }));
        assert_eq!(cells, ["analytics", "0-2 pods", "", "", ""]);
    }

    #[test]
    fn parts_stand_beside_each_other_where_they_have_room() {
        let row = |name: &'static str, storage: u64| Row::of(&(name, running(1, 1, Bytes::mebi(storage))));
        let rows = [row("a", 1024), row("b", 0), row("c", 0)];
        let layout = Layout::of([&rows[..]].into_iter());
        assert_eq!(layout.table(&rows).lines().count(), 2);
        let long = [row("a-part-whose-name-alone-takes-half-of-the-width-of-a-screen", 0), row("b", 1024)];
        let layout = Layout::of([&long[..]].into_iter());
        assert_eq!(layout.table(&long).lines().count(), 2);
        assert!(layout.width() <= WIDTH);
    }
}
