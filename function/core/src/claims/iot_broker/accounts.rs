//! Who may connect to the broker: the claim's users, the bridge and the simulator. Each has a Secret with a user name and a
//! password; who makes it, who hashes it and who logs in with it take its name from here.

use std::collections::BTreeSet;

use super::checked::IotBroker;
use super::claim::{Mapping, Spec, User};
use super::filter::{overlap, strays};
use crate::claims::between::host_secrets::HostSecret;
use crate::claims::between::secret::{Generator, PASSWORD, Secret, SecretName, mqtt_bridge};
use crate::parts::plan::Resource;
use crate::text::language::{Line, Text};

/// User names that are ours.
pub const BRIDGE: &str = "kafka-bridge";
pub const SIMULATOR: &str = "health-data-sim";

/// The key of each account's Secret beside [`PASSWORD`].
pub const USERNAME: &str = "username";

/// What makes up a password for each account that brings none.
const GENERATOR: Generator = Generator { purpose: None, keys: &[PASSWORD] };

/// One who may connect, and what for.
pub struct Account<'a> {
    pub user: &'a str,
    pub secret: Secret,
    /// The user's own Secret on the host, with the password.
    pub own: Option<&'a SecretName>,
    pub publish: Vec<&'a str>,
    pub read: Vec<&'a str>,
    /// Topics that it must not read although it may read others around them.
    pub deny: Vec<String>,
}

/// The simulator's Secret.
pub fn simulator() -> Secret {
    Secret::new("mqtt-simulator")
}

/// The broker's certificate, where its pod reads it.
pub fn certificate() -> Secret {
    Secret::new("mqtt-tls")
}

/// All who may connect.
pub fn all(broker: &IotBroker) -> Vec<Account<'_>> {
    let connector = &broker.spec.connector_config;
    let mut accounts: Vec<Account> = broker.spec.mqtt_config.users.iter().map(user).collect();
    if !connector.mappings.is_empty() {
        accounts.push(Account {
            user: BRIDGE,
            secret: mqtt_bridge(),
            own: connector.credentials_secret_ref.as_ref(),
            publish: Vec::new(),
            read: unique(connector.mappings.iter().map(|mapping| mapping.mqtt_topic.as_str())),
            deny: unread(&connector.mappings),
        });
    }
    if connector.simulator.enabled {
        accounts.push(Account {
            user: SIMULATOR,
            secret: simulator(),
            own: None,
            publish: vec![&connector.simulator.topic],
            read: Vec::new(),
            deny: Vec::new(),
        });
    }
    accounts
}

/// The Secret of one of the claim's users, inside.
fn credentials(user: &User) -> Secret {
    Secret::new(format!("mqtt-user-{}", user.name))
}

/// The Secrets on the host that the claim names.
pub fn on_the_host(spec: &Spec) -> Vec<HostSecret> {
    let users = spec.mqtt_config.users.iter().enumerate().filter_map(|(index, user)| {
        let own = user.credentials_secret_ref.as_ref()?;
        let field = format!("spec.mqttConfig.users[{index}].credentialsSecretRef.name");
        Some(HostSecret::new(field, &own.name, credentials(user).push_key()))
    });
    let bridge = spec.connector_config.credentials_secret_ref.iter().map(|own| {
        HostSecret::new("spec.connectorConfig.credentialsSecretRef.name", &own.name, mqtt_bridge().push_key())
    });
    let tls = spec.mqtt_config.tls.iter();
    let tls =
        tls.map(|tls| HostSecret::new("spec.mqttConfig.tls.secretName", &tls.secret_name, certificate().push_key()));
    users.chain(bridge).chain(tls).collect()
}

fn user(user: &User) -> Account<'_> {
    Account {
        user: &user.name,
        secret: credentials(user),
        own: user.credentials_secret_ref.as_ref(),
        publish: user.publish.iter().map(String::as_str).collect(),
        read: user.read.iter().map(String::as_str).collect(),
        deny: Vec::new(),
    }
}

/// Topics that MQTT sends along with the bridge's filters, but that the connector does not count in: it breaks the connection
/// over each, and is sent it again.
fn unread(mappings: &[Mapping]) -> Vec<String> {
    let strays = |mapping: &Mapping| {
        let wanted = |stray: &String| {
            mappings.iter().any(|other| other.mqtt_topic != mapping.mqtt_topic && overlap(&other.mqtt_topic, stray))
        };
        strays(&mapping.mqtt_topic).into_iter().filter(|stray| !wanted(stray)).collect::<Vec<_>>()
    };
    unique(mappings.iter().flat_map(strays))
}

/// Each once, in the order of the first. One topic may be carried in two ways.
fn unique<T: Clone + Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut known = BTreeSet::new();
    items.filter(|item| known.insert(item.clone())).collect()
}

pub fn resources(broker: &IotBroker) -> Vec<Resource> {
    let pusher = broker.tenant.pusher();
    let accounts = all(broker);
    let mut resources = vec![pusher.store()];
    if accounts.iter().any(|account| account.own.is_none()) {
        resources.push(pusher.generator(&GENERATOR));
    }
    resources.extend(accounts.iter().map(|account| {
        pusher.credentials(&account.secret, account.own, &GENERATOR, &[(USERNAME, Text::literal(account.user))])
    }));
    resources.extend(broker.spec.mqtt_config.tls.iter().map(|tls| {
        let from = SecretName { name: tls.secret_name.clone() };
        pusher.certificate(&certificate(), &from)
    }));
    resources
}

/// Mosquitto's access list: an account may do what stands below its name, and nothing else.
pub fn access_list(broker: &IotBroker) -> String {
    let section = |account: &Account| {
        let line = |access: &str, filter: &str| format!("topic {access} {}\n", Text::<Line>::literal(filter));
        let publish: String = account.publish.iter().map(|filter| line("write", filter)).collect();
        let read: String = account.read.iter().map(|filter| line("read", filter)).collect();
        let deny: String = account.deny.iter().map(|filter| line("deny", filter)).collect();
        format!("user {}\n{publish}{deny}{read}", Text::<Line>::literal(account.user))
    };
    all(broker).iter().map(section).collect::<Vec<_>>().join("\n")
}
