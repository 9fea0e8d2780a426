//! Admission of all objects that an example puts into a cluster, by a real API server. It accepts each object
//! unchanged, under the validation rules of all custom resources, and warns only of what is listed here.

use std::collections::BTreeSet;

use realtime_platform_core::claims::Composed;
use serde_json::{Value, json};
use support::api_server::ApiServer;
use support::composed;
use support::crossplane::composite;
use support::defined::{define, kind};
use support::examples::{Example, claims, distinct, installed, objects, yaml};
use support::misspelt::{outermost, variants};
use support::tools::{Scratch, run, said};

/// All objects that end up in a cluster: claims, composites, composed resources, the manifests inside these, and what
/// the platform team applies beforehand or when it installs the function.
fn everything() -> Vec<Value> {
    let mut everything = composed::objects(&composed::platforms());
    everything.extend(objects().into_iter().map(|(_, object)| object));
    everything.extend(distinct(&claims()).map(|example| composite(&example.claim)));
    everything.extend(installed());
    everything
}

/// Result of a server-side dry run: the lines about accepted objects, and all other lines.
fn judge(server: &ApiServer, objects: &[Value]) -> (Vec<String>, Vec<String>) {
    let said = server.server_side_dry_run(&yaml(objects)).unwrap_or_else(|refusals| refusals);
    let (taken, other): (Vec<_>, Vec<_>) = said.lines().partition(|line| line.ends_with(TAKEN));
    let owned = |lines: Vec<&str>| lines.into_iter().map(|line| line.trim_end_matches(TAKEN).to_owned()).collect();
    (owned(taken), owned(other))
}

const TAKEN: &str = " serverside-applied (server dry run)";

#[test]
fn an_api_server_takes_everything_and_refuses_what_is_misspelt() {
    let server = ApiServer::start();
    let objects = everything();
    define(&server, &objects);
    takes_everything(&server, &objects);
    refuses_what_is_misspelt(&server, &objects);
}

/// The provider of virtual clusters supports only this version.
const CLUSTER_API: &str =
    "Warning: cluster.x-k8s.io/v1beta1 Cluster is deprecated; use cluster.x-k8s.io/v1beta2 Cluster";

/// Containers that run as the user of their image: Kafka's starts as root, and no user is documented for HQ's.
const ROOT: [&str; 2] = ["kafka", "lenses-hq"];

/// The only warning that a namespace with the `restricted` Pod Security Standard gives for such a container.
fn starts_as_root(container: &str) -> String {
    format!(
        "Warning: would violate PodSecurity \"restricted:latest\": unrestricted capabilities (container \"{container}\" must \
         not include \"CHOWN\", \"DAC_OVERRIDE\", \"FOWNER\", \"FSETID\", \"KILL\", \"SETGID\", \"SETUID\" in \
         securityContext.capabilities.add), runAsNonRoot != true (pod or container \"{container}\" must set \
         securityContext.runAsNonRoot=true)"
    )
}

fn takes_everything(server: &ApiServer, objects: &[Value]) {
    let (taken, refusals) = judge(server, objects);
    let mut expected = vec![CLUSTER_API.to_owned()];
    expected.extend(ROOT.map(starts_as_root));
    expected.sort();
    let refusals: BTreeSet<String> = refusals.into_iter().collect();
    assert_eq!(refusals.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(taken.len(), objects.len());
}

/// Misspelt fields of core kinds at every depth, and misspelt metadata of other kinds. The fields below are checked in
/// `validation.rs`.
fn refuses_what_is_misspelt(server: &ApiServer, objects: &[Value]) {
    let mut variants = variants(objects);
    variants.retain(|place, variant| {
        let group = kind(variant).0;
        !group.contains('.') || group.ends_with(".k8s.io") || place.contains(" /metadata")
    });
    for (index, variant) in variants.values_mut().enumerate() {
        variant["metadata"]["name"] = json!(format!("variant-{index}"));
    }
    let (taken, refusals) = judge(server, &variants.values().cloned().collect::<Vec<_>>());
    assert!(refusals.len() > 100, "{refusals:?}");
    let taken: BTreeSet<&str> = taken.iter().filter_map(|line| Some(line.rsplit_once('/')?.1)).collect();
    let open = variants.iter().filter(|(_, variant)| taken.contains(variant["metadata"]["name"].as_str().unwrap()));
    let open: Vec<&String> = open.map(|(place, _)| place).collect();
    let mut open = outermost(&open);
    // Labels, annotations and selectors accept any key.
    open.retain(|place| !["abels", "/annotations", "elector"].iter().any(|ending| place.ends_with(ending)));
    assert_eq!(open, ["v1 ConfigMap /data"]);
}

/// PersistentVolumeClaim as the function composes it, inside a virtual cluster.
struct Volume<'a> {
    server: &'a ApiServer,
    manifest: Value,
}

impl<'a> Volume<'a> {
    /// Creates the volume claim and sets the status that its provisioner would set on binding.
    fn bound(server: &'a ApiServer, name: &str, class: Option<&str>) -> Self {
        let composed: Vec<Composed> = claims().iter().map(Example::composed).collect();
        let mut resources = composed.iter().flat_map(|composed| &composed.plan.resources);
        let mut manifest = resources.find(|resource| resource.key == "kafka-data").unwrap().manifest().clone();
        manifest["metadata"]["namespace"] = json!("default");
        manifest["metadata"]["name"] = json!(name);
        match class {
            Some(class) => manifest["spec"]["storageClassName"] = json!(class),
            None => drop(manifest["spec"].as_object_mut().unwrap().remove("storageClassName")),
        }
        let this = Self { server, manifest };
        this.of("10Gi").unwrap();
        let status = json!({"phase": "Bound", "capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"]});
        this.patch(&["--subresource=status"], &json!({"status": status})).unwrap();
        this
    }

    /// Applies the volume claim with this size, as a provider does.
    fn of(&self, size: &str) -> Result<String, String> {
        let mut manifest = self.manifest.clone();
        manifest["spec"]["resources"]["requests"]["storage"] = json!(size);
        apply(self.server, &manifest)
    }

    fn patch(&self, how: &[&str], patch: &Value) -> Result<String, String> {
        let mut kubectl = self.server.kubectl();
        kubectl.args(["patch", "persistentvolumeclaim", self.manifest["metadata"]["name"].as_str().unwrap()]);
        let output = run(kubectl.args(["--type=merge", "--patch", &patch.to_string()]).args(how));
        if output.status.success() { Ok(said(&output)) } else { Err(said(&output)) }
    }
}

fn apply(server: &ApiServer, object: &Value) -> Result<String, String> {
    let scratch = Scratch::new("volume");
    let file = scratch.path().join("object.yaml");
    std::fs::write(&file, object.to_string()).unwrap();
    let output = run(server.kubectl().args(["apply", "--server-side", "--field-manager=provider", "-f"]).arg(file));
    if output.status.success() { Ok(said(&output)) } else { Err(said(&output)) }
}

fn storage_class(name: &str, is_default: bool, grows: bool) -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": name,
            "annotations": {"storageclass.kubernetes.io/is-default-class": is_default.to_string()},
        },
        "provisioner": "disks.example.com",
        "allowVolumeExpansion": grows,
    })
}

/// Reason why an environment syncs the host's storage classes into the virtual cluster, with the effect and its limit.
#[test]
fn a_volume_grows_where_its_class_is_inside() {
    const REFUSED: &str = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
    let refused = |volume: &Volume| {
        let reason = volume.of("20Gi").unwrap_err();
        assert!(reason.contains(REFUSED), "{reason}");
    };
    let server = ApiServer::start();
    let before = Volume::bound(&server, "before", None);
    refused(&before);
    refused(&Volume::bound(&server, "unknown", Some("fast")));

    for class in [storage_class("usual", true, true), storage_class("rigid", false, false)] {
        apply(&server, &class).unwrap();
    }
    Volume::bound(&server, "usual", None).of("20Gi").unwrap();
    Volume::bound(&server, "named", Some("usual")).of("20Gi").unwrap();
    refused(&Volume::bound(&server, "rigid", Some("rigid")));

    // A volume claim that was created before its class was synced has no class inside. Only a person can set one.
    refused(&before);
    before.patch(&[], &json!({"spec": {"storageClassName": "usual"}})).unwrap();
    before.of("20Gi").unwrap();
}
