//! Real-time system beside a broker, in the same namespace of the virtual cluster, as the broker's claim has to know it.
//! The bridge of the broker is a resource of Strimzi where Kafka is one, and a script where it is not: the broker's claim
//! says which, because its plan depends on nothing else. The lock of the system says so, too, so that a broker that is
//! told wrong is held with a sentence.

use serde_json::Value;

use crate::claims::between::kafka::KafkaEngine;
use crate::life::adoption::Found;
use crate::life::ownership::{OtherLock, is_taken_up};
use crate::parts::owner::label;
use crate::parts::plan::{Announcement, Plan, Resource};

/// Precondition of a broker's bridge: the system beside it has the engine of Kafka that the broker's claim says, and with
/// the engine `Strimzi` a Kafka Connect that is ready.
pub const KAFKA_BESIDE: &str = "kafka-beside";

/// Key under which the function's answer requires a lookup of the lock of the system beside a broker.
pub const SYSTEM_BESIDE: &str = "lock-of-system";

/// Annotation of a system's lock with the state of its Kafka Connect, if the system's Kafka has the engine `Strimzi`.
const CONNECT: &str = "kafka-connect";
const READY: &str = "ready";
const PENDING: &str = "pending";
const NONE: &str = "none";

/// Adds the state of Kafka Connect to the lock of a system with the engine `Strimzi`, for a broker beside the system. The
/// list `connect` has the part with Kafka Connect; `None` stands for a claim that asks for no Kafka Connect.
pub fn tell(lock: &mut Resource, connect: Option<&'static [&'static str]>) {
    let name = label(CONNECT);
    lock.annotate(&name, if connect.is_some() { PENDING } else { NONE });
    lock.announces.extend(connect.map(|parts| Announcement { annotation: name, parts, once_ready: READY }));
}

/// System beside a broker, as the broker's claim says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Lock of the system, if there is one.
    pub lock: OtherLock,
    pub engine: KafkaEngine,
    /// Name of the part whose resources need the system.
    pub part: &'static str,
}

impl Neighbour {
    /// Makes the part wait for the system beside the claim's, also where a part of this kind waits for nothing of it.
    pub fn hold(&self, plan: &mut Plan) {
        for resource in
            plan.resources.iter_mut().filter(|it| it.part == self.part && !it.waits_for.contains(&KAFKA_BESIDE))
        {
            resource.waits_for = &[KAFKA_BESIDE];
        }
    }

    /// Sentence about what keeps a bridge from Kafka, with the remedy; `None` where nothing does. `found` is the result
    /// of the lookup of the system's lock.
    pub fn keeps_back(&self, found: &Found) -> Option<String> {
        let field = "spec.connectorConfig.kafkaEngine";
        // Before a provider has taken up its lock, a system has nothing in the namespace.
        let lock = found.object().filter(|lock| is_taken_up(lock));
        let connect = lock.and_then(|lock| text(lock, "annotations", &label(CONNECT)));
        let system = lock.and_then(|lock| text(lock, "labels", &label("claim"))).unwrap_or_default();
        match (self.engine, lock, connect) {
            // A script of the engine Development waits for Kafka itself.
            (KafkaEngine::Development, _, None) | (KafkaEngine::Strimzi, _, Some(READY)) => None,
            (KafkaEngine::Development, _, Some(_)) => Some(format!(
                "{system} runs Kafka by Strimzi, and {field} says Development: create another claim with {field} set to Strimzi"
            )),
            (KafkaEngine::Strimzi, None, _) if *found == Found::Unknown => {
                Some("Crossplane has not reported yet which system is in the same namespace".to_owned())
            }
            (KafkaEngine::Strimzi, None, _) => {
                Some("no real-time system is in the same namespace yet, whose Kafka the bridge needs".to_owned())
            }
            (KafkaEngine::Strimzi, Some(_), None) => Some(format!(
                "{system} runs Kafka by Development, and {field} says Strimzi: create another claim without {field}"
            )),
            (KafkaEngine::Strimzi, Some(_), Some(NONE)) => Some(format!(
                "{system} runs no Kafka Connect, which the bridge needs: its owner can add spec.kafkaConfig.connect"
            )),
            (KafkaEngine::Strimzi, Some(_), Some(_)) => Some(format!("Kafka Connect of {system} is not ready yet")),
        }
    }
}

fn text<'a>(lock: &'a Value, map: &str, name: &str) -> Option<&'a str> {
    lock.get("metadata")?.get(map)?.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(engine: KafkaEngine, found: &Found) -> String {
        let lock = OtherLock { api_version: "v", kind: "k", namespace: None, name: "n".to_owned() };
        Neighbour { lock, engine, part: "bridge" }.keeps_back(found).unwrap_or_default()
    }

    fn lock(connect: Option<&str>) -> Found {
        let mut lock = json!({"metadata": {"labels": {"platform.example.org/claim": "lenses"}, "finalizers": ["f"], "annotations": {}}});
        if let Some(connect) = connect {
            lock["metadata"]["annotations"][label(CONNECT)] = json!(connect);
        }
        Found::Object(lock)
    }

    #[test]
    fn a_bridge_waits_for_the_kafka_that_it_is_made_for() {
        use KafkaEngine::{Development, Strimzi};
        for (engine, found, expected) in [
            (Development, Found::Unknown, ""),
            (Development, Found::Nothing, ""),
            (Development, lock(None), ""),
            (Development, lock(Some(NONE)), "lenses runs Kafka by Strimzi, and"),
            (Strimzi, Found::Unknown, "Crossplane has not reported"),
            (Strimzi, Found::Nothing, "no real-time system"),
            (Strimzi, lock(None), "lenses runs Kafka by Development, and"),
            (Strimzi, lock(Some(NONE)), "lenses runs no Kafka Connect"),
            (Strimzi, lock(Some(PENDING)), "Kafka Connect of lenses is not ready yet"),
            (Strimzi, lock(Some(READY)), ""),
        ] {
            let said = said(engine, &found);
            assert!(
                said.starts_with(expected) && said.is_empty() == expected.is_empty(),
                "{engine:?} {found:?}: {said}"
            );
        }
    }

    #[test]
    fn a_system_without_its_namespace_counts_for_nothing() {
        let Found::Object(mut held) = lock(Some(READY)) else { return };
        held["metadata"]["finalizers"] = json!([]);
        assert!(said(KafkaEngine::Strimzi, &Found::Object(held)).starts_with("no real-time system"));
    }
}
