//! Status: every address resolves to a Service or a route, and every Secret has the keys that the status promises.

use realtime_platform_core::parts::plan::Place;

use super::connections::leads;
use crate::finding::Finding;
use crate::platform::{ComposedClaim, ENVIRONMENT};
use crate::services::{Host, address, resolve};
use crate::value::Look;
use crate::world::World;

pub fn check(world: &World) -> Vec<Finding> {
    world
        .platform
        .claims
        .iter()
        .flat_map(|composed_claim| {
            let mut found = Vec::new();
            let mut finds = |field: String, message: String| {
                let claim = format!("{} {}", composed_claim.kind.claim, composed_claim.claim.name);
                found.push(Finding::new(claim, format!("status.{field}"), message));
            };
            if composed_claim.kind.claim == ENVIRONMENT {
                environment(world, composed_claim, &mut finds);
            } else {
                tenant(world, composed_claim, &mut finds);
            }
            found
        })
        .collect()
}

fn tenant(world: &World, composed_claim: &ComposedClaim, finds: &mut impl FnMut(String, String)) {
    let namespace = composed_claim.spec.text("/namespace");
    for (name, url) in composed_claim.status.entries("/endpoints") {
        let problem = endpoint(world, namespace, url.as_str().unwrap_or_default());
        if let Some(problem) = problem {
            finds(format!("endpoints.{name}"), problem);
        }
    }
    for credential in composed_claim.status.items("/credentials") {
        let secret = world.secrets.find(Place::Inside, namespace, credential.text("/secret"));
        let user = secret.filter(|keys| keys.contains_key("password")).and_then(|keys| keys.get("username"));
        if user.and_then(Option::as_deref) != Some(credential.text("/user")) {
            finds("credentials".to_owned(), "no Secret of this user".to_owned());
        }
    }
    for (name, secret) in composed_claim.status.entries("/secrets") {
        let keys: &[&str] = if name == "metabase" { &["email", "password"] } else { &["username", "password"] };
        let secret = secret.as_str().unwrap_or_default();
        let known = world.secrets.find(Place::Inside, namespace, secret);
        if !known.is_some_and(|known| keys.iter().all(|key| known.contains_key(*key))) {
            finds(format!("secrets.{name}"), format!("no Secret {secret} with {keys:?}"));
        }
    }
}

/// Reason why an address leads nowhere: a cluster-local host needs a Service, any other host a route.
fn endpoint(world: &World, namespace: &str, url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host.ends_with(".svc.cluster.local") {
        let plain = if matches!(scheme, "mqtt" | "mqtts" | "ws") { rest } else { url };
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        let is_registry = path == "apis/ccompat/v7" && host.starts_with("schema-registry.");
        if !matches!(path, "" | "api/") && !is_registry {
            return Some(format!("no page: {url}"));
        }
        let Some((host, port)) = address(plain) else { return Some(format!("no address: {url}")) };
        // Each port has one protocol: 8883 `mqtts`, 1883 `mqtt`.
        if (scheme == "mqtts") != (port == 8883) || (scheme == "mqtt") != (port == 1883) {
            return Some(format!("not where that is spoken: {url}"));
        }
        return match resolve(world, Place::Inside, "default", host) {
            Host::Service(service) => leads(world, service, port),
            Host::Itself | Host::External | Host::Nowhere => Some(format!("no Service is called {host}")),
        };
    }
    let mut routes = world.of_kind("networking.istio.io", "VirtualService");
    let is_routed = routes
        .any(|route| route.namespace == namespace && route.manifest.texts("/spec/hosts").any(|routed| routed == host));
    let path = rest.strip_prefix(host).unwrap_or_default();
    let is_url = matches!(scheme, "http" | "https" | "ws" | "wss") && matches!(path, "/" | "/api/");
    (!is_routed || !is_url).then(|| format!("no route for {url}"))
}

fn environment(world: &World, composed_claim: &ComposedClaim, finds: &mut impl FnMut(String, String)) {
    let status = &composed_claim.status;
    if status.text("/environment") != world.platform.environment {
        finds("environment".to_owned(), "not its name".to_owned());
    }
    for namespace in status.texts("/namespaces").filter(|namespace| world.namespace(Place::Inside, namespace).is_none())
    {
        finds("namespaces".to_owned(), format!("no namespace {namespace}"));
    }
    let mut served: Vec<&str> = world
        .of_kind("networking.istio.io", "Gateway")
        .flat_map(|gateway| gateway.manifest.items("/spec/servers"))
        .flat_map(|server| server.texts("/hosts"))
        .collect();
    for host in status.texts("/hosts") {
        if !served.contains(&host) || !host.ends_with(&format!(".{}", status.text("/domain"))) {
            finds("hosts".to_owned(), format!("no Gateway serves {host}"));
        }
    }
    served.retain(|host| !status.texts("/hosts").any(|told| told == *host));
    if let Some(host) = served.first() {
        finds("hosts".to_owned(), format!("{host} is not told"));
    }
    let secret = |place, pointer: &str, keys: &[&str]| {
        let reference = status.at(pointer);
        let name = if reference.has("/name") { reference.text("/name") } else { reference.text("/secret") };
        let known = world.secrets.find(place, reference.text("/namespace"), name);
        known.is_some_and(|known| keys.iter().all(|key| known.contains_key(*key)))
    };
    if !secret(Place::Host, "/kubeconfig", &[status.text("/kubeconfig/key")]) {
        finds("kubeconfig".to_owned(), "no such Secret, or no such key".to_owned());
    }
    if status.has("/grafana") {
        if !secret(Place::Inside, "/grafana", &["admin-user", "admin-password"]) {
            finds("grafana.secret".to_owned(), "no such Secret".to_owned());
        }
        let problem = endpoint(world, "default", status.text("/grafana/url"));
        if let Some(problem) = problem {
            finds("grafana.url".to_owned(), problem);
        }
    }
}
