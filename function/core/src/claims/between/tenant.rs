//! Tenants of an environment: the names and checks that real-time systems and brokers have in common.

use crate::claims::between::component_namespaces;
use crate::claims::between::groups::{self, Groups};
use crate::claims::between::secret::SECRETS;
use crate::parts::part::LOCK;
use crate::settings::pins::Image;
use std::collections::BTreeMap;

use crate::claims::between::changes;
use crate::claims::between::network::gateway;
use crate::claims::between::offer::{Consumer, ENVIRONMENT, Tenancy};
use crate::claims::between::secret::Pusher;
use crate::claims::between::tenancy::{DeletionPolicy, TenancyRequest};
use crate::kinds::kubernetes::{MANIFEST, Object};
use crate::kinds::{Form, Twofold as _};
use crate::life::immutable::Immutable;
use crate::life::ownership::{LockTarget, OtherLock};
use crate::parts::owner::{Claim, Leaves, Owner};
use crate::parts::part::Part;
use crate::parts::plan::{Ready, Resource};
use crate::parts::workload::config_map;
use crate::schema::fault::Fault;
use crate::settings::Settings;
use k8s_openapi::api::networking::v1::NetworkPolicyPeer;

/// Role of a real-time system in its namespace.
pub const REALTIME: &str = "realtime";
/// Role of a broker in its namespace.
pub const BROKER: &str = "broker";

/// Lock, in the given form, of the system or broker with this role in a namespace inside an environment.
pub fn lock_of(form: Form, environment: &str, tenancy: &Tenancy, role: &str) -> OtherLock {
    lock_in(form, &tenancy.claim_namespace, lock_name(environment, tenancy, role))
}

fn lock_in(form: Form, claim_namespace: &str, name: String) -> OtherLock {
    let (api_version, kind) = Object::<()>::kind_in(form);
    let namespace = (form == Form::Namespaced).then(|| claim_namespace.to_owned());
    OtherLock { api_version, kind, namespace, name }
}

/// Name of a lock, the same in both forms.
fn lock_name(environment: &str, tenancy: &Tenancy, role: &str) -> String {
    let place = [environment, &tenancy.namespace, role, &tenancy.claim_namespace];
    place.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(".")
}

/// Tenant of an environment: a system or broker in a namespace of the virtual cluster, with the names of its objects.
#[derive(Clone, Debug)]
pub struct Tenant {
    pub owner: Owner,
    pub namespace: String,
    pub domain: String,
    pub credentials_generation: u32,
    /// Whether the plan of the system or broker has routes through the environment's gateway.
    pub expose: bool,
    /// Groups of people who may see the namespace of the system or broker inside the virtual cluster.
    pub viewer_groups: Groups,
    /// Role of the tenant in its namespace: [`REALTIME`] or [`BROKER`]. A namespace can have one tenant of each role.
    pub role: &'static str,
}

impl Tenant {
    pub fn check(
        faults: &mut Vec<Fault>,
        request: TenancyRequest,
        hosts: &[&str],
        claim: Claim,
        (system, role): (&'static str, &'static str),
        settings: Settings,
    ) -> Self {
        let environment = request.environment.unwrap_or(request.namespace);
        let field = if request.environment.is_some() { "spec.environment" } else { "spec.namespace" };
        check_environment_name(faults, field, environment, &claim, &settings);
        check_inner_namespace(faults, "spec.namespace", request.namespace, &settings);
        let domain = request.domain.map_or_else(|| default_domain(environment, request.namespace), str::to_owned);
        check_domain(faults, "spec.domain", &domain, hosts);
        groups::check(faults, "spec.viewerGroups", request.viewer_groups);
        Self {
            owner: Owner {
                system,
                claim,
                environment: environment.to_owned(),
                leaves: match (request.deletion_policy, request.retain) {
                    (DeletionPolicy::Orphan, _) => Leaves::Everything,
                    (DeletionPolicy::Delete, true) => Leaves::Volumes,
                    (DeletionPolicy::Delete, false) => Leaves::Nothing,
                },
                settings,
            },
            namespace: request.namespace.to_owned(),
            domain,
            credentials_generation: request.credentials_generation,
            expose: request.expose,
            viewer_groups: request.viewer_groups.clone(),
            role,
        }
    }

    /// Reference of an image for a container, with the pin or mirror from the platform team's settings.
    pub fn image(&self, image: Image) -> String {
        self.owner.settings.image(image)
    }

    /// Part of the plan of this system or broker, in its namespace inside the virtual cluster.
    pub fn part<'a>(&'a self, name: &'static str, app: &'a str, waits_for: &'static [&'static str]) -> Part<'a> {
        Part { owner: &self.owner, name, app, namespace: &self.namespace, waits_for }
    }

    /// Push of the Secrets of this system or broker into its namespace inside the virtual cluster.
    pub fn pusher(&self) -> Pusher<'_> {
        Pusher {
            part: Part {
                owner: &self.owner,
                name: SECRETS,
                app: SECRETS,
                namespace: &self.owner.environment,
                waits_for: &[LOCK],
            },
            remote_namespace: &self.namespace,
            suffix: self.role,
            kubeconfig: kubeconfig(&self.owner.environment),
        }
    }

    /// Lock of the namespace in the virtual cluster that this system or broker needs. The lock has a fixed name, under
    /// which Crossplane creates it for the first claim, and for no other.
    pub fn lock(&self) -> Resource {
        let part = self.part(LOCK, self.owner.system, &[ENVIRONMENT]);
        let name = format!("{}-owner", self.owner.system);
        let owner = BTreeMap::from([
            ("claim-namespace".to_owned(), self.owner.claim.namespace.clone()),
            ("claim-name".to_owned(), self.owner.claim.name.clone()),
        ]);
        let mut lock = part.inside("object", &config_map(&part, &name, owner), Ready::Exists);
        // The name of a lock, by which a claim owns a namespace in the virtual cluster, consists of the names of the
        // environment, of the namespace inside it, of the tenant's role and of the claim's namespace, with dots between
        // them. None of these names contains a dot, so locks of different namespaces never have the same name. Because
        // the claim's namespace is one of these names, a claim that the environment does not admit cannot take the lock
        // of a claim that the environment admits. An API server accepts names of 253 characters; the longest name of a
        // lock has 165.
        lock.rename(&lock_name(&self.owner.environment, &self.tenancy(), self.role));
        lock
    }

    /// Lock of the tenant that has another role in the same namespace: it is of the same form, and of the same namespace
    /// in the host cluster, because the environment gives the namespace to one of each.
    pub fn lock_beside(&self, role: &str) -> OtherLock {
        lock_of(self.owner.claim.form, &self.owner.environment, &self.tenancy(), role)
    }

    /// Tenancy of the namespace that this system or broker needs.
    fn tenancy(&self) -> Tenancy {
        Tenancy { namespace: self.namespace.clone(), claim_namespace: self.owner.claim.namespace.clone() }
    }

    /// Fields of this system or broker that cannot change: its namespace and its environment, of which the observed
    /// lock shows the former values.
    pub fn immutable(&self) -> [Immutable; 2] {
        let namespace = format!("{MANIFEST}/metadata/namespace");
        let environment = "/spec/providerConfigRef/name";
        [
            Immutable::same("lock-object", &namespace, &self.namespace, "spec.namespace", changes::NAMESPACE),
            Immutable::same(
                "lock-object",
                environment,
                &self.owner.environment,
                "spec.environment",
                changes::ENVIRONMENT,
            ),
        ]
    }

    /// Namespace in the virtual cluster that this system or broker needs, for messages about another claim that owns
    /// the namespace. `what` is the kind in these messages, such as `an IotBroker`.
    pub fn lock_target(&self, what: &str) -> LockTarget {
        let (namespace, environment) = (self.namespace.clone(), &self.owner.environment);
        let former = format!("{environment}-{namespace}-{}", self.role);
        LockTarget {
            taken: format!("the namespace {namespace} of environment {environment} already has {what}"),
            field: "spec.namespace",
            // Only claims ever had locks with such names.
            former_lock: Some(lock_in(Form::Claim, "", former)),
            other_form: Some(lock_of(self.owner.claim.form.other(), environment, &self.tenancy(), self.role)),
            name: namespace,
        }
    }

    /// This system or broker as a consumer of its environment. `opt_outs`: the entries of the environment's offer that
    /// the system or broker can do without, each with the field that switches off the need for it.
    pub fn consumer(&self, opt_outs: &'static [(&'static str, &'static str)]) -> Consumer {
        Consumer {
            environment: self.owner.environment.clone(),
            namespace: self.namespace.clone(),
            claim_namespace: self.owner.claim.namespace.clone(),
            form: self.owner.claim.form,
            opt_outs,
        }
    }

    /// Peer of network policies for traffic from outside: the pods of the environment's gateway; none where the claim
    /// does not expose its routes.
    pub fn outside(&self) -> Option<NetworkPolicyPeer> {
        self.expose.then(gateway)
    }

    /// Host name of one of the routes of this system or broker, from the first label of the host name.
    pub fn host(&self, name: &str) -> String {
        format!("{name}.{}", self.domain)
    }

    /// Full DNS name, in the virtual cluster, of a Service of this system or broker.
    pub fn service_host(&self, service: &str) -> String {
        format!("{service}.{}.svc.cluster.local", self.namespace)
    }

    /// Name of the Istio Gateway in the namespace of this system or broker, which the environment composes.
    pub fn gateway(&self) -> String {
        gateway_name(&self.namespace)
    }
}

/// Name of the Secret in the host cluster with the kubeconfig of an environment's virtual cluster, and the key in that
/// Secret.
pub fn kubeconfig(environment: &str) -> (String, &'static str) {
    (format!("vc-{environment}"), "config")
}

/// Name of the Istio Gateway that an environment composes in each of the namespaces inside its virtual cluster.
pub fn gateway_name(namespace: &str) -> String {
    format!("{namespace}-gateway")
}

/// Default domain of the routes in a namespace of the virtual cluster, for a claim that sets no domain itself.
pub fn default_domain(environment: &str, namespace: &str) -> String {
    namespace_domain(environment, namespace, &format!("{environment}.local"))
}

/// Domain of the routes in a namespace of the virtual cluster: the environment's own domain for the namespace with the
/// environment's name, else a domain below it.
pub fn namespace_domain(environment: &str, namespace: &str, domain: &str) -> String {
    if namespace == environment { domain.to_owned() } else { format!("{namespace}.{domain}") }
}

/// Limits of DNS, in characters: `LABEL` is the length of the longest label in a host name, `HOST` that of the longest
/// host name.
const LABEL: usize = 63;
const HOST: usize = 253;

/// Checks that the domain in a claim leaves room for the host names of its routes.
pub fn check_domain(faults: &mut Vec<Fault>, field: &str, domain: &str, hosts: &[&str]) {
    if let Some(label) = domain.split('.').find(|label| label.len() > LABEL) {
        faults.push(Fault::new(field, format!("must have labels of at most {LABEL} characters: {label:?} is longer")));
    }
    let longest = hosts.iter().map(|host| host.len() + 1).max().unwrap_or_default();
    if domain.len() + longest > HOST {
        faults.push(Fault::new(
            field,
            format!("must be at most {} characters, so that host names below it have at most {HOST}", HOST - longest),
        ));
    }
}

/// Checks the name of an environment, which also becomes the name of a namespace and of ProviderConfigs in the host
/// cluster. The environment would take over existing objects of that name, so reserved names and the claim's own
/// namespace are rejected.
pub fn check_environment_name(faults: &mut Vec<Fault>, field: &str, name: &str, claim: &Claim, settings: &Settings) {
    if let Some(pattern) = settings.reserved(name) {
        faults.push(Fault::new(
            field,
            format!("must not be {name:?}: the platform reserves {pattern} on the host; choose another name for the environment"),
        ));
    } else if name == claim.namespace {
        faults.push(Fault::new(
            field,
            format!("must not be {name:?}: it is the namespace of this claim, and the environment needs one of its own on the host"),
        ));
    }
}

/// Checks that the namespace which a claim names inside the virtual cluster belongs neither to the virtual cluster
/// itself nor to an environment's component.
pub fn check_inner_namespace(faults: &mut Vec<Fault>, field: &str, name: &str, settings: &Settings) {
    let reserved =
        settings.reserved(name).or_else(|| component_namespaces::ALL.into_iter().find(|&taken| taken == name));
    if let Some(pattern) = reserved {
        faults.push(Fault::new(
            field,
            format!("must not be {name:?}: {pattern} is reserved inside the virtual cluster; choose another namespace"),
        ));
    }
}
