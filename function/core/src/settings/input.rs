//! Input of the function, as a Composition contains it: what the platform team decides for every claim.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::change::Rule;
use crate::schema::form;
use crate::schema::remote_key::CLAIM_NAMESPACE;
use crate::schema::size::{cpu_as_written, cpu_schema};

/// API version of the input in a Composition's step.
pub const API_VERSION: &str = "fn.platform.example.org/v1alpha1";
/// Kind of the input in a Composition's step.
pub const KIND: &str = "Input";

/// Rule for the storage class. No API server compares the input of a step with its former value, so the rule applies to
/// the volumes that stand.
pub const STORAGE_CLASS: (&str, Rule) = (
    "input.storageClass",
    Rule::same(
        "cannot change while volumes exist, because a volume keeps its class: set it back, and give new claims a Composition of their own that names the new class",
    ),
);

/// Decisions of the platform team for every claim. Everything has a default.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Input {
    /// Registries from which images are pulled.
    pub images: Images,
    /// Repositories from which charts are pulled.
    pub charts: Charts,
    /// Storage class of every volume. Absent: the host cluster's default class. Decided before the first claim: no
    /// cluster gives a volume another class, so a claim whose volumes stand refuses a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub storage_class: Option<String>,
    /// The External Secrets store with the credentials that the platform team keeps.
    pub secret_store: SecretStore,
    /// Largest demand that one claim may have.
    pub limits: Limits,
    /// Types and annotations that environments may set on their gateway's Service.
    pub gateways: Gateways,
    /// Servers that connectors' archives may be fetched from, at most 50. None: any server, at port 443.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["host", "port"])
    )]
    pub archive_servers: Vec<ArchiveServer>,
    /// Where pods may run: ours, those that charts and operators bring, and those of Knative's services. Whoever starts
    /// pods of their own inside a virtual cluster says it there.
    pub scheduling: Scheduling,
    /// Settings for the control planes of virtual clusters.
    pub virtual_cluster: VirtualCluster,
    /// The ProviderConfigs, one of provider-kubernetes and one of provider-helm, for the cluster that Crossplane runs
    /// in.
    pub host: Host,
    /// Names that no environment and no namespace inside one may take, besides `default`, `kube-*`,
    /// `crossplane-system`, `vela-system` and the host's ProviderConfigs. A `*` at the end stands for any ending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 200),
        inner(length(min = 1, max = 63), regex(pattern = form::NAME_OR_BEGINNING))
    )]
    pub reserved_names: Vec<String>,
    /// Usage reports of installed programs to their makers. All are off unless switched on here.
    pub telemetry: Telemetry,
    /// Time after which Crossplane calls the function again for a claim.
    pub ttl: Ttl,
    /// Have provider-kubernetes watch what others wait for. By itself it looks every 30 seconds at what is not ready yet,
    /// which adds up along a chain of parts that wait for each other. It does so only when started with
    /// `--enable-watches`, an alpha feature, and where its ProviderConfigs may list and watch the kinds.
    pub watch: bool,
}

/// Registries from which images are pulled.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Images {
    /// Registry, with an optional path, that mirrors all others: it takes the place of the registry in each image's
    /// name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 300),
        regex(pattern = form::REGISTRY)
    )]
    pub registry: Option<String>,
    /// Credentials for pulling, fetched from the secret store into each environment's namespace on the host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub pull_secrets: Vec<PullSecret>,
    /// Images in place of the pinned ones, by the pin's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("additionalProperties" = {"type": "string", "minLength": 1, "maxLength": 500, "pattern": form::IMAGE.pattern}))]
    pub pins: BTreeMap<String, String>,
}

/// Credentials for pulling images.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullSecret {
    /// Name of the Secret with the credentials for pulling images.
    #[schemars(length(min = 1, max = 63), regex(pattern = form::DNS_LABEL))]
    pub name: String,
    /// Name of the entry in the secret store; it holds a Docker configuration file in JSON.
    #[schemars(length(min = 1, max = 500))]
    pub remote_key: String,
}

/// Repositories from which charts are pulled.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Charts {
    /// Chart repository that mirrors all others, by HTTPS or OCI. Plain HTTP is for tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500), regex(pattern = form::CHART_REPOSITORY))]
    pub repository: Option<String>,
    /// Charts in place of the pinned ones, by the pin's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<String, ChartPin>,
}

/// A chart in place of a pinned one.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChartPin {
    /// Helm repository of the chart. Default: the repository of the pinned chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500), regex(pattern = form::CHART_REPOSITORY))]
    pub repository: Option<String>,
    /// Version of the Helm chart in place of the pinned one.
    #[schemars(length(min = 1, max = 100), regex(pattern = form::VERSION))]
    pub version: String,
}

/// The External Secrets store with the credentials that the platform team keeps.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretStore {
    /// Name of the ClusterSecretStore.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub name: String,
    /// Entries of the store that claims may name, at most 50 patterns: parts of a path with `/` between them, where
    /// `{claimNamespace}` stands for the namespace of the claim, and `*` as the last part for the rest of the path. What is
    /// named without either is shared by all claims. None: claims bring Secrets of their own. Default:
    /// `snowflake-credentials`, which all share, and `{claimNamespace}/*`.
    #[schemars(length(max = 50), inner(length(min = 1, max = 500), regex(pattern = form::REMOTE_KEY_PATTERN)))]
    pub allowed_keys: Vec<String>,
}

impl Default for SecretStore {
    fn default() -> Self {
        let allowed_keys = vec!["snowflake-credentials".to_owned(), format!("{CLAIM_NAMESPACE}/*")];
        Self { name: "aws-secretsmanager".to_owned(), allowed_keys }
    }
}

/// The most that one claim may ask for. A claim that asks for more is refused; what runs of it stays as it is.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Storage of all its volumes together, in Mi, Gi or Ti. A virtual cluster's own volume is its chart's, and does not
    /// count.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub storage: String,
    /// CPU that all its pods reserve together, in cores or thousandths of one: at their largest scale, and of charts as far
    /// as the function gives them sizes.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory that all its pods reserve together, in Mi, Gi or Ti, counted like their CPU.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
    /// Topics of a real-time system, 1 to 200.
    #[schemars(range(min = 1, max = 200))]
    pub topics: u32,
    /// Users of a broker, 1 to 50, without those of the bridge and the simulator.
    #[schemars(range(min = 1, max = 50))]
    pub users: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { storage: "16Ti".to_owned(), cpu: "64".to_owned(), memory: "256Gi".to_owned(), topics: 200, users: 50 }
    }
}

/// What environments may ask of their gateway's Service, which the host's cloud acts upon.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Gateways {
    /// Keys of annotations that claims may set, at most 100. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 100),
        inner(length(min = 1, max = 317), regex(pattern = form::QUALIFIED_NAME)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub allowed_annotations: Vec<String>,
    /// Types of the Service that claims may choose, 1 to 3. Default: all.
    #[schemars(length(min = 1, max = 3), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_service_types: Vec<ServiceType>,
}

impl Default for Gateways {
    fn default() -> Self {
        Self { allowed_annotations: Vec::new(), allowed_service_types: ServiceType::ALL.to_vec() }
    }
}

/// A server of connectors' archives.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveServer {
    /// DNS name of a server of connector archives, as in the addresses of the archives.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DOMAIN))]
    pub host: String,
    /// Port of the server of connector archives, 1 to 65535.
    #[serde(default = "https")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// Networks that the server is in, such as `192.0.2.0/24`, at most 20: Kafka's pod reaches the port in these alone.
    /// Required for a port other than 443. Absent: the port is open to all networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 43)), extend("x-kubernetes-list-type" = "set"))]
    pub cidrs: Vec<String>,
}

fn https() -> u16 {
    443
}

/// Nodes on which pods may run.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Scheduling {
    /// Labels of the nodes on which pods may run.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that the platform's pods tolerate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub tolerations: Vec<Toleration>,
}

/// Taint of nodes that the platform's pods tolerate.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// Key of the tolerated taint. Absent: any, with the operator `Exists`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Operator of the toleration: whether the taint's value counts.
    #[serde(default)]
    pub operator: Operator,
    /// Value of the tolerated taint, with the operator `Equal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Effect of the tolerated taint. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

/// Operator of a toleration: whether the taint's value counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub enum Operator {
    #[default]
    Equal,
    Exists,
}

/// Effect of a taint on pods that do not tolerate it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub enum Effect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

/// Settings for the control planes of virtual clusters.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualCluster {
    /// Run them as user 12345 in place of root, as vCluster's makers test it. A change restarts every one. Their volumes
    /// are handed to the group of that user when they are mounted: where a storage driver does not do that, as for
    /// volumes of a path on a node, those that root has written cannot be read any more, so set it before the first
    /// environment.
    pub run_as_non_root: bool,
}

/// ProviderConfigs for the cluster that Crossplane runs in.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Host {
    /// Name of the ProviderConfig in both provider-kubernetes and provider-helm.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub provider_config: String,
}

impl Default for Host {
    fn default() -> Self {
        Self { provider_config: "host".to_owned() }
    }
}

/// Usage reports of installed programs to their makers.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Telemetry {
    /// Have the virtual cluster's control plane report how it is used.
    pub vcluster: bool,
    /// Have Metabase report how it is used, and ask for newer versions of itself. Switched off, it does neither, whatever
    /// its administrator chooses.
    pub metabase: bool,
    /// Have Grafana report how it is used, ask for newer versions of itself and of its plugins, fetch the plugins that its
    /// maker adds at each start, pictures of its users by the hash of their address, and its maker's news.
    pub grafana: bool,
}

/// Time after which Crossplane calls the function again for a claim.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ttl {
    /// Time until the next call while anything of a claim is held or not ready, in seconds, 1 to 3600.
    #[schemars(range(min = 1, max = 3600))]
    pub unsettled_seconds: u32,
    /// Time until the next call once all of a claim is ready, in seconds, 1 to 86400.
    #[schemars(range(min = 1, max = 86_400))]
    pub settled_seconds: u32,
}

impl Default for Ttl {
    fn default() -> Self {
        Self { unsettled_seconds: 10, settled_seconds: 300 }
    }
}

/// The type of a Kubernetes Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ServiceType {
    #[default]
    LoadBalancer,
    NodePort,
    ClusterIP,
}
