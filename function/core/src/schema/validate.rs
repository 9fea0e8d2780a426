//! Validation of a claim or of the settings by a JSON schema: a fault for each field that does not fit, worded for the
//! author of the value.
//!
//! An API server validates a claim by itself, but a preview has no API server, and a composite that was stored under an
//! older schema was not validated against the current one. The claim is checked as written: a missing field is a fault
//! only where the schema requires it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use regex_lite::Regex;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::fault::MOST_FAULTS;
use super::keywords::{Limits, is_of_type, list_map_keys, properties, strings, text, type_of};
use super::messages::{self, Step};
use super::repair::{Way, mended};
use super::structural::structural;
use crate::schema::change::Rule;
use crate::schema::fault::Fault;
use crate::schema::form;

/// Checker of claims or settings: a JSON schema with its patterns compiled, and with its rules for changes.
pub struct Checker {
    schema: Value,
    patterns: BTreeMap<String, Regex>,
    changes: &'static [Rule],
}

impl Checker {
    /// Checker of claims or settings by the structural schema of their Rust type, without rules for changes.
    pub fn of<T: JsonSchema>() -> Self {
        Self::of_schema(structural::<T>())
    }

    /// Checker of claims or settings by a structural schema, without rules for changes.
    pub fn of_schema(schema: Value) -> Self {
        let mut patterns = BTreeMap::new();
        compile(&schema, &mut patterns);
        Self { schema, patterns, changes: &[] }
    }

    /// Adds rules for changes to a checker of claims: `changes` has a Rust rule for each CEL rule of the schema that
    /// compares a field's new value with the former one.
    #[must_use]
    pub fn with_changes(self, changes: &'static [Rule]) -> Self {
        Self { changes, ..self }
    }

    /// Rule for changes that has the CEL expression `cel` in the checker's schema; `None` for a CEL rule about one
    /// value.
    pub(super) fn change(&self, cel: &str) -> Option<&'static Rule> {
        self.changes.iter().find(|rule| rule.is_in_cel(cel))
    }

    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Faults of a claim or of the settings, in the order of the schema. `root` is the path of the checked value as its
    /// author writes it, such as `spec`.
    pub fn faults(&self, value: &Value, root: &str) -> Vec<Fault> {
        self.judge(value, root).faults
    }

    /// Faults of a claim or of the settings in the order of the schema, and whether the checked value is too large for
    /// further checks.
    pub fn judge(&self, value: &Value, root: &str) -> Verdict {
        let mut walk = Walk { patterns: &self.patterns, faults: Vec::new(), overfull: false };
        walk.value(&self.schema, value, root);
        Verdict { faults: walk.faults, overfull: walk.overfull }
    }

    /// Copy of a claim's value in which a replacement, chosen by `way`, stands for each part that does not fit the
    /// schema.
    pub fn mended(&self, value: &Value, way: Way) -> Value {
        mended(&self.schema, Some(value), way)
    }

    /// Faults for all fields of a claim or of the settings that the schema does not name. An API server drops such
    /// fields silently.
    pub fn unknown(&self, value: &Value, root: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        super::unknown_fields::collect(&self.schema, value, root, &mut faults);
        faults
    }
}

/// Result of checking a claim or the settings by a JSON schema.
pub struct Verdict {
    pub faults: Vec<Fault>,
    /// Whether a list or map in the checked value has more entries than its schema allows, or the value has
    /// [`MOST_FAULTS`] faults. If so, further checks of the value are skipped, because their time would have no bound.
    pub overfull: bool,
}

/// Compiles the patterns of a JSON schema for a checker. A pattern that does not compile checks nothing; a test proves
/// that every pattern compiles.
fn compile(schema: &Value, patterns: &mut BTreeMap<String, Regex>) {
    if let Some(pattern) = text(schema, "pattern")
        && !patterns.contains_key(pattern)
        && let Ok(regex) = Regex::new(pattern)
    {
        patterns.insert(pattern.to_owned(), regex);
    }
    let nested = properties(schema).into_iter().flat_map(Map::values);
    let items = schema.get("items").into_iter();
    let entries = schema.get("additionalProperties").into_iter();
    for schema in nested.chain(items).chain(entries) {
        compile(schema, patterns);
    }
}

struct Walk<'a> {
    patterns: &'a BTreeMap<String, Regex>,
    faults: Vec<Fault>,
    overfull: bool,
}

impl Walk<'_> {
    fn fault(&mut self, path: &str, message: String) {
        self.faults.push(Fault::new(path, message));
        self.overfull |= self.faults.len() == MOST_FAULTS;
    }

    /// Whether a list or map has at most as many entries as its schema allows. The entries of a larger one are not
    /// checked, because the time for it would have no bound.
    fn has_room(&mut self, limits: &Limits, count: usize, path: &str) -> bool {
        if !limits.admit_count(count) {
            self.fault(path, messages::wrong_count(limits, count));
        }
        let has_room = Limits { least: None, ..*limits }.admit_count(count);
        self.overfull |= !has_room;
        has_room
    }

    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        if self.faults.len() >= MOST_FAULTS {
            return;
        }
        if let Some(expected) = type_of(schema)
            && !is_of_type(value, expected)
        {
            let fields = schema.get("properties").and_then(Value::as_object);
            let fields: Vec<&str> = fields.into_iter().flat_map(|fields| fields.keys().map(String::as_str)).collect();
            let message =
                self.wrong_form(schema, value).unwrap_or_else(|| messages::wrong_type(expected, &fields, value));
            self.fault(path, message);
            return;
        }
        if let Some(options) = schema.get("enum").and_then(Value::as_array)
            && !options.contains(value)
        {
            self.fault(path, messages::wrong_choice(options, value));
        }
        match value {
            Value::Number(_) => self.number(schema, value, path),
            Value::String(content) => self.text(schema, content, path),
            Value::Array(items) => self.list(schema, items, path),
            Value::Object(fields) => self.object(schema, fields, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Message about a number or a boolean in place of a text; `None` where quotes around the value would make it match
    /// the text's pattern.
    fn wrong_form(&self, schema: &Value, value: &Value) -> Option<String> {
        let pattern = text(schema, "pattern")?;
        let is_plain = matches!(value, Value::Number(_) | Value::Bool(_));
        let form = form::words(pattern).filter(|_| {
            is_plain && !self.patterns.get(pattern).is_some_and(|regex| regex.is_match(&messages::plain(value)))
        })?;
        Some(messages::other_form(form, value))
    }

    fn number(&mut self, schema: &Value, value: &Value, path: &str) {
        let limits = Limits::of(schema, "minimum", "maximum");
        if !value.as_f64().is_some_and(|number| limits.admit(number)) {
            self.fault(path, messages::out_of_range(&limits, value));
        }
    }

    fn text(&mut self, schema: &Value, content: &str, path: &str) {
        let limits = Limits::of(schema, "minLength", "maxLength");
        let length = content.chars().count();
        if !limits.admit_count(length) {
            self.fault(path, messages::wrong_length(&limits, length));
            return;
        }
        let Some(pattern) = text(schema, "pattern") else {
            return;
        };
        if let Some(regex) = self.patterns.get(pattern)
            && !regex.is_match(content)
        {
            self.fault(path, messages::wrong_form(form::words(pattern), pattern, content));
        }
    }

    fn list(&mut self, schema: &Value, items: &[Value], path: &str) {
        let limits = Limits::of(schema, "minItems", "maxItems");
        if !self.has_room(&limits, items.len(), path) {
            return;
        }
        if let Some(item) = schema.get("items") {
            for (index, value) in items.iter().enumerate() {
                self.value(item, value, &messages::join(path, &Step::Index(index)));
            }
        }
        self.duplicates(schema, items, path);
    }

    /// Collects faults for duplicate items in a list that its schema declares to be a set, or a map with the keys in
    /// `x-kubernetes-list-map-keys`.
    fn duplicates(&mut self, schema: &Value, items: &[Value], path: &str) {
        let keys: Vec<&str> = match text(schema, "x-kubernetes-list-type") {
            Some("set") => Vec::new(),
            Some("map") => list_map_keys(schema).collect(),
            _ => return,
        };
        // Where several keys together identify the items of a list, the fault of a duplicate names the item: no single
        // key is the duplicate.
        let key = if let [key] = keys.as_slice() { Some(*key) } else { None };
        let at = |index| {
            let item = messages::join(path, &Step::Index(index));
            key.map_or(item.clone(), |key| messages::join(&item, &Step::Field(key)))
        };
        let mut known = HashMap::new();
        for (index, item) in items.iter().enumerate() {
            let Some(identity) = identity(schema.get("items").unwrap_or(&Value::Null), item, &keys) else {
                continue;
            };
            let first = *known.entry(identity).or_insert(index);
            if first != index && self.faults.len() < MOST_FAULTS {
                let value = key.and_then(|key| item.get(key)).unwrap_or(item);
                self.fault(&at(index), messages::duplicate(&at(first), value));
            }
        }
    }

    fn object(&mut self, schema: &Value, fields: &Map<String, Value>, path: &str) {
        let limits = Limits::of(schema, "minProperties", "maxProperties");
        if !self.has_room(&limits, fields.len(), path) {
            return;
        }
        let required: BTreeSet<&str> = strings(schema, "required").collect();
        let known = properties(schema);
        for (name, property) in known.into_iter().flatten() {
            let at = messages::join(path, &Step::Field(name));
            match fields.get(name) {
                Some(field) => self.value(property, field, &at),
                None if required.contains(name.as_str()) => {
                    self.fault(&at, messages::missing(text(property, "description")));
                }
                None => {}
            }
        }
        if let Some(entry) = schema.get("additionalProperties") {
            for (name, value) in fields {
                self.value(entry, value, &messages::join(path, &Step::Field(name)));
            }
        }
    }
}

/// Identity of an item in a list, for the search for duplicates: the values of the item's keys, or the whole item where
/// the list has no keys. A missing key has its default; an item with a missing key and no default has no identity, so
/// that it is no duplicate.
fn identity(schema: &Value, item: &Value, keys: &[&str]) -> Option<String> {
    if keys.is_empty() {
        return Some(item.to_string());
    }
    let default = |key: &str| schema.get("properties")?.get(key)?.get("default");
    let values = keys.iter().map(|key| item.get(key).or_else(|| default(key)).map(Value::to_string));
    values.collect::<Option<Vec<_>>>().map(|values| values.join(","))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[derive(JsonSchema)]
    #[serde(rename_all = "camelCase")]
    #[allow(dead_code, reason = "only its schema is used")]
    struct Spec {
        /// Name of the thing. It cannot change.
        #[schemars(length(min = 1, max = 5), regex(pattern = form::DNS_LABEL))]
        name: String,
        #[serde(default)]
        kafka: Kafka,
        #[serde(default)]
        mode: Mode,
        #[serde(default)]
        on: bool,
        #[serde(default)]
        #[schemars(extend("x-kubernetes-list-type" = "set"))]
        tags: Vec<String>,
        #[serde(default)]
        labels: BTreeMap<String, String>,
        #[serde(default)]
        by_name: BTreeMap<String, Kafka>,
        #[schemars(regex(pattern = "^z$"))]
        odd: Option<String>,
    }

    #[derive(Default, serde::Serialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is used")]
    struct Kafka {
        #[schemars(length(min = 1, max = 3), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
        topics: Vec<Topic>,
    }

    #[derive(serde::Serialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is used")]
    struct Topic {
        name: String,
        #[serde(default)]
        #[schemars(range(min = 1, max = 1000))]
        partitions: u32,
    }

    #[derive(Default, serde::Serialize, JsonSchema)]
    #[allow(dead_code, reason = "only its schema is used")]
    enum Mode {
        #[default]
        A,
        B,
    }

    /// Faults of a spec as lines of text; a missing `name` is filled in.
    fn faults(mut spec: Value) -> Vec<String> {
        if let Some(fields) = spec.as_object_mut() {
            fields.entry("name").or_insert(json!("ab"));
        }
        let faults = Checker::of::<Spec>().faults(&spec, "spec");
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_value_has_no_fault() {
        let spec = json!({
            "kafka": {"topics": [{"name": "a", "partitions": 3.0}, {"name": "b"}]},
            "mode": "B", "on": true, "tags": ["x", "y"], "labels": {"a.b/c": "d"},
        });
        assert_eq!(faults(spec), [""; 0]);
    }

    #[test]
    fn every_fault_is_told_at_its_field() {
        let spec = json!({
            "name": "Nam",
            "kafka": {"topics": [{"name": "a", "partitions": 0.0}, {"name": "a"}, {"partitions": "x"}]},
            "mode": "C",
            "on": "yes",
            "tags": ["x", "x"],
            "labels": {"a.b/c": 1},
            "odd": "y",
        });
        assert_eq!(
            faults(spec),
            [
                "spec.name: must be lower-case letters, digits and hyphens, with a letter first and no hyphen last, not \"Nam\"",
                "spec.kafka.topics[0].partitions: must be between 1 and 1000, not 0",
                "spec.kafka.topics[2].name: is required",
                "spec.kafka.topics[2].partitions: must be a whole number, not the text \"x\"",
                "spec.kafka.topics[1].name: duplicate of spec.kafka.topics[0].name \"a\": leave one of them out",
                "spec.mode: must be one of A, B, not \"C\"",
                "spec.on: must be true or false, not the text \"yes\"",
                "spec.tags[1]: duplicate of spec.tags[0] \"x\": leave one of them out",
                "spec.labels[\"a.b/c\"]: must be text, not the number 1: put it in quotes",
                "spec.odd: must match `^z$`, not \"y\"",
            ]
        );
    }

    #[test]
    fn a_missing_field_is_told_with_what_it_is() {
        let faults = Checker::of::<Spec>().faults(&json!({}), "spec");
        assert_eq!(faults, [Fault::new("spec.name", "is required: Name of the thing")]);
    }

    #[test]
    fn lengths_and_counts_are_told() {
        assert_eq!(faults(json!({"name": ""})), ["spec.name: must not be empty"]);
        assert_eq!(faults(json!({"name": "abcdef"})), ["spec.name: must be 1 to 5 characters long, not 6"]);
        assert_eq!(faults(json!({"kafka": {"topics": []}})), ["spec.kafka.topics: must have 1 to 3 entries, not 0"]);
    }

    #[test]
    fn of_more_entries_than_there_may_be_none_is_looked_at() {
        let topics = vec![json!({"name": 1}); 20_000];
        let spec = json!({"name": "ab", "kafka": {"topics": topics}, "tags": ["x", "x"]});
        let verdict = Checker::of::<Spec>().judge(&spec, "spec");
        assert!(verdict.overfull);
        let found: Vec<String> = verdict.faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "spec.kafka.topics: must have 1 to 3 entries, not 20000",
                "spec.tags[1]: duplicate of spec.tags[0] \"x\": leave one of them out",
            ]
        );
        let fewer = Checker::of::<Spec>().judge(&json!({"name": "ab", "kafka": {"topics": []}}), "spec");
        assert_eq!((fewer.faults.len(), fewer.overfull), (1, false));
    }

    #[test]
    fn more_faults_than_anybody_reads_are_not_told() {
        let wrong = |count: usize| -> Value { (0..count).map(|index| (index.to_string(), json!(1))).collect() };
        let checker = Checker::of::<Spec>();
        let few = checker.judge(&json!({"name": "ab", "labels": wrong(MOST_FAULTS - 1)}), "spec");
        assert_eq!((few.faults.len(), few.overfull), (MOST_FAULTS - 1, false));
        let labels = checker.judge(&json!({"name": "ab", "labels": wrong(50_000), "on": 1}), "spec");
        assert_eq!((labels.faults.len(), labels.overfull), (MOST_FAULTS, true));
        let tags = checker.judge(&json!({"name": "ab", "tags": vec!["x"; 50_000]}), "spec");
        assert_eq!((tags.faults.len(), tags.overfull), (MOST_FAULTS, true));
        let long = json!({"name": "ab", "byName": {"x".repeat(1 << 20): wrong(50_000)}});
        let unknown = checker.unknown(&long, "spec");
        assert_eq!(unknown.len(), MOST_FAULTS);
        assert!(unknown.iter().all(|fault| fault.field.len() < 1000), "a name is not repeated at any length");
    }

    #[test]
    fn the_wrong_kind_of_value_is_told_once() {
        assert_eq!(
            faults(json!({"kafka": ["topics"], "tags": {"x": 1}, "mode": null, "on": 1.5})),
            [
                "spec.kafka: must be a set of fields (topics), not a list",
                "spec.mode: must be text, not null: leave the field out if it has no value",
                "spec.on: must be true or false, not the number 1.5",
                "spec.tags: must be a list, not a set of fields: begin each of its entries with a hyphen",
            ]
        );
        let faults = Checker::of::<Spec>().faults(&json!("x"), "spec");
        assert_eq!(faults, [Fault::new("spec", "must be a set of fields, not the text \"x\"")]);
    }

    #[test]
    fn a_long_value_is_cut() {
        let fault = &faults(json!({"mode": "x".repeat(5000)}))[0];
        assert!(fault.chars().count() < 120, "{fault}");
        assert!(fault.ends_with('…'), "{fault}");
    }

    #[test]
    fn unknown_fields_are_told_with_the_nearest_known_one() {
        let spec = json!({
            "name": "ab", "Mode": "A", "zzzzzzz": 1,
            "kafka": {"topic": [], "topics": [{"name": "a", "partition": 3, "zzzzzzzzzz": 1}]},
            "labels": {"anything": "goes"}, "byName": {"any": {"topcs": []}},
        });
        let found: Vec<_> = Checker::of::<Spec>().unknown(&spec, "spec").iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "spec.Mode: unknown field, did you mean \"mode\"?",
                "spec.zzzzzzz: unknown field: known here are name, kafka, mode, on, tags, labels, byName, odd",
                "spec.kafka.topic: unknown field, did you mean \"topics\"?",
                "spec.kafka.topics[0].partition: unknown field, did you mean \"partitions\"?",
                "spec.kafka.topics[0].zzzzzzzzzz: unknown field: known here are name, partitions",
                "spec.byName.any.topcs: unknown field, did you mean \"topics\"?",
            ]
        );
    }
}
