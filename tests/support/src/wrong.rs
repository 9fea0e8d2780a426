//! Mistakes in claims as a table: the field at which each is refused, by schema or function, and the message.

use std::collections::BTreeSet;
use std::{env, fs};

use realtime_platform_core::claims::{KINDS, Kind};
use realtime_platform_core::parts::owner::Claim;
use realtime_platform_core::schema::fault::Fault;
use realtime_platform_core::settings::Settings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::examples::project;

const HEAD: &str = "\
# What people get wrong, over every field of every claim. Each row changes a claim that is well (a null takes a field away),
# and is refused at one field: by the schema, which the API server knows too, or by the function alone. `says` is written by
# `BLESS=1 cargo test --test fast wrong::`, and read before it is kept: would a newcomer know what to write instead?
";

/// One mistake in a claim.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    pub mistake: String,
    pub kind: String,
    with: Map<String, Value>,
    pub at: String,
    pub by: By,
    says: String,
}

/// Component that can refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    Schema,
    Function,
}

impl Wrong {
    /// Spec with the mistake.
    pub fn spec(&self) -> Value {
        let mut spec = well(&self.kind);
        for (path, value) in &self.with {
            let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
            let parent = above.split('.').filter(|step| !step.is_empty()).fold(&mut spec, |at, step| &mut at[step]);
            if value.is_null() {
                parent.as_object_mut().expect("a field is taken from an object").shift_remove(last);
            } else {
                parent[last] = value.clone();
            }
        }
        spec
    }

    fn faults(&self) -> Vec<Fault> {
        let kind = Kind::of_claim(&self.kind).expect("the kind is ours");
        let claim = Claim::new("team", "claim");
        kind.compose(self.spec(), claim, &Settings::default()).err().unwrap_or_default()
    }

    /// Messages at the field of the mistake.
    fn said(&self) -> Vec<String> {
        self.faults().into_iter().filter(|fault| fault.field == self.at).map(|fault| fault.message).collect()
    }
}

/// Small valid spec of a kind; a system has the topic that rows about Snowflake deliver.
fn well(kind: &str) -> Value {
    match kind {
        "VClusterEnvironmentClaim" => json!({"name": "streaming"}),
        "RealtimeSystemClaim" => json!({
            "namespace": "streaming",
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
            "kafkaConfig": {"topics": [{"name": "t"}]},
        }),
        _ => json!({"namespace": "streaming"}),
    }
}

pub fn table() -> Vec<Wrong> {
    let text = fs::read_to_string(path()).expect("the table can be read");
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path().display()))
}

fn path() -> std::path::PathBuf {
    project().join("tests/wrong.yaml")
}

/// Checks that each mistake is refused at its field alone, with the message in the table.
pub fn is_refused() {
    let mut table = table();
    if env::var_os("BLESS").is_some() {
        for row in &mut table {
            row.says = row.said().join("; ");
        }
        let rows = serde_yaml::to_string(&table).expect("rows are plain data");
        fs::write(path(), format!("{HEAD}\n{}", rows.replace("\n- ", "\n\n- "))).expect("the table can be written");
    }
    let mut misses = Vec::new();
    for row in &table {
        let faults = row.faults();
        // A mistake in a field may also cause a fault in an enclosing object.
        let is_around =
            |fault: &Fault| row.at.strip_prefix(&fault.field).is_some_and(|rest| rest.starts_with(['.', '[']));
        let elsewhere = faults.iter().filter(|fault| fault.field != row.at && !is_around(fault));
        let elsewhere: Vec<String> = elsewhere.map(ToString::to_string).collect();
        if row.said() != [row.says.clone()] || !elsewhere.is_empty() {
            misses.push(format!("{} {:?}: {:?} {elsewhere:?}", row.kind, row.mistake, row.said()));
        }
    }
    assert!(misses.is_empty(), "{}", misses.join("\n"));
}

/// Checks that the table covers every field of every claim.
pub fn is_complete() {
    let table = table();
    for kind in &KINDS {
        let mut leaves = BTreeSet::new();
        collect(&kind.describe().spec, "spec", &mut leaves);
        for row in table.iter().filter(|row| row.kind == kind.claim) {
            let field: String =
                row.at.split(['[', ']']).enumerate().map(|(i, part)| if i % 2 == 0 { part } else { "[]" }).collect();
            leaves.retain(|leaf| *leaf != field && *leaf != format!("{field}[]"));
        }
        assert!(leaves.is_empty(), "{}: nothing is wrong with {leaves:?} in any row", kind.claim);
    }
    assert!(table.len() >= 80, "{} rows", table.len());
}

fn collect(schema: &Value, path: &str, leaves: &mut BTreeSet<String>) {
    if let Some(fields) = schema["properties"].as_object() {
        for (name, below) in fields {
            collect(below, &format!("{path}.{name}"), leaves);
        }
    } else if schema["items"].is_object() {
        collect(&schema["items"], &format!("{path}[]"), leaves);
    } else {
        leaves.insert(path.to_owned());
    }
}
