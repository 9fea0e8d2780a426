//! Two shell scripts for connectors in Kafka Connect. The first script keeps one connector in the state that a claim
//! asks for; the second script removes connectors that a claim does not ask for.

macro_rules! with_http {
    ($($file:literal),+) => {
        concat!(include_str!("files/http.sh"), $(include_str!($file)),+)
    };
}

pub const KEEP_CONNECTOR: &str =
    with_http!("files/json.sh", "files/keep.sh", "files/connect.sh", "files/keep-connector.sh");
pub const REMOVE_CONNECTORS: &str = with_http!("files/connect.sh", "files/remove-connectors.sh");
