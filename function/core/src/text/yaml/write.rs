//! YAML writer for people and for every program of Kubernetes: text of several lines becomes a block, and text that
//! kubectl would read as another value is quoted. The writer does not depend on claims or clusters.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::scalar;

/// Pair of characters that stands for a text's opening and closing quotes until the YAML library has written the
/// document: the library has no setting for quotes.
#[derive(Clone, Copy)]
struct Marks(char, char);

impl Marks {
    /// Two private-use characters that stand for opening and closing quotes while the YAML document of `value` is
    /// written; `None` if `value` contains so many such characters that two are not left.
    fn for_use_in(value: &Value) -> Option<Self> {
        let text = value.to_string();
        let mut free = ('\u{e000}'..='\u{f8ff}').rev().filter(|mark| !text.contains(*mark));
        Some(Self(free.next()?, free.next()?))
    }

    fn set(self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(marked) = self.around(text) {
                    *text = marked;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.set(item)),
            Value::Object(fields) => {
                if fields.keys().any(|key| matches!(self.around(key), Cow::Owned(_))) {
                    let marked = |(key, field): (String, _)| (self.around(&key).into(), field);
                    *fields = std::mem::take(fields).into_iter().map(marked).collect();
                }
                fields.values_mut().for_each(|field| self.set(field));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn around(self, text: &str) -> Cow<'_, str> {
        // The YAML library itself quotes text that YAML 1.2 reads as another value, so quotes are added only to text
        // that the library would write without quotes.
        let is_plain = || serde_yaml::to_string(text).is_ok_and(|written| written.trim_end() == text);
        if !scalar::is_text(text) && is_plain() {
            Cow::Owned(format!("{}{text}{}", self.0, self.1))
        } else {
            Cow::Borrowed(text)
        }
    }
}

/// YAML document of one value, without the line `---` in front of it.
pub fn document(value: &impl Serialize) -> Result<String, serde_yaml::Error> {
    let mut value = serde_json::to_value(value).map_err(<serde_yaml::Error as serde::ser::Error>::custom)?;
    let Some(marks) = Marks::for_use_in(&value) else { return serde_yaml::to_string(&value) };
    marks.set(&mut value);
    Ok(serde_yaml::to_string(&value)?.replace([marks.0, marks.1], "\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::yaml::read;

    #[test]
    fn text_of_several_lines_is_a_block() {
        let script = json!({"script": "set -eu\nif true; then\n  echo ü\nfi\n", "end": "one\ntwo"});
        let expected = "script: |\n  set -eu\n  if true; then\n    echo ü\n  fi\nend: |-\n  one\n  two\n";
        assert_eq!(document(&script).unwrap(), expected);
    }

    #[test]
    fn text_is_quoted_that_kubectl_reads_as_another_value() {
        let words = json!({"on": "yes", "<<": "1_000", "list": ["Off", "n", true, "none", "1.30.4", "010", "it's"]});
        let expected = "\"on\": \"yes\"\n\"<<\": \"1_000\"\nlist:\n- \"Off\"\n- \"n\"\n- true\n- none\n- 1.30.4\n- '010'\n- it's\n";
        assert_eq!(document(&words).unwrap(), expected);
        assert_eq!(read::value(expected), Some(words));
    }

    #[test]
    fn no_text_is_taken_for_a_mark() {
        let marks: String = ('\u{f8f0}'..='\u{f8ff}').collect();
        let words = json!({"a": "yes", "b": marks, marks.clone(): "no"});
        let document = document(&words).unwrap();
        assert!(document.starts_with("a: \"yes\"\n"), "{document}");
        assert_eq!(read::value(&document), Some(words));
    }
}
