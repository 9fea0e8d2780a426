//! Part of a real-time system's plan: the system's Secrets inside the virtual cluster, with the names of the Secrets,
//! the keys of their data, and the composed resources that create them.

use super::changes;
use super::checked::RealtimeSystem;
use super::claim::{Engine, Spec as Claimed};
use super::phase;
use crate::claims::between::groups::{self, Groups};
use crate::claims::between::host_secrets::HostSecret;
use crate::claims::between::part_of::PartOf;
use crate::claims::between::people;
use crate::claims::between::secret::{Generator, PASSWORD, Pusher, SNOWFLAKE_KEY, Secret, SecretName};
use crate::kinds::Spec;
use crate::kinds::cloudnative_pg::RELOADED;
use crate::kinds::external_secrets::{Data, ExternalSecret, RemoteRef, StoreRef, Target};
use crate::kinds::kubernetes::MANIFEST;
use crate::life::immutable::Immutable;
use crate::parts::plan::{Ready, Resource};
use crate::schema::fault::Fault;
use crate::text::language::{self, Text};

/// Secret of PostgreSQL inside the virtual cluster: the superuser's name and password, the passwords of its roles, and
/// Metabase's encryption key. The Secret must exist as long as PostgreSQL's volume, because without the superuser's
/// password and the encryption key, the data on the volume cannot be used.
pub fn postgres() -> Secret {
    Secret::new("lenses-backend-postgres-credentials")
}

/// Keys of the Secret with PostgreSQL's credentials.
pub mod postgres_key {
    pub const USERNAME: &str = "username";
    pub const PASSWORD: &str = "password";
    pub const HQ: &str = "hq-password";
    pub const AGENT1: &str = "agent1-password";
    pub const AGENT2: &str = "agent2-password";
    pub const METABASE: &str = "metabase-password";
    pub const METABASE_ENCRYPTION: &str = "metabase-encryption-key";
}

/// Secret inside the virtual cluster with the credentials of the object store to which PostgreSQL makes backups.
pub fn backup() -> Secret {
    Secret::new("postgres-backup-credentials")
}

/// Secret inside the virtual cluster with the credentials of the object store from whose backups PostgreSQL starts.
pub fn restore() -> Secret {
    Secret::new("postgres-restore-credentials")
}

/// Keys of the Secrets with the credentials of an object store.
pub mod bucket_key {
    pub const ACCESS_KEY_ID: &str = "access-key-id";
    pub const SECRET_ACCESS_KEY: &str = "secret-access-key";
    pub const REGION: &str = "region";
}

/// Secret of Kafka with the engine `Strimzi` inside the virtual cluster: the passwords of Kafka's users, and of the role
/// in PostgreSQL that owns Schema Registry's database. It is apart from PostgreSQL's Secret, which an earlier claim for
/// a system without this engine may have left behind, and which is never written again.
pub fn kafka() -> Secret {
    Secret::new("kafka-platform-credentials")
}

/// Keys of the Secret with Kafka's credentials.
pub mod kafka_key {
    pub const AGENT: &str = "lenses-agent-password";
    pub const CONNECT: &str = "kafka-connect-password";
    pub const REGISTRY: &str = "registry-password";
    pub const TOPICS: &str = "kafka-topics-password";
}

/// Secret inside the virtual cluster with the credentials of the administrator of Lenses HQ: keys `username`,
/// `password` and, with the password's hash, `password-bcrypt`.
pub fn administrator() -> Secret {
    Secret::new("lenses-hq-admin")
}

/// Secret inside the virtual cluster with the Lenses licence key, under the key `license`.
pub fn license() -> Secret {
    Secret::new("lenses-license")
}

/// Secret inside the virtual cluster with the agent key, by which the Lenses agent authenticates to Lenses HQ, under
/// the key `agent-key`. HQ shows the agent key once, and a Job stores it.
pub fn agent_key() -> Secret {
    Secret::new("lenses-agent-key")
}

/// Secret inside the virtual cluster with the credentials of the administrator of Metabase: keys `email` and
/// `password`.
pub fn dashboard() -> Secret {
    Secret::new("metabase-admin")
}

/// Secret inside the virtual cluster with the key by which several pods of Metabase sign the sessions of people. It is
/// apart from PostgreSQL's Secret, which is never written again once it is there.
pub fn sessions() -> Secret {
    Secret::new("metabase-sessions")
}

/// Key of the Secret with the key of Metabase's sessions.
pub const SESSION_KEY: &str = "session-key";

/// Secret inside the virtual cluster with the private key of the Snowflake user, and with the key's passphrase if the
/// key is encrypted.
pub fn snowflake() -> Secret {
    Secret::new(SNOWFLAKE_KEY)
}

/// Keys of the Secret with the Snowflake user's private key.
pub mod snowflake_key {
    pub const PRIVATE_KEY: &str = "private_key";
    pub const PASSPHRASE: &str = "private_key_passphrase";
}

/// External Secrets generator of a password for every value in the Secret of PostgreSQL except the superuser's name.
const POSTGRES: Generator = Generator {
    purpose: None,
    keys: &[
        postgres_key::PASSWORD,
        postgres_key::HQ,
        postgres_key::AGENT1,
        postgres_key::AGENT2,
        postgres_key::METABASE,
        postgres_key::METABASE_ENCRYPTION,
    ],
};

/// External Secrets generator of a password for every value in the Secret of Kafka with the engine `Strimzi`.
const KAFKA: Generator = Generator {
    purpose: Some("kafka"),
    keys: &[kafka_key::AGENT, kafka_key::CONNECT, kafka_key::REGISTRY, kafka_key::TOPICS],
};

/// External Secrets generator for the passwords of two administrators, of Lenses HQ and of Metabase: one
/// password for each of two PushSecrets. A PushSecret copies all keys of its generator into the Secret that it writes,
/// so this generator has only one key, `password`.
const ADMINISTRATORS: Generator = Generator { purpose: Some("administrators"), keys: &[PASSWORD] };

/// External Secrets generator of the key of Metabase's sessions.
const SESSIONS: Generator = Generator { purpose: Some("sessions"), keys: &[SESSION_KEY] };

/// Secrets on the host cluster that a `RealtimeSystemClaim` names: the Lenses licence, passwords of administrators, and
/// the Snowflake private key. Each has the path of the claim field that names it, for a message that the claim may not
/// use the Secret.
pub fn on_the_host(spec: &Claimed) -> Vec<HostSecret> {
    let lenses = &spec.lenses_config;
    let named = |field: &str, own: Option<&SecretName>, inside: &Secret| {
        own.map(|own| HostSecret::new(field, &own.name, inside.push_key()))
    };
    let license = &lenses.license_secret_ref.name;
    let key = spec.snowflake_config.as_ref().and_then(|snowflake| snowflake.private_key.secret_ref.as_ref());
    [
        Some(HostSecret::new("spec.lensesConfig.licenseSecretRef.name", license, self::license().push_key())),
        named(
            "spec.lensesConfig.administrator.credentialsSecretRef.name",
            lenses.administrator.credentials_secret_ref.as_ref(),
            &administrator(),
        ),
        named(
            "spec.dashboard.administrator.credentialsSecretRef.name",
            spec.dashboard.administrator.credentials_secret_ref.as_ref(),
            &dashboard(),
        ),
        named("spec.snowflakeConfig.privateKey.secretRef.name", key, &snowflake()),
        named(
            "spec.database.backup.credentialsSecretRef.name",
            spec.database.backup.as_ref().map(|backup| &backup.credentials_secret_ref),
            &backup(),
        ),
        named(
            "spec.database.restoreFrom.credentialsSecretRef.name",
            spec.database.restore_from.as_ref().map(|restored| &restored.credentials_secret_ref),
            &restore(),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::SECRETS, resources);

/// Rights of people to read the credentials with which people log in at Lenses HQ and at Metabase. No other Secret of a
/// system is for people: the other Secrets hold credentials of the system's programs, the licence of Lenses, and the
/// private key of the Snowflake user.
pub const READERS: PartOf<RealtimeSystem> = PartOf::new(phase::SECRETS, |system| {
    people::readers(&system.tenant, readers(&system.spec).map(|(_, secret, groups)| (secret, groups)))
});

/// Secrets of a system that people may read where its claim names their groups, each with the field that names them.
fn readers(spec: &Claimed) -> [(&'static str, Secret, &Groups); 2] {
    let lenses = &spec.lenses_config.administrator.credentials_reader_groups;
    let metabase = &spec.dashboard.administrator.credentials_reader_groups;
    [
        ("spec.lensesConfig.administrator.credentialsReaderGroups", administrator(), lenses),
        ("spec.dashboard.administrator.credentialsReaderGroups", dashboard(), metabase),
    ]
}

pub fn check_readers(faults: &mut Vec<Fault>, spec: &Claimed) {
    for (field, _, groups) in readers(spec) {
        groups::check(faults, field, groups);
    }
}

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    let pusher = system.tenant.pusher();
    let mut resources = vec![
        pusher.store(),
        pusher.generator(&POSTGRES),
        pusher.generated(&pushed_postgres(system), &POSTGRES, &[(postgres_key::USERNAME, Text::code("postgres"))]),
    ];
    let administrators = [
        &system.spec.lenses_config.administrator.credentials_secret_ref,
        &system.spec.dashboard.administrator.credentials_secret_ref,
    ];
    if administrators.iter().any(|own| own.is_none()) {
        resources.push(pusher.generator(&ADMINISTRATORS));
    }
    resources.extend([
        push_administrator(system, &pusher),
        push_license(system, &pusher),
        push_dashboard(system, &pusher),
    ]);
    resources.extend(push_snowflake(system, &pusher));
    resources.extend(push_buckets(system, &pusher));
    if system.is_replicated() {
        resources.extend([pusher.generator(&KAFKA), pusher.generated(&kafka(), &KAFKA, &[])]);
    }
    if system.has_several_dashboards() {
        resources.extend([pusher.generator(&SESSIONS), pusher.generated(&sessions(), &SESSIONS, &[])]);
    }
    resources
}

/// Secret of PostgreSQL, as it is pushed: CloudNativePG sets a changed password of the superuser only if the Secret has
/// its label.
fn pushed_postgres(system: &RealtimeSystem) -> Secret {
    match system.spec.database.engine {
        Engine::Development => postgres(),
        Engine::CloudNativePG => postgres().labelled(RELOADED),
    }
}

/// PushSecrets of the credentials of object stores. Each Secret has the region as well, because a program for backups
/// takes it from there for each place of its own.
fn push_buckets(system: &RealtimeSystem, pusher: &Pusher) -> Vec<Resource> {
    let database = &system.spec.database;
    let push = |secret: Secret, from: &SecretName, region: &str| {
        let keys = [bucket_key::ACCESS_KEY_ID, bucket_key::SECRET_ACCESS_KEY].map(|key| (key, key));
        pusher.copied(&secret, from, &keys, &[(bucket_key::REGION, Text::literal(region))])
    };
    let made = database.backup.as_ref().map(|it| push(backup(), &it.credentials_secret_ref, &it.region));
    let restored = database.restore_from.as_ref().map(|it| push(restore(), &it.credentials_secret_ref, &it.region));
    made.into_iter().chain(restored).collect()
}

fn push_administrator(system: &RealtimeSystem, pusher: &Pusher) -> Resource {
    let claimed = &system.spec.lenses_config.administrator;
    let hash = Text::code("{{ index . \"password\" | bcrypt }}");
    let added = [("username", Text::literal(&claimed.username)), ("password-bcrypt", hash)];
    pusher.credentials(&administrator(), claimed.credentials_secret_ref.as_ref(), &ADMINISTRATORS, &added)
}

/// Rules for the fields of a `RealtimeSystemClaim` that cannot change: the user name of Lenses HQ's administrator and
/// the e-mail address of Metabase's administrator, each compared with the PushSecret that writes it. The e-mail address
/// has a rule only if the claim sets it.
pub fn immutable(system: &RealtimeSystem) -> Vec<Immutable> {
    let template = |key: &str| format!("{MANIFEST}/spec/template/data/{key}");
    let written = Text::<language::Template>::literal;
    let lenses = written(&system.spec.lenses_config.administrator.username);
    let username = Immutable::same(
        "secrets-push-lenses-hq-admin",
        &template("username"),
        lenses.as_str(),
        "spec.lensesConfig.administrator.username",
        changes::ADMINISTRATOR,
    );
    let email = system.spec.dashboard.administrator.email.as_ref().map(|email| {
        let field = "spec.dashboard.administrator.email";
        Immutable::same(
            "secrets-push-metabase-admin",
            &template("email"),
            written(email).as_str(),
            field,
            changes::EMAIL,
        )
    });
    std::iter::once(username).chain(email).collect()
}

fn push_license(system: &RealtimeSystem, pusher: &Pusher) -> Resource {
    let reference = &system.spec.lenses_config.license_secret_ref;
    let from = SecretName { name: reference.name.clone() };
    pusher.copied(&license(), &from, &[(&reference.key, "license")], &[])
}

fn push_dashboard(system: &RealtimeSystem, pusher: &Pusher) -> Resource {
    let own = system.spec.dashboard.administrator.credentials_secret_ref.as_ref();
    pusher.credentials(&dashboard(), own, &ADMINISTRATORS, &[("email", Text::literal(&system.dashboard_email))])
}

/// Resources that bring the Snowflake user's private key into the virtual cluster: from the platform's secret store by
/// way of a Secret on the host cluster, or from a Secret on the host cluster that the claim names.
fn push_snowflake(system: &RealtimeSystem, pusher: &Pusher) -> Vec<Resource> {
    let Some(config) = &system.spec.snowflake_config else { return Vec::new() };
    let key = &config.private_key;
    let passphrase = key.passphrase_property.as_deref().map(|property| (property, snowflake_key::PASSPHRASE));
    if let Some(own) = &key.secret_ref {
        let keys: Vec<_> =
            [(snowflake_key::PRIVATE_KEY, snowflake_key::PRIVATE_KEY)].into_iter().chain(passphrase).collect();
        return vec![pusher.copied(&snowflake(), own, &keys, &[])];
    }
    let properties: Vec<_> =
        [(key.property.as_str(), snowflake_key::PRIVATE_KEY)].into_iter().chain(passphrase).collect();
    let name = system.on_host_name("snowflake-credentials");
    let target = SecretName { name: system.on_host_name(&snowflake().name) };
    let external = ExternalSecret {
        refresh_interval: "1h0m0s",
        secret_store_ref: StoreRef {
            kind: "ClusterSecretStore",
            name: system.tenant.owner.settings.secret_store.clone(),
        },
        target: Target { name: target.name.clone(), creation_policy: "Owner", template: None },
        data: properties
            .iter()
            .map(|(property, inside)| Data {
                secret_key: (*inside).to_owned(),
                remote_ref: RemoteRef { key: key.remote_key.clone(), property: Some((*property).to_owned()) },
            })
            .collect(),
    };
    let keys: Vec<_> = properties.iter().map(|(_, inside)| (*inside, *inside)).collect();
    let metadata = pusher.part.metadata(name);
    vec![
        pusher.part.on_host("snowflake-credentials", &external.named(metadata), Ready::Condition),
        pusher.copied(&snowflake(), &target, &keys, &[]),
    ]
}
