//! Effect of a changed claim: for every field, the difference between the plans before and after.
//!
//! `tests/touched.txt` was read and approved by a person. An unexpected key there is a bug: a pod that restarts
//! without need, or a Job that runs again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use realtime_platform_core::claims::Kind;
use realtime_platform_core::parts::plan::{Pods, Resource};
use regex_lite::Regex;
use serde_json::{Map, Value, json};
use similar::TextDiff;
use wiring::examples::root;
use wiring::full;
use wiring::platform::Written;
use wiring::value::Look;

/// Line of the table: a field of a claim, and another value for it.
struct Line {
    kind: String,
    field: String,
    value: Value,
    touched: String,
}

fn table() -> PathBuf {
    root().join("tests/touched.txt")
}

fn lines(text: &str) -> Vec<Line> {
    let mut kind = String::new();
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match parse(line) {
            Some((field, value, touched)) => {
                lines.push(Line { kind: kind.clone(), field: field.to_owned(), value, touched: touched.to_owned() });
            }
            None => line.clone_into(&mut kind),
        }
    }
    lines
}

fn parse(line: &str) -> Option<(&str, Value, &str)> {
    let (field, rest) = line.split_once(' ')?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter();
    let value =
        values.next().unwrap_or_else(|| panic!("no value: {line}")).unwrap_or_else(|why| panic!("{line}: {why}"));
    let (_, touched) = rest.split_at(values.byte_offset());
    Some((field, value, touched.strip_prefix(':').unwrap_or_else(|| panic!("no colon: {line}")).trim()))
}

/// Fullest claim of a kind, with every default written out.
fn fullest(kind: &str) -> Written {
    let mut claim = full::claims().into_iter().find(|claim| claim.kind == kind).unwrap();
    claim.spec = Kind::of_claim(kind).unwrap().filled(&claim.spec);
    claim
}

fn plan(claim: &Written) -> Option<BTreeMap<String, Vec<Resource>>> {
    let settings = wiring::platform::defaults();
    let composed_claim = claim.clone().compose(&settings).ok()?;
    let mut plan: BTreeMap<String, Vec<Resource>> = BTreeMap::new();
    for resource in composed_claim.resources {
        plan.entry(lasting(&resource)).or_default().push(resource);
    }
    Some(plan)
}

/// Key of a resource without the hash at the end of a Job's key.
fn lasting(resource: &Resource) -> String {
    match resource.key.rsplit_once("-job-") {
        Some((part, _)) => format!("{part}-job"),
        None => resource.key.clone(),
    }
}

/// Resources and pods that a change of one field touches, in the form of the table.
fn touched(line: &Line) -> String {
    let before = fullest(&line.kind);
    let mut after = before.clone();
    put(&mut after.spec, &line.field, &line.value);
    assert_ne!(before.spec, after.spec, "{} {}: another value is needed", line.kind, line.field);
    let Some(new) = plan(&after) else { return "invalid".to_owned() };
    if !Kind::of_claim(&line.kind).unwrap().refused(&before.spec, &after.spec).is_empty() {
        return "refused".to_owned();
    }
    let old = plan(&before).unwrap();
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let none = Vec::new();
    let of = |plan: &'_ BTreeMap<String, Vec<Resource>>, key: &String| plan.get(key).unwrap_or(&none).clone();
    let marked = keys.into_iter().filter_map(|key| Some(format!("{}{key}", mark(&of(&old, key), &of(&new, key))?)));
    let marked = marked.collect::<Vec<_>>().join(" ");
    if marked.is_empty() { "nothing".to_owned() } else { marked }
}

fn mark(old: &[Resource], new: &[Resource]) -> Option<&'static str> {
    let is_in = |resource: &&Resource, others: &[Resource]| others.iter().any(|other| other.key == resource.key);
    let removed = old.iter().filter(|resource| !is_in(resource, new)).count();
    let made = new.iter().filter(|resource| !is_in(resource, old)).count();
    match (removed, made) {
        (0, 0) if old == new => None,
        (0, 0) if pods(old) == pods(new) => Some("~"),
        (0, 0) => Some("~!"),
        (0, _) => Some("+"),
        (_, 0) => Some("-"),
        _ => Some("*"),
    }
}

/// Pod templates that the plan itself contains. Those of charts are left out.
fn pods(resources: &[Resource]) -> Vec<Pods<'_>> {
    resources.iter().filter_map(Resource::pods).filter(|pods| !matches!(pods, Pods::Others(_))).collect()
}

/// Sets a field to a value and creates missing parents; null removes the field.
fn put(spec: &mut Value, field: &str, value: &Value) {
    let steps: Vec<&str> = field.split('.').skip(1).collect();
    let (last, above) = steps.split_last().unwrap();
    let mut here = spec;
    for step in above {
        here = match entry(step) {
            Some((name, index)) => &mut here[name][index],
            None => here.as_object_mut().unwrap().entry(*step).or_insert_with(|| json!({})),
        };
    }
    let fields = here.as_object_mut().unwrap();
    if value.is_null() {
        fields.shift_remove(*last).unwrap_or_else(|| panic!("{field} is not there"));
    } else {
        fields.insert((*last).to_owned(), value.clone());
    }
}

/// Name and index of a step into a list.
fn entry(step: &str) -> Option<(&str, usize)> {
    let (list, index) = step.strip_suffix(']')?.split_once('[')?;
    Some((list, index.parse().ok()?))
}

#[test]
fn a_changed_field_changes_only_what_it_touches() {
    let text = std::fs::read_to_string(table()).unwrap();
    let mut now = String::new();
    let mut known = lines(&text).into_iter();
    for line in text.lines() {
        now.push_str(line);
        if !line.starts_with('#') && line.contains(' ') {
            let line = known.next().unwrap();
            now.truncate(now.len() - line.touched.len());
            now = format!("{} {}", now.trim_end(), touched(&line));
        }
        now.push('\n');
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(table(), &now).unwrap();
        return;
    }
    let difference = TextDiff::from_lines(&text, &now);
    let difference = difference.unified_diff().context_radius(0).to_string();
    assert!(difference.is_empty(), "if this is meant, `make bless` writes it:\n{difference}");
}

/// A component that is switched off is deleted, and other parts change only where they admit or serve it. Two pods
/// restart: the broker when the simulator's user is removed, because Mosquitto reads its users at start, and the keeper
/// of the connectors when the Snowflake connector is removed.
#[test]
fn a_part_that_is_switched_off_goes_alone() {
    let text = std::fs::read_to_string(table()).unwrap();
    let switches = [
        (
            "RealtimeSystemClaim",
            "spec.monitoring",
            "-connect-metrics-alerts -connect-metrics-deployment -connect-metrics-monitor -connect-metrics-policy-policy -connect-metrics-service -dashboard-config ~kafka-policy-policy ~kafka-service ~lenses-hq-policy-policy -lenses-metrics-monitor ~system-policy-policy",
        ),
        (
            "RealtimeSystemClaim",
            "spec.snowflakeConfig",
            "~!connect-keeper ~kafka-policy-policy ~metabase-policy-policy -secrets-push-snowflake-kafka-credentials -secrets-snowflake-credentials",
        ),
        (
            "RealtimeSystemClaim",
            "spec.dashboard.proxy",
            "-analytics-config -analytics-policy-policy -analytics-service ~metabase-policy-policy",
        ),
        (
            "IotBrokerClaim",
            "spec.connectorConfig.simulator.enabled",
            "~broker-config ~!broker-deployment ~broker-policy-policy -data-generator-route -secrets-push-mqtt-simulator -simulator-config -simulator-policy-policy -simulator-service ~system-policy-policy",
        ),
    ];
    let lines = lines(&text);
    for (kind, field, expected) in switches {
        let off = lines.iter().filter(|line| line.kind == kind && line.field == field);
        let touched: Vec<String> = off.map(touched).collect();
        assert_eq!(touched, [expected], "{kind} {field}");
    }
}

/// A claim that is no longer exposed loses its routes, and parts that are there for their routes alone. Policies close
/// to the gateway, and no pod restarts.
#[test]
fn a_claim_that_is_no_longer_exposed_loses_its_routes_alone() {
    let text = std::fs::read_to_string(table()).unwrap();
    for kind in ["RealtimeSystemClaim", "IotBrokerClaim"] {
        let lines = lines(&text);
        let off = lines.iter().find(|line| line.kind == kind && line.field == "spec.expose").unwrap();
        let touched = touched(off);
        // Nothing waits for the simulator without its route, so that its Object is not watched any more.
        let is_expected = |key: &str| {
            key.starts_with('-')
                || key == "~simulator-service"
                || key.starts_with('~') && !key.starts_with("~!") && key.ends_with("-policy-policy")
        };
        assert!(touched.split(' ').all(is_expected) && touched.contains("-route"), "{kind}: {touched}");
    }
}

#[test]
fn the_table_has_every_field() {
    let text = std::fs::read_to_string(table()).unwrap();
    let entry = Regex::new(r"\[[0-9]+\]").unwrap();
    let any_entry = |line: Line| (line.kind, entry.replace_all(&line.field, "[]").into_owned());
    let known: BTreeSet<(String, String)> = lines(&text).into_iter().map(any_entry).collect();
    let mut missing = Vec::new();
    for written in full::claims() {
        let mut fields = Vec::new();
        leaves(&Kind::of_claim(written.kind).unwrap().describe().spec, "spec", &mut fields);
        assert!(fields.len() > 10, "{fields:?}");
        let of_kind = fields.into_iter().map(|field| (written.kind.to_owned(), field));
        missing.extend(of_kind.filter(|field| !known.contains(field)));
    }
    assert!(missing.is_empty(), "tests/touched.txt needs another value for {missing:?}");
}

/// All leaf fields. One entry represents all entries of a list.
fn leaves(schema: &Value, path: &str, found: &mut Vec<String>) {
    let fields = |schema: &'_ Value| schema.at("/properties").as_object().cloned().unwrap_or_else(Map::new);
    for (name, field) in fields(schema) {
        let path = format!("{path}.{name}");
        if field.at("/items").has("/properties") {
            leaves(field.at("/items"), &format!("{path}[]"), found);
        } else if field.has("/properties") {
            leaves(&field, &path, found);
        } else {
            found.push(path);
        }
    }
}
