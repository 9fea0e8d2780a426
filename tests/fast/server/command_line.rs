//! Command line of the binary.

use tempfile::TempDir;

use crate::server::{ended_by_itself, stderr};
use support::server::{binary, ended};

#[test]
fn help_teaches_and_version_tells() {
    let help = ended_by_itself(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let words = String::from_utf8(help.stdout).unwrap();
    for flag in
        ["--insecure", "--tls-certs-dir", "--debug", "--address", "--max-recv-message-size", "--metrics-address"]
    {
        assert!(words.contains(flag), "{flag}");
    }
    let version = ended_by_itself(&["--version"]);
    let expected = format!("function-realtime-platform {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(version.stdout).unwrap(), expected);
}

#[test]
fn an_unknown_flag_is_a_fault_of_usage() {
    assert_eq!(ended_by_itself(&["--insecur"]).status.code(), Some(2));
}

#[test]
fn a_command_takes_no_flags_of_the_server() {
    for args in [["--insecure", "generate"], ["generate", "--insecure"], ["--address=:1", "generate"]] {
        let refused = ended_by_itself(&args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {}", stderr(&refused));
    }
}

#[test]
fn a_command_minds_no_environment_of_the_server() {
    // Exit code 1 and not 2: the empty folder is the fault, not the usage.
    let folder = TempDir::new().unwrap();
    let mut command = binary();
    command.args(["generate", "--check"]).arg(folder.path()).env("TLS_SERVER_CERTS_DIR", "somewhere");
    let checked = ended(&mut command);
    assert_eq!(checked.status.code(), Some(1), "{}", stderr(&checked));
    assert!(stderr(&checked).contains("make generate"), "{}", stderr(&checked));
}
