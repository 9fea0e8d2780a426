//! Part of an environment's plan: the virtual cluster, as a Release of the vcluster chart, or as a Cluster and a
//! VCluster by which Cluster API installs the same chart.

use super::{parts, phase};
use k8s_openapi::api::core::v1::PodSecurityContext;
use serde_json::{Value, json};

use super::changes;
use super::checked::Environment;
use super::claim::Provisioner;
use super::protection;
use crate::claims::between::part_of::PartOf;
use crate::kinds::cluster_api::{Cluster, Endpoint, HelmChart, HelmRelease, Reference, VCluster};
use crate::kinds::kubernetes::MANIFEST;
use crate::kinds::{Form, Spec};
use crate::life::immutable::Immutable;
use crate::parts::cluster::{Installation, yaml};
use crate::parts::plan::{Outage, Ready, Resource};
use crate::parts::workload::default_pod_security;
use crate::settings::input::STORAGE_CLASS;
use crate::settings::pins::{Chart, VCLUSTER_IMAGE};

/// Port of the Service in front of the virtual cluster's API server.
const PORT: u16 = 443;

pub const PART: PartOf<Environment> = PartOf::new(phase::VIRTUAL_CLUSTER, resources).away_for(Outage {
    part: parts::VIRTUAL_CLUSTER,
    from: 60,
    to: 180,
    meanwhile: "the virtual cluster's API server; pods inside keep running",
});

fn resources(environment: &Environment) -> Vec<Resource> {
    let mut resources = match environment.spec.provisioner {
        Provisioner::Helm => vec![release(environment)],
        Provisioner::ClusterAPI => cluster(environment),
    };
    // The deletion of the first resource in the virtual cluster's part of the plan removes the virtual cluster.
    // Therefore the first resource gets the label by which the environment's ClusterUsages select the virtual cluster.
    if let Some(first) = resources.first_mut() {
        first.mark(protection::mark(parts::VIRTUAL_CLUSTER));
    }
    resources
}

/// Rules for the fields of an environment that cannot change: its name, its provisioner, and the storage class of the
/// virtual cluster's volume.
pub fn immutable(environment: &Environment) -> Vec<Immutable> {
    let external_name = "/metadata/annotations/crossplane.io~1external-name";
    let (release, cluster) = ("vcluster-release", "vcluster-cluster");
    let class = environment.owner.settings.storage_class.as_deref();
    let rule = environment.owner.settings.rule(&STORAGE_CLASS);
    let volume = || format!("the volume of the virtual cluster {}", environment.spec.name);
    match environment.spec.provisioner {
        Provisioner::Helm => vec![
            Immutable::class(release, (&format!("/spec/forProvider/values{CLASS}"), None), volume(), class, rule),
            Immutable::same(release, external_name, &environment.spec.name, "spec.name", changes::NAME),
            Immutable::absent(cluster, "spec.provisioner", changes::PROVISIONER),
        ],
        Provisioner::ClusterAPI => vec![
            Immutable::same(
                cluster,
                &format!("{MANIFEST}/metadata/name"),
                &environment.spec.name,
                "spec.name",
                changes::NAME,
            ),
            Immutable::absent(release, "spec.provisioner", changes::PROVISIONER),
            Immutable::class(
                "vcluster-infrastructure",
                (&format!("{MANIFEST}/spec/helmRelease/values"), Some(CLASS)),
                volume(),
                class,
                rule,
            ),
        ],
    }
}

/// JSON pointer, in the values of the vcluster chart, to the storage class of the volume of the virtual cluster's
/// control plane.
const CLASS: &str = "/controlPlane/statefulSet/persistence/volumeClaim/storageClass";

fn waits_for(environment: &Environment) -> &'static [&'static str] {
    match (environment.owner.claim.form, environment.owner.settings.pull_secrets.is_empty()) {
        (Form::Claim, true) => &[parts::HOST_NAMESPACE, parts::HELM],
        (Form::Claim, false) => &[parts::HOST_NAMESPACE, parts::HELM, parts::PULL_SECRETS],
        (Form::Namespaced, true) => &[parts::HOST_NAMESPACE, parts::HELM, parts::KUBERNETES],
        (Form::Namespaced, false) => &[parts::HOST_NAMESPACE, parts::HELM, parts::KUBERNETES, parts::PULL_SECRETS],
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

/// Objects of provider-kubernetes that create a Cluster and a VCluster, from which Cluster API installs the virtual
/// cluster. Cluster API deletes a VCluster together with its Cluster, so Crossplane deletes only the Cluster.
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

/// Host name of the virtual cluster's Service. The virtual cluster's certificate covers this name, and pods in other
/// namespaces can resolve it.
fn host(name: &str) -> String {
    format!("{name}.{name}")
}

/// Security contexts with which a virtual cluster's control plane runs without root and can write its volume.
/// vCluster's maintainers test with the same user ID (their `e2e/vcluster-rootless.yaml`).
fn not_root() -> Value {
    const USER: i64 = 12_345;
    let pod = PodSecurityContext { fs_group: Some(USER), ..default_pod_security() };
    json!({
        "podSecurityContext": pod,
        "containerSecurityContext": {"runAsUser": USER, "runAsNonRoot": true},
    })
}

/// Values of the vcluster chart for an environment. The only resources of the host cluster that are synced into the
/// virtual cluster are StorageClasses. ConfigMaps and Secrets are not synced: each change of one would restart the
/// control plane, and the control plane could read the host cluster's Secrets.
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
                // Pods of a virtual cluster run on the host cluster, so only the host cluster's network can enforce a
                // NetworkPolicy. vCluster therefore copies the NetworkPolicies to the host cluster.
                "networkPolicies": {"enabled": true},
                "pods": {
                    // Without `useSecretsForSATokens`, vCluster stores service account tokens, valid for ten years, in
                    // annotations of the pods on the host cluster: everybody who may read pods there could act as these
                    // service accounts.
                    "useSecretsForSATokens": true,
                    // `rewriteHosts` of vCluster lets the pods of a StatefulSet resolve their own long host names from
                    // `/etc/hosts`. The option adds an init container, whose image would have to be mirrored too.
                    // PostgreSQL and Prometheus work without the option, so it is off.
                    "rewriteHosts": {"enabled": false},
                },
            },
            // The API server of a virtual cluster expands a volume only if the volume's StorageClass exists inside the
            // virtual cluster, so StorageClasses are synced from the host cluster.
            "fromHost": {"storageClasses": {"enabled": true}},
        },
        // The ClusterRole of the vcluster chart is off: with it, provider-helm would need the right to create roles for
        // the whole host cluster. The ClusterRole by which virtual clusters read the host cluster's StorageClasses is
        // in `package/install/providers/rights.yaml` instead.
        "rbac": {"clusterRole": {"enabled": false}},
        "controlPlane": {
            "statefulSet": {
                "image": {"registry": registry, "repository": repository},
                // The vcluster chart sets no CPU limit for the control plane, so one is set. The chart's default
                // requests and its memory limit stay in force.
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
        // The vcluster chart's default quota and limit range are off, because they would stop every part of a tenant
        // that needs more than 512Mi of memory.
        "policies": {"resourceQuota": {"enabled": false}, "limitRange": {"enabled": false}},
        "telemetry": {"enabled": settings.telemetry.vcluster},
    })
}
