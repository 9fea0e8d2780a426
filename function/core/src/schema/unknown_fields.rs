//! Check for fields of a claim or of the settings that the schema does not name. An API server drops such fields
//! silently, together with what their author intended.

use serde_json::{Map, Value};

use super::fault::MOST_FAULTS;
use super::keywords::properties;
use super::messages::{self, Step};
use crate::schema::fault::Fault;

/// Smallest similarity, from 0 to 1, at which a message about an unknown field suggests a known one in its place.
const ALIKE: f64 = 0.6;

/// Collects a fault for each field of `value`, a claim or the settings, that `schema` does not name.
pub fn collect(schema: &Value, value: &Value, path: &str, faults: &mut Vec<Fault>) {
    match value {
        Value::Object(fields) => collect_fields(schema, fields, path, faults),
        Value::Array(items) => {
            if let Some(item) = schema.get("items") {
                for (index, value) in items.iter().enumerate() {
                    collect(item, value, &messages::join(path, &Step::Index(index)), faults);
                }
            }
        }
        _ => {}
    }
}

fn collect_fields(schema: &Value, fields: &Map<String, Value>, path: &str, faults: &mut Vec<Fault>) {
    let Some(known) = properties(schema) else {
        return collect_entries(schema, fields, path, faults);
    };
    for (name, value) in fields {
        if faults.len() >= MOST_FAULTS {
            return;
        }
        let at = messages::join(path, &Step::Field(name));
        if let Some(property) = known.get(name) {
            collect(property, value, &at, faults);
        } else {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            faults.push(Fault::new(at, unknown("field", name, &names)));
        }
    }
}

/// Collects faults for unknown fields in the values of a map. The names in a map are free, so the names themselves are
/// not checked.
fn collect_entries(schema: &Value, entries: &Map<String, Value>, path: &str, faults: &mut Vec<Fault>) {
    if let Some(entry) = schema.get("additionalProperties") {
        for (name, value) in entries {
            collect(entry, value, &messages::join(path, &Step::Field(name)), faults);
        }
    }
}

/// Message about an unknown name in a claim or in the settings, with the nearest known name. `what` is the sort of
/// name, such as `field`.
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    messages::unknown(what, nearest(name, known), known)
}

/// Known name that is most similar to an unknown one, for a suggestion in a message; `None` if none is similar enough
/// to be the one that was meant.
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&name, &known.to_lowercase());
    // The lengths of two names limit their similarity: if the shorter name has fewer than 3/5 of the longer name's
    // characters, the similarity is below 0.6 (`ALIKE`). Such pairs are not compared, because comparing very long names
    // takes time.
    let of_alike_length = |known: &str| {
        let (one, other) = (name.chars().count(), known.chars().count());
        one.min(other) * 5 >= one.max(other) * 3
    };
    known
        .iter()
        .filter(|known| of_alike_length(known))
        .map(|known| (likeness(known), *known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}
