//! Kafka topics: every topic that a program names is created in its namespace.

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::world::World;

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for (pod, behaviour) in world.pods.iter().zip(world.behaviours()) {
        if behaviour.names_topics.is_empty() {
            continue;
        }
        let made: BTreeSet<&str> = world
            .pods
            .iter()
            .zip(world.behaviours())
            .filter(|(other, _)| other.object.namespace == pod.object.namespace)
            .flat_map(|(_, behaviour)| behaviour.makes_topics.iter().map(String::as_str))
            .collect();
        for (topic, field) in behaviour.names_topics.iter().filter(|(topic, _)| !made.contains(topic.as_str())) {
            found.push(Finding::at(pod, field, format!("no topic {topic}")));
        }
    }
    found
}
