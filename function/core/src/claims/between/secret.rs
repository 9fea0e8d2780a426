//! Secrets inside the virtual cluster. The name of each Secret is defined once, for the PushSecret that writes the
//! Secret and for the pods that read it.
//!
//! Only references to Secrets are handled in this module, never a value. External Secrets runs in the host cluster and
//! writes the values, with the kubeconfig of the virtual cluster, from a generator or from a Secret of the host
//! cluster.

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

/// Secret in the environment's namespace of the host cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretName {
    /// Name of the Secret in the environment's namespace of the host cluster.
    #[schemars(length(min = 1, max = 253), regex(pattern = form::DNS_NAME))]
    pub name: String,
}

/// Name of the part that pushes the Secrets of a system or broker into the virtual cluster.
pub const SECRETS: &str = "secrets";

/// Secret inside the virtual cluster, in the namespace of the pods that read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    pub name: String,
    /// Label of the Secret, and its value, by which an operator inside the virtual cluster takes notice of changes.
    label: Option<(&'static str, &'static str)>,
}

impl Secret {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), label: None }
    }

    /// The Secret with a label, by which an operator inside the virtual cluster takes notice of changes.
    #[must_use]
    pub fn labelled(self, label: (&'static str, &'static str)) -> Self {
        Self { label: Some(label), ..self }
    }

    /// Key of the composed PushSecret of this Secret, in the part that pushes the Secrets of a system or broker.
    pub fn push_key(&self) -> String {
        format!("{SECRETS}-{}", push_key(self))
    }

    /// Environment variable of a container with the value of one key of a Secret inside the virtual cluster.
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

    /// Volume of a pod with one file for each key of a Secret inside the virtual cluster. An optional volume is empty
    /// until the Secret exists.
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

/// Secret with the credentials of the bridge from MQTT to Kafka. The broker's claim composes it, and Kafka Connect of
/// the real-time system reads it.
pub fn mqtt_bridge() -> Secret {
    Secret::new("mqtt-credentials")
}

/// Name of the Secret inside the virtual cluster with a Snowflake user's private key. If the private key comes from the
/// platform's secret store, a Secret in the host cluster receives the key first, and the name of that Secret ends with
/// the name of the Secret inside the virtual cluster.
pub const SNOWFLAKE_KEY: &str = "snowflake-kafka-credentials";

/// Key of the password in a Secret that a user brings, and in a generated Secret with one password.
pub const PASSWORD: &str = "password";

/// Generator of passwords for External Secrets, with one password for each of its keys. A push copies all these keys
/// into the virtual cluster.
pub struct Generator {
    /// Suffix for the name of the password generator, which distinguishes it from other generators of the same claim.
    pub purpose: Option<&'static str>,
    pub keys: &'static [&'static str],
}

impl Generator {
    /// Name of this generator of passwords in the environment's namespace: the given name, then the suffix of the
    /// generator if it has one.
    fn called(&self, name: &str) -> String {
        self.purpose.map_or_else(|| name.to_owned(), |purpose| format!("{name}-{purpose}"))
    }
}

/// Key that is added to a pushed Secret, and the text under this key, which External Secrets executes as a template.
pub type Added<'a> = (&'a str, Text<language::Template>);

/// Push of one claim's Secrets by External Secrets, from the host cluster into one namespace of the virtual cluster.
pub struct Pusher<'a> {
    pub part: Part<'a>,
    /// Namespace inside the virtual cluster into which the Secrets are pushed.
    pub remote_namespace: &'a str,
    /// Suffix for the names of the claim's SecretStore and generators, which distinguishes them from those of other
    /// claims in the environment's namespace of the host cluster.
    pub suffix: &'static str,
    /// Name of the Secret in the host cluster with the kubeconfig of the virtual cluster, and the key in that Secret.
    pub kubeconfig: (String, &'static str),
}

impl Pusher<'_> {
    /// SecretStore through which External Secrets writes into a namespace of the virtual cluster.
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
            // Generated passwords have only letters and digits, which need no quoting in the connection strings and
            // configuration files that contain the passwords.
            symbols: 0,
            no_upper: false,
            allow_repeat: true,
            secret_keys: generator.keys.iter().map(|&key| key.to_owned()).collect(),
        };
        let metadata = self.metadata(generator.called(&self.name()));
        self.part.on_host(&generator.called("generator"), &password.named(metadata), Ready::Exists)
    }

    /// PushSecret for a Secret inside the virtual cluster whose values are generated once. The Secret stays when its
    /// claim is deleted, because the passwords in it may protect data that stays, too, such as the volume of a
    /// database. The Secret has the generator's keys and the added keys, and the texts of the added keys may refer to
    /// the generator's keys. All keys are pushed together: otherwise an added text could contain another password than
    /// the one that the Secret already has.
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

    /// PushSecret for a Secret inside the virtual cluster that copies keys of a Secret in the host cluster and has
    /// added keys. Each copied key is given as a pair: its name in the source and its name in the copy. The copy
    /// follows changes of its source.
    ///
    /// Each key is pushed by itself, for two reasons. First, External Secrets adds the keys of a template to the keys
    /// of the source and removes none, so a push of the whole Secret would also copy the user's other keys. Second,
    /// External Secrets reports a pushed key that the source lacks, but writes the failure of a template to its log
    /// only. Therefore added texts refer to keys by the template function `index`, which never fails, and are pushed
    /// after the copied keys.
    pub fn copied(&self, secret: &Secret, from: &SecretName, keys: &[(&str, &str)], added: &[Added]) -> Resource {
        // The pushed Secret has the type `Opaque`, which requires no keys. Other types of Secret require keys that may
        // not be among the copied ones.
        let template = Template { secret_type: Some("Opaque"), data: texts(added) };
        let added = added.iter().map(|(key, _)| (*key, *key));
        let matches = keys.iter().copied().chain(added).map(|(key, inside)| single(secret, key, inside));
        let selector = Selector::Secret(Named::new(&from.name));
        self.push(secret, selector, UpdatePolicy::Replace, Some(template), matches.collect())
    }

    /// PushSecret for a Secret inside the virtual cluster with a TLS certificate, its private key and all other keys of
    /// the user's Secret. The copy follows changes of its source. The user's Secret is copied as a whole, because an
    /// API server accepts a Secret of type `kubernetes.io/tls` only with the certificate and the private key at once.
    pub fn certificate(&self, secret: &Secret, from: &SecretName) -> Resource {
        let selector = Selector::Secret(Named::new(&from.name));
        self.push(secret, selector, UpdatePolicy::Replace, None, vec![whole(secret)])
    }

    /// PushSecret for a Secret inside the virtual cluster with a password and added keys. The password is the user's
    /// own where the claim names a Secret with one, else it is generated.
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
            // A pushed Secret belongs to the data that it protects: it stays when its claim is deleted, and is deleted
            // with the virtual cluster.
            deletion_policy: "None",
            secret_store_refs: vec![StoreRef { kind: SecretStore::KIND, name: self.name() }],
            selector,
            template,
            data: matches.into_iter().map(|matching| Push { matching, metadata: self.push_metadata(secret) }).collect(),
        };
        let name = self.called(&secret.name);
        self.part.on_host(&push_key(secret), &push.named(self.metadata(name)), Ready::Condition)
    }

    fn push_metadata(&self, secret: &Secret) -> PushMetadata {
        let label = secret.label.map(|(label, value)| (label.to_owned(), value.to_owned()));
        PushMetadata {
            api_version: "kubernetes.external-secrets.io/v1alpha1",
            kind: "PushSecretMetadata",
            spec: PushMetadataSpec {
                // With the merge policy `Replace`, External Secrets copies no labels and annotations from the source of
                // a push to the pushed Secret. Labels of the source serve its owner only, and kubectl may have stored
                // all values of the source in an annotation.
                source_merge_policy: "Replace",
                labels: self.part.pod_labels().into_iter().chain(label).collect(),
            },
        }
    }

    fn name(&self) -> String {
        self.called(self.suffix)
    }

    /// Name of an object in the environment's namespace of the host cluster, which all systems and brokers of the
    /// environment share. The name consists of the namespace inside the virtual cluster, a dot and a second name.
    /// Neither the namespace nor the second name contains a dot, so objects for two namespaces never have the same
    /// name.
    fn called(&self, name: &str) -> String {
        format!("{}.{name}", self.remote_namespace)
    }

    fn metadata(&self, name: String) -> ObjectMeta {
        self.part.metadata(name)
    }
}

/// Second half of the key of a composed PushSecret: `push-` and the name of the pushed Secret. The first half is the
/// name of the part.
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
