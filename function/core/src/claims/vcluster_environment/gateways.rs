//! Istio Gateways, one for each namespace inside: the hosts of that namespace, and the certificate that covers them.

use super::parts;
use crate::claims::between::component_namespaces;
use std::collections::BTreeMap;

use super::checked::Environment;
use crate::claims::between::secret::{Pusher, Secret, SecretName};
use crate::claims::between::tenant::{HOSTS, gateway_name, kubeconfig, namespace_domain};
use crate::kinds::Spec;
use crate::kinds::istio::{Gateway, Port, Server, Tls};
use crate::parts::plan::{Ready, Resource};

pub fn certificate(environment: &Environment) -> Vec<Resource> {
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

/// Secret with the certificate, inside the virtual cluster, in the namespace from which the gateway reads it.
fn certificate_secret(environment: &Environment) -> Secret {
    Secret::new(format!("{}-tls", environment.spec.name))
}

pub fn resources(environment: &Environment) -> Vec<Resource> {
    if !environment.spec.components.istio {
        return Vec::new();
    }
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

pub fn hosts(environment: &Environment, namespace: &str) -> Vec<String> {
    let domain = namespace_domain(&environment.spec.name, namespace, &environment.domain);
    HOSTS.iter().map(|host| format!("{host}.{domain}")).collect()
}
