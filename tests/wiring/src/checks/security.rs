//! Security rules for every pod, namespace and Role. A violation is a row in the table of `docs/security.md`, with its
//! reason, or else a finding.

use std::sync::LazyLock;

use realtime_platform_core::parts::plan::Place;
use realtime_platform_core::settings::pins::Image;
use serde_json::{Value, json};

use crate::checks::rights;
use crate::finding::Finding;
use crate::pods::{Container, Pod};
use crate::value::Look;
use crate::world::{Object, Origin, World};

/// Violation of a rule.
pub struct Violation {
    pub rule: &'static str,
    /// Container, as `POD/CONTAINER`, or else pod or object.
    pub of: String,
    pub finding: Finding,
}

/// Row of a table in `docs/security.md`.
pub struct Allowance {
    pub rule: &'static str,
    pub of: &'static str,
    pub reason: &'static str,
}

static ALLOWANCES: LazyLock<Vec<Allowance>> = LazyLock::new(|| table("exceptions"));

/// Rows of a table in `docs/security.md`.
pub fn table(name: &str) -> Vec<Allowance> {
    let text = include_str!("../../../../docs/security.md");
    let start = format!("<!-- {name}: tests/real/policy.rs reads this table -->");
    let (_, rest) = text.split_once(&start).expect("the document has the table");
    let (table, _) = rest.split_once(&format!("<!-- end of {name} -->")).expect("the table has an end");
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    rows.map(cells)
        .map(|cells| match cells.as_slice() {
            [rule, of, reason] => Allowance { rule: code(rule), of: code(of), reason },
            _ => panic!("not a rule, what it is of, and a reason: {cells:?}"),
        })
        .collect()
}

fn code(cell: &str) -> &str {
    cell.trim_matches('`')
}

pub fn allowances() -> &'static [Allowance] {
    &ALLOWANCES
}

impl Allowance {
    pub fn covers(&self, rule: &str, of: &str) -> bool {
        self.rule == rule && (self.of == of || self.of == "everything")
    }
}

pub fn check(world: &World) -> Vec<Finding> {
    let is_allowed = |violation: &Violation| ALLOWANCES.iter().any(|row| row.covers(violation.rule, &violation.of));
    violations(world)
        .into_iter()
        .filter(|violation| !is_allowed(violation))
        .map(|violation| violation.finding)
        .collect()
}

/// All violations of all rules.
pub fn violations(world: &World) -> Vec<Violation> {
    let mut found = Vec::new();
    let (ours, others): (Vec<_>, Vec<_>) = world.pods.iter().partition(|pod| is_ours(world, pod));
    for pod in others {
        for container in &pod.containers {
            of_size(pod, container, &format!("{}/{}", pod.object.name, container.value.text("/name")), &mut found);
        }
    }
    for serving in world.of_kind("operator.knative.dev", "KnativeServing") {
        of_queue_proxy(serving, &mut found);
    }
    for pod in ours {
        let app = pod.labels.get("app").copied().unwrap_or_default();
        of_pod(world, pod, app, &mut found);
        for container in &pod.containers {
            let image = container.value.text("/image");
            let is_made = matches!(pod.object.origin, Origin::Made);
            let is_known = is_made || Image::ALL.into_iter().any(|known| world.platform.settings.image(known) == image);
            let name = if is_known { container.value.text("/name") } else { "image of the claim" };
            let of = format!("{app}/{name}");
            of_container(pod, container, &of, &mut found);
            of_size(pod, container, &of, &mut found);
        }
    }
    for object in world.of_kind("", "Namespace").filter(|object| object.resource().is_some()) {
        of_namespace(object, &mut found);
    }
    for object in world.of_kind("rbac.authorization.k8s.io", "Role") {
        of_role(object, &mut found);
    }
    found
}

/// Whether a pod is in the virtual cluster, and either composed or made by a chart in the namespace of a claim.
fn is_ours(world: &World, pod: &Pod) -> bool {
    let is_tenants = || world.platform.claims.iter().any(|claim| claim.spec.text("/namespace") == pod.object.namespace);
    pod.object.place == Place::Inside && (matches!(pod.object.origin, Origin::Composed(..)) || is_tenants())
}

fn of_pod(world: &World, pod: &Pod, app: &str, found: &mut Vec<Violation>) {
    let mut breaks = |rule, field: &str, message: &str| {
        found.push(Violation {
            rule,
            of: app.to_owned(),
            finding: Finding::at(pod, field, format!("{rule}: {message}")),
        });
    };
    for host in ["/hostNetwork", "/hostPID", "/hostIPC"] {
        if pod.spec.is_true(host) {
            breaks("no host", host, "sees the node that it runs on");
        }
    }
    if pod.spec.items("/volumes").iter().any(|volume| volume.has("/hostPath")) {
        breaks("no host", "/volumes", "mounts a directory of the node");
    }
    let is_endless = |volume: &&Value| volume.has("/emptyDir") && !is_amount(volume.text("/emptyDir/sizeLimit"));
    if let Some(volume) = pod.spec.items("/volumes").iter().find(is_endless) {
        breaks("sized", "/volumes", &format!("may fill its node's disk through volume {}", volume.text("/name")));
    }
    let account = world.find(pod.object.place, "", "ServiceAccount", &pod.object.namespace, account(pod));
    let is_off = |value: &Value| value == &Value::Bool(false);
    let by_account = account.is_some_and(|account| is_off(account.manifest.at("/automountServiceAccountToken")));
    let own = pod.spec.at("/automountServiceAccountToken");
    if !is_off(own) && (own == &Value::Bool(true) || !by_account) {
        breaks("no token", "/automountServiceAccountToken", "is given a token of its service account");
    }
}

fn account<'a>(pod: &Pod<'a>) -> &'a str {
    pod.spec.text("/serviceAccountName")
}

fn of_container(pod: &Pod, container: &Container, of: &str, found: &mut Vec<Violation>) {
    let mut breaks = |rule, message: &str| {
        let finding = Finding::at(pod, format!("{}/securityContext", container.field), format!("{rule}: {message}"));
        found.push(Violation { rule, of: of.to_owned(), finding });
    };
    let (own, of_pod) = (container.value.at("/securityContext"), pod.spec.at("/securityContext"));
    let either = |pointer: &str| if own.has(pointer) { own.at(pointer) } else { of_pod.at(pointer) };
    if either("/runAsNonRoot") != &json!(true) || either("/runAsUser").as_i64() == Some(0) {
        breaks("not root", "may run as root");
    }
    if !own.is_true("/readOnlyRootFilesystem") {
        breaks("read-only root", "may write anywhere in its image");
    }
    if own.at("/allowPrivilegeEscalation") != &json!(false) || own.is_true("/privileged") {
        breaks("no escalation", "may gain privileges");
    }
    if !own.texts("/capabilities/drop").eq(["ALL"]) || own.has("/capabilities/add") {
        breaks("no capabilities", "keeps capabilities");
    }
    if either("/seccompProfile/type") != &json!("RuntimeDefault") {
        breaks("seccomp", "may make every call to the kernel");
    }
    if container.value.items("/ports").iter().any(|port| port.has("/hostPort")) {
        breaks("no host", "takes a port of the node");
    }
}

fn of_size(pod: &Pod, container: &Container, of: &str, found: &mut Vec<Violation>) {
    let resources = container.value.at("/resources");
    let sizes = ["/requests/cpu", "/requests/memory", "/limits/cpu", "/limits/memory"];
    if sizes.iter().any(|size| !is_amount(resources.text(size))) {
        let field = format!("{}/resources", container.field);
        let finding = Finding::at(pod, field, "sized: does not say what it needs and where it ends");
        found.push(Violation { rule: "sized", of: of.to_owned(), finding });
    }
}

/// Sizes of queue-proxy, which Knative adds to each pod of a service.
fn of_queue_proxy(serving: &Object, found: &mut Vec<Violation>) {
    for size in ["cpu-request", "cpu-limit", "memory-request", "memory-limit"] {
        let field = format!("/spec/config/deployment/queue-sidecar-{size}");
        if !is_amount(serving.manifest.text(&field)) {
            let finding = Finding::on(serving, &field, "sized: Knative gives its proxy none of its own");
            found.push(Violation { rule: "sized", of: "queue-proxy".to_owned(), finding });
        }
    }
}

/// Whether a text is an amount of CPU or memory as Kubernetes reads it.
fn is_amount(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    digits.parse::<f64>().is_ok() && ["", "m", "Ki", "Mi", "Gi", "Ti"].contains(&unit)
}

/// Namespaces in which only charts of the environment run. With our values, the charts meet the standard `restricted`.
const RESTRICTED: [&str; 8] = [
    "cert-manager",
    "cnpg-system",
    "istio-system",
    "knative-operator",
    "knative-serving",
    "monitoring",
    "rabbitmq-system",
    "strimzi-system",
];

fn of_namespace(namespace: &Object, found: &mut Vec<Violation>) {
    let enforced = if RESTRICTED.contains(&namespace.name.as_str()) { "restricted" } else { "baseline" };
    let labels = namespace.labels();
    for (mode, level) in [("enforce", enforced), ("warn", "restricted"), ("audit", "restricted")] {
        let label = format!("pod-security.kubernetes.io/{mode}");
        if labels.get(label.as_str()) != Some(&level) {
            let finding = Finding::on(namespace, "/metadata/labels", format!("{label} must be {level}"));
            found.push(Violation { rule: "pod security", of: namespace.name.clone(), finding });
        }
    }
}

/// Every rule of a Role names its resources, without wildcards. Only people who may see a namespace have rules about all
/// its resources of some kinds; the check `rights` knows these rules.
fn of_role(role: &Object, found: &mut Vec<Violation>) {
    for (index, rule) in role.manifest.items("/rules").iter().enumerate() {
        let is_named = !rule.items("/resourceNames").is_empty() || rights::is_of_people(&role.manifest);
        let is_wide =
            ["/verbs", "/resources", "/apiGroups"].iter().any(|list| rule.texts(list).any(|word| word == "*"));
        if !is_named || is_wide {
            let finding = Finding::on(role, format!("/rules/{index}"), "does not name what it is about");
            found.push(Violation { rule: "named rights", of: role.name.clone(), finding });
        }
    }
}
