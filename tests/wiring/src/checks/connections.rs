//! Connections: every address that a program calls is that of a Service with the port, whose pods listen there.

use crate::finding::Finding;
use crate::services::{Host, Service, resolve, target};
use crate::world::World;

pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for behaviour in world.behaviours() {
        for call in &behaviour.calls {
            let from = &world.pods[call.from];
            let listens = |index: usize, number| world.behaviours()[index].listens.contains(&number);
            let problem = match resolve(world, from.object.place, &from.object.namespace, &call.host) {
                Host::External => None,
                Host::Nowhere => Some(format!("no Service is called {}", call.host)),
                Host::Itself if listens(call.from, call.port) => None,
                Host::Itself => Some(format!("nothing in its own pod listens to {}", call.port)),
                Host::Service(service) => leads(world, service, call.port),
            };
            found.extend(problem.map(|problem| Finding::at(from, &call.field, problem)));
        }
    }
    found.extend(aliases(world));
    found
}

/// Reason why nothing answers at a port of a Service.
pub fn leads(world: &World, service: &Service, port: i64) -> Option<String> {
    let Some(found) = service.port(port) else {
        return Some(format!("{} has no port {port}", service.object.title()));
    };
    let listens = |(index, pod): (usize, &crate::pods::Pod)| {
        pod.port(target(found)).is_some_and(|number| world.behaviours()[index].listens.contains(&number))
    };
    let is_answered = service.selector.is_none() || service.pods(world).any(listens);
    (!is_answered).then(|| format!("nothing listens behind {} at {port}", service.object.title()))
}

/// Host aliases of a pod have the address 127.0.0.1, and each name is that of a Service in front of the same pod.
fn aliases(world: &World) -> Vec<Finding> {
    use crate::value::Look;
    let mut found = Vec::new();
    for (index, pod) in world.pods.iter().enumerate() {
        for alias in pod.spec.items("/hostAliases") {
            for name in alias.texts("/hostnames") {
                let is_own = match resolve(world, pod.object.place, &pod.object.namespace, name) {
                    Host::Service(service) => service.pods(world).any(|(other, _)| other == index),
                    Host::Itself | Host::External | Host::Nowhere => false,
                };
                if !is_own || alias.text("/ip") != "127.0.0.1" {
                    found.push(Finding::at(pod, "/hostAliases", format!("{name} is no name of this pod")));
                }
            }
        }
    }
    found
}
