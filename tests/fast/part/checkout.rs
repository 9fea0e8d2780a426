//! Copy of the checkout in which a page's steps are done. It stays where it is, and a file is written only if its
//! content is another one, so that Cargo compiles again what changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::steps::{Change, applied};
use crate::docs::markdown::root;

/// Files and folders that Cargo and the commands of the page need.
const NEEDED: [&str; 16] = [
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "benches",
    "clippy.toml",
    "compositions",
    "definitions",
    "docs",
    "examples",
    "function",
    "package",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
    "tools",
    "xrds",
];

pub struct Checkout {
    folder: PathBuf,
    /// Paths of the files that the page writes by hand.
    pub by_hand: Vec<String>,
}

impl Checkout {
    /// Copy with these changes, in their order.
    pub fn changed_by<'a>(changes: impl Iterator<Item = &'a Change>) -> Self {
        let mut files = BTreeMap::new();
        for name in NEEDED {
            read(&root(), Path::new(name), &mut files);
        }
        // Cargo names what it compiles by the version of its package, among others. With a version of its own, the copy
        // overwrites nothing in the folder that it shares with the checkout.
        let manifest = String::from_utf8(files[Path::new("Cargo.toml")].clone()).unwrap();
        let own = format!("version = \"{}-copy\"", env!("CARGO_PKG_VERSION"));
        let manifest = manifest.replacen(&format!("version = \"{}\"", env!("CARGO_PKG_VERSION")), &own, 1);
        assert!(manifest.contains(&own), "the workspace has no version");
        files.insert("Cargo.toml".into(), manifest.into_bytes());
        let mut by_hand = Vec::new();
        for change in changes {
            let path = PathBuf::from(&change.path);
            let before = files.get(&path).map(|content| String::from_utf8(content.clone()).unwrap());
            let after = match (before, change.is_new) {
                (None, true) => change.lines.join("\n") + "\n",
                (Some(before), false) => {
                    applied(&before, &change.lines).unwrap_or_else(|why| panic!("{}: {why}", change.path))
                }
                (before, _) => panic!("{} {}", change.path, before.map_or("is not there", |_| "is there already")),
            };
            files.insert(path, after.into_bytes());
            by_hand.push(change.path.clone());
        }
        let checkout = Self { folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("part/checkout"), by_hand };
        let mut known = BTreeMap::new();
        read(&checkout.folder, Path::new(""), &mut known);
        for path in known.keys().filter(|path| !files.contains_key(*path)) {
            fs::remove_file(checkout.folder.join(path)).unwrap();
        }
        for (path, content) in files.iter().filter(|(path, content)| known.get(*path) != Some(*content)) {
            let path = checkout.folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        checkout
    }

    /// Output of Cargo in the copy, which must end well.
    pub fn cargo(&self, arguments: &[&str]) -> String {
        let mut cargo = Command::new(env!("CARGO"));
        // What Cargo says to the program that it runs is not meant for the next one.
        let own = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for (name, _) in std::env::vars().filter(|(name, _)| own(name)) {
            cargo.env_remove(name);
        }
        // The compiled dependencies are those of this checkout. The program has a place of its own, because other
        // suites run the one of this checkout.
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        cargo.env("CARGO_BUILD_BUILD_DIR", shared).env("CARGO_TARGET_DIR", self.target());
        self.output(cargo.args(arguments).env("CARGO_TERM_COLOR", "never"))
    }

    fn target(&self) -> PathBuf {
        self.folder.with_file_name("target")
    }

    fn output(&self, command: &mut Command) -> String {
        let output = command.current_dir(&self.folder).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert!(output.status.success(), "{command:?} ends with {}:\n{text}", output.status);
        text
    }

    /// Output of a command of the page. Of a suite, only what is about examples runs. What is written anew is written
    /// here by the program alone; `make bless` and `git` are left to the reader.
    pub fn runs(&self, command: &str) -> String {
        match command.split(' ').collect::<Vec<_>>().as_slice() {
            ["cargo", "test", suite @ .., "wiring::"] => {
                let example = "wiring::everything_named_exists_in_every_example";
                self.cargo(&[&["test", "--offline"], suite, &[example]].concat())
            }
            ["cargo", "run", "--quiet", "--", arguments @ ..] => self.program(arguments),
            ["make", "generate", "bless"] => self.program(&["generate"]),
            ["git", "diff"] => String::new(),
            _ => panic!("a command that is not known here: {command}"),
        }
    }

    /// Output of the program that was built with the suite.
    fn program(&self, arguments: &[&str]) -> String {
        self.output(Command::new(self.target().join("debug/function-realtime-platform")).args(arguments))
    }

    pub fn text(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap()
    }
}

/// Reads a file, or all files of a folder.
fn read(root: &Path, path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let full = root.join(path);
    if full.is_dir() {
        for entry in fs::read_dir(full).unwrap().map(Result::unwrap) {
            read(root, &path.join(entry.file_name()), files);
        }
    } else if full.exists() {
        files.insert(path.to_owned(), fs::read(full).unwrap());
    }
}
