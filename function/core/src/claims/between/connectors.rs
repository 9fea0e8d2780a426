//! Shell scripts for connectors in Kafka Connect: one keeps a connector as a claim asks for it, the other removes
//! connectors.

macro_rules! with_http {
    ($($file:literal),+) => {
        concat!(include_str!("files/http.sh"), $(include_str!($file)),+)
    };
}

pub const KEEP_CONNECTOR: &str =
    with_http!("files/json.sh", "files/keep.sh", "files/connect.sh", "files/keep-connector.sh");
pub const REMOVE_CONNECTORS: &str = with_http!("files/connect.sh", "files/remove-connectors.sh");
