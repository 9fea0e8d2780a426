//! Order of the sources: each folder uses only folders above it, and no two files use each other, directly or through
//! others.
//!
//! `cargo test --test fast house:: -- --nocapture` prints the picture in docs/house.md; `BLESS=1` writes it there.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use imports::File;

/// Folders and files of each crate, from those that use nothing in it to those that use everything. Names in one line
/// do not use each other. A name with a slash is a subfolder with a place of its own.
const ORDER: [(&str, &[&[&str]]); 3] = [
    (
        "core",
        &[
            &["text"],
            &["schema"],
            &["kinds"],
            &["settings"],
            &["parts"],
            &["life"],
            &["claims/between", "claims/defaults"],
            &["claims/checked"],
            &["claims/realtime_system", "claims/iot_broker"],
            &["claims/vcluster_environment"],
            &["claims"],
            &["progress"],
        ],
    ),
    ("grpc", &[&["protocol"], &["function"], &["serve"]]),
    ("cli", &[&["terminal"], &["documents"], &["preview"], &["explain", "generate"], &["live"]]),
];

/// Marker of the picture in docs/house.md.
const START: &str = "<!-- modules: written by BLESS=1 cargo test --test fast house:: -->\n```text\n";

/// Line of the table that a file belongs to, and its name there.
fn place(file: &File) -> (usize, &'static str) {
    let (_, lines) = ORDER.iter().find(|(name, _)| *name == file.krate).unwrap();
    let is_in = |name: &str| file.module == name || file.module.starts_with(&format!("{name}/"));
    let all = lines.iter().enumerate().flat_map(|(line, names)| names.iter().map(move |name| (line, *name)));
    let found = all.filter(|(_, name)| is_in(name)).max_by_key(|(_, name)| name.len());
    found.unwrap_or_else(|| panic!("tests/fast/house.rs has no place for function/{}/src/{}", file.krate, file.module))
}

/// Name of a folder in the picture.
fn full(file: &File) -> String {
    format!("{}/{}", file.krate, place(file).1)
}

/// Folders that each folder uses.
fn uses(files: &[File]) -> BTreeMap<String, BTreeSet<String>> {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| !file.is_root()) {
        let of = uses.entry(full(file)).or_default();
        let others = file.uses.iter().map(|&used| &files[used]).filter(|used| !used.is_root());
        of.extend(others.map(full).filter(|used| *used != full(file)));
    }
    uses
}

fn picture(files: &[File]) -> String {
    let uses = uses(files);
    let mut text = String::new();
    for (krate, lines) in ORDER {
        let _ = writeln!(text, "function/{krate}");
        for name in lines.iter().flat_map(|names| names.iter()) {
            let below = &uses[&format!("{krate}/{name}")];
            let in_order = lines.iter().flat_map(|names| names.iter());
            let is_used = |name: &&&str| below.contains(&format!("{krate}/{name}"));
            let mut shown: Vec<&str> = in_order.filter(is_used).copied().collect();
            if below.iter().any(|name| krate != "core" && name.starts_with("core/")) {
                shown.push("core");
            }
            let line =
                format!("  {name:<28} uses {}", if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") });
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

#[test]
fn nothing_uses_what_stands_below_it() {
    let files = imports::files();
    let mut upward = Vec::new();
    for file in files.iter().filter(|file| !file.is_root()) {
        for used in file.uses.iter().map(|&used| &files[used]).filter(|used| !used.is_root()) {
            let (here, there) = (place(file), place(used));
            let is_below = used.krate == file.krate && (there.0 > here.0 || there.0 == here.0 && there.1 != here.1);
            // Cargo enforces the order between crates.
            if is_below {
                upward.push(format!("{file} uses {used}"));
            }
        }
    }
    assert!(upward.is_empty(), "against the order in tests/fast/house.rs:\n{}", upward.join("\n"));
}

#[test]
fn no_file_uses_one_that_uses_it() {
    let files = imports::files();
    // Files that use none of the remaining files are removed repeatedly. The rest are files in a cycle, and files that
    // use one.
    let mut left: BTreeSet<usize> = (0..files.len()).collect();
    loop {
        let free: Vec<usize> = left.iter().copied().filter(|&file| files[file].uses.is_disjoint(&left)).collect();
        if free.is_empty() {
            break;
        }
        left.retain(|file| !free.contains(file));
    }
    let told = |&file: &usize| {
        let used: Vec<String> = files[file].uses.intersection(&left).map(|&used| files[used].to_string()).collect();
        format!("{} uses {}", files[file], used.join(", "))
    };
    assert!(left.is_empty(), "{}", left.iter().map(told).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_picture_in_the_book_is_that_of_the_sources() {
    let picture = picture(&imports::files());
    println!("{picture}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/house.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(START).expect("docs/house.md has the picture's block");
    let (shown, after) = rest.split_once("```").unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, format!("{before}{START}{picture}```{after}")).unwrap();
    } else {
        assert!(shown == picture, "docs/house.md shows another picture: BLESS=1 cargo test --test fast house::");
    }
}

/// Modules of `std` that the core must not use, although Cargo cannot forbid them: files, environment, processes and
/// sockets.
#[test]
fn the_core_touches_nothing_outside() {
    const OUTSIDE: [&str; 5] = ["std/env", "std/fs", "std/net/Tcp", "std/process", "std/io"];
    let files = imports::files();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.krate == "core") {
        let outside = file.foreign.iter().filter(|path| OUTSIDE.iter().any(|outside| path.starts_with(outside)));
        found.extend(outside.map(|path| format!("{file} uses {path}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn imports_are_found_wherever_they_are_written() {
    let source = "
        use crate::a::{self, B};
        use crate::a::c::{D, e};
        pub(crate) use super::sibling::Thing as Other;
        use std::fs;
        fn f() { let x: crate::deep::Type = crate::call::it(); self::own::g(); macro_rules_like!(crate::in_macro::x); }
        #[cfg(test)] mod tests { use crate::only_in_tests::Z; }
    ";
    let found = imports::paths(&syn::parse_file(source).unwrap());
    let expected = [
        "crate/a",
        "crate/a/B",
        "crate/a/c/D",
        "crate/a/c/e",
        "super/sibling/Thing",
        "std/fs",
        "crate/deep/Type",
        "crate/call/it",
        "self/own/g",
        "crate/in_macro/x",
    ];
    for path in expected {
        assert!(found.contains(path), "{path}: {found:?}");
    }
    assert!(!found.iter().any(|path| path.contains("only_in_tests")), "{found:?}");
}
