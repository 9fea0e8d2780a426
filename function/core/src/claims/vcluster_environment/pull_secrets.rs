//! Part of an environment's plan: credentials for pulling images. ExternalSecrets copy them from the platform's secret
//! store into the environment's namespace on the host cluster, where all pods of the virtual cluster run.

use super::{parts, phase};
use std::collections::BTreeMap;

use super::checked::Environment;
use crate::claims::between::part_of::PartOf;
use crate::kinds::Spec;
use crate::kinds::external_secrets::{Data, ExternalSecret, RemoteRef, StoreRef, Target, Template};
use crate::parts::plan::{Ready, Resource};
use crate::settings::input::PullSecret;
use crate::text::language::Text;

pub const PART: PartOf<Environment> = PartOf::new(phase::VIRTUAL_CLUSTER, resources);

fn resources(environment: &Environment) -> Vec<Resource> {
    let settings = &environment.owner.settings;
    let part =
        environment.part(parts::PULL_SECRETS, parts::PULL_SECRETS, &environment.spec.name, &[parts::HOST_NAMESPACE]);
    settings
        .pull_secrets
        .iter()
        .map(|secret| {
            let external = external_secret(secret, &settings.secret_store);
            part.on_host(&secret.name, &external.named(part.metadata(&secret.name)), Ready::Condition)
        })
        .collect()
}

fn external_secret(secret: &PullSecret, store: &str) -> ExternalSecret {
    ExternalSecret {
        refresh_interval: "1h0m0s",
        secret_store_ref: StoreRef { kind: "ClusterSecretStore", name: store.to_owned() },
        target: Target {
            name: secret.name.clone(),
            creation_policy: "Owner",
            template: Some(Template {
                secret_type: Some("kubernetes.io/dockerconfigjson"),
                data: BTreeMap::from([(".dockerconfigjson".to_owned(), Text::code("{{ .config }}"))]),
            }),
        },
        data: vec![Data {
            secret_key: "config".to_owned(),
            remote_ref: RemoteRef { key: secret.remote_key.clone(), property: None },
        }],
    }
}
