//! Route to a part of a system or broker through the environment's gateway: the host name that people open, the Service
//! that answers, and the addresses in the claim's status.

use crate::claims::between::tenant::Tenant;
use crate::kinds::Spec;
use crate::kinds::istio::{self, HttpRoute, PortNumber, Rewrite, VirtualService};
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::Port;

/// Host name of the gateway through which Knative serves requests from inside the virtual cluster.
const LOCAL_GATEWAY: &str = "knative-local-gateway.istio-system.svc.cluster.local";

pub struct Route {
    /// Name of the part that has the route, and of the VirtualService for the route.
    pub part: &'static str,
    /// First label of the route's host name; the rest is the domain of the system or broker. The environment's gateway
    /// serves the host name.
    pub host: &'static str,
    pub to: To,
    /// Names of the parts of the plan, and of the entries of the environment's offer, that the route waits for: it is
    /// held until all of them are ready. The entry `istio` is one of them.
    pub waits_for: &'static [&'static str],
    /// Addresses of the route in the claim's status, under `endpoints`.
    pub addresses: &'static [Address],
}

/// Destination of a route: the server that answers its requests.
#[derive(Clone, Copy)]
pub enum To {
    /// Destination of a route: a port of a Service.
    Service(&'static str, Port),
    /// Destination of a route: a Knative service, which the route reaches through Knative's gateway.
    Knative(&'static str),
}

/// Declaration of an address in the status of a claim.
pub struct Address {
    /// Name of the field in the claim's status that has the address.
    pub field: &'static str,
    /// Description of the status field with the address, for users.
    pub about: &'static str,
    pub side: Side,
    /// Scheme of the address without TLS, such as `http`. With TLS, an `s` is appended to the scheme.
    pub scheme: &'static str,
    pub path: &'static str,
}

/// Side of the environment's gateway on which an address can be opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The address in the claim's status can be opened from inside the virtual cluster.
    Inside,
    /// The address in the claim's status can be opened from outside the virtual cluster, if the claim exposes its
    /// routes.
    Outside,
}

impl Route {
    pub fn resource(&self, tenant: &Tenant) -> Resource {
        let part = tenant.part(self.part, self.part, self.waits_for);
        let (rewrite, host, number) = match self.to {
            To::Service(service, (_, number)) => (None, tenant.service_host(service), number),
            // Knative's gateway selects a Knative service by the host name in a request, so the route rewrites the host
            // name of each request to the DNS name of the Knative service.
            To::Knative(service) => {
                (Some(Rewrite { authority: tenant.service_host(service) }), LOCAL_GATEWAY.to_owned(), 80)
            }
        };
        let destination = istio::Destination { host, port: PortNumber { number } };
        let route = VirtualService {
            hosts: vec![tenant.host(self.host)],
            gateways: vec![tenant.gateway()],
            http: vec![HttpRoute { rewrite, route: vec![istio::Route { destination }] }],
        };
        part.inside("route", &route.named(part.metadata(self.part)), Ready::Exists)
    }

    /// URL of an address of this route; none where the claim does not expose the route. `tls`: the environment's
    /// gateway serves routes over TLS.
    pub fn url(&self, address: &Address, tenant: &Tenant, tls: bool) -> Option<String> {
        let Address { scheme, path, .. } = address;
        match (address.side, self.to) {
            (Side::Inside, To::Service(service, (_, port))) => {
                Some(format!("{scheme}://{}:{port}{path}", tenant.service_host(service)))
            }
            (Side::Inside, To::Knative(service)) => Some(format!("{scheme}://{}{path}", tenant.service_host(service))),
            (Side::Outside, _) => tenant.expose.then(|| {
                let secure = if tls { "s" } else { "" };
                format!("{scheme}{secure}://{}{path}", tenant.host(self.host))
            }),
        }
    }
}
