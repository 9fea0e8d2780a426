//! What a preview tells of images that are not pinned by digest.

use serde_json::Value;

use super::{APPLICATION, json, shown};

/// What the pods of these claims run.
fn images(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("containers").into_iter().chain(fields.get("initContainers"));
            let own = own.filter_map(Value::as_array).flatten().filter_map(|container| container["image"].as_str());
            own.chain(fields.values().flat_map(images)).collect()
        }
        Value::Array(items) => items.iter().flat_map(images).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn images_without_a_digest_are_told_once_for_all_claims() {
    let (_, err) = shown(&[APPLICATION]);
    let told: Vec<&str> =
        err.lines().filter_map(|line| line.strip_prefix("warning: images without a digest")).collect();
    assert_eq!(told.len(), 1, "{err}");
    let preview = json(&["-o", "json", APPLICATION]);
    let images = images(&preview);
    assert!(images.len() > 9, "{images:?}");
    for image in images {
        assert_eq!(told[0].matches(image).count(), 1, "{image}: {}", told[0]);
    }
    let mut warnings = preview["warnings"].as_array().unwrap().iter();
    assert!(warnings.any(|warning| *warning == format!("images without a digest{}", told[0])));
}

#[test]
fn images_that_are_pinned_as_the_command_prints_it_are_not_told() {
    let digest = format!("@sha256:{}", "0".repeat(64));
    let list = std::fs::read_to_string("package/images.txt").unwrap();
    let pins: serde_json::Map<_, _> = list
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, image) = line.split_once(' ').unwrap();
            (name.to_owned(), Value::from(format!("{image}{digest}")))
        })
        .collect();
    let input = serde_json::json!({
        "apiVersion": "fn.platform.example.org/v1alpha1", "kind": "Input", "images": {"pins": pins},
    });
    let file = format!("{}/pins.json", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, input.to_string()).unwrap();
    let (out, err) = shown(&["-o", "json", "--input", &file, APPLICATION]);
    assert!(!err.contains("without a digest") && !out.contains("without a digest"), "{err}");
    let preview: Value = serde_json::from_str(&out).unwrap();
    assert!(images(&preview).iter().all(|image| image.ends_with(&digest)));
}
