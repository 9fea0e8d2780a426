//! Parts of a real-time system's plan: PostgreSQL, the database of Lenses and Metabase, and a Job that creates the
//! databases in it. The engine `Development` is one pod from a Helm chart with the official image, the engine
//! `CloudNativePG` is in a file of its own. Both engines have the same Service and the same credentials.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceAccount;
use serde_json::json;

use super::changes::ENGINE;
use super::check::Share;
use super::checked::RealtimeSystem;
use super::claim::Engine;
use super::postgres_names::{APP, FIRST_DATABASE, NAME, REGISTRY_DATABASE, RELEASE};
use super::secrets::{self, kafka_key, postgres_key};
use super::{apps, phase, postgres_cluster, script};
use crate::claims::between::changes::VOLUME;
use crate::claims::between::kafka::REGISTRY_APP;
use crate::claims::between::network::{Traffic, app};
use crate::claims::between::part_of::{PartOf, Policy};
use crate::claims::between::secret::SECRETS;
use crate::life::immutable::Immutable;
use crate::parts::cluster::Installation;
use crate::parts::part::{PART_OF, Part};
use crate::parts::plan::{Outage, Ready, Resource};
use crate::parts::workload::{Task, env, requests, volume_claim};
use crate::schema::size::Cpu;
use crate::settings::pins::{Chart, Image};

pub use super::postgres_names::{PORT, SERVICE};

pub const DATABASES: &str = "databases";
/// Value of the label `app` on the pod of the Job that creates databases in PostgreSQL, whose network policy admits the
/// pod by this label.
const DATABASES_APP: &str = "lenses-config-generator";

/// User ID for which PostgreSQL's image is built. PostgreSQL's volume gets the group with the same ID.
const USER: i64 = 999;
const CLAIM: &str = "postgres-data-pvc";

/// Databases in PostgreSQL, each with the key of its owner's password in the Secret of PostgreSQL. The owner of a
/// database is a role with the database's name.
const OWNED: [(&str, &str); 4] = [
    ("hq", postgres_key::HQ),
    ("agent1", postgres_key::AGENT1),
    ("agent2", postgres_key::AGENT2),
    ("metabaseappdb", postgres_key::METABASE),
];

pub const PART: PartOf<RealtimeSystem> = PartOf::new(phase::DATABASE, resources)
    .away_for(Outage { part: NAME, from: 10, to: 60, meanwhile: "PostgreSQL, and with it Lenses and the dashboard" })
    .fenced_by(Policy { part: "postgres-policy", name: "lenses-postgres-policy", app: APP, admits });

pub const DATABASES_PART: PartOf<RealtimeSystem> = PartOf::new(phase::DATABASE, databases);

fn admits(system: &RealtimeSystem) -> Traffic {
    let callers = [apps::LENSES_HQ, apps::LENSES_AGENT, apps::METABASE, DATABASES_APP];
    let registry = system.is_replicated().then(|| app(REGISTRY_APP));
    let traffic = Traffic::default().from(callers.map(app).into_iter().chain(registry), &[PORT]);
    match system.spec.database.engine {
        Engine::Development => traffic,
        Engine::CloudNativePG => postgres_cluster::admits(system, traffic),
    }
}

fn resources(system: &RealtimeSystem) -> Vec<Resource> {
    if system.spec.database.engine == Engine::CloudNativePG {
        return postgres_cluster::resources(system);
    }
    let part = system.tenant.part(NAME, APP, &[SECRETS]);
    let claim = volume_claim(&part, CLAIM, system.sizes.database_storage);
    // The PostgreSQL chart has no value that withholds the service account token from PostgreSQL's pod, so the pod uses
    // a ServiceAccount of the plan that mounts no token.
    let account = ServiceAccount {
        metadata: part.metadata(RELEASE),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    vec![part.volume_inside("data", &claim), part.inside("account", &account, Ready::Exists), release(system, &part)]
}

/// Rules for the fields of PostgreSQL that cannot change: the engine, which a resource of the other engine shows, the
/// size of the volumes, which cannot shrink, and the backups from which PostgreSQL started.
pub fn immutable(system: &RealtimeSystem) -> Vec<Immutable> {
    let (size, field) = (system.sizes.database_storage, "spec.database.storage");
    let other = |key| Immutable::absent(key, "spec.database.engine", ENGINE);
    match system.spec.database.engine {
        Engine::Development => vec![Immutable::volume("postgres-data", size, field, VOLUME), other("postgres-cluster")],
        Engine::CloudNativePG => {
            let size = Immutable::size("postgres-cluster", "/spec/storage/size", size, field, VOLUME);
            [size, other("postgres-release")].into_iter().chain(postgres_cluster::restored(system)).collect()
        }
    }
}

fn release(system: &RealtimeSystem, part: &Part) -> Resource {
    let settings = &system.tenant.owner.settings;
    let credentials = secrets::postgres();
    let image = settings.reference(Image::Postgres);
    let (registry, repository) = image.name_in_two();
    let Share { cpu, memory } = system.sizes.database;
    let mut values = json!({
        "fullnameOverride": SERVICE,
        "image": {"registry": registry, "repository": repository, "tag": image.version()},
        "podLabels": pod_labels(part),
        "settings": {
            "existingSecret": credentials.name,
            "superuser": {"secretKey": postgres_key::USERNAME},
            "superuserPassword": {"secretKey": postgres_key::PASSWORD},
        },
        "serviceAccount": {"create": false, "name": RELEASE},
        // The user and group IDs in PostgreSQL's security context are the defaults of the PostgreSQL chart. The Pod
        // Security Standard `restricted` requires the seccomp profile.
        "podSecurityContext": {
            "fsGroup": USER,
            "supplementalGroups": [USER],
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "env": [{"name": "POSTGRES_DB", "value": FIRST_DATABASE}],
        "storage": {"persistentVolumeClaimName": CLAIM},
        "resources": {
            "requests": {"cpu": cpu.to_string(), "memory": memory.quantity()},
            "limits": {"cpu": cpu.limit().to_string(), "memory": memory.doubled().quantity()},
        },
        "initResources": requests(Cpu::thousandths(50), "32Mi", "64Mi"),
    });
    if let Some(selector) = settings.node_selector() {
        values["nodeSelector"] = json!(selector);
    }
    if let Some(tolerations) = settings.tolerations() {
        values["tolerations"] = json!(tolerations);
    }
    part.release_inside(
        "release",
        Installation {
            chart: Chart::Postgres,
            name: RELEASE,
            namespace: part.namespace,
            namespace_exists: true,
            values,
        },
    )
}

/// Labels for PostgreSQL's pod that the PostgreSQL chart does not set itself: network policies select the pod by them.
fn pod_labels(part: &Part) -> BTreeMap<String, String> {
    let system = (PART_OF.to_owned(), part.owner.system.to_owned());
    part.selector().into_iter().chain([system]).collect()
}

fn databases(system: &RealtimeSystem) -> Vec<Resource> {
    let part = system.tenant.part(DATABASES, DATABASES_APP, &[NAME]);
    let credentials = secrets::postgres();
    let mut variables = vec![
        env("PGHOST", SERVICE),
        env("PGPORT", PORT.1.to_string()),
        credentials.env("PGUSER", postgres_key::USERNAME),
        credentials.env("PGPASSWORD", postgres_key::PASSWORD),
        env("PGDATABASE", "postgres"),
    ];
    let mut owned: Vec<_> = OWNED.map(|(database, key)| (database, secrets::postgres(), key)).into();
    if system.is_replicated() {
        owned.push((REGISTRY_DATABASE, secrets::kafka(), kafka_key::REGISTRY));
    }
    let names: Vec<&str> = owned.iter().map(|(database, ..)| *database).collect();
    variables.push(env("DATABASES", names.join(" ")));
    for (database, secret, key) in owned {
        let prefix = database.to_uppercase();
        variables.push(env(&format!("{prefix}_USERNAME"), database));
        variables.push(secret.env(&format!("{prefix}_PASSWORD"), key));
    }
    let task = Task {
        part: &part,
        name: DATABASES_APP,
        image: system.tenant.image(Image::Postgres),
        script: script::CREATE_DATABASES,
        env: variables,
        pod_labels: BTreeMap::new(),
        service_account: None,
        needs_tmp: false,
        memory: "128Mi",
        deadline_seconds: 1800,
        credentials_generation: system.tenant.credentials_generation,
    };
    vec![task.resource()]
}
