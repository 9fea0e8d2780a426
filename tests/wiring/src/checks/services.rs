//! Services: each selects pods in its namespace, and each of its ports leads to a port at which those pods listen.

use crate::finding::Finding;
use crate::services::target;
use crate::value::Look;
use crate::world::World;

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for service in &world.services {
        if service.selector.is_none() {
            if service.object.resource().is_some() {
                found.push(Finding::on(service.object, "/spec/selector", "selects nothing"));
            }
            continue;
        }
        let pods: Vec<_> = service.pods(world).collect();
        if pods.is_empty() {
            found.push(Finding::on(service.object, "/spec/selector", "selects no pod"));
        }
        for (index, pod) in pods {
            for port in service.ports() {
                let number = pod.port(target(port));
                if !number.is_some_and(|number| world.behaviours()[index].listens.contains(&number)) {
                    let field = format!("/spec/ports/{}", port.number("/port").unwrap_or_default());
                    let message = format!("{} does not listen to {}", pod.object.title(), target(port));
                    found.push(Finding::on(service.object, field, message));
                }
            }
        }
    }
    found.extend(declared(world));
    found
}

/// Programs listen at every port that their container declares.
fn declared(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for (pod, behaviour) in world.pods.iter().zip(world.behaviours()) {
        for container in &pod.containers {
            for (index, port) in container.value.items("/ports").iter().enumerate() {
                if !port.number("/containerPort").is_some_and(|number| behaviour.listens.contains(&number)) {
                    let field = format!("{}/ports/{index}", container.field);
                    found.push(Finding::at(pod, field, "the program does not listen there"));
                }
            }
        }
        found.extend(probes(pod, behaviour));
    }
    found
}

fn probes(pod: &crate::pods::Pod, behaviour: &crate::programs::Behaviour) -> Vec<Finding> {
    let mut found = Vec::new();
    for container in &pod.containers {
        for kind in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let probe = container.value.at(&format!("/{kind}"));
            for action in ["httpGet", "tcpSocket"].map(|action| probe.at(&format!("/{action}"))) {
                let field = format!("{}/{kind}", container.field);
                if action.has("/port")
                    && !pod.port(action.at("/port")).is_some_and(|port| behaviour.listens.contains(&port))
                {
                    found.push(Finding::at(pod, &field, "asks a port that no container has"));
                }
                if action.has("/path") && !behaviour.pages.iter().any(|page| page == action.text("/path")) {
                    found.push(Finding::at(pod, &field, "asks for a page that the program does not have"));
                }
            }
        }
    }
    found
}
