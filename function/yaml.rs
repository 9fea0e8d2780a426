//! YAML as people and every reader of Kubernetes take it: text of several lines as blocks, and no word left bare that an
//! older reader takes for a truth value. This room knows neither claims nor clusters.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

/// Words that YAML 1.1, and with it kubectl and the Crossplane CLI, takes for true or false unless they are quoted.
const TRUTH_VALUES: &[&str] = &["y", "yes", "on", "n", "no", "off"];

/// Marks where quotes go: the library has no say in that. No text has these code points, which belong to nobody.
const OPEN: char = '\u{F8FD}';
const CLOSE: char = '\u{F8FE}';

/// One document, without the line that starts it.
pub fn document(value: &impl Serialize) -> Result<String, serde_yaml::Error> {
    let mut value = serde_json::to_value(value).map_err(<serde_yaml::Error as serde::ser::Error>::custom)?;
    mark(&mut value);
    Ok(serde_yaml::to_string(&value)?.replace([OPEN, CLOSE], "\""))
}

fn mark(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(marked) = marked(text) {
                *text = marked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mark),
        Value::Object(fields) => {
            if fields.keys().any(|key| matches!(marked(key), Cow::Owned(_))) {
                *fields = std::mem::take(fields).into_iter().map(|(key, field)| (marked(&key).into(), field)).collect();
            }
            fields.values_mut().for_each(mark);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn marked(text: &str) -> Cow<'_, str> {
    if TRUTH_VALUES.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Cow::Owned(format!("{OPEN}{text}{CLOSE}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_of_several_lines_is_a_block() {
        let script = json!({"script": "set -eu\nif true; then\n  echo ü\nfi\n", "end": "one\ntwo"});
        let expected = "script: |\n  set -eu\n  if true; then\n    echo ü\n  fi\nend: |-\n  one\n  two\n";
        assert_eq!(document(&script).unwrap(), expected);
    }

    #[test]
    fn words_of_truth_are_quoted_wherever_they_stand() {
        let words = json!({"on": "yes", "list": ["Off", "n", true, "none"]});
        let expected = "\"on\": \"yes\"\nlist:\n- \"Off\"\n- \"n\"\n- true\n- none\n";
        assert_eq!(document(&words).unwrap(), expected);
        assert_eq!(serde_yaml::from_str::<Value>(expected).unwrap(), words);
    }
}
