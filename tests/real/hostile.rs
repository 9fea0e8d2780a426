//! Text with a meaning in another program's language, in every text field of every claim and of the settings. The
//! checks refuse it at its field, or it remains a single value everywhere.

mod fields;
mod languages;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use fields::{Field, Written};
use languages::Reader;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use realtime_platform_core::claims::{Composed, Kind};
use realtime_platform_core::parts::owner::Claim;
use realtime_platform_core::parts::plan::Resource;
use realtime_platform_core::schema::fault::Fault;
use realtime_platform_core::settings::Settings;
use realtime_platform_core::text::language::{Template, Text};
use realtime_platform_core::text::readable::readable;
use serde_json::{Value, json};
use support::tools;
use wiring::platform::defaults;

/// Templates that External Secrets would have executed: print every key of a Secret inside, crash its controller, print
/// a password to a log.
const ATTACKS: [&str; 3] = ["{{.|toJson}}@x.yz", "{{2000000000|until}}@x.yz", "{{.password}}@x.yz"];

/// Texts with a meaning to Go templates, Kubernetes, Lenses HQ, Connect, shells, SQL, KCQL, nginx, Mosquitto, HTML,
/// JSON, YAML, CEL or terminals.
pub const HOSTILE: [&str; 33] = [
    "{{.|toJson}}",
    "{{2000000000|until}}@x.yz",
    "{{- .password -}}",
    "{{",
    "}}",
    "{{{",
    "$(HQ_DATABASE_PASSWORD)",
    "$$(HQ_DATABASE_PASSWORD)",
    "$(PGPASSWORD",
    "${dir:/mnt/secrets/mqtt:password}",
    "${env:PATH}",
    "${LENSESHQ_AGENT_KEY}",
    "`id`",
    "x`; INSERT INTO `y",
    "'; DROP TABLE x; --",
    "'\"'",
    "\"; return 200; #",
    "x\ntopic readwrite #",
    "x\ruser admin",
    "\u{b}",
    "</script><script>alert(1)</script>",
    "<svg onload=alert(1)>",
    "&amp;",
    "\0",
    "\u{1b}[2J",
    "\u{9b}2J\u{7f}",
    "\u{202e}\u{feff}\u{fdd0}\u{10ffff}",
    "\u{f8fd}\u{f8fe}\u{f8ff}",
    "\"}",
    "%{",
    "\\u0000\\\"",
    "@@namespace@@",
    ": [*x, &y, !z]",
];

/// Fields that accept at least one of the hostile texts. An author who adds such a field confirms with an entry here
/// that its use was reviewed.
const ANYTHING: [&str; 15] = [
    "input.images.pullSecrets[0].remoteKey",
    "spec.connectorConfig.mappings[0].mqttTopic",
    "spec.connectorConfig.simulator.topic",
    "spec.dashboard.administrator.credentialsReaderGroups[0]",
    "spec.gateway.annotations[\"example.com/scheme\"]",
    "spec.kafkaConfig.connectors.mqtt.url",
    "spec.kafkaConfig.connectors.snowflake.url",
    "spec.lensesConfig.administrator.credentialsReaderGroups[0]",
    "spec.mqttConfig.users[0].credentialsReaderGroups[0]",
    "spec.mqttConfig.users[0].publish[0]",
    "spec.mqttConfig.users[0].read[0]",
    "spec.snowflakeConfig.privateKey.property",
    "spec.snowflakeConfig.privateKey.remoteKey",
    "spec.sqlProcessors[0].sql",
    "spec.viewerGroups[0]",
];

/// Languages that composed resources contain and that this suite parses.
const LANGUAGES: [&str; 13] = [
    "access list",
    "configuration",
    "dashboard",
    "file",
    "kcql",
    "placeholders",
    "plain",
    "processor",
    "program",
    "subjects",
    "template",
    "topics",
    "variable",
];

#[test]
fn an_administrators_address_is_no_template() {
    let spec = |address: &str| {
        json!({
            "namespace": "streaming",
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
            "dashboard": {"administrator": {"email": address}},
        })
    };
    for address in ATTACKS {
        let faults = composed("RealtimeSystemClaim", spec(address), &Settings::default()).unwrap_err();
        assert!(faults.iter().any(|fault| fault.field == "spec.dashboard.administrator.email"), "{faults:?}");
    }
    assert!(composed("RealtimeSystemClaim", spec("first.last+tag@mail.example.com"), &Settings::default()).is_ok());
}

fn composed(kind: &str, spec: Value, settings: &Settings) -> Result<Composed, Vec<Fault>> {
    let claim = Claim::new("team", "claim");
    Kind::of_claim(kind).unwrap().compose(spec, claim, settings)
}

/// Results of all parsed resources.
#[derive(Default)]
struct Readings {
    met: BTreeSet<&'static str>,
    templates: BTreeSet<String>,
    refused: usize,
    composed: usize,
    /// Fields that accepted a hostile text.
    taken: BTreeSet<String>,
}

impl Readings {
    /// Compares the composed resources of a hostile claim with those of the legal one.
    fn read(&mut self, found: &[Resource], legal: &[Resource], hostile: &str) {
        self.composed += 1;
        assert_eq!(keys(found), keys(legal));
        for pair in found.iter().zip(legal) {
            Reader::new(pair, hostile, &mut self.met, &mut self.templates).read();
        }
    }

    /// Fails if a language did not occur or an unlisted field accepted a hostile text.
    fn judge(&self) {
        println!("{} refused, {} composed", self.refused, self.composed);
        let unmet: Vec<&&str> = LANGUAGES.iter().filter(|language| !self.met.contains(*language)).collect();
        assert!(unmet.is_empty(), "nothing was in {unmet:?}");
        let is_unthought = |field: &&String| !ANYTHING.contains(&field.as_str());
        let unthought: Vec<&String> = self.taken.iter().filter(is_unthought).collect();
        assert!(unthought.is_empty(), "{unthought:?} take what is hostile");
    }

    /// Checks a refusal: it names the field, and its message is safe to print.
    fn refuse(&mut self, faults: &[Fault], field: &Field, text: &str) {
        self.refused += 1;
        let at_it = |fault: &Fault| {
            let rest = field.name.strip_prefix(fault.field.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                || fault.field.starts_with(field.name.as_str())
        };
        assert!(faults.iter().any(at_it), "{} with {text:?}: {faults:?}", field.name);
        for fault in faults {
            let told = fault.to_string();
            assert_eq!(told, readable(&told), "{}", field.name);
            assert!(told.chars().count() < 2100, "{}: {} characters", field.name, told.chars().count());
        }
    }
}

fn keys(resources: &[Resource]) -> Vec<&str> {
    // The hash at the end of a Job's key depends on its script.
    resources
        .iter()
        .map(|resource| resource.key.rsplit_once("-job-").map_or(resource.key.as_str(), |(stem, _)| stem))
        .collect()
}

/// Texts to try in a field: the hostile text alone, behind the legal value, and in its middle.
fn texts(field: &Field) -> impl Iterator<Item = (&'static str, String)> {
    let legal = field.legal.clone();
    let long = ["x".repeat(20_000)];
    let spliced = move |hostile: &'static str| {
        let half = legal.len() / 2;
        let (first, second) = if legal.is_char_boundary(half) { legal.split_at(half) } else { (legal.as_str(), "") };
        [hostile.to_owned(), format!("{legal}{hostile}"), format!("{first}{hostile}{second}")]
            .map(|text| (hostile, text))
    };
    HOSTILE.into_iter().flat_map(spliced).chain(long.map(|long| ("xxxxxxxxxx", long)))
}

#[test]
fn no_text_of_a_claim_is_more_than_one_value() {
    let mut readings = Readings::default();
    of_claims(&mut readings);
    readings.judge();
    executed(&readings.templates);
}

#[test]
fn no_text_of_the_settings_is_more_than_one_value() {
    let mut readings = Readings::default();
    of_settings(&mut readings);
    readings.judge();
}

fn of_claims(readings: &mut Readings) {
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut tried = BTreeSet::new();
    for written in fields::claims() {
        let settings = defaults();
        let legal = composed(written.what, written.value.clone(), &settings).unwrap();
        let seen = seen.entry(written.what).or_default();
        for field in &written.fields() {
            seen.insert(field.plain_name.clone());
            let is_new = tried.insert((written.what, written.is_of_strimzi, field.plain_name.clone()));
            if !is_new && !field.is_key {
                continue;
            }
            for (hostile, text) in texts(field) {
                match composed(written.what, written.with(field, &text), &settings) {
                    Err(faults) => readings.refuse(&faults, field, &text),
                    Ok(found) => {
                        readings.taken.insert(field.name.clone());
                        readings.read(&found.plan.resources, &legal.plan.resources, hostile);
                    }
                }
            }
        }
        is_complete(&written, seen);
    }
}

/// Checks that the claims of one kind together have every text of its schema. Some texts may be missing, because only
/// a later claim for a system has them.
fn is_complete(written: &Written, seen: &BTreeSet<String>) {
    let missing: Vec<String> = fields::known(written).into_iter().filter(|name| !seen.contains(name)).collect();
    let later = [
        "spec.kafkaConfig.connect.cpu",
        "spec.kafkaConfig.connect.image",
        "spec.kafkaConfig.connect.memory",
        "spec.kafkaConfig.topics.schema.definition",
        "spec.kafkaConfig.topics.schema.type",
        "spec.snowflakeConfig.privateKey.secretRef.name",
    ];
    assert!(missing.iter().all(|name| later.contains(&name.as_str())), "{}: {missing:?}", written.what);
}

fn of_settings(readings: &mut Readings) {
    let written = fields::settings();
    let read = |input: Value| Settings::read(input);
    let become_of = |settings: &Settings| -> Vec<Resource> {
        let claims = fields::claims().into_iter().take(3);
        claims.flat_map(|claim| composed(claim.what, claim.value, settings).unwrap().plan.resources).collect()
    };
    let legal = become_of(&read(written.value.clone()).unwrap());
    let fields = written.fields();
    is_complete(&written, &fields.iter().map(|field| field.plain_name.clone()).collect());
    for field in &fields {
        for (hostile, text) in texts(field) {
            match read(written.with(field, &text)) {
                Err(faults) => readings.refuse(&faults, field, &text),
                Ok(settings) => {
                    readings.taken.insert(field.name.clone());
                    readings.read(&become_of(&settings), &legal, hostile);
                }
            }
        }
    }
}

/// Checks that Go's own template engine prints composed templates, and other texts quoted for it, as they were written.
fn executed(composed: &BTreeSet<String>) {
    if Command::new("go").arg("version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "cannot find go");
        eprintln!("skipped: cannot find go, which executes templates");
        return;
    }
    let quoted = |text: &str| [Text::<Template>::literal(text).to_string(), text.to_owned()];
    let mut pairs: Vec<[String; 2]> = ATTACKS.iter().chain(&HOSTILE).map(|text| quoted(text)).collect();
    pairs.extend(composed.iter().filter(|text| !text.contains("{{")).map(|text| [text.clone(), text.clone()]));
    let random = proptest::string::string_regex("([{}\"`$.|a-]|/\\*|\\*/| -|- |\n){0,12}").unwrap();
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner =
        TestRunner::new_with_rng(Config { cases: 5000, failure_persistence: None, ..Config::default() }, seed);
    for _ in 0..5000 {
        pairs.push(quoted(&random.new_tree(&mut runner).unwrap().current()));
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("pairs.json");
    fs::write(&file, serde_json::to_string(&pairs).unwrap()).unwrap();
    let output = Command::new("go")
        .args(["run", "tests/real/hostile/templates.go"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(fs::File::open(file).unwrap())
        .output()
        .unwrap();
    let said = tools::said(&output);
    assert!(said.ends_with(&format!("{} executed, 0 wrong\n", pairs.len())), "{said}");
}
