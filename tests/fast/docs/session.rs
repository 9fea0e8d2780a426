//! Runner of a page's commands: one after the other, as a reader would run them, in a copy of the necessary part of the
//! checkout.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use regex_lite::Regex;

use super::markdown::{Block, Document, root};

/// Command, and the output that the page shows.
struct Step {
    line: usize,
    command: String,
    printed: Vec<String>,
}

/// Differences between the page and the real output. With `BLESS`, lines that differ in their numbers alone are written
/// into the page, and are no differences.
pub fn differences(page: &Document, blocks: &[Block]) -> Vec<String> {
    let Document { name, .. } = page;
    let steps: Vec<Step> = blocks.iter().flat_map(steps).collect();
    let copy = copy();
    // All commands run in one shell, so that variables of one hold for the next.
    let line =
        |(index, step): (usize, &Step)| format!("{{ {}\n}} >.out-{index} 2>&1; echo $? >.code-{index}\n", step.command);
    fs::write(copy.path().join(".script"), steps.iter().enumerate().map(line).collect::<String>()).unwrap();
    let shims = copy.path().join(".shims");
    let path = format!("{}:{}", shims.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("timeout");
    bash.args(["60", "bash", ".script"]).current_dir(copy.path()).env("PATH", path);
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        bash.env_remove(variable);
    }
    assert!(bash.status().unwrap().success(), "{name}: its commands do not end");
    let mut findings = Vec::new();
    let mut blessed = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        let read = |kind: &str| fs::read_to_string(copy.path().join(format!(".{kind}-{index}"))).unwrap();
        let (out, code) = (read("out"), read("code"));
        let place = format!("{name}:{}: {}", step.line, step.command);
        let counted: Vec<String> = step.printed.iter().map(|line| counted(line, &out)).collect();
        if code.trim() != "0" {
            findings.push(format!("{place}\nends with {}\n{out}", code.trim()));
        } else if step.printed.is_empty() || fits(&step.printed, &out) {
        } else if std::env::var_os("BLESS").is_some() && fits(&counted, &out) {
            blessed.extend(step.printed.iter().cloned().zip(counted));
        } else {
            findings.push(format!("{place}\nprints\n{out}"));
        }
    }
    if !blessed.is_empty() {
        page.replace_lines(&blessed);
    }
    findings
}

/// Line with the numbers that are printed, if exactly one printed line is the same but for its numbers.
fn counted(line: &str, printed: &str) -> String {
    let number = Regex::new("[0-9]+").unwrap();
    let without = |line: &str| number.replace_all(line.trim_end(), "N").into_owned();
    let mut same = printed.lines().filter(|other| without(other) == without(line));
    match (same.next(), same.next()) {
        (Some(only), None) => only.to_owned(),
        _ => line.to_owned(),
    }
}

fn steps(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (index, line) in block.lines.iter().enumerate() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => {
                steps.push(Step { line: block.line + index + 1, command: command.to_owned(), printed: Vec::new() });
            }
            (None, Some(step)) => step.printed.push(line.clone()),
            (None, None) => panic!("line {}: no command yet", block.line + index + 1),
        }
    }
    steps
}

/// Files that commands may read and change. Targets of make are only looked up, because this test itself runs inside
/// make.
fn copy() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let to = copy.path();
    for folder in ["examples", "compositions", "definitions", "xrds", "docs/states"] {
        copy_folder(&root().join(folder), &to.join(folder));
    }
    fs::copy(root().join("Makefile"), to.join("Makefile")).unwrap();
    fs::create_dir_all(to.join("target/debug")).unwrap();
    let program = env!("CARGO_BIN_EXE_function-realtime-platform");
    symlink(program, to.join("target/debug/function-realtime-platform")).unwrap();
    let shim = to.join(".shims/make");
    fs::create_dir(shim.parent().unwrap()).unwrap();
    fs::write(&shim, "#!/bin/sh\nPATH=${PATH#*:} exec make --dry-run \"$@\"\n").unwrap();
    fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).unwrap();
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Whether the printed text matches what the page shows of it.
fn fits(shown: &[String], printed: &str) -> bool {
    let hash = Regex::new("-[0-9a-f]{8}\\b").unwrap();
    let same = |line: &str| hash.replace_all(line.trim_end(), "-HASH").into_owned();
    let shown: Vec<String> = shown.iter().map(|line| same(line)).collect();
    let printed: Vec<String> = printed.lines().map(same).collect();
    fits_from(&shown, &printed)
}

fn fits_from(shown: &[String], printed: &[String]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, _) => printed.is_empty(),
        (Some((first, rest)), _) if first == "..." => {
            (0..=printed.len()).any(|skipped| fits_from(rest, &printed[skipped..]))
        }
        (Some((first, rest)), Some((line, more))) => first == line && fits_from(rest, more),
        (Some(_), None) => false,
    }
}

#[test]
fn what_is_shown_fits_only_what_is_printed() {
    let fits = |shown: &[&str], printed: &str| {
        super::session::fits(&shown.iter().map(|&line| line.to_owned()).collect::<Vec<_>>(), printed)
    };
    assert!(fits(&["a", "...", "d"], "a\nb\nc\nd\n"));
    assert!(fits(&["a", "...", "d", "..."], "a\nd\n"));
    assert!(fits(&["job-0123abcd, again"], "job-fedc3210, again\n"));
    assert!(!fits(&["a", "...", "d"], "a\nb\nc\n"));
    assert!(!fits(&["a"], "a\nb\n"));
    assert!(!fits(&["a", "b"], "a\n"));
}
