//! From names on a command line to documents. This room does not know what a document says.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::locate;
use super::nesting;
use super::report::Located;

/// One document of a file.
#[derive(Debug)]
pub struct Document {
    /// The file, as its reader would name it.
    pub file: String,
    pub value: Value,
    /// The text around it, how many lines of the file are above it, and which of its documents this is.
    text: String,
    above: usize,
    nth: usize,
}

impl Document {
    /// A fault of this document at a field, or of the document as a whole.
    pub fn fault(&self, field: &str, message: impl Into<String>) -> Located {
        Located {
            file: self.file.clone(),
            line: self.line(field).or(Some(self.first_line())),
            claim: None,
            field: (!field.is_empty()).then(|| field.to_owned()),
            message: message.into(),
        }
    }

    /// The line of a field in the file, or of the nearest field around it.
    pub fn line(&self, field: &str) -> Option<usize> {
        locate::line(&self.text, self.nth, field).map(|line| self.above + line)
    }

    /// The line on which the document begins to say something.
    pub fn first_line(&self) -> usize {
        self.above + 1 + self.text.lines().take_while(|line| says_nothing(line)).count()
    }
}

/// Every document of files, of the folders among them, and of standard input (`-`), in order; beside them what cannot be
/// read.
pub fn documents(paths: &[PathBuf], stdin: &mut impl Read) -> (Vec<Document>, Vec<Located>) {
    let mut documents = Vec::new();
    let mut faults = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            match stdin.read_to_string(&mut text) {
                Ok(_) => split("<stdin>", &text, &mut documents, &mut faults),
                Err(error) => faults.push(Located::file("<stdin>", format!("cannot read: {error}"))),
            }
        } else {
            walk(path, true, &mut documents, &mut faults);
        }
    }
    (documents, faults)
}

fn walk(path: &Path, is_asked_for: bool, documents: &mut Vec<Document>, faults: &mut Vec<Located>) {
    let name = path.display().to_string();
    let read = if path.is_dir() {
        entries(path).map(|entries| {
            let before = documents.len() + faults.len();
            for entry in &entries {
                walk(entry, false, documents, faults);
            }
            if is_asked_for && documents.len() + faults.len() == before {
                faults.push(Located::file(&name, "has no YAML in it: expected files that end in .yaml or .yml"));
            }
        })
    } else {
        fs::read_to_string(path).map(|text| split(&name, &text, documents, faults))
    };
    if let Err(error) = read {
        faults.push(Located::file(&name, format!("cannot read: {error}")));
    }
}

/// What a folder has for us: its YAML and its folders, by name. Links to folders are not followed, nor is what is hidden.
fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && if path.is_dir() { entry.file_type()?.is_dir() } else { is_yaml } {
            entries.push(path);
        }
    }
    entries.sort();
    Ok(entries)
}

/// The documents of a text. It is split before it is parsed, so that one that cannot be read hides no other.
fn split(file: &str, text: &str, documents: &mut Vec<Document>, faults: &mut Vec<Located>) {
    let (mut chunk, mut start) = (String::new(), 0);
    for (above, line) in text.lines().enumerate() {
        if line == "---" || line.starts_with("--- ") {
            parse(file, start, &chunk, documents, faults);
            chunk.clear();
            start = above;
        }
        chunk.push_str(line);
        chunk.push('\n');
    }
    parse(file, start, &chunk, documents, faults);
}

fn says_nothing(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line == "---" || line.starts_with(['#', '%'])
}

fn parse(file: &str, above: usize, text: &str, documents: &mut Vec<Document>, faults: &mut Vec<Located>) {
    if text.lines().all(says_nothing) {
        return;
    }
    if let Some(line) = nesting::too_deep(text) {
        faults.push(Located { line: Some(above + line), ..Located::file(file, TOO_DEEP) });
        return;
    }
    for (nth, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        match value(document) {
            Ok(Value::Null) => {}
            Ok(value) => {
                documents.push(Document { file: file.to_owned(), value, text: text.to_owned(), above, nth });
            }
            Err(error) => {
                // Its words may name further lines, so it is asked for again with those that are above.
                let whole = format!("{}{text}", "\n".repeat(above));
                let again = serde_yaml::Deserializer::from_str(&whole).nth(nth).and_then(|again| value(again).err());
                let error = again.unwrap_or(error);
                let line = error.location().map(|location| location.line());
                faults.push(Located { line, ..Located::file(file, words(&error)) });
                // The library would tell the same error for ever.
                return;
            }
        }
    }
}

/// By way of the library's own values: they refuse a field that stands twice, and know anchors and merged fields.
fn value(document: serde_yaml::Deserializer) -> Result<Value, serde_yaml::Error> {
    let mut value = serde_yaml::Value::deserialize(document)?;
    value.apply_merge()?;
    serde_json::to_value(value).map_err(serde::de::Error::custom)
}

/// Of what no claim needs, and what would take the longer the deeper it is.
const TOO_DEEP: &str = "cannot be read as YAML: lists and sets of fields must not be nested deeper than 128 levels";

/// What an error says, without the position, which is told in front; and how it probably came about.
fn words(error: &serde_yaml::Error) -> String {
    let mut text = error.to_string();
    if let Some(location) = error.location() {
        text = text.replace(&format!(" at line {} column {}", location.line(), location.column()), "");
    }
    if text == "recursion limit exceeded" {
        return TOO_DEEP.to_owned();
    }
    // What every document begins with.
    if ["\"apiVersion\"", "\"kind\""].iter().any(|field| text.contains(&format!("duplicate entry with key {field}"))) {
        text.push_str(": where files were joined, put a line --- between them");
    }
    format!("cannot be read as YAML: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Document>, Vec<Located>) {
        documents(&[PathBuf::from("-")], &mut text.as_bytes())
    }

    #[test]
    fn one_unreadable_document_hides_no_other() {
        let (documents, faults) = read("# comment\n---\na: 1\n---\nb: [1\n---\nc: 2\n---\nd: 1\nd: 2\n");
        let values: Vec<String> = documents.iter().map(|document| document.value.to_string()).collect();
        assert_eq!(values, [r#"{"a":1}"#, r#"{"c":2}"#]);
        let lines: Vec<Option<usize>> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [Some(6), Some(9)], "{faults:?}");
        assert_eq!(documents[1].line("c"), Some(7));
    }

    #[test]
    fn files_that_were_joined_want_a_line_between_them() {
        let (_, faults) = read("apiVersion: v1\nkind: A\napiVersion: v1\nkind: B\n");
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].message.ends_with("put a line --- between them"), "{faults:?}");
    }

    #[test]
    fn anchors_and_merged_fields_are_followed() {
        let (documents, faults) = read("x: &x {a: 1}\ny: {<<: *x, b: 2}\n");
        assert_eq!(faults, []);
        assert_eq!(documents[0].value.pointer("/y/a").unwrap(), 1);
    }

    #[test]
    fn what_is_nested_without_end_is_told_at_once() {
        let since = std::time::Instant::now();
        for (begin, open) in [("", "["), ("a: ", "{a: "), ("b:\n  ", "- "), ("", "[\n"), ("", "? ")] {
            let (documents, faults) = read(&format!("x: 1\n---\n{begin}{}", open.repeat(100_000)));
            assert_eq!((documents.len(), faults.len()), (1, 1), "{open:?}");
            assert_eq!(faults[0].message, TOO_DEEP, "{open:?}");
            assert!(faults[0].line > Some(2), "{open:?}: {:?}", faults[0].line);
        }
        assert!(since.elapsed() < std::time::Duration::from_secs(10), "{:?}", since.elapsed());
        let (documents, faults) = read(&format!("a: {}{}", "[".repeat(120), "]".repeat(120)));
        assert_eq!((documents.len(), faults.len()), (1, 0), "what can be read is");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let (_, faults) = documents(&[PathBuf::from("no/such.yaml")], &mut "".as_bytes());
        assert_eq!(faults[0].file, "no/such.yaml");
        assert!(faults[0].message.starts_with("cannot read: "), "{faults:?}");
    }
}
