//! Values of the label `app` on the pods of a real-time system that call its servers. The network policy of a server
//! admits its callers by these labels, so the server's file uses the labels of its callers. The callers' files use
//! names from the server's file. The labels are in a file of their own, so that these files do not depend on each
//! other.

pub const ANALYTICS: &str = "health-analytics";
pub const CONNECT_METRICS: &str = "kafka-connect-metrics";
pub const LENSES_AGENT: &str = "lenses-agent";
pub const LENSES_AGENT_KEY: &str = "lenses-agent-key";
pub const LENSES_HQ: &str = "lenses-hq";
pub const METABASE: &str = "metabase-dashboard";
pub const SQL_PROCESSORS: &str = "lenses-sql-processors";
