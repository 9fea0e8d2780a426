//! Pods that a change of a claim restarts, and functions of the platform that are unavailable meanwhile.
//!
//! A part of a plan whose function is unavailable while its pods restart declares the duration of that outage.
//! docs/upgrade.md has the same durations.

use realtime_platform_core::parts::plan::{Outage, Plan, Pods, Resource};
use serde::Serialize;
use serde_json::Value;

use super::super::versions::ResourceDifference;

/// Pods that a change of a claim restarts, with the outage that the restart causes.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restart {
    /// Key of the composed resource, such as a Deployment, whose pods a change of its claim restarts.
    pub key: String,
    /// Kind, name and namespace of the object, such as a Deployment, whose pods a change of a claim restarts.
    pub pods: String,
    /// Shortest and longest outage while pods restart, in seconds. `None` where the plan states no outage, as for pods
    /// of another project's chart or operator. The chart or operator decides whether the change restarts these pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away_seconds: Option<Span>,
    /// Functions of the platform that are unavailable while a change of a claim restarts pods.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub meanwhile: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    pub from: u32,
    pub to: u32,
}

/// Helm values whose change restarts no pods: the name of a plan's part, and a JSON pointer into the values of its
/// chart.
const QUIET: [(&str, &str); 2] =
    [("vcluster", "/controlPlane/statefulSet/persistence/volumeClaim/retentionPolicy"), ("istio-gateway", "/service")];

/// Pods that a change of a claim restarts, from the composed resources that differ. `plan` is the plan after the
/// change, which has the outages of the parts.
pub fn of(resources: &[ResourceDifference], plan: &Plan) -> Vec<Restart> {
    let changed = resources.iter().filter_map(|resource| match resource {
        ResourceDifference::Changed { old, new, .. } => Some((*old, *new)),
        ResourceDifference::Added(_) | ResourceDifference::Removed(_) => None,
    });
    changed.filter_map(|(old, new)| restart(old, new, plan.outage(new.part))).collect()
}

fn restart(old: &Resource, new: &Resource, outage: Option<&Outage>) -> Option<Restart> {
    let away_seconds = match (old.pods()?, new.pods()?) {
        (Pods::Replaced(before), Pods::Replaced(after)) if before == after => return None,
        (Pods::TakenOver(before), Pods::TakenOver(after)) if before == after => return None,
        (Pods::Others(before), Pods::Others(after)) if audible(new, before) == audible(new, after) => return None,
        (_, Pods::TakenOver(_)) => Some(Span { from: 0, to: 0 }),
        (_, Pods::Replaced(_) | Pods::Others(_)) => outage.map(|outage| Span { from: outage.from, to: outage.to }),
    };
    let meanwhile = outage.map_or("", |outage| outage.meanwhile);
    Some(Restart { key: new.key.clone(), pods: new.title(), away_seconds, meanwhile })
}

/// Parameters from which a Helm chart or an operator makes pods. The Helm values whose change restarts no pods are set
/// to null, so that a comparison ignores them.
fn audible(resource: &Resource, parameters: &Value) -> Value {
    let mut parameters = parameters.clone();
    for (_, quiet) in QUIET.iter().filter(|(part, _)| *part == resource.part) {
        if let Some(value) = parameters.get_mut("values").and_then(|values| values.pointer_mut(quiet)) {
            *value = Value::Null;
        }
    }
    parameters
}

impl Restart {
    /// Sentence for users of the command `preview` about the pods that a change restarts, and about the outage
    /// meanwhile.
    pub fn sentence(&self) -> String {
        let Self { pods, away_seconds, meanwhile, .. } = self;
        let meanwhile = if meanwhile.is_empty() { String::new() } else { format!(": {meanwhile}") };
        match away_seconds {
            Some(Span { to: 0, .. }) => format!("restarts: {pods}, without a gap"),
            Some(Span { from, to }) if from % 60 == 0 => {
                format!("restarts: {pods}, away for {} to {} minutes{meanwhile}", from / 60, to / 60)
            }
            Some(Span { from, to }) => format!("restarts: {pods}, away for {from} to {to} seconds{meanwhile}"),
            None => format!("may restart: pods of {pods}, as the chart decides"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use realtime_platform_core::claims::KINDS;
    use realtime_platform_core::parts::owner::Claim;
    use realtime_platform_core::settings::Settings;

    /// Every part with a pod that stops before its successor starts declares for how long it is away.
    #[test]
    fn every_outage_has_its_figures() {
        let [_, system, broker] = &KINDS;
        let lenses = json!({"acceptEULA": true, "licenseSecretRef": {"name": "license"}});
        let processors = json!([{"name": "copy", "sql": "INSERT INTO b SELECT STREAM * FROM a"}]);
        let mappings = json!([{"mqttTopic": "a", "kafkaTopic": "a"}]);
        let specs = [
            (system, json!({"namespace": "streaming", "lensesConfig": lenses, "sqlProcessors": processors})),
            (broker, json!({"namespace": "streaming", "connectorConfig": {"mappings": mappings}})),
        ];
        let mut known = 0;
        for (kind, spec) in specs {
            let claim = Claim::new("team", "claim");
            let plan = kind.compose(spec, claim, &Settings::default()).unwrap().plan;
            let replaced = |resource: &&Resource| matches!(resource.pods(), Some(Pods::Replaced(_)));
            for resource in plan.resources.iter().filter(replaced) {
                assert!(plan.outage(resource.part).is_some(), "{}", resource.part);
                known += 1;
            }
        }
        assert!(known >= 9, "{known}");
    }
}
