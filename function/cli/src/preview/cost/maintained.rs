//! Connectors in Kafka Connect and SQL processors in Lenses that a change of a claim removes or leaves behind. Keeper
//! scripts in the virtual cluster maintain both. The names of connectors and processors are read from the environment
//! variables of the keepers' containers.

use realtime_platform_core::claims::between::kafka::{CONNECT_PORT, KAFKA_APP};
use realtime_platform_core::parts::plan::Resource;
use serde_json::Value;

use super::super::versions::Sides;
use super::types::{Cost, Left, Stop, goes, inside, taken_up};
use crate::preview::claim::Shown;

/// Object that a keeper script maintains in another program: a connector in Kafka Connect or a SQL processor in Lenses,
/// by its name.
#[derive(PartialEq)]
enum Maintained {
    Connector(String),
    Processor(String),
}

/// Connectors in Kafka Connect and SQL processors in Lenses that the keeper script of a composed resource maintains,
/// read from the environment variables of its containers.
fn kept(resource: &Resource) -> Vec<Maintained> {
    let containers = resource.manifest().pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let variables = containers.into_iter().flatten().filter_map(|container| container.get("env")?.as_array()).flatten();
    let mut kept = Vec::new();
    for variable in variables {
        let text = |field: &str| variable.get(field).and_then(Value::as_str).unwrap_or_default();
        match text("name") {
            "CONNECTOR_NAME" => kept.push(Maintained::Connector(text("value").to_owned())),
            "PROCESSORS" => {
                let bodies = text("value").lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                let names = bodies.filter_map(|body| body.get("name")?.as_str().map(str::to_owned));
                kept.extend(names.map(Maintained::Processor));
            }
            _ => {}
        }
    }
    kept
}

/// Adds to the cost of a change, as `preview --diff` reports it, the connectors in Kafka Connect and the SQL processors
/// in Lenses that the changed claim no longer has, so that a keeper script removes them.
pub fn stop(cost: &mut Cost, old: &Shown, new: &Shown) {
    let all = |shown: &Shown| shown.composed.plan.resources.iter().flat_map(kept).collect::<Vec<_>>();
    let after = all(new);
    for gone in all(old).into_iter().filter(|before| !after.contains(before)) {
        let (what, stays) = match gone {
            Maintained::Connector(name) => (format!("connector {name}"), "its topics with their records stay"),
            Maintained::Processor(name) => (format!("SQL processor {name}"), "its topics with their records stay"),
        };
        cost.stops.push(Stop { what, stays });
    }
}

/// Adds to the cost of a removal, as `preview --diff` reports it, the removed claim's connectors in a Kafka Connect
/// that stays. The connectors stay, because the keeper script that would remove them goes with the claim.
pub fn leave(cost: &mut Cost, old: &Shown, removed: &[&Resource], sides: &Sides) {
    let Some(consumer) = &old.composed.consumer else { return };
    // No connectors are left without a keeper script if another claim takes the namespace of the removed claim: the
    // keeper scripts of the other claim maintain connectors of the same names. If the removed claim has
    // `deletionPolicy: Orphan`, its own keeper scripts stay in the cluster and maintain the connectors.
    if sides.new.is_some() || sides.successor.is_some() || sides.connect_goes {
        return;
    }
    for kept in removed.iter().filter(|resource| goes(resource)).flat_map(|resource| kept(resource)) {
        let Maintained::Connector(name) = kept else { continue };
        let (namespace, (_, port)) = (&consumer.namespace, CONNECT_PORT);
        cost.stays_behind.push(Left {
            what: format!("connector {name} in Kafka Connect, which keeps failing to reach its source"),
            until: taken_up(sides),
            remove: inside(&format!(
                "kubectl exec deploy/{KAFKA_APP} -n {namespace} -- curl -fsS -X DELETE http://localhost:{port}/connectors/{name}"
            )),
        });
    }
}
