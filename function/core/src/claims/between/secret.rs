//! Secrets inside the virtual cluster: who makes them, who pushes them there and who reads them, by one name.
//!
//! Only references pass through here, never a value. External Secrets on the host writes the values, with the kubeconfig
//! of the virtual cluster, from a generator or from a Secret on the host.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, SecretKeySelector, SecretVolumeSource, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::kinds::external_secrets::{
    GeneratorRef, KubeconfigRef, Kubernetes, Match, Password, Provider, Push, PushMetadata, PushMetadataSpec,
    PushRemoteRef, PushSecret, SecretStore, Selector, StoreRef, Template, UpdatePolicy,
};
use crate::kinds::{Named, Spec};
use crate::parts::part::Part;
use crate::parts::plan::{Ready, Resource};
use crate::schema::form;
use crate::text::language::{self, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Secret in the environment's namespace on the host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretName {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub name: String,
}

/// The part that brings a tenant's Secrets inside.
pub const SECRETS: &str = "secrets";

/// A Secret inside the virtual cluster, in the namespace of those who read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    pub name: String,
}

impl Secret {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// The key of the composed resource that pushes it inside, of the part that carries a tenant's Secrets.
    pub fn push_key(&self) -> String {
        format!("{SECRETS}-{}", push_key(self))
    }

    /// A variable with the value of one key.
    pub fn env(&self, variable: &str, key: &str) -> EnvVar {
        EnvVar {
            name: variable.to_owned(),
            value_from: Some(EnvVarSource {
                secret_key_ref: Some(SecretKeySelector {
                    name: self.name.clone(),
                    key: key.to_owned(),
                    optional: None,
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        }
    }

    /// A volume with a file for each key. An optional one is empty until the Secret exists.
    pub fn volume(&self, volume: &str, optional: bool) -> Volume {
        Volume {
            name: volume.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(self.name.clone()),
                optional: optional.then_some(true),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        }
    }
}

/// The credentials of the bridge from MQTT to Kafka: the broker's claim makes them, the system's Kafka reads them.
pub fn mqtt_bridge() -> Secret {
    Secret::new("mqtt-credentials")
}

/// The Secret with a Snowflake user's private key, inside; on the host where it comes from the secret store, too.
pub const SNOWFLAKE_KEY: &str = "snowflake-kafka-credentials";

/// The key of a password that a user brings, and of one that is made up alone.
pub const PASSWORD: &str = "password";

/// What makes passwords up, one for each of its keys. All its keys arrive inside.
pub struct Generator {
    /// Tells it from another one of the same claim.
    pub purpose: Option<&'static str>,
    pub keys: &'static [&'static str],
}

impl Generator {
    /// A name, told from that of another generator of the same claim.
    fn called(&self, name: &str) -> String {
        self.purpose.map_or_else(|| name.to_owned(), |purpose| format!("{name}-{purpose}"))
    }
}

/// A key that is added to a Secret, and its text, which External Secrets executes as a template.
pub type Added<'a> = (&'a str, Text<language::Template>);

/// What carries Secrets from one claim into one namespace of the virtual cluster.
pub struct Pusher<'a> {
    pub part: Part<'a>,
    /// The namespace inside the virtual cluster.
    pub remote_namespace: &'a str,
    /// Tells this claim's store and generator from others' in the environment's namespace.
    pub suffix: &'static str,
    /// The Secret with the virtual cluster's kubeconfig, and its key.
    pub kubeconfig: (String, &'static str),
}

impl Pusher<'_> {
    /// The store that stands for the namespace inside.
    pub fn store(&self) -> Resource {
        let store = SecretStore {
            provider: Provider {
                kubernetes: Kubernetes {
                    auth_ref: KubeconfigRef { name: self.kubeconfig.0.clone(), key: self.kubeconfig.1.to_owned() },
                    remote_namespace: self.remote_namespace.to_owned(),
                },
            },
        };
        self.part.on_host("store", &store.named(self.metadata(self.name())), Ready::Condition)
    }

    pub fn generator(&self, generator: &Generator) -> Resource {
        let password = Password {
            length: 32,
            digits: 8,
            // Passwords stand in connection strings and configuration files: letters and digits need no quoting there.
            symbols: 0,
            no_upper: false,
            allow_repeat: true,
            secret_keys: generator.keys.iter().map(|&key| key.to_owned()).collect(),
        };
        let metadata = self.metadata(generator.called(&self.name()));
        self.part.on_host(&generator.called("generator"), &password.named(metadata), Ready::Exists)
    }

    /// A Secret whose values are made up once, and stay: beside the data, and across claims. It has the generator's keys
    /// and those that are added, whose text may name them. It is pushed as a whole: key by key, what is added could be
    /// of another password than the one that is there already.
    pub fn generated(&self, secret: &Secret, generator: &Generator, added: &[Added]) -> Resource {
        let template = Template { secret_type: None, data: texts(added) };
        let generator = GeneratorRef {
            api_version: Password::API_VERSION,
            kind: Password::KIND,
            name: generator.called(&self.name()),
        };
        let selector = Selector::GeneratorRef(generator);
        self.push(secret, selector, UpdatePolicy::IfNotExists, Some(template), vec![whole(secret)])
    }

    /// Keys of a Secret of the host, each with its name inside, followed when they change, and those that are added.
    ///
    /// Each goes by itself. External Secrets adds a template to what it is made of and takes nothing away, so that all
    /// else in the user's Secret would come along with a push of the whole. And it tells of a key that is missing where
    /// that key is pushed, while a template that fails is in its log alone: what is added names keys by `index`, which
    /// never fails, and follows them.
    pub fn copied(&self, secret: &Secret, from: &SecretName, keys: &[(&str, &str)], added: &[Added]) -> Resource {
        // Other types than this one demand keys that may not be wanted inside.
        let template = Template { secret_type: Some("Opaque"), data: texts(added) };
        let added = added.iter().map(|(key, _)| (*key, *key));
        let matches = keys.iter().copied().chain(added).map(|(key, inside)| single(secret, key, inside));
        let selector = Selector::Secret(Named::new(&from.name));
        self.push(secret, selector, UpdatePolicy::Replace, Some(template), matches.collect())
    }

    /// A certificate with its key, followed when it changes, with all else in the user's Secret: an API server takes one
    /// of type `kubernetes.io/tls` only with both keys at once.
    pub fn certificate(&self, secret: &Secret, from: &SecretName) -> Resource {
        let selector = Selector::Secret(Named::new(&from.name));
        self.push(secret, selector, UpdatePolicy::Replace, None, vec![whole(secret)])
    }

    /// A password with what is added to it: the user's own where there is one, else made up.
    pub fn credentials(
        &self,
        secret: &Secret,
        own: Option<&SecretName>,
        generator: &Generator,
        added: &[Added],
    ) -> Resource {
        match own {
            Some(own) => self.copied(secret, own, &[(PASSWORD, PASSWORD)], added),
            None => self.generated(secret, generator, added),
        }
    }

    fn push(
        &self,
        secret: &Secret,
        selector: Selector,
        update_policy: UpdatePolicy,
        template: Option<Template>,
        matches: Vec<Match>,
    ) -> Resource {
        let push = PushSecret {
            refresh_interval: "1h0m0s",
            update_policy,
            // What was pushed belongs to the data beside it, and goes with the virtual cluster.
            deletion_policy: "None",
            secret_store_refs: vec![StoreRef { kind: SecretStore::KIND, name: self.name() }],
            selector,
            template,
            data: matches.into_iter().map(|matching| Push { matching, metadata: self.push_metadata() }).collect(),
        };
        let name = self.called(&secret.name);
        self.part.on_host(&push_key(secret), &push.named(self.metadata(name)), Ready::Condition)
    }

    fn push_metadata(&self) -> PushMetadata {
        PushMetadata {
            api_version: "kubernetes.external-secrets.io/v1alpha1",
            kind: "PushSecretMetadata",
            spec: PushMetadataSpec {
                // Labels of the source are its owner's business, not the virtual cluster's; nor are its annotations, where
                // kubectl may have left all that it holds.
                source_merge_policy: "Replace",
                labels: self.part.pod_labels(),
            },
        }
    }

    fn name(&self) -> String {
        self.called(self.suffix)
    }

    /// A name in the environment's namespace, which all its tenants share. Neither half holds the dot between them, so that
    /// no two tenants have the same name.
    fn called(&self, name: &str) -> String {
        format!("{}.{name}", self.remote_namespace)
    }

    fn metadata(&self, name: String) -> ObjectMeta {
        self.part.metadata(name)
    }
}

/// The second half of the key of what pushes a Secret.
fn push_key(secret: &Secret) -> String {
    format!("push-{}", secret.name)
}

fn texts(added: &[Added]) -> BTreeMap<String, Text<language::Template>> {
    added.iter().map(|(key, text)| ((*key).to_owned(), text.clone())).collect()
}

fn whole(secret: &Secret) -> Match {
    Match { secret_key: None, remote_ref: PushRemoteRef { remote_key: secret.name.clone(), property: None } }
}

fn single(secret: &Secret, key: &str, inside: &str) -> Match {
    Match {
        secret_key: Some(key.to_owned()),
        remote_ref: PushRemoteRef { remote_key: secret.name.clone(), property: Some(inside.to_owned()) },
    }
}
