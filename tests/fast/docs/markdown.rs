//! Parser of the documents: blocks of code, tables, headings, links and names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

/// Page of the documentation.
pub struct Document {
    /// Path in the checkout.
    pub name: String,
    pub text: String,
}

/// Fenced block of code.
pub struct Block {
    pub language: String,
    pub lines: Vec<String>,
    /// Number of the line that opens the block.
    pub line: usize,
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page that people read, the generated ones included.
pub fn documents() -> Vec<Document> {
    let mut names: Vec<String> = Vec::new();
    for folder in ["", "docs/"] {
        let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        let files = entries.map(|name| name.to_str().unwrap().to_owned());
        names.extend(
            files
                .filter(|file| Path::new(file).extension().is_some_and(|kind| kind == "md"))
                .map(|file| format!("{folder}{file}")),
        );
    }
    names.sort();
    let read = |name: String| Document { text: fs::read_to_string(root().join(&name)).unwrap(), name };
    names.into_iter().map(read).collect()
}

/// All sources of the function, joined.
pub fn sources() -> String {
    let mut text = String::new();
    let mut folders = vec![root().join("function")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                text += &fs::read_to_string(path).unwrap();
            }
        }
    }
    text
}

impl Document {
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut is_open = false;
        for (index, line) in self.text.lines().enumerate() {
            match line.strip_prefix("```") {
                Some(language) if !is_open => {
                    blocks.push(Block { language: language.to_owned(), lines: Vec::new(), line: index + 1 });
                    is_open = true;
                }
                Some(_) => is_open = false,
                None if is_open => blocks.last_mut().unwrap().lines.push(line.to_owned()),
                None => {}
            }
        }
        assert!(!is_open, "{}: a block of code does not end", self.name);
        blocks
    }

    /// Lines outside of code blocks, each with its number.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut is_code = false;
        self.text.lines().enumerate().filter_map(move |(index, line)| {
            let fence = line.starts_with("```");
            is_code ^= fence;
            (!is_code && !fence).then_some((index + 1, line))
        })
    }

    /// All matches of a pattern in the prose: the first group, if the pattern has one.
    fn all(&self, pattern: &str) -> Vec<(usize, String)> {
        let pattern = Regex::new(pattern).unwrap();
        let matches = |(number, line): (usize, &str)| {
            let found = pattern.captures_iter(line).map(|found| (number, found[1].to_owned()));
            found.collect::<Vec<_>>()
        };
        self.prose().flat_map(matches).collect()
    }

    /// Names of files and folders of the checkout.
    pub fn paths(&self) -> Vec<(usize, String)> {
        let folders = "function|docs|tests|tools|package|examples|xrds|compositions|definitions|benches|\\.ci";
        self.all(&format!("`((?:(?:{folders})/[A-Za-z0-9_./-]*)|(?:[A-Z]+\\.md)|LICENSE)`"))
    }

    pub fn make_targets(&self) -> Vec<(usize, String)> {
        self.all("`make ([a-z0-9-]+)[^`]*`")
    }

    /// Links to other pages, files and headings.
    pub fn links(&self) -> Vec<(usize, String)> {
        let mut links = self.all(r"\]\(([^)\s]+)\)");
        links.retain(|(_, target)| !target.contains("://") && !target.starts_with("mailto:"));
        links
    }

    /// Anchors of this page's headings, as links name them.
    pub fn anchors(&self) -> BTreeSet<String> {
        let headings = self.prose().map(|(_, line)| line).filter(|line| line.starts_with('#'));
        headings
            .map(|heading| {
                let kept = heading
                    .trim_start_matches('#')
                    .trim()
                    .to_lowercase()
                    .chars()
                    .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
                    .collect::<String>();
                kept.replace(' ', "-")
            })
            .collect()
    }

    /// Writes the page with other rows in the table below a line that begins with `mark`.
    pub fn replace_rows(&self, mark: &str, rows: &[String]) {
        let lines: Vec<&str> = self.text.lines().collect();
        let marked = lines.iter().position(|line| line.starts_with(mark)).unwrap();
        // The heading and its underline stay.
        let first = marked + 3;
        let end = first + lines[first..].iter().take_while(|line| line.starts_with('|')).count();
        let written = rows.iter().map(String::as_str);
        let lines = lines[..first].iter().copied().chain(written).chain(lines[end..].iter().copied());
        self.write(&(lines.collect::<Vec<_>>().join("\n") + "\n"));
    }

    /// Writes the page with other lines in the place of some, which the page has once or several times.
    pub fn replace_lines(&self, lines: &BTreeMap<String, String>) {
        let written = self.text.lines().map(|line| lines.get(line).map_or(line, String::as_str));
        self.write(&(written.collect::<Vec<_>>().join("\n") + "\n"));
    }

    fn write(&self, text: &str) {
        fs::write(root().join(&self.name), text).unwrap();
    }

    /// Cells of every table row, without the underlines of headings.
    pub fn rows(&self) -> Vec<Vec<String>> {
        self.prose().filter_map(|(_, line)| cells(line)).collect()
    }

    /// Rows of the table below a line that begins with `mark`, without the heading.
    pub fn table_after(&self, mark: &str) -> Vec<Vec<String>> {
        let lines = self.text.lines().skip_while(|line| !line.starts_with(mark)).skip(1);
        lines
            .skip_while(|line| line.is_empty())
            .map_while(|line| line.starts_with('|').then_some(line))
            .filter_map(cells)
            .skip(1)
            .collect()
    }
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<String> = inner.split('|').map(|cell| cell.trim().to_owned()).collect();
    (!cells.iter().all(|cell| cell.chars().all(|letter| "-:".contains(letter)))).then_some(cells)
}
