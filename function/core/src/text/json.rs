//! Edits of JSON values.

use serde_json::Value;

/// Merges the fields of one JSON value into another: objects field by field, and any other value, also a list, as a
/// whole.
pub fn merge(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                match below.get_mut(name) {
                    Some(field) => merge(field, value),
                    None => _ = below.insert(name.clone(), value.clone()),
                }
            }
        }
        (below, above) => *below = above.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::merge;

    #[test]
    fn objects_are_merged_and_other_values_replaced() {
        let mut value = json!({"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}, "f": 1});
        merge(&mut value, &json!({"a": {"c": [3]}, "d": 2, "f": {"g": {}}}));
        assert_eq!(value, json!({"a": {"b": 1, "c": [3]}, "d": 2, "f": {"g": {}}}));
    }
}
