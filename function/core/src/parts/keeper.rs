//! Scripts that keep something as a claim wants it, for as long as it does, and what is seen of them.
//!
//! A script ends with what is wrong in its last line, and the kubelet shows that line in the status of its pod. So the pod is
//! looked at as well, which no right inside and no token is needed for. It has the same name for ever because a StatefulSet
//! makes it, which also never runs two of them, of which one would take back what the other did.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{
    ConfigMap, Container, EnvVar, ExecAction, Pod, PodSpec, PodTemplateSpec, Probe, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::parts::part::Part;
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::{
    NOBODY, TMP, config_volume, configuration, confined, container, credentials, mount, pod, pod_user, read_only,
    requests, scratch_volume,
};
use crate::schema::size::Cpu;

/// The file that a script leaves while all is well.
const READY: &str = "/tmp/ready";

/// A script that keeps something.
pub struct Keeper<'a> {
    /// Its `app` is the name of the StatefulSet.
    pub part: &'a Part<'a>,
    pub image: String,
    /// A shell script, run by `sh`.
    pub script: &'static str,
    pub env: Vec<EnvVar>,
    /// Labels of its pod beside the part's, for the network policies that admit it.
    pub pod_labels: BTreeMap<String, String>,
    /// Files that it reads, and where.
    pub files: Option<(&'a ConfigMap, &'static str)>,
    /// Rises when credentials were rotated, so that it begins anew.
    pub credentials_generation: u32,
}

impl Keeper<'_> {
    /// What runs it, and what is seen of it. Keys begin with the part and `key`.
    pub fn resources(self, key: &str) -> [Resource; 2] {
        let part = *self.part;
        let seen = Pod {
            metadata: ObjectMeta {
                name: Some(format!("{}-0", part.app)),
                namespace: Some(part.namespace.to_owned()),
                ..ObjectMeta::default()
            },
            ..Pod::default()
        };
        let set = StatefulSet { metadata: part.metadata(part.app), spec: Some(self.spec()), ..StatefulSet::default() };
        [
            part.inside(&format!("{key}keeper"), &set, Ready::Rolled),
            part.seen_inside(&format!("{key}pod"), &seen, Ready::Condition),
        ]
    }

    fn spec(self) -> StatefulSetSpec {
        let mut labels = self.part.pod_labels();
        labels.extend(self.pod_labels);
        let mut annotations = credentials(self.credentials_generation);
        let mut volumes = vec![scratch_volume(TMP, "1Mi")];
        let mut mounts: Vec<VolumeMount> = vec![mount(TMP, "/tmp")];
        if let Some((files, path)) = self.files {
            annotations.extend(configuration(&files.data));
            volumes.push(config_volume("files", files.metadata.name.as_deref().unwrap_or_default()));
            mounts.push(read_only("files", path));
        }
        let script = Container {
            command: Some(vec!["sh".to_owned(), "-c".to_owned(), self.script.to_owned()]),
            env: Some(self.env),
            readiness_probe: Some(Probe {
                exec: Some(ExecAction { command: Some(["test", "-e", READY].map(str::to_owned).to_vec()) }),
                period_seconds: Some(5),
                failure_threshold: Some(1),
                ..Probe::default()
            }),
            // Its last line says what is wrong.
            termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
            resources: Some(requests(Cpu::thousandths(50), "64Mi", "64Mi")),
            security_context: Some(confined()),
            volume_mounts: Some(mounts),
            ..container("script", self.image, &[])
        };
        StatefulSetSpec {
            replicas: Some(1),
            selector: self.part.label_selector(),
            // In order, a pod that never was ready would not be replaced by one of a newer template.
            pod_management_policy: Some("Parallel".to_owned()),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    annotations: Some(annotations),
                    ..ObjectMeta::default()
                }),
                spec: Some(PodSpec {
                    containers: vec![script],
                    security_context: Some(pod_user(NOBODY)),
                    volumes: Some(volumes),
                    ..pod(self.part)
                }),
            },
            ..StatefulSetSpec::default()
        }
    }
}
