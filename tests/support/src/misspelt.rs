//! Copies of objects with one unknown field, one copy for each place that holds fields. A validator that accepts a copy
//! does not check that place.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// One copy for each kind and place; the key has both.
pub fn variants<'a>(objects: impl IntoIterator<Item = &'a Value>) -> BTreeMap<String, Value> {
    let mut variants = BTreeMap::new();
    for object in objects {
        let mut found = Vec::new();
        places(object, "", &mut found);
        for path in found {
            variants.entry(format!("{} {}", kind(object), shape(&path))).or_insert_with(|| {
                let mut variant = object.clone();
                variant.pointer_mut(&path).expect("the place is there")["misspelt"] = json!("x");
                variant
            });
        }
    }
    variants
}

/// Places that are not inside another place of the list.
pub fn outermost<'a>(places: &[&'a String]) -> Vec<&'a str> {
    let is_inside = |place: &str| places.iter().any(|outer| place.starts_with(&format!("{outer}/")));
    places.iter().map(|place| place.as_str()).filter(|place| !is_inside(place)).collect()
}

/// API version and kind of an object.
pub fn kind(object: &Value) -> String {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    format!("{} {}", text("apiVersion"), text("kind"))
}

/// JSON pointers of all objects inside a value, which are the places that hold fields.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.push(path.to_owned());
            for (name, field) in fields {
                places(field, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Pointer with `*` for each index of a list.
fn shape(path: &str) -> String {
    let steps = path.split('/').map(|step| if step.parse::<usize>().is_ok() { "*" } else { step });
    steps.collect::<Vec<_>>().join("/")
}
