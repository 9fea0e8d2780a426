//! Mutants that the wiring checks cannot find, each with its reason: `tests/fast/mutation/exceptions.txt`.

use std::cell::Cell;

/// Pattern of mutants, and the number of undetected mutants that match it.
pub struct Exception {
    pub kind: String,
    pub path: String,
    pub reason: String,
    pub needed: Cell<usize>,
}

/// Parser of the list: lines that start with `#` give a reason, and the patterns below it share that reason.
pub fn read(text: &str) -> Vec<Exception> {
    let mut exceptions = Vec::new();
    let mut reason: Vec<&str> = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            reason.clear();
            continue;
        }
        if let Some(words) = line.strip_prefix('#') {
            reason.push(words.trim());
            continue;
        }
        let (kind, path) = line.split_once(' ').unwrap();
        assert!(!reason.is_empty(), "{line}: no reason");
        exceptions.push(Exception {
            kind: kind.to_owned(),
            path: path.trim().to_owned(),
            reason: reason.join(" "),
            needed: Cell::new(0),
        });
    }
    exceptions
}

impl Exception {
    pub fn covers(&self, kind: &str, path: &str) -> bool {
        matches(&self.kind, kind) && matches(&self.path, path)
    }
}

/// Whether a text matches a pattern: `*` matches anything but a slash, `**` anything at all.
fn matches(pattern: &str, text: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("**") {
        return (0..=text.len()).filter(|&at| text.is_char_boundary(at)).any(|at| matches(rest, &text[at..]));
    }
    if let Some(rest) = pattern.strip_prefix('*') {
        let longest = text.find('/').unwrap_or(text.len());
        return (0..=longest).filter(|&at| text.is_char_boundary(at)).any(|at| matches(rest, &text[at..]));
    }
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some(wanted), Some(found)) if wanted == found => {
            matches(&pattern[wanted.len_utf8()..], &text[found.len_utf8()..])
        }
        _ => false,
    }
}

#[test]
fn patterns_stand_for_what_they_say() {
    assert!(matches("/a/*/c", "/a/b/c"));
    assert!(!matches("/a/*/c", "/a/b/b/c"));
    assert!(matches("/a/**/c", "/a/b/b/c"));
    assert!(matches("**Seconds", "/spec/periodSeconds"));
    assert!(!matches("/a", "/a/b"));
}
