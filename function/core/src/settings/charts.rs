//! Contents of each pinned Helm chart: the images that are pulled for it, and those of its pods to which the node
//! selector and tolerations of the settings (`scheduling`) do not apply.
//!
//! The archives of Helm charts cannot be fetched where this project is built, so this file lists their contents, and
//! `make charts` compares the list with the charts wherever the charts' repositories are reachable. An entry of the
//! list holds for one version of a chart; a test fails where another version is pinned.

use crate::settings::pins::Chart;

/// Contents of a Helm chart: the images that the chart brings, and those of its pods to which the node selector and
/// tolerations of the settings (`scheduling`) do not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brought {
    /// Version at which a Helm chart was rendered to find the chart's images and pods.
    pub version: &'static str,
    /// SHA-256 checksum of a Helm chart's archive, in hexadecimal digits; `None` where the archive was not seen.
    pub archive: Option<&'static str>,
    /// Images that containers in the manifests of a Helm chart name. The manifests are rendered with the Helm values
    /// that this function composes, without a registry mirror.
    pub images: &'static [&'static str],
    /// Images of a Helm chart that no container in the chart's rendered manifests names. The chart's programs start,
    /// inject or install these images.
    pub later: &'static [&'static str],
    /// Pods of a Helm chart that run on any node with room, because the chart does not pass the node selector and
    /// tolerations of the settings (`scheduling`) to them.
    pub elsewhere: &'static [&'static str],
}

/// Contents of a Helm chart at its pinned version: the images that the chart brings, and those of its pods to which the
/// node selector and tolerations of the settings (`scheduling`) do not apply.
pub fn brought(chart: Chart) -> Brought {
    match chart {
        Chart::BarmanCloud => Brought {
            version: "0.7.0",
            archive: Some("683494c04cc94f7d33c4ac5f3d8d64c209634b48bd0e84da31d7d1fad22cdcdb"),
            images: &["ghcr.io/cloudnative-pg/plugin-barman-cloud:v0.13.0"],
            // The plugin puts it into each pod of PostgreSQL that archives its log or is restored.
            later: &["ghcr.io/cloudnative-pg/plugin-barman-cloud-sidecar:v0.13.0"],
            elsewhere: &[],
        },
        Chart::CertManager => Brought {
            version: "v1.21.1",
            archive: None,
            images: &[
                "quay.io/jetstack/cert-manager-cainjector:v1.21.1",
                "quay.io/jetstack/cert-manager-controller:v1.21.1",
                "quay.io/jetstack/cert-manager-webhook:v1.21.1",
            ],
            // Only certificates of public authorities need it, and nothing of ours asks for one.
            later: &["quay.io/jetstack/cert-manager-acmesolver:v1.21.1"],
            elsewhere: &[],
        },
        Chart::CloudNativePg => Brought {
            version: "0.29.0",
            archive: Some("668e065ff53508d58238788fd35b355a925060843629a951df0e6a9362e6d32f"),
            images: &["ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0"],
            later: &[],
            elsewhere: &[],
        },
        Chart::IstioBase => Brought { version: "1.31.1", archive: None, images: &[], later: &[], elsewhere: &[] },
        Chart::Istiod => Brought {
            version: "1.31.1",
            archive: None,
            images: &["docker.io/istio/pilot:1.31.1"],
            later: &[],
            elsewhere: &[],
        },
        Chart::IstioGateway => Brought {
            version: "1.31.1",
            archive: None,
            images: &[],
            // The Helm chart of Istio's gateway names no image: istiod's webhook injects the image of the proxy into
            // the gateway's pod.
            later: &["docker.io/istio/proxyv2:1.31.1"],
            elsewhere: &[],
        },
        Chart::KnativeOperator => Brought {
            version: "1.23.0",
            archive: Some("8722be0a739f1841f143a5c7e5dbf64b06dad24847b4743d286bdf8f9eeef672"),
            images: &[
                "gcr.io/knative-releases/knative.dev/operator/cmd/operator:v1.23.0",
                "gcr.io/knative-releases/knative.dev/operator/cmd/webhook:v1.23.0",
            ],
            later: &[],
            elsewhere: &[],
        },
        Chart::KubePrometheusStack => Brought {
            version: "88.5.3",
            archive: Some("3bff576f57c88f9fcac3286cc6e0d22ddaf7d7e1829c14a09257359f02ca64c9"),
            images: &[
                "docker.io/grafana/grafana:13.2.0",
                "quay.io/kiwigrid/k8s-sidecar:2.10.1",
                "quay.io/prometheus-operator/prometheus-operator:v0.93.1",
                "quay.io/prometheus/prometheus:v3.14.0-distroless",
                "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.20.0",
            ],
            later: &["quay.io/prometheus-operator/prometheus-config-reloader:v0.93.1"],
            elsewhere: &[],
        },
        Chart::Postgres => Brought {
            version: "1.6.7",
            archive: Some("5ec6b98d162f2eee975ff1b687a51730df570a36beb938e247f035a0ae1ea24e"),
            // A preview lists the image of the PostgreSQL chart once, by the image's own pin (`postgres` under
            // `images.pins`), and not as an image of the chart.
            images: &["docker.io/library/postgres:17.11"],
            later: &[],
            elsewhere: &[],
        },
        Chart::RabbitMqClusterOperator => Brought {
            version: "0.4.0",
            archive: None,
            images: &["ghcr.io/rabbitmq/cluster-operator:2.22.1"],
            later: &[],
            elsewhere: &[],
        },
        Chart::StrimziKafkaOperator => Brought {
            version: "1.2.0",
            archive: None,
            images: &["quay.io/strimzi/operator:1.2.0"],
            // The operator starts Kafka and Connect with an image that its own configuration names by the version of
            // Kafka.
            later: &["quay.io/strimzi/kafka:1.2.0-kafka-4.3.1"],
            elsewhere: &[],
        },
        Chart::VCluster => Brought {
            version: "0.36.1",
            archive: Some("84a6aa28ffd2504069ed987202238de85509c50050748fb2da4fd262a6861b35"),
            images: &["ghcr.io/loft-sh/kubernetes:v1.36.0", "ghcr.io/loft-sh/vcluster-oss:0.36.1"],
            later: &["docker.io/coredns/coredns:1.14.2"],
            elsewhere: &[],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_of_the_charts_that_are_pinned() {
        for chart in Chart::ALL {
            assert_eq!(brought(chart).version, chart.version(), "{}: run `make charts`, and list it anew", chart.key());
        }
    }

    #[test]
    fn the_list_is_sound() {
        for chart in Chart::ALL {
            let Brought { archive, images, later, elsewhere, .. } = brought(chart);
            let is_digest =
                |text: &str| text.len() == 64 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
            assert!(archive.is_none_or(is_digest), "{}", chart.key());
            for list in [images, later, elsewhere] {
                assert!(list.is_sorted(), "{}: {list:?}", chart.key());
            }
            assert!(
                images.iter().chain(later).all(|image| crate::settings::image::ImageReference::read(image).is_pinned()),
                "{}",
                chart.key()
            );
        }
    }
}
