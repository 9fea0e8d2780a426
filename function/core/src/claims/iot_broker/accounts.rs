//! Accounts at the MQTT broker: the users of an `IotBrokerClaim`, the bridge to Kafka and the device simulator. Each
//! account has a Secret inside the virtual cluster with its user name and password. The names of these Secrets are
//! defined in this module alone, except for the Secret of the bridge: Kafka reads it too, so `claims/between` defines
//! its name.

use std::collections::BTreeSet;

use super::checked::IotBroker;
use super::claim::{Mapping, Spec, User};
use super::filter::{overlap, strays};
use super::phase;
use crate::claims::between::host_secrets::HostSecret;
use crate::claims::between::part_of::PartOf;
use crate::claims::between::people;
use crate::claims::between::secret::{Generator, PASSWORD, Secret, SecretName, mqtt_bridge};
use crate::parts::plan::Resource;
use crate::text::language::{Line, Text};

/// User names of the platform's own accounts at the MQTT broker, for the bridge to Kafka and for the device simulator.
/// No user of a claim may have one of these names.
pub const BRIDGE: &str = "kafka-bridge";
pub const SIMULATOR: &str = "health-data-sim";

/// Key of the user name in the Secret of an account at the MQTT broker. The Secret has the password under another key,
/// [`PASSWORD`].
pub const USERNAME: &str = "username";

/// External Secrets generator of a password, for each account at the MQTT broker for which the claim names no Secret.
const GENERATOR: Generator = Generator { purpose: None, keys: &[PASSWORD] };

/// Account that may connect to the MQTT broker, with the topics that it may publish and read.
pub struct Account<'a> {
    pub user: &'a str,
    pub secret: Secret,
    /// Secret in the environment's namespace on the host cluster from which the password of an MQTT account is copied,
    /// if the claim names one. `None`: the password is generated.
    pub own: Option<&'a SecretName>,
    pub publish: Vec<&'a str>,
    pub read: Vec<&'a str>,
    /// MQTT topics that an account must not read, although one of the filters that the account may read matches them.
    /// Only the bridge to Kafka has such topics.
    pub deny: Vec<String>,
}

/// Secret inside the virtual cluster with the user name and password by which the device simulator connects to the MQTT
/// broker.
pub fn simulator() -> Secret {
    Secret::new("mqtt-simulator")
}

/// Secret inside the virtual cluster with the MQTT broker's TLS certificate.
pub fn certificate() -> Secret {
    Secret::new("mqtt-tls")
}

pub fn all(broker: &IotBroker) -> Vec<Account<'_>> {
    listed(&broker.spec)
}

/// All accounts that may connect to the MQTT broker: the claim's users, the bridge to Kafka if the claim has mappings,
/// and the device simulator if it is enabled.
pub fn listed(spec: &Spec) -> Vec<Account<'_>> {
    let connector = &spec.connector_config;
    let mut accounts: Vec<Account> = spec.mqtt_config.users.iter().map(user).collect();
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

/// Secret inside the virtual cluster with the user name and password of one MQTT user that an `IotBrokerClaim` lists.
fn credentials(user: &User) -> Secret {
    Secret::new(format!("mqtt-user-{}", user.name))
}

/// Secrets on the host cluster that an `IotBrokerClaim` names: passwords of MQTT users and of the bridge, and the TLS
/// certificate. Each has the field that names it, for the check whether the claim may use the Secret.
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

/// MQTT topics that the bridge's account must not read. These topics match the bridge's filters by the rules of MQTT,
/// but not by those of the bridge's Kafka connector. For each message of such a topic, the connector would break its
/// connection to the broker, and the broker would then send the message again.
fn unread(mappings: &[Mapping]) -> Vec<String> {
    let strays = |mapping: &Mapping| {
        let wanted = |stray: &String| {
            mappings.iter().any(|other| other.mqtt_topic != mapping.mqtt_topic && overlap(&other.mqtt_topic, stray))
        };
        strays(&mapping.mqtt_topic).into_iter().filter(|stray| !wanted(stray)).collect::<Vec<_>>()
    };
    unique(mappings.iter().flat_map(strays))
}

/// MQTT topic filters of the bridge without repetitions, in the order of their first occurrence. A filter occurs twice
/// if two mappings with different converters have the same filter.
fn unique<T: Clone + Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut known = BTreeSet::new();
    items.filter(|item| known.insert(item.clone())).collect()
}

pub const PART: PartOf<IotBroker> = PartOf::new(phase::BROKER, resources);

/// Rights of people to read the credentials of MQTT users of the claim. The accounts of the bridge and of the simulator
/// are not for people.
pub const READERS: PartOf<IotBroker> = PartOf::new(phase::BROKER, |broker| {
    let users = broker.spec.mqtt_config.users.iter();
    people::readers(&broker.tenant, users.map(|user| (credentials(user), &user.credentials_reader_groups)))
});

fn resources(broker: &IotBroker) -> Vec<Resource> {
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

/// Content of Mosquitto's access control list. An account at the broker has the rights that are listed below its name,
/// and no others.
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
