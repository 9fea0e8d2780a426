//! Kafka with Schema Registry and Connect in one image.

use super::reading::{may, must};
use super::{Reading, Takes, Variable};
use crate::services::{Host, resolve};
use crate::value::Look;

const OFF: Takes = Takes::OneOf(&["0"]);

const VARIABLES: &[Variable] = &[
    must("ADV_HOST", Takes::Own),
    must("SAMPLEDATA", OFF),
    must("RUNNING_SAMPLEDATA", OFF),
    must("RUNTESTS", OFF),
    must("FORWARDLOGS", OFF),
    must("BROWSECONFIGS", OFF),
    may("BROKER_HEAP_OPTS", Takes::Java),
    may("CONNECT_HEAP_OPTS", Takes::Java),
    must("JAVA_TOOL_OPTIONS", Takes::OneOf(&["-XX:+ExitOnOutOfMemoryError"])),
    // The image turns variables that start with CONNECT_ into settings of Connect.
    must("CONNECT_CONFIG_PROVIDERS", Takes::OneOf(&["dir"])),
    must(
        "CONNECT_CONFIG_PROVIDERS_DIR_CLASS",
        Takes::OneOf(&["org.apache.kafka.common.config.provider.DirectoryConfigProvider"]),
    ),
    must("CONNECT_CONFIG_PROVIDERS_DIR_PARAM_ALLOWED_PATHS", Takes::Own),
];

/// Directory in which Connect looks for connectors.
pub const CONNECTORS: &str = "/connectors";

/// Record name of devices' messages, in the MQTT connector's records and in the Avro schema that is registered for
/// them.
pub const RECORD: &str = "health_device_data";

pub fn run(reading: &mut Reading) {
    reading.variables(VARIABLES);
    // Kafka, Schema Registry, REST proxy, Connect, the web page, and five ports with metrics.
    reading.listens(&[9092, 8081, 8082, 8083, 3030, 9581, 9582, 9583, 9584, 9585]);
    let mounted = reading.container.mounted(reading.pod, "/data");
    if mounted.is_none_or(|mounted| !mounted.volume.has("/persistentVolumeClaim")) {
        reading.finds("/volumeMounts", "its data is on no volume claim");
    }
    if reading.container.mounted(reading.pod, CONNECTORS).is_none_or(|mounted| !mounted.inside.is_empty()) {
        reading.finds("/volumeMounts", "nothing is mounted where Connect looks for connectors");
    }
    starts_without_credentials(reading);
    advertised(reading);
}

/// Kafka and Connect must start even if a connector's credential is late or missing, so volumes with Secrets are optional.
pub fn starts_without_credentials(reading: &mut Reading) {
    let is_awaited = |volume: &serde_json::Value| volume.has("/secret") && !volume.is_true("/secret/optional");
    if reading.pod.spec.items("/volumes").iter().any(is_awaited) {
        reading.finds("/volumeMounts", "does not start without a credential of a connector");
    }
}

/// The broker advertises this host, so all clients reconnect to it, also Schema Registry and Connect in the same pod.
fn advertised(reading: &mut Reading) {
    let object = reading.pod.object;
    let host = reading.literal("ADV_HOST");
    let leads_here = match resolve(reading.world, object.place, &object.namespace, host) {
        Host::Service(service) => {
            service.port(9092).is_some() && service.pods(reading.world).any(|(index, _)| index == reading.index)
        }
        Host::Itself | Host::External | Host::Nowhere => false,
    };
    if !leads_here {
        reading.wrong("ADV_HOST", "leads somewhere else than to this pod");
    }
    let aliases = reading.pod.spec.items("/hostAliases").iter();
    let is_known = aliases.filter(|alias| alias.text("/ip") == "127.0.0.1").any(|alias| {
        let mut names = alias.texts("/hostnames");
        names.any(|name| name == host)
    });
    if !is_known {
        reading.wrong("ADV_HOST", "leads nowhere from inside this pod until it is ready");
    }
}
