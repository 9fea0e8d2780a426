//! Output `images` of the command `preview`: a list of every container image and Helm chart that the claims pull, one a
//! line, to fill a mirror or to review the images.

use std::collections::BTreeSet;
use std::fmt::Write;

use realtime_platform_core::kinds::Spec as _;
use realtime_platform_core::kinds::cluster_api::VCluster;
use realtime_platform_core::kinds::helm::{self, Release};
use realtime_platform_core::kinds::knative::KnativeServing;
use realtime_platform_core::settings::charts::{Brought, brought};
use realtime_platform_core::settings::pins::{Chart, Image, KNATIVE_SERVING_IMAGES};
use serde_json::Value;

use super::claim::Shown;
use super::model::Preview;

/// Container images and Helm charts that the previewed claims pull, for the output `images` of the command `preview`.
#[derive(Default)]
struct Pulled {
    images: BTreeSet<String>,
    charts: BTreeSet<(String, Option<&'static str>)>,
    /// Helm charts whose images are unknown, because the settings use a version or repository that `settings/charts.rs`
    /// does not list.
    unknown: BTreeSet<String>,
}

pub fn text(preview: &Preview) -> String {
    let mut pulled = Pulled::default();
    for shown in &preview.claims {
        pulled.add(shown);
    }
    let mut text = String::new();
    for image in &pulled.images {
        let _ = writeln!(text, "image {image}");
    }
    for (chart, archive) in &pulled.charts {
        let archive = archive.map_or_else(String::new, |digest| format!(" sha256:{digest}"));
        let _ = writeln!(text, "chart {chart}{archive}");
    }
    for chart in &pulled.unknown {
        let _ = writeln!(text, "unknown images of chart {chart}");
    }
    text
}

impl Pulled {
    fn add(&mut self, shown: &Shown) {
        self.images.extend(shown.composed.plan.images().into_iter().map(str::to_owned));
        for manifest in shown.manifests() {
            match manifest["kind"].as_str() {
                Some(Release::KIND | VCluster::KIND) => {
                    let charts = Chart::ALL.into_iter().filter(|chart| installs(manifest, *chart));
                    charts.for_each(|chart| self.add_chart(shown, chart));
                }
                Some(KnativeServing::KIND) => {
                    let version = shown.settings.knative_serving();
                    let of_serving = KNATIVE_SERVING_IMAGES.map(|(_, image)| format!("{image}:v{version}"));
                    self.images.extend(of_serving.iter().map(|image| shown.settings.mirrored(image)));
                }
                _ => {}
            }
        }
    }

    fn add_chart(&mut self, shown: &Shown, chart: Chart) {
        let helm::Chart { repository, name, version } = shown.settings.chart(chart);
        let named = format!("{repository} {name} {version}");
        if !shown.settings.is_listed(chart) {
            self.unknown.insert(named.clone());
            self.charts.insert((named, None));
            return;
        }
        let Brought { archive, images, later, .. } = brought(chart);
        self.charts.insert((named, archive));
        // Some images of Helm charts have a pin that the platform team's settings can change. The output `images` of
        // the command `preview` takes such an image from the pods in the plan, where the pin of the settings is
        // applied, and not from the list of the chart's images.
        let is_pinned = |image: &str| Image::ALL.into_iter().any(|pin| pin.reference() == image);
        let of_chart = images.iter().chain(later).filter(|image| !is_pinned(image));
        self.images.extend(of_chart.map(|image| shown.settings.mirrored(image)));
    }
}

/// Whether a manifest of kind Release or VCluster installs the Helm chart `chart`.
fn installs(manifest: &Value, chart: Chart) -> bool {
    let places = ["/spec/forProvider/chart/name", "/spec/helmRelease/chart/name"];
    places.iter().any(|place| manifest.pointer(place).is_some_and(|name| name == chart.name()))
}
