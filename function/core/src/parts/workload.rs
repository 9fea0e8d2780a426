//! What most parts share: one container behind one Service, and Jobs that run a script. A part that differs edits what it
//! gets from here.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy};
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMap, ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, EnvVar,
    HTTPGetAction, PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimVolumeSource,
    PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecurityContext,
    Service, ServicePort, ServiceSpec, TCPSocketAction, Volume, VolumeMount, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::kinds::Spec;
use crate::kinds::knative::{self, RevisionSpec, RevisionTemplate};
use crate::parts::owner::label;
use crate::parts::part::Part;
use crate::parts::place::to_text;
use crate::parts::plan::{Ready, Resource};
use crate::schema::size::{Bytes, Cpu};
use crate::text::language::{Text, Variable};

/// A port by name and number.
pub type Port = (&'static str, i32);

/// The volume for what a program writes and nobody keeps.
pub const TMP: &str = "tmp";

/// The user of programs that are indifferent to it. Nothing of a node or of an image belongs to this one.
pub const NOBODY: i64 = 65_534;

/// A pod that runs one part, once: its volumes can be mounted by one pod at a time.
pub struct Workload<'a> {
    pub part: &'a Part<'a>,
    pub container: Container,
    pub init_containers: Vec<Container>,
    pub volumes: Vec<Volume>,
    pub security: PodSecurityContext,
    /// What restarts the pods when it changes, although their template does not say it: configuration and credentials.
    pub restart_on: BTreeMap<String, String>,
}

impl Workload<'_> {
    pub fn deployment(self) -> Deployment {
        let part = self.part;
        Deployment {
            metadata: part.metadata(part.app),
            spec: Some(DeploymentSpec {
                replicas: Some(1),
                selector: part.label_selector(),
                // A volume that one pod holds cannot be taken over while that pod still runs.
                strategy: Some(DeploymentStrategy {
                    type_: Some("Recreate".to_owned()),
                    ..DeploymentStrategy::default()
                }),
                template: PodTemplateSpec {
                    metadata: Some(ObjectMeta {
                        labels: Some(part.pod_labels()),
                        annotations: (!self.restart_on.is_empty()).then_some(self.restart_on),
                        ..ObjectMeta::default()
                    }),
                    spec: Some(PodSpec {
                        containers: vec![self.container],
                        init_containers: (!self.init_containers.is_empty()).then_some(self.init_containers),
                        volumes: (!self.volumes.is_empty()).then_some(self.volumes),
                        security_context: Some(self.security),
                        ..pod(part)
                    }),
                },
                ..DeploymentSpec::default()
            }),
            ..Deployment::default()
        }
    }
}

/// What every pod of ours has: no token, no variables for each Service around it, and a place to run.
pub fn pod(part: &Part) -> PodSpec {
    PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        node_selector: part.owner.settings.node_selector(),
        tolerations: part.owner.settings.tolerations(),
        ..PodSpec::default()
    }
}

/// A Knative service that is called like its part's pods. Only routes of ours lead to it from outside.
pub fn scaled_service(
    part: &Part,
    annotations: BTreeMap<String, String>,
    container: Container,
    volumes: Vec<Volume>,
) -> Resource {
    let template = RevisionTemplate {
        metadata: ObjectMeta {
            labels: Some(part.pod_labels()),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        spec: RevisionSpec {
            automount_service_account_token: false,
            enable_service_links: false,
            node_selector: part.owner.settings.node_selector(),
            tolerations: part.owner.settings.tolerations(),
            containers: vec![container],
            volumes,
        },
    };
    let mut metadata = part.metadata(part.app);
    let labels = metadata.labels.get_or_insert_default();
    labels.insert("networking.knative.dev/visibility".to_owned(), "cluster-local".to_owned());
    part.inside("service", &knative::Service { template }.named(metadata), Ready::Condition)
}

/// The Service in front of a part's pods.
pub fn service(part: &Part, name: &str, ports: &[Port]) -> Service {
    Service {
        metadata: part.metadata(name),
        spec: Some(ServiceSpec {
            selector: Some(part.selector()),
            ports: Some(ports.iter().copied().map(service_port).collect()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn service_port((name, port): Port) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port,
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}

pub fn config_map(part: &Part, name: &str, data: BTreeMap<String, String>) -> ConfigMap {
    ConfigMap { metadata: part.metadata(name), data: Some(data), ..ConfigMap::default() }
}

/// A volume claim of the platform's storage class.
pub fn volume_claim(part: &Part, name: &str, size: Bytes) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: part.metadata(name),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([quantity("storage", &size)])),
                ..VolumeResourceRequirements::default()
            }),
            storage_class_name: part.owner.settings.storage_class.clone(),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

pub fn container(name: &str, image: String, ports: &[Port]) -> Container {
    Container {
        name: name.to_owned(),
        image: Some(image),
        ports: (!ports.is_empty()).then(|| {
            ports
                .iter()
                .map(|&(name, port)| ContainerPort {
                    name: Some(name.to_owned()),
                    container_port: port,
                    ..ContainerPort::default()
                })
                .collect()
        }),
        ..Container::default()
    }
}

/// A variable with exactly this value.
pub fn env(name: &str, value: impl AsRef<str>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(Text::<Variable>::literal(value.as_ref()).to_string()),
        ..EnvVar::default()
    }
}

pub fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

pub fn read_only(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { read_only: Some(true), ..mount(volume, path) }
}

pub fn config_volume(volume: &str, config_map: &str) -> Volume {
    Volume {
        name: volume.to_owned(),
        config_map: Some(ConfigMapVolumeSource { name: config_map.to_owned(), ..ConfigMapVolumeSource::default() }),
        ..Volume::default()
    }
}

pub fn claimed_volume(volume: &str, claim: &str) -> Volume {
    Volume {
        name: volume.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim.to_owned(),
            ..PersistentVolumeClaimVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// A volume that goes with its pod, which is stopped where it writes more than this onto its node's disk.
pub fn scratch_volume(volume: &str, size: &str) -> Volume {
    let directory =
        EmptyDirVolumeSource { size_limit: Some(Quantity(size.to_owned())), ..EmptyDirVolumeSource::default() };
    Volume { name: volume.to_owned(), empty_dir: Some(directory), ..Volume::default() }
}

/// A volume of a node's memory, for what no disk should keep. What is in it counts as memory of the containers.
pub fn memory_volume(volume: &str, size: &str) -> Volume {
    let mut volume = scratch_volume(volume, size);
    volume.empty_dir.get_or_insert_default().medium = Some("Memory".to_owned());
    volume
}

/// CPU and memory that are reserved, the CPU that a container may take beyond that, and the memory at which it is stopped.
pub fn requests(cpu: Cpu, memory: &str, memory_limit: &str) -> ResourceRequirements {
    ResourceRequirements {
        requests: Some(BTreeMap::from([quantity("cpu", &cpu), quantity("memory", memory)])),
        limits: Some(BTreeMap::from([quantity("cpu", &cpu.limit()), quantity("memory", memory_limit)])),
        ..ResourceRequirements::default()
    }
}

fn quantity(name: &str, amount: &(impl ToString + ?Sized)) -> (String, Quantity) {
    (name.to_owned(), Quantity(amount.to_string()))
}

/// A probe that connects to a port.
pub fn tcp_probe(port: &str, period_seconds: i32, failure_threshold: i32) -> Probe {
    Probe {
        tcp_socket: Some(TCPSocketAction { port: IntOrString::String(port.to_owned()), ..TCPSocketAction::default() }),
        period_seconds: Some(period_seconds),
        failure_threshold: Some(failure_threshold),
        ..Probe::default()
    }
}

/// A probe that asks for a page.
pub fn http_probe(path: &str, port: &str, period_seconds: i32, failure_threshold: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(port.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(5),
        failure_threshold: Some(failure_threshold),
        ..Probe::default()
    }
}

/// A pod of one user that is not root; its volumes belong to that user's group.
pub fn pod_user(user: i64) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(user),
        run_as_group: Some(user),
        fs_group: Some(user),
        ..default_pod_security()
    }
}

/// What every pod can bear, whatever user its image runs as.
pub fn default_pod_security() -> PodSecurityContext {
    PodSecurityContext {
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
        ..PodSecurityContext::default()
    }
}

/// The same, in a pod that cannot say it for all its containers.
pub fn confined_alone() -> SecurityContext {
    SecurityContext { seccomp_profile: default_pod_security().seccomp_profile, ..confined() }
}

/// A container that needs nothing of the kernel and writes nowhere but to its volumes.
pub fn confined() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
        ..SecurityContext::default()
    }
}

/// The same for a program that is indifferent to its user, in a pod that names none.
pub fn nobody(context: SecurityContext) -> SecurityContext {
    SecurityContext { run_as_non_root: Some(true), run_as_user: Some(NOBODY), run_as_group: Some(NOBODY), ..context }
}

/// A container whose image begins as root, or may do so: it keeps what root needs to own files, to become another user and
/// to end that user's programs. Of what else a runtime grants, such as raw packets and device files, nothing.
pub fn confined_root() -> SecurityContext {
    let immutable = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"];
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: Some(immutable.map(str::to_owned).to_vec()),
        }),
        ..SecurityContext::default()
    }
}

/// A script that runs to its end, again whenever anything about it changes.
pub struct Task<'a> {
    pub part: &'a Part<'a>,
    /// First half of the Job's name; a hash of its content is the second.
    pub name: &'a str,
    pub image: String,
    /// A shell script, run by `sh`.
    pub script: &'static str,
    pub env: Vec<EnvVar>,
    /// Labels of its pod beside the part's, for the network policies that admit it.
    pub pod_labels: BTreeMap<String, String>,
    pub service_account: Option<String>,
    /// Whether anything that the script calls writes below `/tmp`.
    pub needs_tmp: bool,
    pub memory: &'a str,
    pub deadline_seconds: i64,
    /// Rises when credentials were rotated, so that the Job runs again.
    pub credentials_generation: u32,
}

impl Task<'_> {
    pub fn resource(self) -> Resource {
        let part = *self.part;
        let spec = self.spec();
        let hash = hash8(&spec);
        let name = format!("{}-{hash}", self.name);
        let job = Job {
            metadata: ObjectMeta {
                // Without it the Job's pods would outlive the Job.
                finalizers: Some(vec!["foregroundDeletion".to_owned()]),
                ..part.metadata(name)
            },
            spec: Some(spec),
            ..Job::default()
        };
        part.inside(&format!("job-{hash}"), &job, Ready::Complete)
    }

    fn spec(&self) -> JobSpec {
        let mut labels = self.part.pod_labels();
        labels.extend(self.pod_labels.clone());
        let script = Container {
            command: Some(vec!["sh".to_owned(), "-c".to_owned(), self.script.to_owned()]),
            env: Some(self.env.clone()),
            resources: Some(requests(Cpu::thousandths(50), self.memory, self.memory)),
            security_context: Some(confined()),
            volume_mounts: self.needs_tmp.then(|| vec![mount(TMP, "/tmp")]),
            ..container("script", self.image.clone(), &[])
        };
        JobSpec {
            active_deadline_seconds: Some(self.deadline_seconds),
            // Waiting is the script's own affair; what is left to retry is a pod that was lost.
            backoff_limit: Some(10),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    annotations: Some(credentials(self.credentials_generation)),
                    ..ObjectMeta::default()
                }),
                spec: Some(PodSpec {
                    containers: vec![script],
                    restart_policy: Some("OnFailure".to_owned()),
                    security_context: Some(pod_user(NOBODY)),
                    automount_service_account_token: Some(self.service_account.is_some()),
                    service_account_name: self.service_account.clone(),
                    volumes: self.needs_tmp.then(|| vec![scratch_volume(TMP, "256Mi")]),
                    ..pod(self.part)
                }),
            },
            ..JobSpec::default()
        }
    }
}

/// The annotation that restarts pods when credentials were rotated.
pub fn credentials(generation: u32) -> BTreeMap<String, String> {
    BTreeMap::from([(label("credentials-generation"), generation.to_string())])
}

/// The annotation that restarts pods when their configuration changes.
pub fn configuration(content: &impl Serialize) -> BTreeMap<String, String> {
    BTreeMap::from([(label("configuration"), hash8(content))])
}

/// Eight hexadecimal digits that change when the content does.
pub fn hash8(content: &impl Serialize) -> String {
    let digest = Sha256::digest(to_text(content));
    let [first, second, third, fourth, ..] = digest.0;
    format!("{:08x}", u32::from_be_bytes([first, second, third, fourth]))
}
