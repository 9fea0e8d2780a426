//! Images and charts that settings with `release` keep: those of each example, as the version itself composed them.
//!
//! `package/release` records a version's images and charts in `tests/released/pins/`, from the manifests that the
//! version composes, and not from the table of pins that the function reads. So a later version that composes anything
//! else under that `release` is noticed, whether a pin, an image's registry or a chart's value is the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use realtime_platform_core::parts::workload::hash8;
use realtime_platform_core::settings::Settings;
use realtime_platform_core::settings::applied::{Applied, Sources, Subject};
use serde_json::{Value, json};

use wiring::examples::{examples, root};
use wiring::platform::{Platform, Written, completed, listed};

/// Names of fields that hold an image, a part of an image's name, or the version or repository of a chart.
const FIELDS: [&str; 10] = [
    "defaultImageRegistry",
    "hub",
    "image",
    "queue-sidecar-image",
    "registry",
    "repo",
    "repository",
    "tag",
    "url",
    "version",
];

/// Resources that version 0.1.0 composed for a claim that leaves topics, mappings, processors and the simulator out.
/// A claim composes them where it writes these fields, as the examples do.
const NO_DEFAULT: [&str; 4] = ["bridge-keeper", "processors-keeper", "simulator-service", "topics-job"];

/// Settings besides the release: none, and a mirror, which composes names of images that are not composed without it.
fn inputs() -> [(&'static str, Value); 2] {
    let mut mirror = listed();
    mirror["images"] = json!({"registry": "mirror.example.com/all"});
    [("as-pinned", listed()), ("mirrored", mirror)]
}

/// Claims of every example, with those of one environment together.
fn claims() -> BTreeMap<(String, String), Vec<Written>> {
    let mut found: BTreeMap<(String, String), Vec<Written>> = BTreeMap::new();
    for example in examples() {
        for claim in example.claims {
            found.entry((example.name.clone(), claim.environment().to_owned())).or_default().push(claim);
        }
    }
    found.into_iter().map(|(place, claims)| (place, completed(claims))).collect()
}

/// Settings of an environment under this input and these PlatformSettings, chosen as for a call of the function.
fn settings(environment: &str, input: &Value, objects: &[Value]) -> Settings {
    let (subject, sources) = (Subject { environment, status: None }, Sources { input, objects: Some(objects) });
    Applied::to(&subject, &sources).unwrap_or_else(|faults| panic!("{faults:?}")).settings
}

/// PlatformSettings with this spec.
fn object(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "platform.example.org/v1alpha1", "kind": "PlatformSettings", "metadata": {"name": name}, "spec": spec})
}

/// Images and charts of one example: by example, environment, hash of the claims and settings, a line for each image
/// and each version or repository of a chart, with the claim's kind, the resource's key, the field and the text.
type Record = BTreeMap<String, BTreeSet<String>>;

/// Images and charts of every example under these PlatformSettings.
fn composed(objects: &[Value]) -> Record {
    let mut record = Record::new();
    for ((example, environment), claims) in claims() {
        let specs: Vec<String> = claims.iter().map(|claim| format!("{} {}\n", claim.kind, claim.spec)).collect();
        for (name, input) in inputs() {
            let settings = settings(&environment, &input, objects);
            let platform = Platform::try_of(&example, claims.clone(), &settings).expect("an example is valid");
            let lines = record.entry(format!("{example} {environment} {} {name}", hash8(&specs.concat()))).or_default();
            for (claim, resource) in platform.resources() {
                let head = format!("{} {}", claim.kind.claim, unhashed(&resource.key));
                pinned(&resource.composed, "", &mut |field, text| _ = lines.insert(format!("{head} {field} {text}")));
            }
        }
    }
    record
}

/// Key of a resource without the hash of its content, which changes with a Job's script too.
fn unhashed(key: &str) -> &str {
    let is_hash = |end: &str| end.len() == 8 && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    key.rsplit_once('-').filter(|(_, end)| is_hash(end)).map_or(key, |(name, _)| name)
}

/// Calls `found` with each text below a value that is an image, or a part of an image's or a chart's name or version.
fn pinned(value: &Value, at: &str, found: &mut dyn FnMut(&str, &str)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                pinned(field, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                pinned(item, &format!("{at}/{place}"), found);
            }
        }
        // Values of a chart that Cluster API installs are a text.
        Value::String(text) if at.ends_with("/helmRelease/values") => {
            let values: Value = serde_yaml::from_str(text).expect("values of a chart are YAML");
            pinned(&values, at, found);
        }
        Value::String(text) => {
            let name = at.rsplit('/').next().unwrap_or_default();
            if FIELDS.contains(&name) && !text.is_empty() || is_image(text) {
                found(at, text);
            }
        }
        _ => {}
    }
}

/// Whether a text is an image's name with a host and a tag.
fn is_image(text: &str) -> bool {
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte));
    let named = text.split_once('/').filter(|(host, _)| host.contains('.') && is_plain(text));
    named.is_some_and(|(_, path)| path.split_once(':').is_some_and(|(_, tag)| !tag.is_empty()))
}

fn folder() -> PathBuf {
    root().join("tests/released/pins")
}

/// Versions whose images and charts are recorded.
fn recorded() -> BTreeMap<String, Record> {
    let files = fs::read_dir(folder()).into_iter().flatten().flatten().map(|entry| entry.path());
    let versioned = files.map(|file| {
        let version = file.file_stem().expect("a file").to_str().expect("our own names").to_owned();
        (version, read(&fs::read_to_string(file).expect("a record")))
    });
    versioned.collect()
}

fn read(text: &str) -> Record {
    let (mut record, mut head) = (Record::new(), "");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("example ") {
            Some(example) => head = example,
            None => _ = record.entry(head.to_owned()).or_default().insert(line.to_owned()),
        }
    }
    record
}

fn written(version: &str, record: &Record) -> String {
    let mut text = format!("# Images and charts that version {version} composed for each example.\n");
    for (head, lines) in record {
        text.extend(["example ", head, "\n"]);
        for line in lines {
            text.extend([line, "\n"]);
        }
    }
    text
}

/// Lines that only one of two records has, of the examples whose claims are the same in both, and of the resources that
/// the earlier version composed. A part that came later has images of its own. [`NO_DEFAULT`] may be absent, and is
/// compared where it is not.
fn differences(then: &Record, now: &Record) -> Vec<String> {
    let mut found = Vec::new();
    for (head, then) in then {
        let Some(now) = now.get(head) else { continue };
        let resource = |line: &str| line.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>();
        let [known, composed] =
            [then, now].map(|lines| lines.iter().map(|line| resource(line)).collect::<BTreeSet<_>>());
        let is_gone = |key: &[String]| !composed.contains(key) && NO_DEFAULT.contains(&key[1].as_str());
        let is_compared = |key: &Vec<String>| known.contains(key) && !is_gone(key);
        let differing = then.symmetric_difference(now).filter(|line| is_compared(&resource(line)));
        found.extend(differing.map(|line| format!("{head}: {line}")));
    }
    found
}

#[test]
fn under_a_release_every_image_and_chart_is_the_releases() {
    if let Some(version) = std::env::var_os("RELEASE") {
        let version = version.into_string().expect("a version");
        let text = written(&version, &composed(&[]));
        fs::create_dir_all(folder()).expect("a folder that can be made");
        fs::write(folder().join(format!("{version}.txt")), text).expect("a file that can be written");
        return;
    }
    let recorded = recorded();
    assert!(!recorded.is_empty());
    for (version, then) in recorded {
        let now = composed(&[object("base", &json!({"release": version}))]);
        let common = then.keys().filter(|head| now.contains_key(*head)).count();
        assert!(common > 3 && then.values().map(BTreeSet::len).sum::<usize>() > 100, "{version}: {common}");
        assert_eq!(differences(&then, &now), Vec::<String>::new(), "{version}");
        // Control: one other image is found wherever it is composed.
        let pins = json!({"release": version, "images": {"pins": {"curl": "docker.io/curlimages/curl:1.2.3"}}});
        let found = differences(&then, &composed(&[object("base", &pins)]));
        assert!(found.len() > common, "{version}: {found:?}");
    }
}
