//! Reader of the YAML documents in the files and folders that a command line names, and from standard input. This
//! module does not depend on the meaning of a document.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use realtime_platform_core::text::yaml::position::Place;
use realtime_platform_core::text::yaml::read::{self, Unreadable};
use serde_json::Value;

use crate::documents::fault::Located;

/// YAML document from a file or from standard input, with its position in the file for messages.
#[derive(Debug)]
pub struct Document {
    /// Name of the file that contains the YAML document, as messages print it.
    pub file: String,
    pub value: Value,
    /// Lines of the fields of this YAML document, counted from the start of the document.
    place: Place,
    /// Number of lines in the file before the start of this YAML document.
    above: usize,
    first_line: usize,
}

impl Document {
    /// Fault at a field of this YAML document, with file and line for the message. An empty `field` means that the
    /// fault concerns the whole document.
    pub fn fault(&self, field: &str, message: impl Into<String>) -> Located {
        Located {
            file: self.file.clone(),
            line: self.line(field).or(Some(self.first_line())),
            claim: None,
            field: (!field.is_empty()).then(|| field.to_owned()),
            message: message.into(),
        }
    }

    /// Line number, in the file, of a field of this YAML document. A missing field has the line number of the innermost
    /// existing field on its path.
    pub fn line(&self, field: &str) -> Option<usize> {
        self.place.line_of(&self.value, field).map(|line| self.above + line)
    }

    /// One object of this YAML document, such as an item of a list, as a document of its own. Faults of its fields have
    /// the first line of this document.
    #[must_use]
    pub fn with_only(&self, object: &Value) -> Self {
        let (file, value) = (self.file.clone(), object.clone());
        Self { file, value, place: Place::at(self.first_line), above: self.above, first_line: self.first_line }
    }

    /// Number of the first line of this YAML document that has content. Faults of the whole document name this line.
    pub fn first_line(&self) -> usize {
        self.first_line
    }
}

/// YAML documents of a flag that takes files; `None` if the command line lacks the flag.
pub fn given<'a>(files: &[PathBuf], documents: &'a [Document]) -> Option<&'a [Document]> {
    (!files.is_empty()).then_some(documents)
}

/// YAML documents of all paths on a command line, in the order of the paths, and the faults of files and documents that
/// cannot be read. A path is a file, a folder, or `-` for standard input.
pub fn documents(paths: &[PathBuf], stdin: &mut impl Read) -> (Vec<Document>, Vec<Located>) {
    let mut documents = Vec::new();
    let mut faults = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut bytes = Vec::new();
            match stdin.read_to_end(&mut bytes) {
                Ok(_) => text("<stdin>", bytes, &mut documents, &mut faults),
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
        fs::read(path).map(|bytes| text(&name, bytes, documents, faults))
    };
    if let Err(error) = read {
        faults.push(Located::file(&name, format!("cannot read: {error}")));
    }
}

/// Paths of the YAML files and folders in one folder, sorted by name. Links to folders and hidden entries are skipped.
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

/// Adds the YAML documents in the bytes of a file to `documents`, or the fault of an unreadable file to `faults`.
fn text(file: &str, bytes: Vec<u8>, documents: &mut Vec<Document>, faults: &mut Vec<Located>) {
    match decode(bytes) {
        Ok(text) => split(file, &text, documents, faults),
        Err(message) => faults.push(Located::file(file, message)),
    }
}

/// Text of a file, decoded as the file's byte order mark says, or as UTF-8 if the file has no such mark.
fn decode(bytes: Vec<u8>) -> Result<String, &'static str> {
    let utf_16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks(2).map(|pair| unit([pair[0], *pair.get(1).unwrap_or(&0)])).collect();
        String::from_utf16(&units)
            .map_err(|_| "is not text in UTF-16, although it begins with its byte order mark: save it as UTF-8")
    };
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        _ if bytes.iter().take(4).any(|byte| *byte == 0) => Err("is not text in UTF-8: save it as UTF-8"),
        _ => String::from_utf8(bytes).map_err(|_| "is not text in UTF-8: save it as UTF-8"),
    }
}

/// Splits the text of a file into YAML documents, and adds them to `documents`. Each document is parsed alone, so that
/// an unreadable document does not hide the others.
fn split(file: &str, text: &str, documents: &mut Vec<Document>, faults: &mut Vec<Located>) {
    let (mut chunk, mut start) = (String::new(), 0);
    for (above, line) in text.lines().enumerate() {
        // Editors on Windows write a byte order mark at the start of a file, so in a text that was joined from several
        // files, any line can begin with such a mark. The mark is no part of the YAML and is removed.
        let line = line.trim_start_matches('\u{feff}');
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
    if let Some((line, letter)) = line_end(text) {
        let message = format!(
            "holds U+{:04X}, at which kubectl ends a line and YAML 1.2 does not: put a line end in its place, or leave it out",
            u32::from(letter)
        );
        faults.push(Located { line: Some(above + line), ..Located::file(file, message) });
        return;
    }
    let (parsed, unreadable) = read::documents(text);
    let first_line = above + 1 + text.lines().take_while(|line| says_nothing(line)).count();
    for parsed in parsed.into_iter().filter(|parsed| !parsed.value.is_null()) {
        let file = file.to_owned();
        documents.push(Document { file, value: parsed.value, place: parsed.place, above, first_line });
    }
    if let Some(unreadable) = unreadable {
        let (line, message) = words(text, unreadable);
        faults.push(Located { line: Some(above + line), ..Located::file(file, message) });
    }
}

/// First character in a YAML text that ends a line for kubectl, which reads YAML 1.1, and not for a parser of YAML 1.2,
/// with its line number. Such a character in a comment would hide what stands behind it from a preview. In JSON it is a
/// character of a string.
fn line_end(text: &str) -> Option<(usize, char)> {
    if text.trim_start().starts_with('{') {
        return None;
    }
    let ends = |letter: &char| matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}');
    text.lines().zip(1..).find_map(|(content, line)| Some((line, content.chars().find(ends)?)))
}

/// Line number and message of the fault in a YAML text that cannot be parsed. The message names common mistakes, such
/// as a template that is not rendered, in place of the parser's own words.
fn words(text: &str, unreadable: Unreadable) -> (usize, String) {
    let Unreadable { line, message } = unreadable;
    let lines = || text.lines().zip(1..);
    if let Some((_, line)) = lines().take(line).find(|(content, _)| is_template(content)) {
        let message = "is a template, not YAML: render it first, as `helm template` does, and pass the output";
        return (line, message.to_owned());
    }
    // The YAML parser may report a tab in the indentation one line above or below the tab, so the neighbouring lines
    // are searched for the tab too.
    let is_near = |at: &usize| at.abs_diff(line) <= 1;
    if let Some((_, line)) = lines().find(|(content, at)| is_near(at) && is_indented_by_tab(content)) {
        return (line, "cannot be read as YAML: a tab indents this line: put spaces in its place".to_owned());
    }
    (line, format!("cannot be read as YAML: {message}"))
}

/// Whether a line of a YAML file has template brackets, such as `{{`, where the line or a value begins. The file is
/// then a template, such as one of Helm, and has not been rendered.
fn is_template(line: &str) -> bool {
    let begins = |open: &str| line.trim_start().starts_with(open) || line.contains(&format!(": {open}"));
    let is_item = |open: &str| line.contains(&format!("- {open}"));
    ["{{", "{%"].iter().any(|open| begins(open) || is_item(open))
}

fn is_indented_by_tab(line: &str) -> bool {
    line.chars().take_while(|letter| letter.is_whitespace()).any(|letter| letter == '\t')
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
        assert_eq!(lines, [Some(6), Some(10)], "{faults:?}");
        assert_eq!(documents[1].line("c"), Some(7));
    }

    #[test]
    fn a_character_at_which_kubectl_ends_a_line_is_refused() {
        for letter in ['\u{85}', '\u{2028}', '\u{2029}'] {
            let (documents, faults) = read(&format!("a: 1\n---\nb: 1 # x{letter}c: 2\n"));
            assert_eq!(documents.len(), 1);
            assert_eq!(faults[0].line, Some(3));
            assert!(faults[0].message.starts_with(&format!("holds U+{:04X}", u32::from(letter))), "{faults:?}");
            let (documents, faults) = read(&format!("{{\"a\": \"x{letter}y\"}}"));
            assert!(documents.len() == 1 && faults.is_empty(), "{faults:?}");
        }
    }

    #[test]
    fn files_that_were_joined_want_a_line_between_them() {
        let (_, faults) = read("apiVersion: v1\nkind: A\napiVersion: v1\nkind: B\n");
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].message.ends_with("put a line --- between them"), "{faults:?}");
    }

    #[test]
    fn anchors_and_merged_fields_are_followed() {
        let (documents, faults) = read("x: &x {a: 1}\nz: {<<: *x, b: 2}\n");
        assert_eq!(faults, []);
        assert_eq!(documents[0].value.pointer("/z/a").unwrap(), 1);
    }

    #[test]
    fn what_is_nested_without_end_is_told_at_once() {
        for (begin, open) in [("", "["), ("a: ", "{a: "), ("b:\n  ", "- "), ("", "[\n")] {
            let (documents, faults) = read(&format!("x: 1\n---\n{begin}{}", open.repeat(100_000)));
            assert_eq!((documents.len(), faults.len()), (1, 1), "{open:?}");
            assert_eq!(faults[0].message, format!("cannot be read as YAML: {}", read::TOO_DEEP), "{open:?}");
            assert!(faults[0].line > Some(2), "{open:?}: {:?}", faults[0].line);
        }
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
