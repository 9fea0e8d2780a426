//! Part of an environment's plan: Istio Gateways, one for each namespace inside the virtual cluster, with the hosts of
//! that namespace's routes and the certificate that covers them.

use super::{parts, phase};
use crate::claims::between::component_namespaces;
use std::collections::BTreeMap;

use super::checked::Environment;
use crate::claims::between::part_of::{self, PartOf};
use crate::claims::between::secret::{Pusher, Secret, SecretName};
use crate::claims::between::tenant::{gateway_name, kubeconfig, namespace_domain};
use crate::claims::iot_broker::IotBroker;
use crate::claims::realtime_system::RealtimeSystem;
use crate::kinds::Spec;
use crate::kinds::istio::{Gateway, Port, Server, Tls};
use crate::parts::plan::{Ready, Resource};

pub const CERTIFICATE: PartOf<Environment> = PartOf::new(phase::GATEWAYS, certificate);

fn certificate(environment: &Environment) -> Vec<Resource> {
    let Some(tls) = &environment.spec.tls else { return Vec::new() };
    let name = &environment.spec.name;
    let pusher = Pusher {
        part: environment.part(parts::CERTIFICATE, parts::CERTIFICATE, name, &[parts::ISTIO_BASE]),
        remote_namespace: component_namespaces::ISTIO,
        suffix: "environment",
        kubeconfig: kubeconfig(name),
    };
    let from = SecretName { name: tls.secret_name.clone() };
    vec![pusher.store(), pusher.certificate(&certificate_secret(environment), &from)]
}

/// Secret inside the virtual cluster with the certificate of the environment's routes, in the namespace from which the
/// Istio gateway reads it.
fn certificate_secret(environment: &Environment) -> Secret {
    Secret::new(format!("{}-tls", environment.spec.name))
}

pub const PART: PartOf<Environment> =
    PartOf::new(phase::GATEWAYS, resources).only_if(|environment| environment.spec.components.istio);

fn resources(environment: &Environment) -> Vec<Resource> {
    let gateway = |namespace: &String| {
        let part = environment.part(parts::GATEWAYS, "gateway", namespace, &[parts::NAMESPACES, parts::ISTIOD]);
        let gateway = Gateway {
            selector: BTreeMap::from(
                [component_namespaces::GATEWAY_LABEL].map(|(name, value)| (name.to_owned(), value.to_owned())),
            ),
            servers: servers(environment, namespace),
        };
        part.inside(namespace, &gateway.named(part.metadata(gateway_name(namespace))), Ready::Exists)
    };
    environment.namespaces.iter().map(gateway).collect()
}

fn servers(environment: &Environment, namespace: &str) -> Vec<Server> {
    let hosts = hosts(environment, namespace);
    let http = Port { number: 80, name: "http", protocol: "HTTP" };
    if environment.spec.tls.is_none() {
        return vec![Server { port: http, hosts, tls: None }];
    }
    let https = Port { number: 443, name: "https", protocol: "HTTPS" };
    let certificate = Tls::Simple { mode: "SIMPLE", credential_name: certificate_secret(environment).name };
    vec![
        Server { port: http, hosts: hosts.clone(), tls: Some(Tls::Redirect { https_redirect: true }) },
        Server { port: https, hosts, tls: Some(certificate) },
    ]
}

/// Hosts, with their domain, of all routes that the tenants of a namespace inside the virtual cluster can have.
pub fn hosts(environment: &Environment, namespace: &str) -> Vec<String> {
    let domain = namespace_domain(&environment.spec.name, namespace, &environment.domain);
    names().into_iter().map(|host| format!("{host}.{domain}")).collect()
}

/// First labels, such as `lenses`, of the hosts of all routes that tenants can have. Labels of real-time systems and of
/// brokers alternate. If a later version of the function adds a route, the route's host therefore comes last in the
/// list of hosts of each Gateway, and the existing hosts keep their order.
pub fn names() -> Vec<&'static str> {
    let (mut systems, mut brokers) = (part_of::hosts::<RealtimeSystem>(), part_of::hosts::<IotBroker>());
    let mut names = Vec::new();
    loop {
        let pair = [systems.next(), brokers.next()];
        if pair == [None, None] {
            return names;
        }
        names.extend(pair.into_iter().flatten());
    }
}
