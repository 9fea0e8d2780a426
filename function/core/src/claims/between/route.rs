//! Route of a part through the environment's gateway: the host that people open, the Service that answers, and the
//! addresses that the claim's status shows.

use crate::claims::between::tenant::Tenant;
use crate::kinds::Spec;
use crate::kinds::istio::{self, HttpRoute, PortNumber, Rewrite, VirtualService};
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::Port;

/// Host of the gateway through which Knative serves requests from inside the cluster.
const LOCAL_GATEWAY: &str = "knative-local-gateway.istio-system.svc.cluster.local";

pub struct Route {
    /// Name of the part with the route, and of the VirtualService.
    pub part: &'static str,
    /// First label of the host, below the tenant's domain. The environment's gateway serves it.
    pub host: &'static str,
    pub to: To,
    /// Parts that must be ready before the route is released. One of them is `ISTIO` of the offer.
    pub waits_for: &'static [&'static str],
    /// Addresses in the claim's status, under `endpoints`.
    pub addresses: &'static [Address],
}

/// Destination of a route.
#[derive(Clone, Copy)]
pub enum To {
    /// Port of a Service.
    Service(&'static str, Port),
    /// Knative service.
    Knative(&'static str),
}

/// Address in the status of a claim.
pub struct Address {
    /// Name of the field.
    pub field: &'static str,
    /// Description of the field, for users.
    pub about: &'static str,
    pub side: Side,
    /// Scheme without TLS, such as `http`. With TLS it has an `s` behind it.
    pub scheme: &'static str,
    pub path: &'static str,
}

/// Place in which an address can be opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The virtual cluster.
    Inside,
    /// Outside of it, where the claim exposes its routes.
    Outside,
}

impl Route {
    pub fn resource(&self, tenant: &Tenant) -> Resource {
        let part = tenant.part(self.part, self.part, self.waits_for);
        let (rewrite, host, number) = match self.to {
            To::Service(service, (_, number)) => (None, tenant.service_host(service), number),
            // Knative selects a service by the host of a request, so the route rewrites the host.
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

    /// URL of one of the addresses; none where it cannot be opened. `tls`: routes are served over TLS.
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
