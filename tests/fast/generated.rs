//! Check that the generated files match the types.

use std::fs;
use std::path::{Path, PathBuf};

use realtime_platform_cli::generate::{self, Change};

#[test]
fn generated_files_are_in_line_with_the_types() {
    let differing = generate::align(Path::new(env!("CARGO_MANIFEST_DIR")), true).unwrap();
    assert!(differing.is_empty(), "run `make generate`: {differing:?}");
}

/// Temporary folder with all generated files, and the changes that wrote them.
fn generated() -> (tempfile::TempDir, Vec<Change>) {
    let folder = tempfile::tempdir().unwrap();
    let changes = generate::align(folder.path(), false).unwrap();
    (folder, changes)
}

fn append(path: &Path, text: &str) -> String {
    let content = fs::read_to_string(path).unwrap() + text;
    fs::write(path, &content).unwrap();
    content
}

#[test]
fn a_file_that_differs_is_found_and_mended() {
    let (folder, all) = generated();
    let at = |path: &str| folder.path().join(path);
    assert!(all.contains(&Change::Wrote(at("xrds/realtime-system.yaml"))), "{all:?}");
    append(&at("definitions/iot-broker.cue"), "// changed\n");
    for check in [true, false] {
        assert_eq!(generate::align(folder.path(), check).unwrap(), [Change::Wrote(at("definitions/iot-broker.cue"))]);
    }
    assert!(generate::align(folder.path(), true).unwrap().is_empty());
}

#[test]
fn only_what_an_earlier_run_wrote_is_removed() {
    let (folder, _) = generated();
    let at = |path: &str| folder.path().join(path);
    // An earlier version wrote more files: two that nobody changed, and a Composition that got settings.
    for path in ["xrds/former.yaml", "compositions/former.yaml", "compositions/plain.yaml"] {
        let sample = if path.starts_with("xrds") { "xrds/iot-broker.yaml" } else { "compositions/iot-broker.yaml" };
        fs::copy(at(sample), at(path)).unwrap();
        append(&at("package/generated.txt"), &format!("{path}\n"));
    }
    append(&at("compositions/former.yaml"), "      storageClass: gp3\n");
    fs::write(at("docs/former.md"), "my own words\n").unwrap();
    append(&at("package/generated.txt"), "docs/former.md\n../outside.yaml\n/etc/hostname\n");
    // Files that no run wrote: a foreign file, and a copy with the same beginning as a generated file.
    fs::write(at("xrds/stranger.yaml"), "").unwrap();
    fs::copy(at("compositions/iot-broker.yaml"), at("compositions/team-b.yaml")).unwrap();
    fs::create_dir(at("compositions/folder")).unwrap();

    let expected = [
        Change::Wrote(at("package/generated.txt")),
        Change::Removed(at("xrds/former.yaml")),
        Change::Left(at("compositions/former.yaml")),
        Change::Removed(at("compositions/plain.yaml")),
        Change::Left(at("docs/former.md")),
    ];
    for check in [true, false] {
        assert_eq!(generate::align(folder.path(), check).unwrap(), expected, "{check}");
    }
    for gone in ["xrds/former.yaml", "compositions/plain.yaml"] {
        assert!(!at(gone).exists(), "{gone}");
    }
    for kept in ["compositions/former.yaml", "docs/former.md", "xrds/stranger.yaml", "compositions/team-b.yaml"] {
        assert!(at(kept).exists(), "{kept}");
    }
    assert!(generate::align(folder.path(), true).unwrap().is_empty());
}

#[test]
fn settings_outlive_a_composition_that_is_written_anew() {
    let (folder, _) = generated();
    let composition = folder.path().join("compositions/realtime-system.yaml");
    let settings = "      # why it is this one\n      storageClass: gp3\n      images:\n        registry: mirror.example.org/all\n";
    let with = append(&composition, settings);
    assert!(generate::align(folder.path(), true).unwrap().is_empty(), "settings are no difference");
    // Another version generates the rest of the file differently.
    fs::write(&composition, with.replace("mode: Pipeline", "mode: Former")).unwrap();
    assert_eq!(generate::align(folder.path(), false).unwrap(), [Change::Wrote(composition.clone())]);
    assert_eq!(fs::read_to_string(&composition).unwrap(), with);
    // A Composition with an edit that cannot be carried over is not overwritten.
    let step = "  - step: own\n    functionRef:\n      name: own\n";
    let with = append(&composition, step);
    let refused = generate::align(folder.path(), false).unwrap_err().to_string();
    assert!(refused.contains("has settings or steps that cannot be taken over"), "{refused}");
    assert_eq!(fs::read_to_string(&composition).unwrap(), with);
}

#[test]
fn nothing_is_written_over_what_somebody_else_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("docs/reference.md");
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(&own, "# Our own reference\n").unwrap();
    for check in [true, false] {
        let refused = generate::align(folder.path(), check).unwrap_err().to_string();
        assert!(
            refused.starts_with("nothing is written: ")
                && refused.contains("docs/reference.md: was not written by generate"),
            "{refused}"
        );
    }
    assert!(!folder.path().join("xrds").exists());
    assert_eq!(fs::read_to_string(own).unwrap(), "# Our own reference\n");
}

#[test]
fn what_is_done_is_told() {
    let told = |change: Change| change.to_string();
    let path = || PathBuf::from("xrds/a.yaml");
    assert_eq!(told(Change::Wrote(path())), "wrote xrds/a.yaml");
    assert_eq!(told(Change::Removed(path())), "removed xrds/a.yaml");
    assert!(told(Change::Left(path())).starts_with("left xrds/a.yaml, which follows from no type any more"));
}
