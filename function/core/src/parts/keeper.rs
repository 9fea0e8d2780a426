//! Keepers: pods that run a shell script for as long as a claim exists, to keep something in another program as the
//! claim asks for it, such as a connector in Kafka Connect.
//!
//! A script that fails prints the fault as its last line. The kubelet copies that line into the status of the pod,
//! which an Object observes, so that the script needs neither rights nor a token to report the fault. The pod belongs
//! to a StatefulSet: its name is fixed, and Kubernetes never runs two of them, which would undo each other's changes.

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

/// Path of the file that a keeper's script creates while everything is as the claim asks for it. The readiness probe of
/// the keeper's pod tests for the file.
const READY: &str = "/tmp/ready";

/// Keeper: a pod whose shell script keeps something in another program, such as Kafka Connect, as a claim asks for it.
pub struct Keeper<'a> {
    /// Part of the claim's plan to which the keeper's pod belongs. The value of the label `app` on the pod is also the
    /// name of the keeper's StatefulSet.
    pub part: &'a Part<'a>,
    pub image: String,
    /// Shell script of a keeper, a pod that keeps another program as a claim asks for it. The pod's container runs the
    /// script with `sh`.
    pub script: &'static str,
    pub env: Vec<EnvVar>,
    /// Labels of a keeper's pod besides those of its part of the plan, by which network policies admit the pod's
    /// connections.
    pub pod_labels: BTreeMap<String, String>,
    /// ConfigMap with files for the shell script of a keeper's pod, and the directory in the container at which they
    /// are mounted.
    pub files: Option<(&'a ConfigMap, &'static str)>,
    /// Generation of the credentials that the shell script of a keeper's pod uses. The claim's author raises this
    /// number after a rotation, which restarts the pod.
    pub credentials_generation: u32,
}

impl Keeper<'_> {
    /// Two composed resources of a keeper: its StatefulSet, and an Object that observes its pod. The key of each in the
    /// composite consists of the name of the part, a hyphen, the argument `key`, and `keeper` or `pod`.
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
            // With the policy `FallbackToLogsOnError`, the kubelet copies the end of a failed container's log into the
            // pod's status. The last line of a keeper's log names the fault.
            termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
            resources: Some(requests(Cpu::thousandths(50), "64Mi", "64Mi")),
            security_context: Some(confined()),
            volume_mounts: Some(mounts),
            ..container("script", self.image, &[])
        };
        StatefulSetSpec {
            replicas: Some(1),
            selector: self.part.label_selector(),
            // The pod management policy is `Parallel`: with the default, `OrderedReady`, a StatefulSet whose pod never
            // became ready does not replace this pod after a change of the pod template.
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
