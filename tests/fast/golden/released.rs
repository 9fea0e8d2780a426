//! Record of what each version composed, and check that the changelog lists the changes between them.
//!
//! `package/release` writes a record of each version beside this file: for every example, a hash of the content of each
//! key. A key whose hash differs in the next record, or in the current code, changes running platforms and must be in
//! `CHANGELOG.md`. `make bless` writes the list since the last version.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use realtime_platform_core::parts::workload::hash8;
use realtime_platform_core::settings::releases;
use realtime_platform_core::text::yaml;

use wiring::examples::{platforms, root};
use wiring::keys;
use wiring::platform::Platform;

const UNRELEASED: &str = "Unreleased";
const PINS: &str = "function/core/src/settings/releases.txt";
const HEADING: &str = "### Keys whose content changes";

/// Kind of a claim, and a key as the list of keys writes it.
type Key = (String, String);

/// Composed resources of the examples in one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Record {
    examples: BTreeMap<String, Example>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Example {
    /// Hash of the example's claims: records of an example are comparable only if its claims are equal.
    claims: String,
    keys: BTreeMap<Key, String>,
}

impl Record {
    fn today() -> Self {
        let platforms = platforms();
        let name = |platform: &Platform| format!("{}/{}", platform.name, platform.environment);
        Self { examples: platforms.iter().map(|platform| (name(platform), Example::of(platform))).collect() }
    }

    fn read(text: &str) -> Self {
        let mut record = Self::default();
        let mut example = "";
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            let [first, second, hash] = words[..] else { panic!("{line}: expected three words") };
            if first == "example" {
                example = second;
                hash.clone_into(&mut record.examples.entry(example.to_owned()).or_default().claims);
            } else {
                let keys = &mut record.examples.get_mut(example).expect("an example comes first").keys;
                keys.insert((first.to_owned(), second.to_owned()), hash.to_owned());
            }
        }
        record
    }

    fn text(&self, version: &str) -> String {
        let mut text = format!(
            "# What version {version} made of each example: a hash of its claims, then of what stands under each key.\n"
        );
        for (name, example) in &self.examples {
            writeln!(text, "example {name} {}", example.claims).expect("a String takes all");
            for ((kind, key), hash) in &example.keys {
                writeln!(text, "{kind} {key} {hash}").expect("a String takes all");
            }
        }
        text
    }

    /// Keys whose content differs in the other record, for examples that both records have with the same claims.
    fn changed(&self, other: &Self) -> BTreeSet<Key> {
        let mut changed = BTreeSet::new();
        let mut compared = 0;
        for (name, mine) in &self.examples {
            let Some(theirs) = other.examples.get(name).filter(|theirs| theirs.claims == mine.claims) else { continue };
            compared += 1;
            let keys = mine.keys.keys().chain(theirs.keys.keys());
            changed.extend(keys.filter(|key| mine.keys.get(key) != theirs.keys.get(key)).cloned());
        }
        assert!(compared > 0, "no example is the same as it was, so that nothing can be compared");
        changed
    }
}

impl Example {
    fn of(platform: &Platform) -> Self {
        let claims = platform.claims.iter().map(|composed_claim| {
            format!(
                "{} {}/{} {}\n",
                composed_claim.kind.claim,
                composed_claim.claim.namespace,
                composed_claim.claim.name,
                composed_claim.spec
            )
        });
        let mut keys: BTreeMap<Key, String> = BTreeMap::new();
        for (line, resource) in keys::named(platform) {
            let mut words = line.split(' ').map(str::to_owned);
            let key = words.next().zip(words.next()).expect("a line begins with kind and key");
            // The hash covers the content of a resource, not its holds, which depend on the moment.
            keys.entry(key).or_default().push_str(&yaml::document(&resource.composed).expect("JSON is YAML"));
        }
        let keys = keys.into_iter().map(|(key, text)| (key, hash8(&text)));
        Self { claims: hash8(&claims.collect::<String>()), keys: keys.collect() }
    }
}

/// Versions that have a record, oldest first.
fn released() -> Vec<(String, Record)> {
    let mut found = Vec::new();
    for file in fs::read_dir(root().join("tests/released")).expect("this folder").flatten() {
        let name = file.file_name().into_string().expect("our own names");
        if let Some(version) = name.strip_suffix(".txt") {
            found.push((version.to_owned(), Record::read(&fs::read_to_string(file.path()).expect("a record"))));
        }
    }
    found.sort_by_cached_key(|(version, _)| {
        version.split('.').map(|part| part.parse().ok()).collect::<Vec<Option<u32>>>()
    });
    found
}

/// List of keys in the form of the changelog.
fn listing(changed: &BTreeSet<Key>) -> String {
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (kind, key) in changed {
        kinds.entry(kind).or_default().push(format!("`{key}`"));
    }
    let lines = kinds.iter().map(|(kind, keys)| format!("- `{kind}`: {}\n", keys.join(", ")));
    if changed.is_empty() { "None.\n".to_owned() } else { lines.collect() }
}

/// Range of the changelog that lists a version's keys.
fn listed(changelog: &str, version: &str) -> std::ops::Range<usize> {
    let section = changelog.find(&format!("\n## {version}")).unwrap_or_else(|| panic!("there is no version {version}"));
    let end = changelog[section + 1..].find("\n## ").map_or(changelog.len(), |end| section + 1 + end);
    let heading = format!("\n{HEADING}\n\n");
    let found = changelog[section..end].find(&heading);
    let start =
        found.unwrap_or_else(|| panic!("version {version} has no heading {HEADING:?}")) + section + heading.len();
    start..end
}

/// Difference between the changelog's list for a version and the real changes.
fn fault(changelog: &str, version: &str, before: &Record, after: &Record) -> Option<String> {
    let (said, wanted) = (&changelog[listed(changelog, version)], listing(&before.changed(after)));
    (said != wanted).then(|| format!("{version} of CHANGELOG.md lists:\n{said}while this changes:\n{wanted}"))
}

#[test]
fn the_changelog_lists_every_key_whose_content_changes() {
    let file = root().join("CHANGELOG.md");
    let mut changelog = fs::read_to_string(&file).expect("a changelog");
    let mut versions = released();
    if let Some(version) = std::env::var_os("RELEASE") {
        let version = version.into_string().expect("a version");
        let record = Record::today();
        let written = record.text(&version);
        assert_eq!(Record::read(&written), record);
        fs::write(root().join(format!("tests/released/{version}.txt")), written).expect("a folder that can be written");
        let mut pins = fs::read_to_string(root().join(PINS)).expect("the pins of releases");
        pins.push_str(&releases::lines(&version));
        fs::write(root().join(PINS), pins).expect("a file that can be written");
        versions = released();
    }
    // The first version changes no platform.
    versions.push((UNRELEASED.to_owned(), Record::today()));
    if versions.len() == 1 {
        assert_eq!(&changelog[listed(&changelog, UNRELEASED)], "None.\n", "there was no version before");
    }
    for pair in versions.windows(2) {
        let [(_, before), (version, after)] = pair else { unreachable!("windows of two") };
        if std::env::var_os("BLESS").is_some() && version == UNRELEASED {
            let place = listed(&changelog, UNRELEASED);
            changelog.replace_range(place, &listing(&before.changed(after)));
            fs::write(&file, &changelog).expect("a changelog that can be written");
        }
        let fault = fault(&changelog, version, before, after);
        assert!(fault.is_none(), "if this is meant, `make bless` writes it:\n{}", fault.unwrap_or_default());
    }
}

/// Record with three differences: one changed, one missing and one additional key.
fn other(record: &Record) -> (Record, BTreeSet<Key>) {
    let mut other = record.clone();
    let keys = &mut other.examples.values_mut().next().expect("an example").keys;
    let names: Vec<Key> = keys.keys().take(2).cloned().collect();
    keys.insert(names[0].clone(), "another".to_owned());
    keys.remove(&names[1]);
    let former = ("RealtimeSystemClaim".to_owned(), "former".to_owned());
    keys.insert(former.clone(), "gone".to_owned());
    (other, names.into_iter().chain([former]).collect())
}

#[test]
fn what_changed_between_two_versions_is_found() {
    let today = Record::today();
    assert!(today.examples.len() > 5, "{:?}", today.examples.keys());
    assert!(today.changed(&today).is_empty());
    let (other, changed) = other(&today);
    assert_eq!(other.changed(&today), changed);
}

#[test]
fn an_example_that_says_something_else_is_not_compared() {
    let today = Record::today();
    let (mut other, _) = other(&today);
    other.examples.values_mut().next().expect("an example").claims.push('x');
    assert!(other.changed(&today).is_empty());
}

#[test]
fn a_changelog_that_lists_less_or_more_is_noticed() {
    let today = Record::today();
    let (other, changed) = other(&today);
    let with = |keys: &BTreeSet<Key>| {
        format!("# Changelog\n\n## 1.2.0, 2026-01-01\n\n{HEADING}\n\n{}\n## 1.1.0\n", listing(keys))
    };
    // The list does not include the empty line before the next version.
    let fault = |keys: &BTreeSet<Key>| fault(&with(keys), "1.2.0", &other, &today);
    assert_eq!(fault(&changed), None);
    let mut less = changed.clone();
    less.pop_first();
    let mut more = changed;
    more.insert(("IotBrokerClaim".to_owned(), "another".to_owned()));
    for wrong in [less, more, BTreeSet::new()] {
        assert!(fault(&wrong).is_some(), "{wrong:?}");
    }
}
