//! PostgreSQL: the server, the Job that creates databases, and the logins of other programs.

use super::reading::{may, must};
use super::{Call, Login, Reading, Takes, Variable};
use crate::finding::Finding;
use crate::world::World;

const SERVER: &[Variable] = &[
    must("POSTGRES_USER", Takes::Credential),
    must("POSTGRES_PASSWORD", Takes::Credential),
    may("POSTGRES_DB", Takes::Text),
];

pub fn run(reading: &mut Reading) {
    reading.variables(SERVER);
    reading.listens(&[5432]);
    let mounted = reading.container.mounted(reading.pod, "/var/lib/postgresql/data");
    if mounted.is_none_or(|mounted| mounted.volume.get("persistentVolumeClaim").is_none()) {
        reading.finds("/volumeMounts", "its data is on no volume claim");
    }
}

/// Instance of a Cluster: it has the superuser's name and password from a Secret, and streams from the primary.
pub fn instance(reading: &mut Reading) {
    reading.variables(&[must("SUPERUSER_USERNAME", Takes::Credential), must("SUPERUSER_PASSWORD", Takes::Credential)]);
    reading.listens(&[5432, 8000, 9187]);
    reading.behaviour.pages.push("/metrics".to_owned());
    let host = format!("{}-rw", reading.pod.labels.get("cnpg.io/cluster").copied().unwrap_or_default());
    reading.behaviour.calls.push(Call { from: reading.index, host, port: 5432, field: "/spec".to_owned() });
}

/// Job that creates databases. `DATABASES` lists them; `NAME_USERNAME` and `NAME_PASSWORD` hold the owner of each.
pub fn made(reading: &mut Reading) {
    let host = reading.literal("PGHOST");
    let names: Vec<&str> = reading.literal("DATABASES").split_whitespace().collect();
    for &database in &names {
        let prefix = database.to_uppercase();
        let (role, password) = (format!("{prefix}_USERNAME"), format!("{prefix}_PASSWORD"));
        let (role, password) = (reading.literal(&role).to_owned(), reading.credential(&password));
        match password {
            Some(password) if role == database => reading.behaviour.databases.push(Login {
                host: host.to_owned(),
                database: database.to_owned(),
                role,
                password,
                field: "DATABASES".to_owned(),
            }),
            _ => reading.wrong(database, "a database without the role of its name and that role's password"),
        }
    }
    let container = reading.container;
    for (_, variable) in container.variables() {
        let name = variable["name"].as_str().unwrap_or_default();
        let prefix = name.strip_suffix("_USERNAME").or_else(|| name.strip_suffix("_PASSWORD"));
        if prefix.is_some_and(|prefix| !names.contains(&prefix.to_lowercase().as_str())) {
            reading.wrong(name, "a role of no database");
        }
    }
}

/// Each login is for an existing database, with its owner and the owner's password.
pub fn check(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    for (pod, behaviour) in world.pods.iter().zip(world.behaviours()) {
        let place = (pod.object.place, &pod.object.namespace);
        let makers = world.pods.iter().zip(world.behaviours());
        let made: Vec<&Login> = makers
            .filter(|(maker, _)| (maker.object.place, &maker.object.namespace) == place)
            .flat_map(|(_, behaviour)| &behaviour.databases)
            .collect();
        for login in &behaviour.logins {
            let is_owner = |owner: &&Login| {
                (&owner.host, &owner.database, &owner.role, &owner.password)
                    == (&login.host, &login.database, &login.role, &login.password)
            };
            if !made.iter().any(is_owner) {
                found.push(Finding::at(
                    pod,
                    &login.field,
                    format!("no database {} that {} owns", login.database, login.role),
                ));
            }
        }
    }
    found
}
