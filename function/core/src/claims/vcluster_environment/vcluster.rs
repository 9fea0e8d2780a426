//! The virtual cluster itself: the chart's Release, or the pair that makes Cluster API install the same chart.

use super::parts;
use k8s_openapi::api::core::v1::PodSecurityContext;
use serde_json::{Value, json};

use super::checked::Environment;
use super::claim::Provisioner;
use super::protection;
use crate::kinds::Spec;
use crate::kinds::cluster_api::{Cluster, Endpoint, HelmChart, HelmRelease, Reference, VCluster};
use crate::parts::place::{Installation, yaml};
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::default_pod_security;
use crate::schema::change::{self, Immutable, MANIFEST};
use crate::settings::pins::{Chart, VCLUSTER_IMAGE};

/// The port of the virtual cluster's Service.
const PORT: u16 = 443;

pub fn resources(environment: &Environment) -> Vec<Resource> {
    let mut resources = match environment.spec.provisioner {
        Provisioner::Helm => vec![release(environment)],
        Provisioner::ClusterAPI => cluster(environment),
    };
    // What is protected comes first.
    if let Some(first) = resources.first_mut() {
        first.mark(protection::mark(parts::VIRTUAL_CLUSTER));
    }
    resources
}

/// What it is called, and who made it.
pub fn immutable(environment: &Environment) -> Vec<Immutable> {
    let external_name = "/metadata/annotations/crossplane.io~1external-name";
    let (release, cluster) = ("vcluster-release", "vcluster-cluster");
    let class = environment.owner.settings.storage_class.as_deref();
    let volume = || format!("the volume of the virtual cluster {}", environment.spec.name);
    match environment.spec.provisioner {
        Provisioner::Helm => vec![
            Immutable::class(release, (&format!("/spec/forProvider/values{CLASS}"), None), volume(), class),
            Immutable::same(release, external_name, &environment.spec.name, "spec.name", change::NAME),
            Immutable::absent(cluster, "spec.provisioner", change::PROVISIONER),
        ],
        Provisioner::ClusterAPI => vec![
            Immutable::same(
                cluster,
                &format!("{MANIFEST}/metadata/name"),
                &environment.spec.name,
                "spec.name",
                change::NAME,
            ),
            Immutable::absent(release, "spec.provisioner", change::PROVISIONER),
            Immutable::class(
                "vcluster-infrastructure",
                (&format!("{MANIFEST}/spec/helmRelease/values"), Some(CLASS)),
                volume(),
                class,
            ),
        ],
    }
}

/// Where the chart's values name the storage class of the control plane's volume.
const CLASS: &str = "/controlPlane/statefulSet/persistence/volumeClaim/storageClass";

fn waits_for(environment: &Environment) -> &'static [&'static str] {
    if environment.owner.settings.pull_secrets.is_empty() {
        &[parts::HOST_NAMESPACE, parts::HELM]
    } else {
        &[parts::HOST_NAMESPACE, parts::HELM, parts::PULL_SECRETS]
    }
}

fn release(environment: &Environment) -> Resource {
    let name = &environment.spec.name;
    let installation = Installation {
        chart: Chart::VCluster,
        name,
        namespace: name,
        namespace_exists: true,
        values: values(environment),
    };
    environment
        .part(parts::VIRTUAL_CLUSTER, parts::VIRTUAL_CLUSTER, name, waits_for(environment))
        .release_on_host("release", installation)
}

/// A Cluster takes its VCluster along when it goes, so only the Cluster is ever deleted.
fn cluster(environment: &Environment) -> Vec<Resource> {
    let name = &environment.spec.name;
    let part = environment.part(parts::VIRTUAL_CLUSTER, parts::VIRTUAL_CLUSTER, name, waits_for(environment));
    let cluster = Cluster {
        infrastructure_ref: Reference::to::<VCluster>(name),
        control_plane_ref: Reference::to::<VCluster>(name),
    };
    let chart = environment.owner.settings.chart(Chart::VCluster);
    let vcluster = VCluster {
        control_plane_endpoint: Endpoint { host: host(name), port: u32::from(PORT) },
        helm_release: HelmRelease {
            chart: HelmChart { name: chart.name, repo: chart.repository, version: chart.version },
            values: yaml(&values(environment)),
        },
    };
    vec![
        part.on_host("cluster", &cluster.named(part.metadata(name)), Ready::Condition),
        part.kept_on_host("infrastructure", &vcluster.named(part.metadata(name)), Ready::Condition),
    ]
}

/// The name of the virtual cluster's Service that its certificate is good for, and that is found from other namespaces.
fn host(name: &str) -> String {
    format!("{name}.{name}")
}

/// The control plane as another user than root, who owns its volume. The user is the one that vCluster's makers test.
fn not_root() -> Value {
    const USER: i64 = 12_345;
    let pod = PodSecurityContext { fs_group: Some(USER), ..default_pod_security() };
    json!({
        "podSecurityContext": pod,
        "containerSecurityContext": {"runAsUser": USER, "runAsNonRoot": true},
    })
}

/// The values of the chart. Of the host's, only storage classes are taken. ConfigMaps and Secrets are not: each change of
/// them would restart the control plane, and it could read the host's Secrets.
pub fn values(environment: &Environment) -> Value {
    let name = &environment.spec.name;
    let settings = &environment.owner.settings;
    let pull_secrets: Vec<Value> = settings.pull_secrets.iter().map(|secret| json!({"name": secret.name})).collect();
    let node_selector = settings.node_selector().unwrap_or_default();
    let tolerations = settings.tolerations().unwrap_or_default();
    let (registry, repository) = VCLUSTER_IMAGE;
    let security = json!({"podSecurityContext": default_pod_security()});
    let own_security = if settings.virtual_cluster.run_as_non_root { not_root() } else { security.clone() };
    json!({
        "exportKubeConfig": {"server": format!("https://{}:{PORT}", host(name))},
        "sync": {
            "toHost": {
                // Only the host's network can enforce a policy.
                "networkPolicies": {"enabled": true},
                "pods": {
                    // Else they stand in annotations of the pods on the host, for ten years, and whoever may read pods
                    // there is whoever runs in them.
                    "useSecretsForSATokens": true,
                    // It lets a StatefulSet's pods find themselves under their long name in their own list of hosts, by an
                    // init container whose image is another one to mirror. PostgreSQL and Prometheus do without.
                    "rewriteHosts": {"enabled": false},
                },
            },
            // The API server inside lets a volume grow only if it finds its class there.
            "fromHost": {"storageClasses": {"enabled": true}},
        },
        // What reading the classes takes is bound beside the providers. Whoever installs the chart could else make roles for
        // the whole host.
        "rbac": {"clusterRole": {"enabled": false}},
        "controlPlane": {
            "statefulSet": {
                "image": {"registry": registry, "repository": repository},
                // The chart's own sizes stand, memory included; of CPU it sets no end.
                "resources": {"limits": {"cpu": "4"}},
                "security": own_security,
                "persistence": {"volumeClaim": {
                    "retentionPolicy": if environment.spec.retain { "Retain" } else { "Delete" },
                    "storageClass": settings.storage_class.as_deref().unwrap_or_default(),
                }},
                "scheduling": {"nodeSelector": node_selector, "tolerations": tolerations},
            },
            "coredns": {
                "security": security,
                "deployment": {"nodeSelector": node_selector, "tolerations": tolerations},
            },
            "advanced": {
                "defaultImageRegistry": settings.registry.as_deref().unwrap_or_default(),
                "serviceAccount": {"imagePullSecrets": pull_secrets},
                "workloadServiceAccount": {"imagePullSecrets": pull_secrets},
            },
        },
        // Their defaults stop every part that needs more than 512Mi.
        "policies": {"resourceQuota": {"enabled": false}, "limitRange": {"enabled": false}},
        "telemetry": {"enabled": settings.telemetry.vcluster},
    })
}
