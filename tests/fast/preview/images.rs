//! Tests of the list of images and charts: every image that is pulled, and a warning if it is not pinned by digest.

use serde_json::Value;

use super::{APPLICATION, json, shown};

/// Images in the pods of these claims.
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
    let told: Vec<&str> = err
        .lines()
        .filter(|line| line.starts_with("warning: ") && line.contains("images without a digest"))
        .map(|line| line.trim_start_matches("warning: "))
        .collect();
    assert_eq!(told.len(), 1, "{err}");
    let preview = json(&["-o", "json", APPLICATION]);
    let images = images(&preview);
    assert!(images.len() > 9, "{images:?}");
    for image in images {
        assert_eq!(told[0].matches(image).count(), 1, "{image}: {}", told[0]);
    }
    let mut warnings = preview["warnings"].as_array().unwrap().iter();
    assert!(warnings.any(|warning| warning == told[0]));
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

/// Rest of each line that begins with this word.
fn listed<'a>(list: &'a str, word: &str) -> Vec<&'a str> {
    list.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect()
}

/// File with settings.
fn input(name: &str, fields: &Value) -> String {
    let mut input = serde_json::json!({"apiVersion": "fn.platform.example.org/v1alpha1", "kind": "Input"});
    input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let file = format!("{}/{name}.json", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, input.to_string()).unwrap();
    file
}

#[test]
fn a_list_has_every_image_and_chart_once() {
    let list = shown(&["-o", "images", APPLICATION]).0;
    let pulled = listed(&list, "image");
    assert!(pulled.is_sorted_by(|one, other| one < other), "{list}");
    let preview = json(&["-o", "json", APPLICATION]);
    for image in images(&preview) {
        assert!(pulled.contains(&image), "{image}: {list}");
    }
    // Images of charts, images that the programs of charts start, and images that an operator installs.
    for image in [
        "docker.io/grafana/grafana:13.2.0",
        "docker.io/coredns/coredns:1.14.2",
        "gcr.io/knative-releases/knative.dev/serving/cmd/queue:v1.23.0",
        "docker.io/istio/proxyv2:1.31.1",
    ] {
        assert!(pulled.contains(&image), "{image}: {list}");
    }
    let charts = listed(&list, "chart");
    // Each chart whose archive was seen has the checksum of it, so that a mirror can be filled with the intended one.
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_summed = |chart: &&str| chart.rsplit_once(" sha256:").is_some_and(|(_, sum)| is_digest(sum));
    let unsummed: Vec<&str> = charts.iter().copied().filter(|chart| !is_summed(chart)).collect();
    let unseen = ["base 1.31.1", "gateway 1.31.1", "istiod 1.31.1"];
    assert_eq!(unsummed, unseen.map(|chart| format!("https://blob.istio.io/istio-release/charts {chart}")), "{list}");
    assert!(charts.iter().any(|chart| chart.starts_with("https://charts.loft.sh vcluster 0.36.1 ")), "{list}");
    // The example has one pod of each engine, without an operator.
    assert_eq!(charts.len(), realtime_platform_core::settings::pins::Chart::ALL.len() - 5, "{list}");
    let replicated = shown(&["-o", "images", "examples/variants/replicated-database.yaml"]).0;
    for image in [
        "ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0",
        "ghcr.io/cloudnative-pg/postgresql:17.11-202608170816-minimal-trixie",
    ] {
        assert!(listed(&replicated, "image").contains(&image), "{image}: {replicated}");
    }
    assert_eq!(listed(&list, "unknown"), Vec::<&str>::new());
    assert_eq!(list.lines().count(), pulled.len() + charts.len());
}

#[test]
fn a_list_has_no_more_than_what_is_asked_for() {
    let broker = shown(&["-o", "images", "examples/minimal/iot-broker.yaml"]).0;
    assert!(
        !broker.contains("chart ") && !broker.contains("knative") && broker.contains("eclipse-mosquitto"),
        "{broker}"
    );
    let unobserved = shown(&["-o", "images", "examples/variants/no-observability.yaml"]).0;
    assert!(!unobserved.contains("prometheus") && unobserved.contains("image ghcr.io/loft-sh/"), "{unobserved}");
    let by_cluster_api = shown(&["-o", "images", "examples/variants/cluster-api.yaml"]).0;
    assert!(by_cluster_api.contains("chart https://charts.loft.sh vcluster 0.36.1"), "{by_cluster_api}");
}

#[test]
fn a_list_is_of_the_mirror_where_there_is_one() {
    let file = input(
        "mirror",
        &serde_json::json!({
            "images": {"registry": "mirror.example.com/all"},
            "charts": {"repository": "oci://mirror.example.com/charts"},
        }),
    );
    let list = shown(&["-o", "images", "--input", &file, APPLICATION]).0;
    for image in listed(&list, "image") {
        assert!(image.starts_with("mirror.example.com/all/"), "{image}");
    }
    for chart in listed(&list, "chart") {
        assert!(chart.starts_with("oci://mirror.example.com/charts "), "{chart}");
    }
}

#[test]
fn a_list_says_of_which_chart_it_knows_no_images() {
    for (name, pin, told) in [
        ("version", serde_json::json!({"version": "9.9.9"}), "https://charts.loft.sh vcluster 9.9.9"),
        (
            "repository",
            serde_json::json!({"version": "0.36.1", "repository": "oci://example.com/charts"}),
            "oci://example.com/charts vcluster 0.36.1",
        ),
    ] {
        let file = input(&format!("own-{name}"), &serde_json::json!({"charts": {"pins": {"vcluster": pin}}}));
        for example in [APPLICATION, "examples/variants/cluster-api.yaml"] {
            let list = shown(&["-o", "images", "--input", &file, example]).0;
            assert_eq!(listed(&list, "unknown"), [format!("images of chart {told}")], "{list}");
            assert!(listed(&list, "chart").contains(&told), "{list}");
            assert!(!list.contains("loft-sh"), "{list}");
        }
    }
    let same = input("same", &serde_json::json!({"charts": {"pins": {"vcluster": {"version": "0.36.1"}}}}));
    assert_eq!(listed(&shown(&["-o", "images", "--input", &same, APPLICATION]).0, "unknown"), Vec::<&str>::new());
}
