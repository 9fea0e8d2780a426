//! Small charts under the names and versions of the real ones, packed and served as a chart repository on loopback. Each
//! brings what others wait for: the kinds, the workload, or, in the place of a whole virtual cluster, its kubeconfig.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use realtime_platform_core::settings::pins::Chart;
use serde_json::{Value, json};

use super::folder as sources;
use super::repository::Repository;
use crate::support::tools::{run, said, tool};

/// A chart repository on loopback, until dropped.
pub struct Charts {
    /// Its address, as a chart repository.
    pub url: String,
    folder: PathBuf,
    repository: Repository,
}

/// Packs the charts into `folder` and serves them until dropped. The one called `vcluster` holds the Secret with this
/// kubeconfig of the inner cluster.
pub fn charts(folder: &Path, inner_kubeconfig: &str) -> Charts {
    for chart in Chart::ALL {
        pack(folder, chart, inner_kubeconfig);
    }
    let repository = Repository::serve(folder);
    let charts = Charts { url: repository.url(), folder: folder.to_owned(), repository };
    charts.offer(&Chart::ALL);
    charts
}

impl Charts {
    /// Has these in the repository, and no others, for whoever asks from now on.
    pub fn offer(&self, charts: &[Chart]) {
        let entries: serde_json::Map<_, _> = charts
            .iter()
            .map(|chart| {
                let mut entry = description(*chart);
                entry["urls"] = json!([archive(*chart)]);
                (chart.name().to_owned(), json!([entry]))
            })
            .collect();
        let index = json!({"apiVersion": "v1", "generated": "2026-01-01T00:00:00Z", "entries": entries});
        // In one step: somebody may be reading.
        let new = self.folder.join("index.new");
        let written = fs::write(&new, index.to_string());
        written
            .and_then(|()| fs::rename(new, self.folder.join("index.yaml")))
            .expect("the charts' folder can be written");
    }
}

fn archive(chart: Chart) -> String {
    format!("{}-{}.tgz", chart.name(), chart.version())
}

fn description(chart: Chart) -> Value {
    json!({
        "apiVersion": "v2",
        "name": chart.name(),
        "version": chart.version(),
        "description": format!("Stand-in for the chart {}, for tests only.", chart.name()),
    })
}

/// The kinds that a chart brings, by where `tools/build` gathers their definitions.
fn kinds(chart: Chart) -> &'static [&'static str] {
    match chart {
        Chart::IstioBase => &["istio"],
        Chart::KnativeOperator => &["knative-operator"],
        Chart::KubePrometheusStack => &["prometheus-operator", "prometheus-rules"],
        Chart::Istiod | Chart::IstioGateway | Chart::Postgres | Chart::VCluster => &[],
    }
}

fn pack(folder: &Path, chart: Chart, inner_kubeconfig: &str) {
    let built = folder.join("source").join(chart.name());
    let write = |path: &str, content: &str| {
        let path = built.join(path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, content));
        written.unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    };
    write("Chart.yaml", &description(chart).to_string());
    let template = sources().join("charts").join(format!("{}.yaml", chart.key()));
    write("templates/all.yaml", &read(&template));
    if chart == Chart::VCluster {
        write("kubeconfig", inner_kubeconfig);
    }
    for source in kinds(chart) {
        for file in fs::read_dir(tool("crds").join(source)).expect("the kinds are gathered").flatten() {
            write(&format!("crds/{source}-{}", file.file_name().display()), &read(&file.path()));
        }
    }
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(folder.join(archive(chart))).arg("-C").arg(folder.join("source")).arg(chart.name());
    let output = run(&mut tar);
    assert!(output.status.success(), "{}", said(&output));
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}
