//! Rust types of the composition function's unchecked input. A Composition contains the input: what the platform team
//! decides for every claim.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::change::Rule;
use crate::schema::form;
use crate::schema::remote_key::CLAIM_NAMESPACE;
use crate::schema::size::{cpu_as_written, cpu_schema};

/// API version of the function's input in a step of a Composition.
pub const API_VERSION: &str = "fn.platform.example.org/v1alpha1";
/// Kind of the function's input in a step of a Composition.
pub const KIND: &str = "Input";

/// Setting that must not change. No API server compares settings with their former value, so the function compares the
/// setting with what composed resources show.
#[derive(Debug)]
pub struct Fixed {
    /// Path of the setting: the name of a field, and of each field below it.
    pub path: &'static [&'static str],
    /// Rule for a setting in the function's input.
    pub in_input: Rule,
    /// Rule for a setting in PlatformSettings, with their remedy.
    pub in_object: Rule,
}

/// All settings that must not change.
pub const FIXED: [&Fixed; 6] =
    [&STORAGE_CLASS, &HOST_NAMESPACE, &KAFKA_OPERATOR, &POSTGRES_OPERATOR, &POSTGRES_BACKUP, &MQTT_OPERATOR];

/// Storage class, which existing volumes show. PlatformSettings for new environments need no other Composition.
pub const STORAGE_CLASS: Fixed = Fixed {
    path: &["storageClass"],
    in_input: Rule::same(
        "cannot change while volumes exist, because a volume keeps its class: set it back, and give new claims a Composition of their own that names the new class",
    ),
    in_object: Rule::same(
        "cannot change while volumes exist, because a volume keeps its class: set it back, and give new environments PlatformSettings of their own that name the new class",
    ),
};

/// Namespace of an environment's managed resources. Crossplane would create each managed resource a second time in
/// another namespace, and would not delete the first one.
pub const HOST_NAMESPACE: Fixed = {
    const RULE: Rule =
        Rule::same("cannot change while an environment has its managed resources in the former namespace: set it back");
    Fixed { path: &["host", "namespace"], in_input: RULE, in_object: RULE }
};

/// Installation of an operator. The removal of its chart can remove the operator's kinds, and with them all engines of
/// the kinds; an installation beside another one fails, or leaves two operators with the same engines.
const fn operator(path: &'static [&'static str]) -> Fixed {
    const RULE: Rule = Rule::same(
        "cannot change while an environment has the operator, because its engines could go with it: set it back, and choose the other way for new environments",
    );
    Fixed { path, in_input: RULE, in_object: RULE }
}

pub const KAFKA_OPERATOR: Fixed = operator(&["operators", "kafka"]);
pub const POSTGRES_OPERATOR: Fixed = operator(&["operators", "postgres"]);
pub const POSTGRES_BACKUP: Fixed = operator(&["operators", "postgresBackup"]);
pub const MQTT_OPERATOR: Fixed = operator(&["operators", "mqtt"]);

/// Settings of the platform team for every claim. Every field has a default.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Input {
    /// Settings for container images: the registry mirror, credentials for pulling, and images in place of the pinned
    /// ones.
    pub images: Images,
    /// Settings for Helm charts: the repository mirror, and charts in place of the pinned ones.
    pub charts: Charts,
    /// Storage class of every volume that claims get. Absent: the host cluster's default class. Set it before the first
    /// claim: no cluster gives a volume another class, so a claim with existing volumes refuses a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub storage_class: Option<String>,
    /// Secret store of External Secrets with the credentials that the platform team keeps.
    pub secret_store: SecretStore,
    /// Limits for what one claim may request.
    pub limits: Limits,
    /// Limits for the Service of an environment's ingress gateway: the types and annotations that environments may set.
    pub gateways: Gateways,
    /// Servers from which archives with Kafka connectors may be fetched, at most 50. Empty: any server, at port 443.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["host", "port"])
    )]
    pub archive_servers: Vec<Server>,
    /// Servers at which PostgreSQL may keep backups, at most 50: object stores that speak S3. Empty: any server, at
    /// port 443.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["host", "port"])
    )]
    pub backup_servers: Vec<Server>,
    /// Images of Kafka Connect with the engine `Strimzi`, in pods of its own.
    pub connect: Connect,
    /// Nodes on which the platform's pods may run, including pods of charts, of operators and of Knative services.
    /// Users choose the nodes of the pods that they start themselves inside a virtual cluster.
    pub scheduling: Scheduling,
    /// Whether the platform installs the operators of distributed engines in the environments that ask for them.
    pub operators: Operators,
    /// Settings for the control planes of virtual clusters.
    pub virtual_cluster: VirtualCluster,
    /// Names in the host cluster, in which Crossplane runs, on which the platform relies: of ProviderConfigs, and of a
    /// namespace.
    pub host: Host,
    /// Names that no environment and no namespace inside a virtual cluster may have, at most 200, besides `default`,
    /// `kube-*`, `crossplane-system`, `vela-system` and the names in `host`. A `*` at the end stands for any ending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 200),
        inner(length(min = 1, max = 63), regex(pattern = form::NAME_OR_BEGINNING))
    )]
    pub reserved_names: Vec<String>,
    /// Settings for the usage reports that installed programs send to their makers. Default: all off.
    pub telemetry: Telemetry,
    /// Time after which Crossplane calls the function again for a claim.
    pub ttl: Ttl,
    /// Whether provider-kubernetes watches the resources that others wait for, and those that it only observes.
    /// Default: true. Release 1.4 and later of provider-kubernetes watch; an earlier one must be started with
    /// `--enable-watches`, an alpha feature, and otherwise ignores this field. Without watches provider-kubernetes
    /// looks every 30 seconds at the resources that are not ready yet, which adds up along a chain of parts that wait
    /// for each other. Watching needs its ProviderConfigs to be allowed to list and watch the kinds of these resources.
    pub watch: bool,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            images: Images::default(),
            charts: Charts::default(),
            storage_class: None,
            secret_store: SecretStore::default(),
            limits: Limits::default(),
            gateways: Gateways::default(),
            archive_servers: Vec::new(),
            backup_servers: Vec::new(),
            connect: Connect::default(),
            scheduling: Scheduling::default(),
            operators: Operators::default(),
            virtual_cluster: VirtualCluster::default(),
            host: Host::default(),
            reserved_names: Vec::new(),
            telemetry: Telemetry::default(),
            ttl: Ttl::default(),
            watch: true,
        }
    }
}

/// Settings for container images: the registry mirror, credentials for pulling, and images in place of the pinned ones.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Images {
    /// Image registry, with an optional path, that mirrors all others: it takes the place of the registry in each
    /// image's name. Images in `pins` are pulled as they are written. Absent: each image comes from its own registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 300),
        regex(pattern = form::REGISTRY)
    )]
    pub registry: Option<String>,
    /// Credentials for pulling images, at most 10, fetched from the secret store into each environment's namespace on
    /// the host cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub pull_secrets: Vec<PullSecret>,
    /// Container images in place of the pinned ones, by the pin's name, such as `postgres`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("additionalProperties" = {"type": "string", "minLength": 1, "maxLength": 500, "pattern": form::IMAGE.pattern}))]
    pub pins: BTreeMap<String, String>,
}

/// Credentials for pulling container images.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullSecret {
    /// Name of the Secret with the credentials for pulling images.
    #[schemars(length(min = 1, max = 63), regex(pattern = form::DNS_LABEL))]
    pub name: String,
    /// Name of the entry in the secret store with the credentials for pulling images; it holds a Docker configuration
    /// file in JSON.
    #[schemars(length(min = 1, max = 500))]
    pub remote_key: String,
}

/// Settings for Helm charts: the repository mirror, and charts in place of the pinned ones.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Charts {
    /// Chart repository that mirrors all others, by HTTPS or OCI. Plain HTTP is for tests. Absent: each chart comes
    /// from its own repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500), regex(pattern = form::CHART_REPOSITORY))]
    pub repository: Option<String>,
    /// Helm charts in place of the pinned ones, by the pin's name, such as `istiod`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<String, ChartPin>,
}

/// Helm chart that is installed in place of a pinned one: its version, and its repository if it is another one.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChartPin {
    /// Helm repository of a chart in place of a pinned one. Default: the mirror of all charts, or else the repository
    /// of the pinned chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500), regex(pattern = form::CHART_REPOSITORY))]
    pub repository: Option<String>,
    /// Version of the Helm chart in place of the pinned one.
    #[schemars(length(min = 1, max = 100), regex(pattern = form::VERSION))]
    pub version: String,
}

/// Secret store of External Secrets with the credentials that the platform team keeps.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretStore {
    /// Name of the ClusterSecretStore of External Secrets. Default: `aws-secretsmanager`.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub name: String,
    /// Entries of the secret store that claims may name, at most 50 patterns: parts of a path with `/` between them,
    /// where `{claimNamespace}` stands for the namespace of the claim, and `*` as the last part for the rest of the
    /// path. A pattern without `{claimNamespace}` opens its entries to all claims. Empty: claims bring Secrets of their
    /// own. Default: `snowflake-credentials`, which all claims share, and `{claimNamespace}/*`.
    #[schemars(length(max = 50), inner(length(min = 1, max = 500), regex(pattern = form::REMOTE_KEY_PATTERN)))]
    pub allowed_keys: Vec<String>,
}

impl Default for SecretStore {
    fn default() -> Self {
        let allowed_keys = vec!["snowflake-credentials".to_owned(), format!("{CLAIM_NAMESPACE}/*")];
        Self { name: "aws-secretsmanager".to_owned(), allowed_keys }
    }
}

/// Limits for what one claim may request. A claim that requests more is refused, and its running resources stay as they
/// are.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Largest amount of storage that all volumes of a claim may request together, in Mi, Gi or Ti. The volume of a
    /// virtual cluster's control plane belongs to the chart of the virtual cluster, and does not count.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub storage: String,
    /// Largest amount of CPU that all pods of a claim may request together, in cores or thousandths of a core. Pods
    /// count at their largest scale, and pods of charts as far as the function sets their requests.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Largest amount of memory that all pods of a claim may request together, in Mi, Gi or Ti. Pods count at their
    /// largest scale, and pods of charts as far as the function sets their requests.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
    /// Largest number of topics in a real-time system, 1 to 200.
    #[schemars(range(min = 1, max = 200))]
    pub topics: u32,
    /// Largest number of users of a broker, 1 to 50, without the users of the broker's bridge and simulator.
    #[schemars(range(min = 1, max = 50))]
    pub users: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { storage: "16Ti".to_owned(), cpu: "64".to_owned(), memory: "256Gi".to_owned(), topics: 200, users: 50 }
    }
}

/// Limits for the Service of an environment's ingress gateway, because the host cluster's cloud acts upon its type and
/// annotations.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Gateways {
    /// Keys of annotations that claims may set on the Service of their ingress gateway, at most 100. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 100),
        inner(length(min = 1, max = 317), regex(pattern = form::QUALIFIED_NAME)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub allowed_annotations: Vec<String>,
    /// Types that claims may choose for the Service of their ingress gateway, 1 to 3. Default: all.
    #[schemars(length(min = 1, max = 3), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_service_types: Vec<ServiceType>,
}

impl Default for Gateways {
    fn default() -> Self {
        Self { allowed_annotations: Vec::new(), allowed_service_types: ServiceType::ALL.to_vec() }
    }
}

/// Server outside the virtual cluster that pods may reach where a claim names it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// DNS name of the server, as in the addresses that claims name.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DOMAIN))]
    pub host: String,
    /// Port of the server, 1 to 65535. Default: 443.
    #[serde(default = "https")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// Networks of the server, such as `192.0.2.0/24`, at most 20: pods reach the server's port in these networks
    /// alone. Required for a port other than 443. Absent: the port is open to all networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 43)), extend("x-kubernetes-list-type" = "set"))]
    pub cidrs: Vec<String>,
}

fn https() -> u16 {
    443
}

/// Images of Kafka Connect with the engine `Strimzi`: the one of claims that name none, and those that claims may name.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Connect {
    /// Image of Kafka Connect for claims that name none, with a tag other than `latest` or a digest. Absent: each claim
    /// names its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500), regex(pattern = form::IMAGE))]
    pub image: Option<String>,
    /// Images that claims may name, at most 50. A `*` at the end stands for any ending. Empty: any image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 50),
        inner(length(min = 1, max = 500), regex(pattern = form::IMAGE_OR_BEGINNING)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub allowed_images: Vec<String>,
}

/// Nodes on which the platform's pods may run: labels of the nodes, and taints that the pods tolerate.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Scheduling {
    /// Labels of the nodes on which the platform's pods may run. Empty: any labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that the platform's pods tolerate, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub tolerations: Vec<Toleration>,
}

/// Whether the platform installs the operators of distributed engines in the environments that ask for them. An
/// environment that has an operator refuses a change.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Operators {
    /// Strimzi, the operator of Kafka, in the namespace `strimzi-system` with the label
    /// `strimzi.io/kind: cluster-operator`, kind `kafka.strimzi.io/v1` `Kafka`. Default: `Install`.
    pub kafka: Provision,
    /// CloudNativePG, the operator of PostgreSQL, in the namespace `cnpg-system` with the label
    /// `app.kubernetes.io/name: cloudnative-pg`, kind `postgresql.cnpg.io/v1` `Cluster`. Default: `Install`.
    pub postgres: Provision,
    /// Barman Cloud, CloudNativePG's plugin for backups, in the namespace `cnpg-system`, kind `barmancloud.cnpg.io/v1`
    /// `ObjectStore`. With `Install` cert-manager is installed as well, in the namespace `cert-manager`: set `Present`
    /// where somebody else installs it there. Default: `Install`.
    pub postgres_backup: Provision,
    /// RabbitMQ's operator for clusters, in the namespace `rabbitmq-system` with the label
    /// `app.kubernetes.io/name: rabbitmq-cluster-operator`, kind `rabbitmq.com/v1beta1` `RabbitmqCluster`. Default:
    /// `Install`.
    pub mqtt: Provision,
}

/// Installer of an operator: with `Install`, the platform installs the operator's chart. With `Present`, somebody else
/// installs the operator inside the virtual cluster, in the namespace and with the label that the field names, and the
/// environment offers it once the virtual cluster serves the operator's kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Provision {
    #[default]
    Install,
    Present,
}

/// Taint of nodes that the platform's pods tolerate.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// Key of the tolerated taint. Absent: any key, with the operator `Exists`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Operator of the toleration: `Equal` compares the taint's value, `Exists` ignores it. Default: `Equal`.
    #[serde(default)]
    pub operator: Operator,
    /// Value of the tolerated taint, for the operator `Equal` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Effect of the tolerated taint. Absent: any effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

/// Operator of a toleration: `Equal` compares the taint's value, `Exists` ignores it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub enum Operator {
    #[default]
    Equal,
    Exists,
}

/// Effect of a node's taint on pods that do not tolerate the taint.
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
    /// Whether the control planes of virtual clusters run as user 12345 in place of root. vCluster's makers test
    /// virtual clusters with this user. Default: false. A change restarts every control plane. The volumes of the
    /// control planes are handed to the group of that user when they are mounted. Where a storage driver does not do
    /// that, as for volumes of a path on a node, files that root has written cannot be read any more, so set the field
    /// before the first environment.
    pub run_as_non_root: bool,
}

/// Names in the host cluster, in which Crossplane runs, on which the platform relies.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Host {
    /// Name of the ProviderConfig for the host cluster, in both provider-kubernetes and provider-helm. A
    /// ClusterProviderConfig of each has the same name, for resources in namespaces. Default: `host`.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub provider_config: String,
    /// Namespace on the host cluster with the managed resources of each VClusterEnvironment, which is cluster-scoped
    /// itself. Environments that are claims do not need it. Set it before the first VClusterEnvironment: an existing
    /// one refuses a change. Default: `realtime-platform`.
    #[schemars(length(min = 1, max = 63), regex(pattern = form::DNS_LABEL))]
    pub namespace: String,
}

impl Default for Host {
    fn default() -> Self {
        Self { provider_config: "host".to_owned(), namespace: "realtime-platform".to_owned() }
    }
}

/// Settings for the usage reports that installed programs send to their makers.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Telemetry {
    /// Whether the control planes of virtual clusters report their usage to the makers of vCluster. Default: false.
    pub vcluster: bool,
    /// Whether Metabase reports its usage to its makers, and asks for newer versions of itself. Default: false, where
    /// Metabase does neither, whatever its administrator chooses.
    pub metabase: bool,
    /// Whether Grafana sends requests to servers on the internet: to report its usage to its makers, to ask for newer
    /// versions of itself and of its plugins, to fetch its makers' news, to fetch pictures of its users by the hash of
    /// their e-mail address, and to install, at each start, the plugins that its makers preselect. Default: false.
    pub grafana: bool,
}

/// Time after which Crossplane calls the function again for a claim.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Ttl {
    /// Time until Crossplane calls the function again while anything of a claim is held or not ready, in seconds,
    /// 1 to 3600. Default: 10.
    #[schemars(range(min = 1, max = 3600))]
    pub unsettled_seconds: u32,
    /// Time until Crossplane calls the function again once all of a claim is ready, in seconds,
    /// 1 to 86400. Default: 300.
    #[schemars(range(min = 1, max = 86_400))]
    pub settled_seconds: u32,
}

impl Default for Ttl {
    fn default() -> Self {
        Self { unsettled_seconds: 10, settled_seconds: 300 }
    }
}

/// Type of the Service of an environment's ingress gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ServiceType {
    #[default]
    LoadBalancer,
    NodePort,
    ClusterIP,
}
