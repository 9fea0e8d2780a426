//! Small charts with the names and versions of the pinned ones, packed and served as a chart repository on loopback.
//! Each chart brings only the objects that other resources wait for: custom resource definitions, a workload or, for
//! vcluster, the Secret with a kubeconfig.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use realtime_platform_core::settings::pins::Chart;
use serde_json::{Value, json};

use super::folder as sources;
use super::repository::Repository;
use crate::tools::{run, said, tool};

/// Chart repository on loopback, served until dropped.
pub struct Charts {
    /// URL of the repository.
    pub url: String,
    folder: PathBuf,
    _repository: Repository,
}

/// Packs the charts into `folder` and serves them until dropped. The chart `vcluster` holds a Secret with the given
/// kubeconfig of the inner cluster.
pub fn charts(folder: &Path, inner_kubeconfig: &str) -> Charts {
    for chart in Chart::ALL {
        pack(folder, chart, inner_kubeconfig);
    }
    let repository = Repository::serve(folder);
    let charts = Charts { url: repository.url(), folder: folder.to_owned(), _repository: repository };
    charts.offer(&Chart::ALL);
    charts
}

impl Charts {
    /// Replaces the index of the repository, so that it lists exactly these charts.
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
        // A rename replaces the index atomically, because a client may be reading it.
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

/// Folders of the custom resource definitions that a chart brings, by their names under the `crds` folder of
/// `tools/build`.
fn kinds(chart: Chart) -> &'static [&'static str] {
    match chart {
        Chart::IstioBase => &["istio"],
        Chart::KnativeOperator => &["knative-operator"],
        Chart::KubePrometheusStack => &["prometheus-operator", "prometheus-rules"],
        Chart::BarmanCloud => &["barman-cloud"],
        Chart::CloudNativePg => &["cloudnative-pg", "scheduled-backups"],
        Chart::StrimziKafkaOperator => &["strimzi"],
        Chart::RabbitMqClusterOperator => &["rabbitmq"],
        Chart::CertManager | Chart::Istiod | Chart::IstioGateway | Chart::Postgres | Chart::VCluster => &[],
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
