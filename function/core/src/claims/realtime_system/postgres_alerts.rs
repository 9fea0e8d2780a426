//! Alerts on PostgreSQL with the engine `CloudNativePG`, from the metrics of the manager in each of PostgreSQL's pods: its
//! own, those of the operator's default queries, and those of the plugin for backups.

use crate::claims::between::alerts::{self, Alert, fewer, within};
use crate::kinds::monitoring::PrometheusRule;

/// Lag of a standby in seconds from which an alert fires. The standby that is synchronous has none; a second one is
/// behind only while it is made or cannot follow.
const BEHIND_SECONDS: u32 = 300;

pub fn alerts(namespace: &str, replicas: u32, has_backup: bool) -> PrometheusRule {
    let of = |metric: &str| within(namespace, metric);
    let in_recovery = of("cnpg_pg_replication_in_recovery");
    let always = [
        Alert::warning(
            "PostgresInstanceAway",
            fewer(replicas.into(), &of("cnpg_collector_up"), "== bool 1"),
            "10m",
            "Not all of PostgreSQL's pods in {{ $labels.namespace }} serve.",
            "A pod that is lost now may take acknowledged changes away, or leave no standby to take over.",
        ),
        Alert::critical(
            "PostgresWithoutPrimary",
            format!("min by (namespace) ({in_recovery}) > 0"),
            "2m",
            "PostgreSQL in {{ $labels.namespace }} has no primary.",
            "Each pod that answers is a standby. Lenses, Metabase and Schema Registry cannot write.",
        ),
        Alert::warning(
            "PostgresStandbyBehind",
            format!("max by (namespace, pod) ({}) > {BEHIND_SECONDS}", of("cnpg_pg_replication_lag")),
            "5m",
            "Standby {{ $labels.pod }} in {{ $labels.namespace }} is {{ $value | humanizeDuration }} behind the primary.",
            "The primary keeps its log for the standby, which takes room on the volume.",
        ),
        Alert::warning(
            "PostgresStandbyDisconnected",
            format!("max by (namespace, pod) ({in_recovery} > {})", of("cnpg_pg_replication_is_wal_receiver_up")),
            "5m",
            "Standby {{ $labels.pod }} in {{ $labels.namespace }} does not follow the primary.",
            "It has no connection to the primary, and becomes older with each change.",
        ),
    ];
    let archive = format!(
        "max by (namespace) ({} - {}) > 0",
        of("cnpg_pg_stat_archiver_last_failed_time"),
        of("cnpg_pg_stat_archiver_last_archived_time"),
    );
    let backup = format!(
        "max by (namespace) ({}) > max by (namespace) ({})",
        of("barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp"),
        of("barman_cloud_cloudnative_pg_io_last_available_backup_timestamp"),
    );
    let with_backup = [
        Alert::warning(
            "PostgresArchivingFails",
            archive,
            "15m",
            "PostgreSQL in {{ $labels.namespace }} cannot archive its log.",
            "What changes now cannot be restored from the backups, and the log fills the volume.",
        ),
        Alert::warning(
            "PostgresBackupFailed",
            backup,
            "5m",
            "The last backup of PostgreSQL in {{ $labels.namespace }} failed.",
            "An earlier backup, if there is one, and the archived log can still be restored.",
        ),
    ];
    alerts::rules("postgres", always.into_iter().chain(with_backup.into_iter().filter(|_| has_backup)))
}
