//! Plans of `preview --live`, held against what then happens on the real control plane.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::user::User;
use support::crossplane::KEY;
use support::server::binary;
use support::tools::{run, said, stdout, succeed};

/// Composed resources by the name of their claim and their key.
type Composed = BTreeMap<(String, String), Value>;

/// Plan for the claims of a cluster, and their composed resources before the change.
pub struct Plan {
    told: Value,
    before: Composed,
}

/// Output of the command that the help of `preview` names, in a file.
fn observed(user: &User) -> PathBuf {
    let mut get = user.stage.host();
    let text = succeed(get.args(["get", "crossplane", "--all-namespaces", "--output=yaml", "--show-managed-fields"]));
    let file = user.scratch.path().join("observed.yaml");
    fs::write(&file, text).unwrap();
    file
}

/// Checks that a settled cluster is left as it is, and that no object inside is told to differ from its manifest.
pub fn nothing_changes(user: &User) {
    let output = run(binary().args(["preview", "--exit-code", "--live"]).arg(observed(user)));
    let out = stdout(&output);
    assert!(output.status.code() == Some(0) && out.matches(": nothing changes\n").count() == 3, "{}", said(&output));
    let total = out.lines().last().unwrap_or_default();
    user.book.say(&format!("preview --live: {total}"));
}

/// Plan of a change, from the cluster as it is and further arguments of `preview`.
pub fn plan(user: &User, arguments: &[&str]) -> Plan {
    // A resource that is still being deleted after an earlier change would be in one of both views alone.
    user.until("nothing is written", Duration::from_mins(2), || user.rest());
    let before = composed(user);
    let mut preview = binary();
    preview.args(["preview", "--output", "json", "--live"]).arg(observed(user)).args(arguments);
    let output = run(&mut preview);
    let told = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", said(&output)));
    let keys = |composed: &Composed| composed.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&before), keys(&composed(user)), "nothing comes and goes while a plan is made");
    Plan { told, before }
}

impl Plan {
    /// Differences between the plan and what has happened since, and the number of resources that changed.
    pub fn check(&self, user: &User) -> (Vec<String>, usize) {
        let after = composed(user);
        let (mut wrong, mut told) = (Vec::new(), Told::default());
        for claim in list(&self.told, "claims") {
            told.read(claim);
        }
        let come: BTreeSet<_> = after.keys().filter(|key| !self.before.contains_key(*key)).cloned().collect();
        let gone: BTreeSet<_> = self.before.keys().filter(|key| !after.contains_key(*key)).cloned().collect();
        for (what, told, seen) in [("come", &told.added, &come), ("gone", &told.removed, &gone)] {
            wrong.extend(told.difference(seen).map(|key| format!("{key:?} was told to be {what}, and is not")));
            wrong.extend(seen.difference(told).map(|key| format!("{key:?} is {what}, and was not told to be")));
        }
        for (key, before) in &self.before {
            let Some(after) = after.get(key) else { continue };
            let fields = told.changed.get(key);
            if fields.is_some() != (ours(before) != ours(after)) {
                wrong.push(format!("{key:?}: told {fields:?}, but it was {} and is {}", ours(before), ours(after)));
            }
            for change in fields.and_then(Value::as_array).into_iter().flatten() {
                for (resource, value) in [(before, "old"), (after, "new")] {
                    let name = change["field"].as_str().unwrap();
                    let seen = at(resource, name);
                    if !name.ends_with(", in order") && seen.as_ref() != change.get(value) {
                        wrong.push(format!("{key:?}: told {change}, but {value} is {seen:?}"));
                    }
                }
            }
        }
        (wrong, come.len() + gone.len() + told.changed.len())
    }

    /// Waits until what has happened is what the plan says.
    pub fn holds(&self, user: &User, limit: Duration) {
        let mut changed = 0;
        user.until("the plan of preview --live has come true", limit, || {
            let (wrong, count) = self.check(user);
            changed = count;
            if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
        });
        assert!(changed > 0, "the change changes something: {}", self.told);
        user.book.say(&format!("preview --live had told exactly that: {changed} composed resources"));
    }
}

/// Resources that a plan adds, removes and changes in place, with the changed fields.
#[derive(Default)]
struct Told {
    added: BTreeSet<(String, String)>,
    removed: BTreeSet<(String, String)>,
    changed: BTreeMap<(String, String), Value>,
}

impl Told {
    fn read(&mut self, claim: &Value) {
        let key = |key: &Value| (text(&claim["name"]), text(key));
        self.added.extend(list(claim, "added").map(key));
        self.removed.extend(list(claim, "removed").map(key));
        for changed in list(claim, "changed") {
            if changed.get("instead").is_some() {
                // A Job that runs again is another resource.
                self.added.insert(key(&changed["key"]));
                self.removed.insert(key(&changed["instead"]));
            } else {
                self.changed.insert(key(&changed["key"]), changed["fields"].clone());
            }
        }
    }
}

fn composed(user: &User) -> Composed {
    let entry = |resource: Value| {
        let key = resource["metadata"]["annotations"].get(KEY)?.as_str()?.to_owned();
        // The guard of PlatformSettings is of no claim.
        let claim = resource["metadata"]["labels"].get("crossplane.io/claim-name")?.as_str()?.to_owned();
        Some(((claim, key), resource))
    };
    user.list(super::user::COMPOSED).into_iter().filter_map(entry).collect()
}

/// Fields of a composed resource that Crossplane applies.
fn ours(resource: &Value) -> Value {
    let metadata = &resource["metadata"];
    serde_json::json!({"spec": resource["spec"], "labels": metadata["labels"], "annotations": metadata["annotations"]})
}

/// Value of a field, by the path with which a difference names it.
fn at(resource: &Value, path: &str) -> Option<Value> {
    let (root, path) = match path.strip_prefix("(Object) ") {
        Some(path) => (resource, path),
        None => (resource.pointer("/spec/forProvider/manifest").unwrap_or(resource), path),
    };
    let mut value = root.clone();
    let mut rest = path;
    while !rest.is_empty() {
        let step;
        if let Some(inside) = rest.strip_prefix('[') {
            (step, rest) = inside.split_once(']')?;
        } else {
            let path = rest.trim_start_matches('.');
            (step, rest) = path.split_at(path.find(['.', '[']).unwrap_or(path.len()));
        }
        value = next(&value, step)?;
    }
    Some(value)
}

fn next(value: &Value, step: &str) -> Option<Value> {
    match value {
        Value::Array(entries) => {
            let named = entries.iter().find(|entry| entry.get("name").is_some_and(|name| name == step));
            named.or_else(|| entries.get(step.parse::<usize>().ok()?)).cloned()
        }
        // A difference leads into JSON in a text.
        Value::String(text) => serde_json::from_str::<Value>(text).ok()?.get(step).cloned(),
        other => other.get(step).cloned(),
    }
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value[name].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
