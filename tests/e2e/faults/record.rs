//! Results of faults, stored by fault under `target/`, and the table in docs/faults.md. A result is valid for as long
//! as the function's binary and the installed files are the same.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Fault;
use support::built::binary;
use support::examples::project;

const TABLE: &str = "docs/faults.md";
const BEGIN: &str = "<!-- measured: `make e2e-faults` writes what is below -->\n";

/// Folders of files that an installer applies besides the function's package.
const INSTALLED: [&str; 3] = ["compositions", "definitions", "xrds"];

pub struct Record {
    folder: PathBuf,
    of: String,
}

impl Record {
    pub fn open() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e/measured");
        fs::create_dir_all(&folder).unwrap();
        let mut hash = Sha256::new();
        let folders = INSTALLED.iter().flat_map(|folder| files(&project().join(folder)));
        for file in folders.chain([binary("amd64")]) {
            hash.update(fs::read(file).unwrap());
        }
        let digest = hash.finalize();
        let of = digest.iter().take(8).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        Self { folder, of }
    }

    /// Whether the fault has a result for the current binary and installed files.
    pub fn is_measured(&self, fault: &Fault) -> bool {
        self.kept(fault).is_some_and(|(of, _)| of == self.of)
    }

    /// Hash of the measured binary and files, and the text of the last result.
    fn kept(&self, fault: &Fault) -> Option<(String, String)> {
        let kept: Value = serde_json::from_str(&fs::read_to_string(self.file(fault)).ok()?).ok()?;
        Some((kept["of"].as_str()?.to_owned(), kept["measured"].as_str()?.to_owned()))
    }

    pub fn keep(&self, fault: &Fault, measured: &str) {
        fs::write(self.file(fault), json!({"of": self.of, "measured": measured}).to_string()).unwrap();
    }

    fn file(&self, fault: &Fault) -> PathBuf {
        self.folder.join(fault.name).with_extension("json")
    }

    /// Writes the table: one row for each fault with a result on this machine. A fault without one keeps its row from
    /// the document, with the hash it was measured at; a fault that was never measured has no row.
    pub fn write_table(&self, faults: &[Fault]) {
        let document = project().join(TABLE);
        let text = fs::read_to_string(&document).unwrap();
        let (before, old) = text.split_once(BEGIN).expect("the document has a place for the table");
        let mut table =
            format!("{before}{BEGIN}| fault | before | during | after | measured | of |\n|---|---|---|---|---|---|\n");
        for fault in faults {
            let Fault { name, what, during, after, on, .. } = fault;
            let named = format!("(`{name}`)");
            let row = self.kept(fault).map(|(of, measured)| {
                format!("| {what} {named} | {} | {during} | {after} | {measured} | {of} |", on.words())
            });
            let row = row.or_else(|| old.lines().find(|line| line.contains(&named)).map(str::to_owned));
            if let Some(row) = row {
                let _ = writeln!(table, "{row}");
            }
        }
        fs::write(document, table).unwrap();
    }
}

/// The file itself, or all files below a folder in sorted order.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.iter().flat_map(|entry| files(entry)).collect()
}
