//! An upgrade of the function under `release`: what the new version would change in a cluster that 0.1.0 composed.

use realtime_platform_core::settings::pins::{Chart, ISTIO_IMAGES, Image, KNATIVE_SERVING};
use realtime_platform_core::settings::releases::Release;
use serde_json::{Value, json};
use support::tools::Scratch;

use super::{SETTLED, cluster, composed, file, items, live, moment, settings};

/// Settled cluster with the images and charts that 0.1.0 composed, and with a dashboard that it composed otherwise.
fn composed_by_the_former() -> Value {
    let release: Release = serde_json::from_value(json!("0.1.0")).unwrap();
    let pins = release.pins().unwrap();
    let mut text = cluster(moment(SETTLED)).to_string();
    // An image that 0.1.0 does not know is of a part that it did not compose.
    for (image, former) in Image::ALL.into_iter().filter_map(|image| Some((image, pins.image(image)?))) {
        text = text.replace(image.reference(), former);
    }
    let hub = |hub: &str| json!({"hub": hub}).to_string();
    text = text.replace(&hub(ISTIO_IMAGES), &hub(pins.istio_images().unwrap()));
    let mut list: Value = serde_json::from_str(&text).unwrap();
    for item in items(&mut list) {
        if let Some(installed) = item.pointer_mut("/spec/forProvider/chart") {
            let chart = Chart::ALL.into_iter().find(|chart| installed["name"] == chart.name()).unwrap();
            let (version, repository) = pins.chart(chart).unwrap();
            (installed["version"], installed["repository"]) = (json!(version), json!(repository));
        }
        let serving = item.pointer_mut("/spec/forProvider/manifest/spec/version");
        if let Some(serving) = serving.filter(|version| *version == KNATIVE_SERVING) {
            *serving = json!(pins.knative_serving().unwrap());
        }
    }
    composed(&mut list, "dashboard-config")["spec"]["forProvider"]["manifest"]["data"] = json!({"former": "{}"});
    list
}

/// Lines about images and charts.
fn pins(told: &str) -> Vec<&str> {
    let is_pin =
        |line: &&str| ["].image:", "chart.version:", "chart.repository:", ".hub:"].iter().any(|at| line.contains(at));
    told.lines().filter(is_pin).collect()
}

#[test]
fn an_upgrade_under_a_release_moves_no_pin_and_tells_what_else_it_changes() {
    let (scratch, former) = (Scratch::new("live-release"), composed_by_the_former());
    let keep = file(&scratch, "keep.json", &settings("base", &json!({"release": "0.1.0"})));
    let (code, told, err) = live(&former, &["--settings", &keep, "--exit-code"]);
    assert_eq!((code, pins(&told)), (Some(3), vec![]), "{told}{err}");
    assert!(told.contains("(dashboard-config)") && told.contains("0 added, 0 removed, 1 changed"), "{told}");

    // Control: the same upgrade without the release.
    let (_, told, _) = live(&former, &[]);
    let moved = pins(&told);
    assert!(moved.iter().any(|line| line.contains("1.30.4 → ")), "{told}");
}
