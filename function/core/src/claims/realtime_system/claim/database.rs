//! Fields about PostgreSQL in the spec of a `RealtimeSystemClaim`. The doc comments of the fields are the reference that
//! users read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::claims::between::changes::VOLUME;
use crate::claims::between::secret::SecretName;
use crate::claims::realtime_system::changes;
use crate::schema::form;
use crate::schema::size::{cpu_as_written, cpu_schema};

/// Settings of the PostgreSQL database under Lenses and Metabase.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [changes::RESTORE]))]
pub struct Database {
    /// Program that runs PostgreSQL: `Development` is one pod; `CloudNativePG` is an operator that keeps several, and
    /// needs the environment's component `postgresOperator`. It cannot change later.
    #[schemars(extend("x-kubernetes-validations" = [changes::ENGINE]))]
    pub engine: Engine,
    /// Number of PostgreSQL's pods with the engine `CloudNativePG`, 2 to 5: one primary, which serves, and standbys, of
    /// which one takes over when the primary is lost. A transaction is acknowledged once one standby has it on its
    /// volume. While no standby is there, PostgreSQL acknowledges without one, and transactions that it acknowledged
    /// then may be lost with the primary. Default: 3. The fields `cpu`, `memory` and `storage` are for each pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 5))]
    pub replicas: Option<u32>,
    /// Size of the volume with PostgreSQL's data, in Mi, Gi or Ti. The storage class decides whether it can grow later;
    /// it can never shrink.
    #[schemars(
        length(max = 10),
        regex(pattern = form::BYTES),
        extend("x-kubernetes-validations" = [VOLUME])
    )]
    pub storage: String,
    /// CPU request of PostgreSQL, in cores or thousandths of a core, such as `250m`.
    #[serde(deserialize_with = "cpu_as_written")]
    #[schemars(schema_with = "cpu_schema")]
    pub cpu: String,
    /// Memory request of PostgreSQL, in Mi or Gi, at least 256Mi; the limit is twice as much.
    #[schemars(length(max = 10), regex(pattern = form::BYTES))]
    pub memory: String,
    /// Backups of PostgreSQL in an object store, with the engine `CloudNativePG`: a base backup by a schedule, and every
    /// change since, at the latest five minutes after it was made. It needs the environment's component
    /// `postgresBackup`. Absent: no backups are made; those that were made stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<Backup>,
    /// Backups from which a new system starts, in the place of empty databases, with the engine `CloudNativePG`. It needs
    /// the environment's component `postgresBackup`, and cannot be added, changed or removed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_from: Option<RestoreFrom>,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            replicas: None,
            storage: "8Gi".to_owned(),
            cpu: "250m".to_owned(),
            memory: "512Mi".to_owned(),
            backup: None,
            restore_from: None,
        }
    }
}

/// Backups of PostgreSQL in an object store.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Backup {
    /// Times of base backups, in UTC: the five fields of cron, in numbers, such as `0 3 * * *` for three o'clock every
    /// night. The first base backup is made at once. A recovery takes the longer the more has changed since the last
    /// base backup.
    #[schemars(length(min = 9, max = 100), regex(pattern = form::SCHEDULE))]
    pub schedule: String,
    /// Address of the place of the backups, for this system alone: server, bucket and path of an object store that speaks
    /// S3, such as `https://s3.eu-central-1.amazonaws.com/my-backups/lenses`. Nothing is archived to a place that has
    /// backups of another database already.
    #[schemars(length(min = 1, max = 500), regex(pattern = form::BUCKET_URL))]
    pub destination: String,
    /// Region of the object store, with which requests are signed, such as `eu-central-1`.
    #[serde(default = "region")]
    #[schemars(length(min = 1, max = 50), regex(pattern = form::REGION))]
    pub region: String,
    /// Secret with the keys `access-key-id` and `secret-access-key`, by which the object store knows the platform. They
    /// must allow to list, read, write and delete below the destination.
    pub credentials_secret_ref: SecretName,
    /// Number of days for which backups are kept, 1 to 3650: the databases can be restored as they were at any moment in
    /// these days. Older backups are deleted.
    #[serde(default = "retention_days")]
    #[schemars(range(min = 1, max = 3650))]
    pub retention_days: u32,
}

/// Backups from which a new system starts.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreFrom {
    /// Address of the place of the backups: the `destination` of the system that made them. Backups of the new system
    /// need a destination of their own.
    #[schemars(length(min = 1, max = 500), regex(pattern = form::BUCKET_URL))]
    pub destination: String,
    /// Region of the object store, with which requests are signed, such as `eu-central-1`.
    #[serde(default = "region")]
    #[schemars(length(min = 1, max = 50), regex(pattern = form::REGION))]
    pub region: String,
    /// Secret with the keys `access-key-id` and `secret-access-key`, by which the object store knows the platform. They
    /// must allow to list and read below the destination.
    pub credentials_secret_ref: SecretName,
    /// Moment to which the databases are restored, such as `2026-11-30T06:00:00Z`: the last transaction that they have
    /// was committed before it. It must be after the end of a base backup. Absent: everything that was archived.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40), regex(pattern = form::MOMENT))]
    pub target_time: Option<String>,
}

fn region() -> String {
    "us-east-1".to_owned()
}

fn retention_days() -> u32 {
    30
}

/// Program that runs PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Engine {
    #[default]
    Development,
    CloudNativePG,
}
