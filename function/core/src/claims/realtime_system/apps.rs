//! Values of the label `app` on the pods of a real-time system that call its servers. The network policy of a server
//! admits callers by these labels, so the server's source file uses the labels of the callers. The source files of the
//! callers use names from the server's source file. The labels are in a source file of their own, so that the files of
//! servers and callers do not depend on each other.

pub const ANALYTICS: &str = "health-analytics";
pub const CONNECT_METRICS: &str = "kafka-connect-metrics";
pub const KAFKA_TOPICS: &str = "kafka-topics";
pub const KAFKA_USERS: &str = "kafka-user-operator";
pub const LENSES_AGENT: &str = "lenses-agent";
pub const LENSES_AGENT_KEY: &str = "lenses-agent-key";
pub const LENSES_HQ: &str = "lenses-hq";
pub const METABASE: &str = "metabase-dashboard";
pub const SQL_PROCESSORS: &str = "lenses-sql-processors";
