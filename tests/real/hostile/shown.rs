//! Output of the program for hostile text: messages in a terminal, pictures and pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use realtime_platform_core::claims::API_VERSION;
use realtime_platform_core::settings::input;
use regex_lite::Regex;
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::hostile::{HOSTILE, fields};
use wiring::platform::listed;

/// Name of the settings file.
const INPUT: &str = "input.yaml";

/// All hostile texts joined, up to the longest text that a field accepts.
fn everything(most: usize) -> String {
    HOSTILE.join(" ").chars().take(most).collect()
}

/// YAML document in JSON syntax, with every character beyond printable ASCII escaped.
fn document(value: &Value) -> String {
    let plain =
        |c: char| if c.is_ascii_graphic() || c == ' ' { c.to_string() } else { format!("\\U{:08x}", u32::from(c)) };
    format!("---\n{}\n", value.to_string().chars().map(plain).collect::<String>())
}

/// File with claims in which every possible text is replaced, and with an object that the function does not handle.
struct File {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl File {
    /// `text` returns a text of at most the given length.
    fn of(text: impl Fn(usize) -> String) -> Self {
        let mut claims: Vec<(&str, Value)> =
            fields::claims().into_iter().take(3).map(|written| (written.what, written.value)).collect();
        claims[0].1["gateway"]["annotations"] = json!({"example.com/scheme": text(2000)});
        claims[1].1["sqlProcessors"][0]["sql"] =
            json!(format!("{} INTO {}", text(9000), text(3000).split(' ').nth(20).unwrap_or("plain")));
        let mut documents: Vec<Value> = claims
            .into_iter()
            .map(|(kind, spec)| {
                let metadata = json!({"name": format!("a-{}", kind.len()), "namespace": "team"});
                json!({"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec})
            })
            .collect();
        documents.push(json!({"apiVersion": "v1", "kind": text(400), "metadata": {"name": text(400)}}));
        let documents: Vec<String> = documents.iter().map(document).collect();
        Self::with(&documents.concat())
    }

    fn with(content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claims.yaml");
        fs::write(&path, content).unwrap();
        let mut input = listed();
        input["apiVersion"] = json!(input::API_VERSION);
        input["kind"] = json!(input::KIND);
        fs::write(path.with_file_name(INPUT), input.to_string()).unwrap();
        Self { path, _folder: folder }
    }
}

fn run(arguments: &[&str], file: &Path, colour: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    if colour {
        command.env("CLICOLOR_FORCE", "1");
    }
    command.args(arguments).arg(file).arg("--input").arg(file.with_file_name(INPUT)).output().unwrap()
}

fn texts(output: &Output) -> [String; 2] {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap())
}

/// Fails on control sequences other than styles; returns the number of styles.
fn obeyed(text: &str) -> usize {
    let style = Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    let rest = style.replace_all(text, "");
    let found = rest.find(|c: char| c.is_control() && !matches!(c, '\n' | '\t'));
    if let Some(at) = found {
        let from = rest[..at].char_indices().rev().nth(60).map_or(0, |(start, _)| start);
        panic!("a terminal obeys {:?}", &rest[from..at + 8.min(rest.len() - at)]);
    }
    style.find_iter(text).count()
}

#[test]
fn a_terminal_obeys_nobodys_text() {
    let (hostile, plain) = (File::of(everything), File::of(|_| "plain".to_owned()));
    let old = plain.path.to_str().unwrap();
    let ways: [&[&str]; 9] = [
        &["preview"],
        &["preview", "-o", "summary"],
        &["preview", "-o", "yaml"],
        &["preview", "-o", "manifests"],
        &["preview", "-o", "images"],
        &["preview", "-o", "json"],
        &["preview", "--diff", old],
        &["explain"],
        &["explain", "-o", "json"],
    ];
    for way in ways {
        let [without, with, benign] =
            [(&hostile, false), (&hostile, true), (&plain, true)].map(|(file, colour)| run(way, &file.path, colour));
        assert!(without.status.success(), "{way:?}: {:?}", texts(&without));
        for text in texts(&without) {
            assert_eq!(obeyed(&text), 0, "{way:?} has styles where colour is not wanted");
        }
        let styles = |output: &Output| texts(output).map(|text| obeyed(&text));
        if !way.contains(&"--diff") {
            assert_eq!(styles(&with), styles(&benign), "{way:?} has styles that nobody asked for");
        }
    }
}

#[test]
fn what_is_told_of_faults_commands_no_terminal() {
    let text = everything(3000);
    let claim = |spec: Value| {
        let metadata = json!({"name": text, "namespace": text});
        document(&json!({"apiVersion": API_VERSION, "kind": "IotBrokerClaim", "metadata": metadata, "spec": spec}))
    };
    let faulty = [
        claim(json!({"namespace": text, (text.as_str()): 1})),
        claim(json!({"namespace": "streaming", "mqttConfig": {"users": [{"name": text}, {(text.as_str()): text}]}})),
        format!("--- !{}\na: [1\n", "\u{9b}2J"),
        document(&json!({
            "apiVersion": "core.oam.dev/v1beta1",
            "kind": "Application",
            "metadata": {"name": text},
            "spec": {"components": [
                {"name": text, "type": "iot-broker", "properties": {"namespace": text}, "traits": text},
            ]},
        })),
    ];
    let file = File::with(&faulty.concat());
    for command in ["preview", "explain"] {
        let output = run(&[command], &file.path, false);
        assert_eq!(output.status.code(), Some(1), "{:?}", texts(&output));
        for text in texts(&output) {
            assert_eq!(obeyed(&text), 0);
        }
    }
}

/// Tags with the names of their attributes, in order.
fn skeleton(markup: &str) -> Vec<String> {
    let values = Regex::new("\"[^\"]*\"").unwrap();
    let tag = Regex::new("<[a-zA-Z/!][^>]*>").unwrap();
    tag.find_iter(markup).map(|tag| values.replace_all(tag.as_str(), "\"\"").into_owned()).collect()
}

#[test]
fn a_picture_is_of_its_own_tags_alone() {
    // SQL that reads or writes a topic is drawn with that topic.
    let without_topics = |most| everything(most).replace("INTO", "onto");
    let (hostile, plain) = (File::of(without_topics), File::of(|_| "plain".to_owned()));
    for form in ["svg", "html"] {
        let drawn = [&hostile, &plain].map(|file| {
            let [out, err] = texts(&run(&["preview", "-o", form], &file.path, false));
            assert!(!out.is_empty(), "{err}");
            out
        });
        let [found, expected] = drawn.each_ref().map(|markup| skeleton(markup));
        let differs = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert_eq!((differs, found.len()), (None, expected.len()), "{form}");
        assert!(!drawn[0].contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')), "{form}");
        if form == "svg" {
            roxmltree::Document::parse(&drawn[0]).unwrap();
        }
    }
}

#[test]
fn what_is_shown_for_programs_says_what_was_written() {
    let file = File::of(everything);
    let [yaml, _] = texts(&run(&["preview", "-o", "yaml"], &file.path, false));
    let documents: Vec<Value> =
        serde_yaml::Deserializer::from_str(&yaml).map(|document| Value::deserialize(document).unwrap()).collect();
    let [json, _] = texts(&run(&["preview", "-o", "json"], &file.path, false));
    let json: Value = serde_json::from_str(&json).unwrap();
    let composed = json["claims"].as_array().unwrap().iter().flat_map(|claim| claim["resources"].as_array().unwrap());
    let composed: Vec<&Value> = composed.map(|resource| &resource["composed"]).collect();
    let annotations = |resource: &Value| {
        resource.pointer("/spec/forProvider/values/service/annotations/example.com~1scheme").cloned()
    };
    let found = [documents.iter().find_map(annotations), composed.into_iter().find_map(annotations)];
    assert_eq!(found, [Some(json!(everything(2000))), Some(json!(everything(2000)))]);
}
