//! Pins of earlier versions of this function: the images and charts that each version composed. Settings that name such
//! a release keep these pins under a newer function, until the platform team raises the release.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::pins::{Chart, ISTIO_IMAGES, Image, KNATIVE_SERVING};

/// Text with the pins of all released versions. A line `release VERSION` begins a version; the lines after it have the
/// form `image NAME REFERENCE`, `chart NAME VERSION REPOSITORY`, `knative-serving VERSION` or `istio-images
/// REPOSITORY`.
const TEXT: &str = include_str!("releases.txt");

static RELEASES: LazyLock<BTreeMap<&'static str, Pins>> = LazyLock::new(|| read(TEXT));

/// Images and charts of one released version, by the names under which settings pin them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    images: BTreeMap<&'static str, &'static str>,
    charts: BTreeMap<&'static str, (&'static str, &'static str)>,
    knative_serving: Option<&'static str>,
    istio_images: Option<&'static str>,
}

/// Version of this function whose images and charts the settings keep.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Release(String);

impl JsonSchema for Release {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Release".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": names().collect::<Vec<_>>()})
    }
}

/// Versions whose pins this function holds, the oldest first.
pub fn names() -> impl Iterator<Item = &'static str> {
    RELEASES.keys().copied()
}

impl Release {
    /// Pins of the release; `None` where this function does not hold them.
    pub fn pins(&self) -> Option<&'static Pins> {
        RELEASES.get(self.0.as_str())
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pins {
    /// Reference of an image in the release; `None` for an image that the release did not have.
    pub fn image(&self, image: Image) -> Option<&'static str> {
        self.images.get(image.name()).copied()
    }

    /// Version and repository of a chart in the release; `None` for a chart that the release did not have.
    pub fn chart(&self, chart: Chart) -> Option<(&'static str, &'static str)> {
        self.charts.get(chart.key()).copied()
    }

    /// Version of Knative Serving in the release.
    pub fn knative_serving(&self) -> Option<&'static str> {
        self.knative_serving
    }

    /// Registry and path of Istio's own images in the release.
    pub fn istio_images(&self) -> Option<&'static str> {
        self.istio_images
    }
}

/// Lines of `releases.txt` for the pins of this version of the function.
pub fn lines(version: &str) -> String {
    let images = Image::ALL.map(|image| format!("image {} {}\n", image.name(), image.reference()));
    let charts = Chart::ALL.map(|chart| format!("chart {} {} {}\n", chart.key(), chart.version(), chart.repository()));
    let others = format!("knative-serving {KNATIVE_SERVING}\nistio-images {ISTIO_IMAGES}\n");
    format!("release {version}\n{}{}{others}", images.concat(), charts.concat())
}

fn read(text: &'static str) -> BTreeMap<&'static str, Pins> {
    let mut releases: BTreeMap<&str, Pins> = BTreeMap::new();
    let mut version = "";
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["release", name] = words.as_slice() {
            version = name;
        }
        let pins = releases.entry(version).or_default();
        match words.as_slice() {
            ["image", name, reference] => _ = pins.images.insert(*name, *reference),
            ["chart", name, number, repository] => _ = pins.charts.insert(*name, (*number, *repository)),
            ["knative-serving", number] => pins.knative_serving = Some(*number),
            ["istio-images", repository] => pins.istio_images = Some(*repository),
            _ => {}
        }
    }
    releases.remove("");
    releases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#')).count();
        let read: usize = RELEASES.values().map(|pins| 3 + pins.images.len() + pins.charts.len()).sum();
        assert_eq!(lines, read);
        assert!(names().count() > 0);
    }

    #[test]
    fn a_release_has_every_pin_of_its_time() {
        let first = Release("0.1.0".to_owned());
        let pins = first.pins().unwrap();
        // What came with a later version has no pin in an earlier release, and is composed as it is pinned now.
        let later = [
            "apicurio-registry",
            "postgres-cluster",
            "rabbitmq",
            "strimzi-kafka",
            "barman-cloud",
            "cert-manager",
            "cloudnative-pg",
            "rabbitmq-cluster-operator",
            "strimzi-kafka-operator",
        ];
        let missing = Image::ALL.iter().filter(|image| pins.image(**image).is_none()).map(|image| image.name());
        let charts = Chart::ALL.iter().filter(|chart| pins.chart(**chart).is_none()).map(|chart| chart.key());
        assert_eq!(missing.chain(charts).collect::<Vec<_>>(), later, "{pins:?}");
        assert_eq!(Release("0.0.0".to_owned()).pins(), None);
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let written: &'static str = lines("9.9.9").leak();
        let read = read(written);
        let pins = &read["9.9.9"];
        assert!(Image::ALL.iter().all(|image| pins.image(*image) == Some(image.reference())));
        assert!(Chart::ALL.iter().all(|chart| pins.chart(*chart) == Some((chart.version(), chart.repository()))));
        assert_eq!(pins.knative_serving(), Some(KNATIVE_SERVING));
        assert_eq!(pins.istio_images(), Some(ISTIO_IMAGES));
    }
}
