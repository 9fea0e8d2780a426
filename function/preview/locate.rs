//! On which line a field stands: what a path such as `spec.topics[2].name` leads to in a document's text.
//!
//! The YAML library tells no positions but those of errors, so a reader walks down the path and makes an error of what it
//! finds there.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One step down into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

/// The line, from 1, of a field in the text's nth document, or of the nearest field around it that is there.
pub fn line(text: &str, nth: usize, path: &str) -> Option<usize> {
    let steps = steps(path);
    (1..=steps.len()).rev().find_map(|depth| exact(text, nth, &steps[..depth]))
}

fn exact(text: &str, nth: usize, steps: &[Step]) -> Option<usize> {
    let document = serde_yaml::Deserializer::from_str(text).nth(nth)?;
    match (Walk { steps }).deserialize(document) {
        Err(error) if error.to_string().contains(FOUND) => error.location().map(|location| location.line()),
        Ok(()) | Err(_) => None,
    }
}

/// What the error says that is none.
const FOUND: &str = "here is the field";

/// The steps of a path as faults write it: `a.b[0]["any name"].c`.
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

/// Walks down and fails at the end of the path.
struct Walk<'a> {
    steps: &'a [Step],
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (name, below) = match self.steps.split_first() {
            Some((Step::Field(name), below)) => (name, below),
            Some((Step::Index(_), _)) => return skip(map),
            None => return Err(A::Error::custom(FOUND)),
        };
        while let Some(hit) = map.next_key_seed(Key { name, is_last: below.is_empty() })? {
            if hit {
                return map.next_value_seed(Walk { steps: below });
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        match self.steps.split_first() {
            Some((Step::Index(index), below)) => {
                for _ in 0..*index {
                    if seq.next_element::<IgnoredAny>()?.is_none() {
                        return Ok(());
                    }
                }
                seq.next_element_seed(Walk { steps: below }).map(|_| ())
            }
            Some((Step::Field(_), _)) => {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(())
            }
            None => Err(A::Error::custom(FOUND)),
        }
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.end()
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.end()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.end()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.end()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.end()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.end()
    }
}

impl Walk<'_> {
    fn end<E: Error>(&self) -> Result<(), E> {
        if self.steps.is_empty() { Err(E::custom(FOUND)) } else { Ok(()) }
    }
}

fn skip<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Whether a key is the one that is looked for. The last one of a path fails at the key, not at what it holds, which may
/// begin lines below.
struct Key<'a> {
    name: &'a str,
    is_last: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        match key == self.name {
            true if self.is_last => Err(E::custom(FOUND)),
            hit => Ok(hit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(line(TEXT, 0, path), Some(expected), "{path}");
        }
        assert_eq!(line(TEXT, 1, "spec.other"), Some(14));
    }

    #[test]
    fn what_is_missing_is_looked_for_around_it() {
        assert_eq!(line(TEXT, 0, "spec.topics[1].partitions"), Some(6));
        assert_eq!(line(TEXT, 0, "spec.lenses.hq"), Some(2));
        assert_eq!(line(TEXT, 0, "metadata.name"), None);
        assert_eq!(line(TEXT, 0, ""), None);
    }
}
