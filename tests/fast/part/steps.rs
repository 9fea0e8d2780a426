//! Steps of a page: files that it writes and changes, commands that it runs, and their output as it shows it.

use crate::docs::markdown::{Block, Document};

pub enum Step {
    Change(Change),
    Command(String),
    /// Lines that the last command prints, with `...` for any lines.
    Shows(Vec<String>),
}

/// Change of one file.
pub struct Change {
    /// Path in the checkout.
    pub path: String,
    /// Whole content of a new file, or hunks of a difference.
    pub is_new: bool,
    pub lines: Vec<String>,
}

pub fn of(page: &Document) -> Vec<Step> {
    let mut steps = Vec::new();
    for Block { language, lines, line } in page.blocks() {
        let path =
            || path(before(&page.text, line)).unwrap_or_else(|| panic!("line {line}: the change of which file?"));
        match language.as_str() {
            "rust" => steps.push(Step::Change(Change { path: path(), is_new: true, lines })),
            "diff" => steps.push(Step::Change(Change { path: path(), is_new: false, lines })),
            "bash" => {
                let commands = lines.into_iter().filter(|line| !line.starts_with('#'));
                steps.extend(commands.map(Step::Command));
            }
            "text" => steps.push(Step::Shows(lines)),
            other => panic!("line {line}: no step is {other}"),
        }
    }
    steps
}

/// Last line of text before the block that opens at a line.
fn before(text: &str, line: usize) -> &str {
    let lines: Vec<&str> = text.lines().take(line - 1).collect();
    lines.into_iter().rfind(|line| !line.is_empty()).unwrap_or_default()
}

/// Path in a sentence: one in backticks, or the name of a file and then that of its folder.
fn path(sentence: &str) -> Option<String> {
    let mut quoted = sentence.split('`').skip(1).step_by(2);
    let first = quoted.next()?;
    Some(if first.contains('/') { first.to_owned() } else { quoted.next()?.to_owned() + first })
}

/// Text after the hunks of a difference, each of which fits in exactly one place.
pub fn applied(text: &str, diff: &[String]) -> Result<String, String> {
    let mut text = text.to_owned();
    for hunk in diff.split(|line| line == "@@") {
        let side = |marks: [char; 2]| -> String {
            hunk.iter().filter_map(|line| line.strip_prefix(marks)).map(|line| line.to_owned() + "\n").collect()
        };
        let (before, after) = (side([' ', '-']), side([' ', '+']));
        let is_difference = before != after && hunk.iter().all(|line| line.starts_with([' ', '-', '+']));
        // A hunk begins at the beginning of a line.
        let places = format!("\n{text}").matches(&format!("\n{before}")).count();
        if !is_difference || places != 1 {
            return Err(format!("fits in {places} places:\n{}", hunk.join("\n")));
        }
        text = format!("\n{text}").replacen(&format!("\n{before}"), &format!("\n{after}"), 1).split_off(1);
    }
    Ok(text)
}

/// Whether these lines, with `...` for any others, are what is printed.
pub fn fits(shown: &[String], printed: &str) -> bool {
    let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
    let parts: Vec<&[String]> = shown.split(|line| line == "...").filter(|part| !part.is_empty()).collect();
    let mut from = 0;
    parts.iter().all(|part| {
        let found = printed[from..].windows(part.len()).position(|window| window.iter().eq(part.iter()));
        found.is_some_and(|at| {
            from += at + part.len();
            true
        })
    })
}
