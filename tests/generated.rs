//! The files that follow from the types are in line with them.

#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

use std::fs;
use std::path::Path;

use function_realtime_platform::schema::generate;

#[test]
fn generated_files_are_in_line_with_the_types() {
    let differing = generate::align(Path::new(env!("CARGO_MANIFEST_DIR")), true).unwrap();
    assert!(differing.is_empty(), "run `make generate`: {differing:?}");
}

#[test]
fn a_file_that_differs_or_was_left_behind_is_found_and_mended() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("generated-{}", std::process::id()));
    let all = generate::align(&folder, false).unwrap();
    assert!(all.contains(&folder.join("xrds/realtime-system.yaml")), "{all:?}");

    let changed = folder.join("definitions/iot-broker.cue");
    let stranger = folder.join("xrds/stranger.yaml");
    fs::write(&changed, "changed").unwrap();
    fs::write(&stranger, "").unwrap();
    for check in [true, false] {
        assert_eq!(generate::align(&folder, check).unwrap(), [changed.clone(), stranger.clone()]);
    }
    assert!(generate::align(&folder, true).unwrap().is_empty());
    fs::remove_dir_all(&folder).unwrap();
}
