//! What the binary says of itself.

use crate::ended_by_itself;

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
