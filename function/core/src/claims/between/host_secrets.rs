//! Secrets in the host cluster that a claim names, in the environment's namespace. Such a Secret is copied into the
//! virtual cluster, where the claim's author can read it, so this module decides which names a claim may use.
//!
//! The decision follows from the Secret's name, from the owner of the environment and from the names that the owner
//! shares. The module does not read the Secret itself.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::claims::between::offer::{Consumer, Sharing};
use crate::claims::between::secret::SNOWFLAKE_KEY;
use crate::kinds::kubernetes::MANIFEST;
use crate::schema::fault::Fault;
use crate::settings::Settings;

/// Secret in the host cluster that a claim names in one of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSecret {
    /// Path of the claim field that names the Secret in the host cluster.
    pub field: String,
    pub name: String,
    /// Key of the composed PushSecret that copies the named Secret from the host cluster into the virtual cluster;
    /// empty where no PushSecret copies it.
    pub push: String,
}

impl HostSecret {
    pub fn new(field: impl Into<String>, name: &str, push: impl Into<String>) -> Self {
        Self { field: field.into(), name: name.to_owned(), push: push.into() }
    }

    /// Name of the Secret in the host cluster that the observed PushSecret copies, if the claim now names another
    /// Secret. The name is empty if the PushSecret takes its values from a generator. `None`: the PushSecret copies the
    /// Secret that the claim names, or the PushSecret's field `selector`, which names the source, is not observed.
    fn other(&self, look: &dyn Fn(&str, &[&str]) -> Option<Value>) -> Option<String> {
        let path = format!("{MANIFEST}/spec/selector");
        let path: Vec<&str> = path.split('/').skip(1).collect();
        let selector = look(&self.push, &path)?;
        let copied = selector.pointer("/secret/name").and_then(Value::as_str).unwrap_or_default();
        (copied != self.name).then(|| copied.to_owned())
    }
}

/// Rejects names of Secrets in the host cluster that only the platform and the virtual cluster may use. The rule holds
/// for the claims of every owner.
pub fn check(faults: &mut Vec<Fault>, environment: &str, secrets: &[HostSecret], settings: &Settings) {
    for secret in secrets {
        if let Some(reserved) = reserved(&secret.name, environment, settings) {
            faults.push(Fault::new(
                &secret.field,
                format!("must not be {:?}: {reserved}; name a Secret that was made for this claim", secret.name),
            ));
        }
    }
}

/// Reason why no claim may name the Secret with the given name in the host cluster. `None`: the name is not reserved.
fn reserved(name: &str, environment: &str, settings: &Settings) -> Option<String> {
    let is_pull_secret = settings.pull_secrets.iter().any(|secret| secret.name == name);
    let reason = if name.starts_with("vc-") {
        "names that begin with vc- are the virtual cluster's own, its administrator's kubeconfig among them"
    } else if ["certs", "kubeconfig"].iter().any(|ending| name == format!("{environment}-{ending}")) {
        "the virtual cluster keeps the keys of its administrator under this name"
    } else if name.starts_with("sh.helm.release.") {
        "Helm keeps its releases under such names"
    } else if name.contains("-x-") || is_shortened(name) {
        "under such names the virtual cluster keeps its copies of Secrets from inside"
    } else if name.ends_with(SNOWFLAKE_KEY) {
        "under such names the keys of Snowflake users arrive from the secret store"
    } else if is_pull_secret {
        "it has the platform's credentials for pulling images"
    } else {
        return None;
    };
    Some(reason.to_owned())
}

/// Whether a Secret's name in the host cluster has the form of a name that a virtual cluster has shortened. A virtual
/// cluster cuts a name of more than 63 characters to 52, and adds a hyphen and ten hexadecimal digits of a checksum. A
/// dot before the hyphen is removed.
fn is_shortened(name: &str) -> bool {
    let digits = name.rsplit_once('-').map(|(_, digits)| digits).unwrap_or_default();
    let is_checksum = digits.len() == 10 && digits.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    is_checksum && matches!(name.len(), 62 | 63)
}

/// Rule that says which Secrets a claim may name in the environment's namespace of the host cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nameable {
    /// The Secrets that the claim may name are undecided, because the environment's ProviderConfig has not been found.
    Unknown,
    /// The claim may name all Secrets in the environment's namespace of the host cluster, because the claim is in the
    /// namespace that owns the environment.
    All,
    /// The claim is in another namespace than the one that owns the environment. The claim may name the listed Secrets,
    /// which the environment shares, and Secrets whose names begin with the claim's namespace and a dot.
    Shared(BTreeSet<String>),
}

impl Nameable {
    /// Rule for the Secrets in the host cluster that a system or broker may name, read from the ProviderConfig with the
    /// environment's name.
    pub fn of(consumer: &Consumer, provider_config: Option<&Value>) -> Self {
        match Sharing::of(consumer, provider_config) {
            None => Self::Unknown,
            Some(Sharing { owner, .. }) if owner == consumer.claim_namespace => Self::All,
            Some(Sharing { secrets, .. }) => Self::Shared(secrets),
        }
    }

    /// Faults of a claim, one for each Secret in the host cluster that the claim may not name. While the environment's
    /// ProviderConfig is not found, the Secrets that the claim may name are undecided. A PushSecret that does not exist
    /// yet is then held, and the only fault is a change of an existing PushSecret to another Secret.
    pub fn faults(
        &self,
        consumer: &Consumer,
        secrets: &[HostSecret],
        look: &dyn Fn(&str, &[&str]) -> Option<Value>,
    ) -> Vec<Fault> {
        let refused = |secret: &HostSecret| Some(Fault::new(&secret.field, self.refusal(consumer, secret, look)?));
        secrets.iter().filter_map(refused).collect()
    }

    fn refusal(
        &self,
        Consumer { environment, claim_namespace, .. }: &Consumer,
        secret: &HostSecret,
        look: &dyn Fn(&str, &[&str]) -> Option<Value>,
    ) -> Option<String> {
        let name = &secret.name;
        match self {
            Self::All => None,
            Self::Shared(shared) => {
                let is_own = name.strip_prefix(claim_namespace.as_str()).is_some_and(|rest| rest.starts_with('.'));
                (!is_own && !shared.contains(name)).then(|| {
                    format!(
                        "must begin with \"{claim_namespace}.\", or be listed in spec.sharedSecrets of the environment {environment}, not {name:?}: the environment belongs to a claim of another namespace"
                    )
                })
            }
            Self::Unknown => {
                let other = secret.other(look)?;
                let leave = if other.is_empty() { "leave it out".to_owned() } else { format!("leave {other:?}") };
                Some(format!(
                    "cannot become {name:?} while the environment {environment} is not observed, which lists the Secrets that this claim may name: {leave} until then"
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::claims::between::offer::annotation;
    use crate::parts::owner::label;
    use crate::settings::input::{Images, Input, PullSecret};

    fn consumer() -> Consumer {
        Consumer {
            environment: "lab".to_owned(),
            namespace: "n".to_owned(),
            claim_namespace: "team".to_owned(),
            form: crate::kinds::Form::Claim,
            opt_outs: &[],
        }
    }

    fn faults_of(name: &str) -> Vec<Fault> {
        let pull = PullSecret { name: "mirror".to_owned(), remote_key: "mirror".to_owned() };
        let images = Images { pull_secrets: vec![pull], ..Images::default() };
        let settings = Settings::check(Input { images, ..Input::default() }).unwrap();
        let mut faults = Vec::new();
        check(&mut faults, "lab", &[HostSecret::new("spec.field", name, "")], &settings);
        faults
    }

    #[test]
    fn what_only_the_platform_uses_is_refused_at_its_field() {
        let shortened = format!("{}-0123456789", "a".repeat(52));
        let dotted = format!("{}-0123456789", "a".repeat(51));
        for name in [
            "vc-lab",
            "vc-other",
            "vc-config-lab",
            "lab-certs",
            "lab-kubeconfig",
            "sh.helm.release.v1.lab.v1",
            "mirror",
            "db-x-team-x-lab",
            "-x-",
            &shortened,
            &dotted,
            "snowflake-kafka-credentials",
            "research-snowflake-kafka-credentials",
            "team.snowflake-kafka-credentials",
        ] {
            let faults = faults_of(name);
            assert_eq!(faults.len(), 1, "{name}");
            assert!(faults[0].field == "spec.field" && faults[0].message.contains(name), "{faults:?}");
        }
        let long = "a".repeat(63);
        let no_checksum = format!("{}-012345678g", "a".repeat(52));
        for name in ["lenses-license", "other-certs", "team.vc-lab", "x-y-x", "my-snowflake-key", &long, &no_checksum] {
            assert_eq!(faults_of(name), [], "{name}");
        }
    }

    fn provider_config(owner: &str, shared: &str) -> Value {
        json!({"metadata": {
            "labels": {label("environment"): "lab", label("claim-namespace"): owner},
            "annotations": {annotation("shared-secrets"): shared},
        }})
    }

    /// Faults of a claim in namespace `team` that names a Secret, with this PushSecret observed.
    fn said(provider_config: Option<&Value>, name: &str, observed: Option<&Value>) -> Vec<String> {
        let look = |key: &str, path: &[&str]| {
            assert_eq!(key, "push");
            path.iter().try_fold(observed?, |at, step| at.get(step)).cloned()
        };
        let secret = HostSecret::new("spec.field", name, "push");
        let faults = Nameable::of(&consumer(), provider_config).faults(&consumer(), &[secret], &look);
        faults.iter().map(Fault::to_string).collect()
    }

    #[test]
    fn the_owner_names_anything_and_others_their_own_or_what_is_shared() {
        let none: [&str; 0] = [];
        assert_eq!(said(Some(&provider_config("team", "")), "anything", None), none);
        let theirs = provider_config("owner", "common,more");
        for name in ["team.license", "common", "more"] {
            assert_eq!(said(Some(&theirs), name, None), none, "{name}");
        }
        for name in ["license", "team", "teams.license", "other.license", "comm", "team-license", "common,more"] {
            let said = said(Some(&theirs), name, None);
            assert!(
                said.len() == 1 && said[0].starts_with("spec.field: must begin with \"team.\""),
                "{name}: {said:?}"
            );
        }
        assert_eq!(
            said(Some(&provider_config("owner", "")), "", None).len(),
            1,
            "nothing is shared, not the empty name"
        );
    }

    #[test]
    fn while_the_environment_is_not_seen_nothing_is_pointed_elsewhere() {
        let none: [&str; 0] = [];
        let pushes = |name: &str| json!({"kind": "Object", "spec": {"forProvider": {"manifest": {"spec": {"selector": {"secret": {"name": name}}}}}}});
        let generates = json!({"kind": "Object", "spec": {"forProvider": {"manifest": {"spec": {"selector": {}}}}}});
        let foreign = json!({"metadata": {"labels": {}}});
        for unseen in [None, Some(&foreign)] {
            assert_eq!(said(unseen, "mine", None), none, "what is not observed is held");
            assert_eq!(said(unseen, "mine", Some(&pushes("mine"))), none);
            let elsewhere = said(unseen, "theirs", Some(&pushes("mine")));
            assert!(elsewhere[0].ends_with("leave \"mine\" until then"), "{elsewhere:?}");
            assert_eq!(said(unseen, "theirs", Some(&generates)).len(), 1, "a generated password becomes a named one");
        }
    }
}
