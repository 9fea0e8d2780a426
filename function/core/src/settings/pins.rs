//! Pinned version of every image and every chart. An upgrade changes a version here and, for a chart, its entry in
//! `charts.rs`.
//!
//! Digests are left out, because none can be verified where this project is built; `docs/pins.md` describes how to add
//! them.

/// Image that a part runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    Curl,
    FastDataDev,
    LensesAgent,
    LensesHq,
    Metabase,
    Mosquitto,
    Nginx,
    Postgres,
    Python,
}

impl Image {
    pub const ALL: [Self; 9] = [
        Self::Curl,
        Self::FastDataDev,
        Self::LensesAgent,
        Self::LensesHq,
        Self::Metabase,
        Self::Mosquitto,
        Self::Nginx,
        Self::Postgres,
        Self::Python,
    ];

    /// Name of the image in the function's input, under `images.pins`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::FastDataDev => "fast-data-dev",
            Self::LensesAgent => "lenses-agent",
            Self::LensesHq => "lenses-hq",
            Self::Metabase => "metabase",
            Self::Mosquitto => "mosquitto",
            Self::Nginx => "nginx",
            Self::Postgres => "postgres",
            Self::Python => "python",
        }
    }

    pub fn reference(self) -> &'static str {
        match self {
            Self::Curl => "docker.io/curlimages/curl:8.21.0",
            Self::FastDataDev => "docker.io/lensesio/fast-data-dev:3.9.0",
            Self::LensesAgent => "docker.io/lensesio/lenses-agent:6.3.0",
            Self::LensesHq => "docker.io/lensesio/lenses-hq:6.3.0",
            Self::Metabase => "docker.io/metabase/metabase:v0.64.6",
            Self::Mosquitto => "docker.io/library/eclipse-mosquitto:2.0.22",
            Self::Nginx => "docker.io/nginxinc/nginx-unprivileged:1.30.4-alpine",
            Self::Postgres => "docker.io/library/postgres:17.11",
            Self::Python => "docker.io/library/python:3.13.15-alpine3.24",
        }
    }
}

/// Helm chart that a part installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chart {
    IstioBase,
    Istiod,
    IstioGateway,
    KnativeOperator,
    KubePrometheusStack,
    Postgres,
    VCluster,
}

impl Chart {
    pub const ALL: [Self; 7] = [
        Self::IstioBase,
        Self::Istiod,
        Self::IstioGateway,
        Self::KnativeOperator,
        Self::KubePrometheusStack,
        Self::Postgres,
        Self::VCluster,
    ];

    /// Name of the chart in the function's input, under `charts.pins`.
    pub fn key(self) -> &'static str {
        match self {
            Self::IstioBase => "istio-base",
            Self::Istiod => "istiod",
            Self::IstioGateway => "istio-gateway",
            Self::KnativeOperator => "knative-operator",
            Self::KubePrometheusStack => "kube-prometheus-stack",
            Self::Postgres => "postgres",
            Self::VCluster => "vcluster",
        }
    }

    /// Name of the chart in its repository.
    pub fn name(self) -> &'static str {
        match self {
            Self::IstioBase => "base",
            Self::IstioGateway => "gateway",
            other => other.key(),
        }
    }

    pub fn repository(self) -> &'static str {
        match self {
            Self::IstioBase | Self::Istiod | Self::IstioGateway => {
                "https://istio-release.storage.googleapis.com/charts"
            }
            Self::KnativeOperator => "https://knative.github.io/operator",
            Self::KubePrometheusStack => "https://prometheus-community.github.io/helm-charts",
            Self::Postgres => "https://groundhog2k.github.io/helm-charts",
            Self::VCluster => "https://charts.loft.sh",
        }
    }

    pub fn version(self) -> &'static str {
        match self {
            Self::IstioBase | Self::Istiod | Self::IstioGateway => "1.30.4",
            Self::KnativeOperator => "1.23.0",
            Self::KubePrometheusStack => "88.5.3",
            Self::Postgres => "1.6.7",
            Self::VCluster => "0.36.1",
        }
    }
}

/// Version of Knative Serving that the operator installs. The pinned version of the operator supports it.
pub const KNATIVE_SERVING: &str = "1.23.0";

/// Registry and path of Istio's own images: istiod, and the proxy that istiod's webhook injects into the gateway's pod.
pub const ISTIO_IMAGES: &str = "registry.istio.io/release";

/// Registry and repository of the image for a virtual cluster's control plane, in the edition without commercial parts.
pub const VCLUSTER_IMAGE: (&str, &str) = ("ghcr.io", "loft-sh/vcluster-oss");

/// Images of the Knative operator and of its webhook, without tags: the operator's chart adds them.
pub const KNATIVE_OPERATOR_IMAGES: [&str; 2] = [
    "gcr.io/knative-releases/knative.dev/operator/cmd/operator",
    "gcr.io/knative-releases/knative.dev/operator/cmd/webhook",
];

/// Workloads that the operator creates for Knative Serving with Istio as its ingress: Deployments by their names, Jobs
/// by the beginnings of their names.
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

/// Image of queue-proxy, which Knative Serving adds to each pod of its Services, without its tag.
pub const QUEUE_PROXY_IMAGE: &str = "gcr.io/knative-releases/knative.dev/serving/cmd/queue";

/// Images of Knative Serving without their tags, by the operator's names for them. A KnativeServing lists them only
/// where a mirror is set.
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
