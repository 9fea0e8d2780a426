//! Names by which other parts, and the resources of both engines, know PostgreSQL.

/// Name of the part of a real-time system's plan with PostgreSQL.
pub const NAME: &str = "postgres";
/// Value of the label `app` on PostgreSQL's pods, by which their network policy selects the pods.
pub const APP: &str = "postgresql";
pub const SERVICE: &str = "lenses-backend-postgres-service";
/// Name and number of the port of PostgreSQL's Service. The PostgreSQL chart gives the port this name.
pub const PORT: (&str, i32) = ("postgres", 5432);
/// Name of what runs PostgreSQL: the Helm release, or the Cluster. It is also the name of the ServiceAccount of
/// PostgreSQL's pods.
pub const RELEASE: &str = "lenses-backend-postgres";
/// Name of the place of the backups that PostgreSQL makes, and of the place of those that it starts from.
pub const BACKUPS: &str = "lenses-backend-postgres-backups";
pub const RESTORED: &str = "lenses-backend-postgres-restored";
/// Database that exists from PostgreSQL's first start.
pub const FIRST_DATABASE: &str = "lenses_system";
/// Database of Schema Registry, and the role that owns it.
pub const REGISTRY_DATABASE: &str = "registry";
