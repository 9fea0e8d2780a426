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
use crate::part::Part;
use crate::plan::{Ready, Resource};
use crate::tenant::SecretName;

/// A Secret inside the virtual cluster, in the namespace of those who read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    pub name: String,
}

impl Secret {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
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

    /// What makes passwords up, one for each of these keys.
    pub fn generator(&self, keys: &[&str]) -> Resource {
        let password = Password {
            length: 32,
            digits: 8,
            // Passwords stand in connection strings and configuration files: letters and digits need no quoting there.
            symbols: 0,
            no_upper: false,
            allow_repeat: true,
            secret_keys: keys.iter().map(|&key| key.to_owned()).collect(),
        };
        self.part.on_host("generator", &password.named(self.metadata(self.name())), Ready::Exists)
    }

    /// A Secret whose values are made up once, and stay: beside the data, and across claims. The template's values may
    /// name the generator's keys.
    pub fn generated(&self, secret: &Secret, template: &[(&str, &str)]) -> Resource {
        let generator = GeneratorRef { api_version: Password::API_VERSION, kind: Password::KIND, name: self.name() };
        self.push(secret, Selector::GeneratorRef(generator), UpdatePolicy::IfNotExists, template)
    }

    /// A Secret of the host, followed when it changes. The template's values may name its keys.
    pub fn copied(&self, secret: &Secret, from: &SecretName, template: &[(&str, &str)]) -> Resource {
        self.push(secret, Selector::Secret(Named::new(&from.name)), UpdatePolicy::Replace, template)
    }

    /// The user's own Secret where there is one, else made up. The template's values may name the keys of either.
    pub fn generated_or_copied(
        &self,
        secret: &Secret,
        own: Option<&SecretName>,
        template: &[(&str, &str)],
    ) -> Resource {
        match own {
            Some(own) => self.copied(secret, own, template),
            None => self.generated(secret, template),
        }
    }

    fn push(
        &self,
        secret: &Secret,
        selector: Selector,
        update_policy: UpdatePolicy,
        template: &[(&str, &str)],
    ) -> Resource {
        let data: BTreeMap<String, String> =
            template.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let push = PushSecret {
            refresh_interval: "1h0m0s",
            update_policy,
            // What was pushed belongs to the data beside it, and goes with the virtual cluster.
            deletion_policy: "None",
            secret_store_refs: vec![StoreRef { kind: SecretStore::KIND, name: self.name() }],
            selector,
            template: (!data.is_empty()).then_some(Template { secret_type: None, data }),
            data: vec![Push {
                matching: Match { remote_ref: PushRemoteRef { remote_key: secret.name.clone() } },
                metadata: PushMetadata {
                    api_version: "kubernetes.external-secrets.io/v1alpha1",
                    kind: "PushSecretMetadata",
                    spec: PushMetadataSpec {
                        // Labels of the source are its owner's business, not the virtual cluster's.
                        source_merge_policy: "Replace",
                        labels: self.part.pod_labels(),
                    },
                },
            }],
        };
        let name = format!("{}-{}", self.remote_namespace, secret.name);
        self.part.on_host(&format!("push-{}", secret.name), &push.named(self.metadata(name)), Ready::Condition)
    }

    fn name(&self) -> String {
        format!("{}-{}", self.remote_namespace, self.suffix)
    }

    fn metadata(&self, name: String) -> ObjectMeta {
        self.part.metadata(name)
    }
}
