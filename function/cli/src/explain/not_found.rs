//! Check that the files with observed objects suffice to explain the claims. A file without any object of a claim looks
//! like a cluster without the claim, so a message names the objects that are missing.

use realtime_platform_core::claims::Kind;
use realtime_platform_core::parts::owner::Claim;
use serde_json::Value;

use super::cluster::{Cluster, Seen};
use super::subject::{Subject, Subjects};
use crate::documents::fault::Located;
use crate::documents::object::{is_of, objects};
use crate::documents::read::Document;

/// Command that writes all objects that the command `explain` needs into one file: kubectl's category `crossplane` has
/// claims, composites and composed resources. The command is one line, so that users can copy it from a message.
#[macro_export]
macro_rules! observe {
    () => {
        "kubectl get crossplane -A -o yaml >observed.yaml"
    };
}

/// Largest number of objects or claims that a message about missing observed objects lists by name.
const NAMED: usize = 3;

pub(crate) const OBSERVE: &str = observe!();

/// Fault of an unreadable file with observed objects. Its message has the command that writes a readable file, because
/// the output of a failed kubectl often is no YAML.
pub fn unreadable(fault: Located) -> Located {
    let message = format!("{}; write the observed resources with {OBSERVE}", fault.message);
    Located { message, ..fault }
}

/// Faults of the YAML documents with observed objects: one for each document that is no Kubernetes object, such as a
/// table or an error message of kubectl.
pub fn strange<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Vec<Located> {
    let is_text = |value: &Value, field: &str| value.get(field).is_some_and(Value::is_string);
    let is_object = |value: &Value| is_text(value, "apiVersion") && is_text(value, "kind");
    let strange = documents.into_iter().filter(|document| !is_object(&document.value));
    strange.map(|document| document.fault("", description(&document.value))).collect()
}

fn description(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        // An error message of kubectl, such as `error: not found`, is also valid YAML: an object with one field. So the
        // fault quotes the name and value of that field.
        Value::Object(fields) => {
            fields.iter().next().map(|(name, value)| format!("{name}: {}", plain(value))).unwrap_or_default()
        }
        other => other.to_string(),
    };
    let begin: String = text.chars().take(60).collect();
    let what = if begin.starts_with("NAME") {
        "is a table, which lacks most fields"
    } else if ["error", "Error", "No resources found", "Unable to connect", "The connection", "Warning"]
        .iter()
        .any(|word| begin.starts_with(word))
    {
        "is a message of kubectl, not an object"
    } else {
        "is not a Kubernetes object"
    };
    format!("{what}, and begins with {begin:?}: write the observed resources with {OBSERVE}")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Faults and warnings about claims whose objects are missing in the files with observed objects.
pub struct Sought {
    pub faults: Vec<Located>,
    pub warnings: Vec<Located>,
}

impl Sought {
    /// Looks for the objects of every claim in the files with observed objects. A claim whose objects are missing is
    /// marked absent, with a warning. If all claims are absent, faults take the place of these warnings.
    pub fn of(subjects: &Subjects, cluster: &mut Cluster, documents: &[Document]) -> Self {
        let objects: Vec<&Value> = documents.iter().flat_map(|document| objects(&document.value)).collect();
        let (mut missed, mut warnings) = (Vec::new(), Vec::new());
        for (subject, seen) in subjects.all.iter().zip(&mut cluster.claims) {
            let located = |message| Located { field: None, ..subject.asked.fault("spec", message) };
            if let Some(message) = missing(subject, seen, &objects) {
                seen.is_absent = true;
                missed.push(located(message));
            } else if let Some(message) = incomplete(seen, &objects) {
                warnings.push(located(message));
            }
        }
        if missed.len() < subjects.all.len() {
            warnings.extend(missed);
            return Self { faults: Vec::new(), warnings };
        }
        if let Some(last) = missed.last_mut() {
            last.message.push_str("; before anything exists, leave --observed out");
        }
        Self { faults: missed, warnings: Vec::new() }
    }
}

/// Reason why the files with observed objects do not suffice to explain a claim at all, for a message; `None` if they
/// suffice.
pub(crate) fn missing(subject: &Subject, seen: &Seen, objects: &[&Value]) -> Option<String> {
    let asked = &subject.asked;
    let (kind, composite) = (asked.kind_name(), asked.composite_kind());
    let Claim { namespace, name, .. } = &asked.claim;
    if let Some(made) = &seen.made {
        let count = absent(seen, objects).len();
        let is_alone = count > 0 && count == seen.refs.len() && seen.composed.is_empty();
        return is_alone.then(|| {
            format!(
                "the files have its composite {made}, but none of the {count} resources that the composite names: \
                 write these too, with {OBSERVE}"
            )
        });
    }
    // A claim that has no reference to a composite is one that Crossplane has not processed yet. No other object of the
    // claim exists, so none is missing in the files.
    if !seen.composed.is_empty() || (seen.is_claimed && seen.wanted.is_none()) {
        return None;
    }
    if let Some(wanted) = &seen.wanted {
        return Some(format!(
            "the files have the claim, but neither its composite, {composite} {wanted}, nor a composed resource: \
             write both too, with {OBSERVE}"
        ));
    }
    let others = match others(composite, objects) {
        others if others.is_empty() => String::new(),
        others => format!("; the composites in the files are of {}", others.join(", ")),
    };
    Some(format!(
        "the files have nothing of this claim: neither {kind} {name} in the namespace {namespace}, nor the {composite} \
         of that claim, nor a resource with its labels{others}; write the observed resources with {OBSERVE}, from the cluster \
         that the claim is in"
    ))
}

/// Warning about a claim of which the files with observed objects lack some composed resources. The command `explain`
/// shows these as if they did not exist in the cluster.
pub(crate) fn incomplete(seen: &Seen, objects: &[&Value]) -> Option<String> {
    let absent = absent(seen, objects);
    let (count, all) = (absent.len(), seen.refs.len());
    let named: Vec<String> = absent.iter().take(NAMED).map(|(kind, name)| format!("{kind} {name}")).collect();
    let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
    (count > 0).then(|| {
        format!(
            "of the {all} resources that its composite names, {count} are not in the files, and are shown as if \
             they did not exist: {}{more}; write all of them with {OBSERVE}",
            named.join(", ")
        )
    })
}

/// Kind and name of each composed resource that is missing in the files with observed objects, although the claim's
/// composite lists it.
fn absent<'a>(seen: &'a Seen, objects: &[&Value]) -> Vec<&'a (String, String)> {
    let text = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let is_there = |(kind, name): &(String, String)| {
        objects.iter().any(|object| {
            text(object, "/kind").as_ref() == Some(kind) && text(object, "/metadata/name").as_ref() == Some(name)
        })
    };
    seen.refs.iter().filter(|named| !is_there(named)).collect()
}

/// Names of the first few claims of one kind whose composites were observed, for the message that another claim of this
/// kind was not found.
fn others(composite: &str, objects: &[&Value]) -> Vec<String> {
    let mut others: Vec<String> = objects
        .iter()
        .filter(|object| is_of(object, composite))
        .map(|object| Kind::owner_of(object))
        .map(|claim| format!("{} in {}", claim.name, claim.namespace))
        .take(NAMED)
        .collect();
    others.dedup();
    others
}
