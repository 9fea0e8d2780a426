//! Connectors in Kafka Connect. With the engine `Development`, a shell script keeps one connector in the state that a
//! claim asks for, and another one removes connectors that a claim does not ask for. With the engine `Strimzi`, a
//! connector is a resource.

use serde::Serialize;
use serde_json::Value;

use crate::claims::between::kafka::in_cluster;
use crate::kinds::Spec as _;
use crate::kinds::strimzi::{self, AutoRestart, KafkaConnector};
use crate::parts::cluster::to_value;
use crate::parts::part::Part;
use crate::parts::plan::{Ready, Resource};

macro_rules! with_http {
    ($($file:literal),+) => {
        concat!(include_str!("files/http.sh"), $(include_str!($file)),+)
    };
}

pub const KEEP_CONNECTOR: &str =
    with_http!("files/json.sh", "files/keep.sh", "files/connect.sh", "files/keep-connector.sh");
pub const REMOVE_CONNECTORS: &str = with_http!("files/connect.sh", "files/remove-connectors.sh");

/// Connector of Kafka Connect, as a claim asks for it.
pub struct Connector<C> {
    pub name: &'static str,
    pub class: &'static str,
    /// Settings of the connector, with its class and the number of its tasks.
    pub config: C,
}

/// Settings of a connector that are fields of a KafkaConnector, where Strimzi refuses them among the others.
const FIELDS: [&str; 2] = ["connector.class", "tasks.max"];
/// Setting that no connector knows, and that Kafka Connect therefore ignores. A connector reads its credentials when it
/// starts, and is started again when one of its settings changes.
const GENERATION: &str = "platform.credentials.generation";

impl<C: Serialize> Connector<C> {
    /// Composed resource by which Strimzi keeps this connector running, with one task. It is ready as long as the connector
    /// and its task run.
    pub fn resource(&self, part: &Part, suffix: &str, credentials_generation: u32) -> Resource {
        let mut config = to_value(&self.config);
        if let Some(settings) = config.as_object_mut() {
            settings.retain(|name, _| !FIELDS.contains(&name.as_str()));
            settings.insert(GENERATION.to_owned(), Value::String(credentials_generation.to_string()));
        }
        let connector =
            KafkaConnector { class: self.class, tasks_max: 1, auto_restart: AutoRestart { enabled: true }, config };
        part.inside(suffix, &connector.named(in_cluster(part, self.name)), Ready::Asked(strimzi::RUNNING))
    }
}
