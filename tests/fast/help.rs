//! Help texts of the command line, and its shell completion.

use std::io::Write as _;
use std::process::{Command, Stdio};

const NAME: &str = "function-realtime-platform";
/// The empty command is the server.
const COMMANDS: [&str; 5] = ["", "preview", "explain", "generate", "completion"];

fn shown(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn help(command: &str) -> String {
    if command.is_empty() { shown(&["--help"]) } else { shown(&[command, "--help"]) }
}

/// Calls of this program in the examples of a help text, as lists of words.
fn calls(help: &str) -> Vec<Vec<&str>> {
    let (_, examples) = help.split_once("\nExamples:\n").unwrap();
    // A call that is too long for a terminal continues on the next line.
    let words: Vec<&str> = examples.split("\n\n").next().unwrap().split_whitespace().collect();
    let starts = words.iter().enumerate().filter(|(_, word)| word.trim_start_matches("<(") == NAME);
    starts
        .map(|(start, _)| {
            let rest = words[start + 1..].iter().copied();
            rest.take_while(|word| !word.ends_with(':') && !word.starts_with(['|', '>', '\\']) && *word != NAME)
                .collect()
        })
        .collect()
}

#[test]
fn every_command_teaches_by_examples_that_it_takes() {
    for command in COMMANDS {
        let help = help(command);
        let calls = calls(&help);
        assert!(calls.len() > 1, "{help}");
        for call in calls {
            let named = COMMANDS[1..].iter().find(|known| **known == call[0]);
            let own = self::help(named.copied().unwrap_or_default());
            for flag in call.iter().filter(|word| word.starts_with('-') && word.len() > 1) {
                let known = own.split([' ', ',', '\n', '=']).any(|word| word == *flag);
                assert!(known, "{flag} of {call:?} is not in:\n{own}");
            }
        }
    }
}

#[test]
fn what_ends_with_which_exit_code_is_told() {
    for command in ["", "preview", "explain", "generate"] {
        let help = help(command).split_whitespace().collect::<Vec<_>>().join(" ");
        let (_, codes) = help.split_once("Exit codes: ").unwrap();
        let own: &[&str] = if command == "preview" { &[", 3 ", ", 4 "] } else { &[] };
        for code in ["0 ", ", 1 ", ", 2 "].iter().chain(own) {
            assert!(codes.contains(code), "{command}: {codes}");
        }
    }
}

/// Words that bash offers after these words, the last of which is incomplete.
fn offered(words: &[&str]) -> Vec<String> {
    let script = format!(
        "{}\nregistered=$(complete -p {NAME}); registered=${{registered#*-F }}\n\
         COMP_WORDS=({NAME} {}); COMP_CWORD={}\n\
         ${{registered%% *}} {NAME} \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        shown(&["completion", "bash"]),
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len(),
    );
    let mut bash = Command::new("bash");
    bash.args(["--norc", "--noprofile"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut bash = bash.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_values_and_files() {
    assert_eq!(offered(&["pre"]), ["preview"]);
    assert_eq!(offered(&["preview", "--d"]), ["--diff"]);
    assert_eq!(offered(&["preview", "--ex"]), ["--exit-code"]);
    assert_eq!(offered(&["preview", "--output", "t"]), ["tree"]);
    assert_eq!(offered(&["preview", "--output", "su"]), ["summary"]);
    assert_eq!(offered(&["--metrics"]), ["--metrics-address"]);
    assert_eq!(offered(&["completion", "z"]), ["zsh"]);
    assert_eq!(offered(&["preview", "--diff", "Cargo.l"]), ["Cargo.lock"]);
}

#[test]
fn what_is_written_for_other_shells_names_every_command() {
    for shell in ["elvish", "fish", "powershell", "zsh"] {
        let script = shown(&["completion", shell]);
        for word in COMMANDS.iter().chain(&["diff", "observed", "tls-certs-dir"]) {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}
