//! Scripts and configuration files for the containers of a real-time system. The compiler embeds them from the folder
//! `files/` beside this source file.

macro_rules! with_http {
    ($($file:literal),+) => {
        concat!(include_str!("../between/files/http.sh"), $(include_str!($file)),+)
    };
}

pub const AGENT_KEY: &str = with_http!("files/hq.sh", "files/agent-key.sh");
pub const ANALYTICS_PROXY: &str = include_str!("files/analytics-proxy.conf");
pub const ASK_CONNECT: &str = include_str!("files/ask-connect.sh");
pub const CONNECT_METRICS: &str = include_str!("files/connect-metrics.py");
pub const CREATE_DATABASES: &str = include_str!("files/create-databases.sh");
pub const CREATE_TOPICS: &str = concat!(
    include_str!("files/topics-ask.sh"),
    include_str!("files/topics-create-single.sh"),
    include_str!("files/topics-keep.sh")
);
/// The same for a Kafka of several brokers, with the number of copies that the brokers have as their default.
pub const CREATE_REPLICATED_TOPICS: &str = concat!(
    include_str!("files/strimzi-tools.sh"),
    include_str!("files/topics-ask.sh"),
    include_str!("files/topics-create-replicated.sh"),
    include_str!("files/topics-keep.sh")
);
pub const DASHBOARD: &str = include_str!("files/dashboard.json");
pub const DEVICE_DATA: &str = include_str!("files/device-data.avsc");
pub const FETCH_CONNECTOR: &str = include_str!("files/fetch-connector.sh");
pub const METABASE_SETUP: &str = with_http!("files/metabase-setup.sh");
pub const KEEP_PROCESSORS: &str = with_http!(
    "../between/files/json.sh",
    "../between/files/keep.sh",
    "files/hq.sh",
    "files/processors.sh",
    "files/keep-processors.sh"
);
pub const REMOVE_PROCESSORS: &str =
    with_http!("../between/files/json.sh", "files/hq.sh", "files/processors.sh", "files/remove-processors.sh");
