//! Lookup of the line of a field in a YAML document, by the field's path such as `spec.topics[2].name`, so that a fault
//! of the field can name its line.

use serde_json::Value;

/// Position of a value in the YAML text that contains it, with the positions of the items or fields inside the value,
/// in their order.
#[derive(Clone, Debug)]
pub struct Place {
    /// Line of a value in its YAML text, counted from 1; for the value of a field, the line of the field's name.
    pub line: usize,
    pub below: Vec<Place>,
}

/// Step of a field's path such as `spec.topics[2].name`: the name of a field, or the index of an item in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

impl Place {
    pub fn at(line: usize) -> Self {
        Self { line, below: Vec::new() }
    }

    /// Line of the field at `path` in a YAML document. A missing field has the line of the nearest existing field
    /// around it, and no line if there is none.
    pub fn line_of(&self, value: &Value, path: &str) -> Option<usize> {
        let (mut place, mut value, mut line) = (self, value, None);
        for step in steps(path) {
            let index = match (&step, value) {
                (Step::Field(name), Value::Object(fields)) => fields.keys().position(|key| key == name),
                (Step::Index(index), Value::Array(_)) => Some(*index),
                _ => None,
            };
            let Some((below, next)) = index.and_then(|index| Some((place.below.get(index)?, next(value, &step)?)))
            else {
                break;
            };
            (place, value, line) = (below, next, Some(below.line));
        }
        line
    }
}

fn next<'a>(value: &'a Value, step: &Step) -> Option<&'a Value> {
    match step {
        Step::Field(name) => value.get(name),
        Step::Index(index) => value.get(index),
    }
}

/// Steps of a field's path in the notation of faults, such as `a.b[0]["any name"].c`.
fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = if let Some(inside) = rest.strip_prefix('[') {
            bracketed(inside)
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            (Step::Field(name[..end].to_owned()), &name[end..])
        };
        steps.push(step);
        rest = after;
    }
    steps
}

fn bracketed(inside: &str) -> (Step, &str) {
    let mut quoted = serde_json::Deserializer::from_str(inside).into_iter::<String>();
    if let Some(Ok(name)) = quoted.next() {
        let after = &inside[quoted.byte_offset()..];
        return (Step::Field(name), after.strip_prefix(']').unwrap_or(after));
    }
    let (index, after) = inside.split_once(']').unwrap_or((inside, ""));
    let step = index.parse().map_or_else(|_| Step::Field(index.to_owned()), Step::Index);
    (step, after)
}

#[cfg(test)]
mod tests {
    use super::super::read::documents;

    const TEXT: &str = "\
kind: Claim
spec:
  topics:
  - name: a
  # with a comment
  - name: b

    size:
      3
  annotations:
    example.org/a.b: x
---
spec:
  other: 1
";

    fn line(nth: usize, path: &str) -> Option<usize> {
        let document = &documents(TEXT).0[nth];
        document.place.line_of(&document.value, path)
    }

    #[test]
    fn every_field_is_found_on_its_line() {
        for (path, expected) in [
            ("kind", 1),
            ("spec.topics", 3),
            ("spec.topics[0]", 4),
            ("spec.topics[1].name", 6),
            ("spec.topics[1].size", 8),
            ("spec.annotations[\"example.org/a.b\"]", 11),
        ] {
            assert_eq!(line(0, path), Some(expected), "{path}");
        }
        assert_eq!(line(1, "spec.other"), Some(14));
    }

    #[test]
    fn what_is_missing_is_looked_for_around_it() {
        assert_eq!(line(0, "spec.topics[1].partitions"), Some(6));
        assert_eq!(line(0, "spec.lenses.hq"), Some(2));
        assert_eq!(line(0, "metadata.name"), None);
        assert_eq!(line(0, ""), None);
    }
}
