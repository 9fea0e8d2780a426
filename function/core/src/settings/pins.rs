//! Pinned version of every container image and every Helm chart of the platform. An upgrade changes a version in this
//! file and, for a chart, the chart's entry in `charts.rs`.
//!
//! Digests of images are left out, because none can be verified where this project is built; `docs/pins.md` describes
//! how to add them.

/// Container image that a part of the platform runs, at a pinned version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    ApicurioRegistry,
    Curl,
    FastDataDev,
    LensesAgent,
    LensesHq,
    Metabase,
    Mosquitto,
    Nginx,
    Postgres,
    PostgresCluster,
    Python,
    RabbitMq,
    StrimziKafka,
}

/// Table of the pinned container images: each image, its name under `images.pins` in the function's input, and its
/// default reference, in the order of [`Image`].
const IMAGES: [(Image, &str, &str); 13] = [
    (Image::ApicurioRegistry, "apicurio-registry", "quay.io/apicurio/apicurio-registry:3.3.3"),
    (Image::Curl, "curl", "docker.io/curlimages/curl:8.21.0"),
    (Image::FastDataDev, "fast-data-dev", "docker.io/lensesio/fast-data-dev:3.9.0"),
    (Image::LensesAgent, "lenses-agent", "docker.io/lensesio/lenses-agent:6.3.3"),
    (Image::LensesHq, "lenses-hq", "docker.io/lensesio/lenses-hq:6.3.3"),
    (Image::Metabase, "metabase", "docker.io/metabase/metabase:v0.64.6"),
    (Image::Mosquitto, "mosquitto", "docker.io/library/eclipse-mosquitto:2.0.22"),
    (Image::Nginx, "nginx", "docker.io/nginxinc/nginx-unprivileged:1.30.4-alpine"),
    (Image::Postgres, "postgres", "docker.io/library/postgres:17.11"),
    (Image::PostgresCluster, "postgres-cluster", "ghcr.io/cloudnative-pg/postgresql:17.11-202608170816-minimal-trixie"),
    (Image::Python, "python", "docker.io/library/python:3.13.15-alpine3.24"),
    (Image::RabbitMq, "rabbitmq", "docker.io/library/rabbitmq:4.3.4-management"),
    (Image::StrimziKafka, "strimzi-kafka", "quay.io/strimzi/kafka:1.2.0-kafka-4.3.1"),
];

impl Image {
    pub const ALL: [Self; IMAGES.len()] = {
        let mut all = [Self::Curl; IMAGES.len()];
        let mut row = 0;
        while row < all.len() {
            all[row] = IMAGES[row].0;
            row += 1;
        }
        all
    };

    /// Name of a pinned container image under `images.pins` in the function's input.
    pub fn name(self) -> &'static str {
        IMAGES[self as usize].1
    }

    /// Default reference of a pinned container image: registry, repository and tag.
    pub fn reference(self) -> &'static str {
        IMAGES[self as usize].2
    }
}

/// Helm chart that a part of the platform installs, at a pinned version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chart {
    BarmanCloud,
    CertManager,
    CloudNativePg,
    IstioBase,
    Istiod,
    IstioGateway,
    KnativeOperator,
    KubePrometheusStack,
    Postgres,
    RabbitMqClusterOperator,
    StrimziKafkaOperator,
    VCluster,
}

/// Pin of a Helm chart: the chart's default repository and version, with the chart's name under `charts.pins` in the
/// function's input.
struct ChartPin {
    chart: Chart,
    /// Name of a pinned Helm chart under `charts.pins` in the function's input.
    key: &'static str,
    /// Name of a pinned Helm chart in the chart's repository.
    name: &'static str,
    repository: &'static str,
    version: &'static str,
}

const ISTIO_CHARTS: &str = "https://blob.istio.io/istio-release/charts";
const ISTIO: &str = "1.31.1";

/// Table of the pinned Helm charts, in the order of [`Chart`].
const CHARTS: [ChartPin; 12] = [
    ChartPin {
        chart: Chart::BarmanCloud,
        key: "barman-cloud",
        name: "plugin-barman-cloud",
        repository: "https://cloudnative-pg.github.io/charts",
        version: "0.7.0",
    },
    ChartPin {
        chart: Chart::CertManager,
        key: "cert-manager",
        name: "cert-manager",
        repository: "https://charts.jetstack.io",
        version: "v1.21.1",
    },
    ChartPin {
        chart: Chart::CloudNativePg,
        key: "cloudnative-pg",
        name: "cloudnative-pg",
        repository: "https://cloudnative-pg.github.io/charts",
        version: "0.29.0",
    },
    ChartPin { chart: Chart::IstioBase, key: "istio-base", name: "base", repository: ISTIO_CHARTS, version: ISTIO },
    ChartPin { chart: Chart::Istiod, key: "istiod", name: "istiod", repository: ISTIO_CHARTS, version: ISTIO },
    ChartPin {
        chart: Chart::IstioGateway,
        key: "istio-gateway",
        name: "gateway",
        repository: ISTIO_CHARTS,
        version: ISTIO,
    },
    ChartPin {
        chart: Chart::KnativeOperator,
        key: "knative-operator",
        name: "knative-operator",
        repository: "https://knative.github.io/operator",
        version: "1.23.0",
    },
    ChartPin {
        chart: Chart::KubePrometheusStack,
        key: "kube-prometheus-stack",
        name: "kube-prometheus-stack",
        repository: "https://prometheus-community.github.io/helm-charts",
        version: "88.5.3",
    },
    ChartPin {
        chart: Chart::Postgres,
        key: "postgres",
        name: "postgres",
        repository: "https://groundhog2k.github.io/helm-charts",
        version: "1.6.7",
    },
    ChartPin {
        chart: Chart::RabbitMqClusterOperator,
        key: "rabbitmq-cluster-operator",
        name: "rabbitmq-cluster-operator",
        repository: "oci://registry-1.docker.io/cloudpirates",
        version: "0.4.0",
    },
    ChartPin {
        chart: Chart::StrimziKafkaOperator,
        key: "strimzi-kafka-operator",
        name: "strimzi-kafka-operator",
        repository: "https://strimzi.io/charts",
        version: "1.2.0",
    },
    ChartPin {
        chart: Chart::VCluster,
        key: "vcluster",
        name: "vcluster",
        repository: "https://charts.loft.sh",
        version: "0.36.1",
    },
];

impl Chart {
    pub const ALL: [Self; CHARTS.len()] = {
        let mut all = [Self::IstioBase; CHARTS.len()];
        let mut row = 0;
        while row < all.len() {
            all[row] = CHARTS[row].chart;
            row += 1;
        }
        all
    };

    /// Name of a pinned Helm chart under `charts.pins` in the function's input.
    pub fn key(self) -> &'static str {
        self.pin().key
    }

    /// Name of a pinned Helm chart in the chart's repository.
    pub fn name(self) -> &'static str {
        self.pin().name
    }

    pub fn repository(self) -> &'static str {
        self.pin().repository
    }

    pub fn version(self) -> &'static str {
        self.pin().version
    }

    fn pin(self) -> &'static ChartPin {
        &CHARTS[self as usize]
    }
}

/// Version of Kafka in Strimzi's image, and the version of the metadata that its brokers write. The second is raised a
/// release after the first, because brokers cannot go back to an older one.
pub const STRIMZI_KAFKA: (&str, &str) = ("4.3.1", "4.3-IV0");

/// Version of Knative Serving that the Knative operator installs; the pinned version of the operator supports it.
pub const KNATIVE_SERVING: &str = "1.23.0";

/// Registry and path of Istio's own images: that of istiod, and that of the proxy, which istiod's webhook injects into
/// the pod of the ingress gateway.
pub const ISTIO_IMAGES: &str = "docker.io/istio";

/// Registry and repository of the image for a virtual cluster's control plane: the edition of vCluster without
/// commercial parts.
pub const VCLUSTER_IMAGE: (&str, &str) = ("ghcr.io", "loft-sh/vcluster-oss");

/// Image of CloudNativePG's operator, without a tag, which the operator's Helm chart adds. The operator copies its
/// program from the same image into the pods of PostgreSQL.
pub const CLOUD_NATIVE_PG_IMAGE: &str = "ghcr.io/cloudnative-pg/cloudnative-pg";

/// Images of the Barman Cloud plugin, and of its sidecar in the pods of PostgreSQL, without tags, which the plugin's Helm
/// chart adds.
pub const BARMAN_CLOUD_IMAGES: [&str; 2] =
    ["ghcr.io/cloudnative-pg/plugin-barman-cloud", "ghcr.io/cloudnative-pg/plugin-barman-cloud-sidecar"];

/// Images of cert-manager's controller, webhook and injector, and of a helper that only certificates of public
/// authorities need, without tags, which the Helm chart of cert-manager adds.
pub const CERT_MANAGER_IMAGES: [&str; 4] = [
    "quay.io/jetstack/cert-manager-controller",
    "quay.io/jetstack/cert-manager-webhook",
    "quay.io/jetstack/cert-manager-cainjector",
    "quay.io/jetstack/cert-manager-acmesolver",
];

/// Images of the Knative operator and of the operator's webhook, without tags, which the operator's Helm chart adds.
pub const KNATIVE_OPERATOR_IMAGES: [&str; 2] = [
    "gcr.io/knative-releases/knative.dev/operator/cmd/operator",
    "gcr.io/knative-releases/knative.dev/operator/cmd/webhook",
];

/// Workloads that the Knative operator creates for Knative Serving with Istio as its ingress: Deployments by their
/// names, Jobs by the beginnings of their names. A KnativeServing gives each the node selector and tolerations of the
/// settings.
pub const KNATIVE_SERVING_WORKLOADS: [&str; 9] = [
    "activator",
    "autoscaler",
    "autoscaler-hpa",
    "cleanup-serving-",
    "controller",
    "net-istio-controller",
    "net-istio-webhook",
    "storage-version-migration-serving-",
    "webhook",
];

/// Image of queue-proxy, the container that Knative Serving adds to each pod of a Knative Service, without a tag.
pub const QUEUE_PROXY_IMAGE: &str = "gcr.io/knative-releases/knative.dev/serving/cmd/queue";

/// Images of Knative Serving without their tags, by the names that the Knative operator has for them. A KnativeServing
/// lists the images only where the settings name a registry mirror.
pub const KNATIVE_SERVING_IMAGES: [(&str, &str); 10] = [
    ("activator", "gcr.io/knative-releases/knative.dev/serving/cmd/activator"),
    ("autoscaler", "gcr.io/knative-releases/knative.dev/serving/cmd/autoscaler"),
    ("autoscaler-hpa", "gcr.io/knative-releases/knative.dev/serving/cmd/autoscaler-hpa"),
    ("cleanup", "gcr.io/knative-releases/knative.dev/serving/pkg/cleanup/cmd/cleanup"),
    ("controller", "gcr.io/knative-releases/knative.dev/serving/cmd/controller"),
    ("migrate", "gcr.io/knative-releases/knative.dev/pkg/apiextensions/storageversion/cmd/migrate"),
    ("net-istio-controller/controller", "gcr.io/knative-releases/knative.dev/net-istio/cmd/controller"),
    ("net-istio-webhook/webhook", "gcr.io/knative-releases/knative.dev/net-istio/cmd/webhook"),
    ("queue-proxy", QUEUE_PROXY_IMAGE),
    ("webhook", "gcr.io/knative-releases/knative.dev/serving/cmd/webhook"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pin_is_in_its_own_row() {
        for (row, image) in Image::ALL.into_iter().enumerate() {
            assert_eq!(image as usize, row, "{}", image.name());
        }
        assert!(Image::StrimziKafka.reference().ends_with(&format!("-kafka-{}", STRIMZI_KAFKA.0)));
        for (row, chart) in Chart::ALL.into_iter().enumerate() {
            assert_eq!(chart as usize, row, "{}", chart.key());
        }
    }
}
