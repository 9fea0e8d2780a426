//! Building blocks of most parts of a plan: a Deployment with one container behind a Service, a Knative service, and
//! Jobs that run a script. If these do not suffice for a part, the part changes the Kubernetes objects that this module
//! returns.

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
use crate::parts::cluster::to_text;
use crate::parts::owner::label;
use crate::parts::part::Part;
use crate::parts::plan::{Ready, Resource};
use crate::schema::size::{Bytes, Cpu};
use crate::text::language::{Text, Variable};

/// Name and number of a port of a container or Service.
pub type Port = (&'static str, i32);

/// Name of the pod volume for temporary files, which a container's program writes below `/tmp`.
pub const TMP: &str = "tmp";

/// User and group ID for container programs that can run as any user. No file of a node or of an image belongs to the
/// ID.
pub const NOBODY: i64 = 65_534;

/// Workload of one part of the plan: a Deployment with one pod, because a volume of the pod can be mounted by one pod
/// at a time.
pub struct Workload<'a> {
    pub part: &'a Part<'a>,
    pub container: Container,
    pub init_containers: Vec<Container>,
    pub volumes: Vec<Volume>,
    pub security: PodSecurityContext,
    /// Annotations of the pod template that restart the pod after a change of configuration or credentials. The pod
    /// template only refers to ConfigMaps and Secrets, so without the annotations it would stay the same.
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
                // The new pod of a Deployment cannot mount its volume while the old pod still runs, so the old pod ends
                // first.
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

/// Pod spec with the settings that the pods of all Deployments, StatefulSets and Jobs share: no service account token,
/// no environment variables for the Services of the namespace, and the platform team's node selector and tolerations.
pub fn pod(part: &Part) -> PodSpec {
    PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        node_selector: part.owner.settings.node_selector(),
        tolerations: part.owner.settings.tolerations(),
        ..PodSpec::default()
    }
}

/// Composed resource: a Knative service, named by the label `app` of its part's pods. It is cluster-local, so that
/// outside traffic reaches it through the routes of this platform only.
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

/// Service in front of the pods of a part of the plan. Each port of the Service leads to the container port of the same
/// name.
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

/// PersistentVolumeClaim for the data of a part of the plan, with the storage class of the platform team's settings.
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

/// Environment variable of a container with a literal value. References in the value, such as `$(NAME)`, which the
/// kubelet would replace, are escaped.
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

/// Pod volume on the node's disk that is deleted with the pod. The kubelet evicts a pod that writes more than `size` to
/// the volume.
pub fn scratch_volume(volume: &str, size: &str) -> Volume {
    let directory =
        EmptyDirVolumeSource { size_limit: Some(Quantity(size.to_owned())), ..EmptyDirVolumeSource::default() };
    Volume { name: volume.to_owned(), empty_dir: Some(directory), ..Volume::default() }
}

/// Pod volume in the node's memory, for content that must not be stored on a disk. The content counts as memory of the
/// pod's containers.
pub fn memory_volume(volume: &str, size: &str) -> Volume {
    let mut volume = scratch_volume(volume, size);
    volume.empty_dir.get_or_insert_default().medium = Some("Memory".to_owned());
    volume
}

/// Resources of a container: requested CPU and memory, the CPU limit that follows from the request, and the memory
/// limit, at which the container is killed.
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

pub fn tcp_probe(port: &str, period_seconds: i32, failure_threshold: i32) -> Probe {
    Probe {
        tcp_socket: Some(TCPSocketAction { port: IntOrString::String(port.to_owned()), ..TCPSocketAction::default() }),
        period_seconds: Some(period_seconds),
        failure_threshold: Some(failure_threshold),
        ..Probe::default()
    }
}

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

/// Security context of a pod that runs as one user other than root. Volumes of the pod belong to the group with the
/// same ID.
pub fn pod_user(user: i64) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(user),
        run_as_group: Some(user),
        fs_group: Some(user),
        ..default_pod_security()
    }
}

/// Security context of a pod whose image decides as which user its program runs: it sets the seccomp profile alone.
pub fn default_pod_security() -> PodSecurityContext {
    PodSecurityContext {
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
        ..PodSecurityContext::default()
    }
}

/// Security context of a container in a Knative service that needs no Linux capabilities and writes to its volumes
/// only. It sets the seccomp profile too, because pods of Knative services have no security context of their own.
pub fn confined_alone() -> SecurityContext {
    SecurityContext { seccomp_profile: default_pod_security().seccomp_profile, ..confined() }
}

/// Security context of a container that needs no Linux capabilities and writes to its volumes only.
pub fn confined() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
        ..SecurityContext::default()
    }
}

/// Security context of a container with the unprivileged user and group [`NOBODY`] added, for pods whose own security
/// context sets no user.
pub fn nobody(context: SecurityContext) -> SecurityContext {
    SecurityContext { run_as_non_root: Some(true), run_as_user: Some(NOBODY), run_as_group: Some(NOBODY), ..context }
}

/// Security context of a container whose image starts as root, or may do so. The container keeps the Linux capabilities
/// with which root owns files, switches to another user and ends that user's processes. It loses all others that a
/// container runtime grants, such as those for raw packets and device files.
pub fn confined_root() -> SecurityContext {
    let kept = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"];
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: Some(kept.map(str::to_owned).to_vec()),
        }),
        ..SecurityContext::default()
    }
}

/// Kubernetes Job that runs a shell script to its end. Every change of the Job's specification makes a new Job, which
/// runs the script again.
pub struct Task<'a> {
    pub part: &'a Part<'a>,
    /// First half of the Job's name. The second half is a hash of the Job's specification, so that a changed
    /// specification makes a new Job.
    pub name: &'a str,
    pub image: String,
    /// Shell script that the Job's container runs with `sh`.
    pub script: &'static str,
    pub env: Vec<EnvVar>,
    /// Labels of the Job's pod besides those of its part, by which network policies admit the pod's connections.
    pub pod_labels: BTreeMap<String, String>,
    pub service_account: Option<String>,
    /// Whether the Job's script, or a program that the script calls, writes below `/tmp`, so that the pod needs a
    /// volume there.
    pub needs_tmp: bool,
    pub memory: &'a str,
    pub deadline_seconds: i64,
    /// Generation of the credentials that the Job's script uses. The claim's author raises this number after a
    /// rotation, which runs the Job again.
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
                // Without the finalizer `foregroundDeletion`, the pods of a deleted Job would outlive the Job:
                // provider-kubernetes 1.2 deletes as the API server does by default, which leaves a Job's pods. A later
                // release says how (`deletionPropagationPolicy`, by default in the background), which takes the
                // finalizer's place: the pods are deleted soon after the Job.
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
            // The Job's script itself waits for servers that are not up. Retries of the Job are for a script that fails
            // and for a pod that is lost.
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

/// Annotation of a pod template with the generation of the credentials, which restarts the pods when credentials are
/// rotated.
pub fn credentials(generation: u32) -> BTreeMap<String, String> {
    BTreeMap::from([(label("credentials-generation"), generation.to_string())])
}

/// Annotation of a pod template with a hash of the configuration, which restarts the pods when the configuration
/// changes.
pub fn configuration(content: &impl Serialize) -> BTreeMap<String, String> {
    BTreeMap::from([(label("configuration"), hash8(content))])
}

/// Hash of a value's JSON in eight hexadecimal digits, for names and annotations that must change with the value.
pub fn hash8(content: &impl Serialize) -> String {
    let digest = Sha256::digest(to_text(content));
    let [first, second, third, fourth, ..] = digest.0;
    format!("{:08x}", u32::from_be_bytes([first, second, third, fourth]))
}
