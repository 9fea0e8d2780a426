//! Services, and the resolution of hosts and ports to Services and pods.

use realtime_platform_core::parts::plan::Place;
use serde_json::Value;

use super::pods::Pod;
use super::value::{Labels, Look};
use super::world::{Object, World};

pub struct Service<'w> {
    pub object: &'w Object<'w>,
    /// Absent if the Service has no selector, because another component forwards its traffic.
    pub selector: Option<Labels<'w>>,
}

pub fn of<'w>(objects: &'w [Object<'w>]) -> Vec<Service<'w>> {
    objects
        .iter()
        .filter(|object| object.is("", "Service"))
        .map(|object| {
            let selector = object.manifest.labels("/spec/selector");
            Service { object, selector: (!selector.is_empty()).then_some(selector) }
        })
        .collect()
}

impl<'w> Service<'w> {
    pub fn ports(&self) -> &'w [Value] {
        self.object.manifest.items("/spec/ports")
    }

    pub fn port(&self, number: i64) -> Option<&'w Value> {
        self.ports().iter().find(|port| port.number("/port") == Some(number))
    }

    /// Pods that the Service selects, each with its index in `World::pods`.
    pub fn pods<'a>(&'a self, world: &'a World<'w>) -> impl Iterator<Item = (usize, &'a Pod<'w>)> + 'a {
        world.pods.iter().enumerate().filter(move |(_, pod)| {
            let selector = self.selector.as_ref();
            pod.object.place == self.object.place
                && selector.is_some_and(|selector| pod.is_selected(&self.object.namespace, selector))
        })
    }
}

/// Target port of a Service's port, which defaults to the port itself.
pub fn target(port: &Value) -> &Value {
    if port.has("/targetPort") { port.at("/targetPort") } else { port.at("/port") }
}

/// Result of resolving a host.
pub enum Host<'a, 'w> {
    /// The calling pod itself.
    Itself,
    Service(&'a Service<'w>),
    /// A host on the internet, below a domain of `EXTERNAL`.
    External,
    Nowhere,
}

/// Domains on the internet that programs call.
const EXTERNAL: &[&str] = &[
    // Snowflake has a host for each account.
    ".snowflakecomputing.com",
];

/// Resolves a host as a pod in a namespace does.
pub fn resolve<'a, 'w>(world: &'a World<'w>, place: Place, namespace: &str, host: &str) -> Host<'a, 'w> {
    if host == "127.0.0.1" || host == "localhost" {
        return Host::Itself;
    }
    if EXTERNAL.iter().any(|domain| host.ends_with(domain) && host.len() > domain.len()) {
        return Host::External;
    }
    let short = host.strip_suffix(".svc.cluster.local").or_else(|| host.strip_suffix(".svc")).unwrap_or(host);
    let (name, namespace) = short.split_once('.').unwrap_or((short, namespace));
    world
        .services
        .iter()
        .find(|service| {
            service.object.place == place && service.object.name == name && service.object.namespace == namespace
        })
        .map_or(Host::Nowhere, Host::Service)
}

/// Host and port of an address, `scheme://host:port/path` or `host:port`. The ports of `http` and `https` may be left
/// out.
pub fn address(text: &str) -> Option<(&str, i64)> {
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    let authority = rest.split('/').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (
            authority,
            match scheme? {
                "http" => 80,
                "https" => 443,
                _ => return None,
            },
        ),
    };
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    is_host.then_some((host, port))
}
