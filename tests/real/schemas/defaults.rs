//! Defaults that a claim was stored with outlive a version that has others, as docs/upgrade.md says.

use std::fs;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use support::api_server::ApiServer;
use support::crossplane::custom_resource_definitions;
use support::examples::yaml;
use support::tools::{BEAT, LIMIT, Scratch, run, said, stdout};

use super::{broker, claim, create};

const MAPPINGS: &str =
    "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/connectorConfig/properties/mappings/default";

/// Stores a claim while the definition has a mapping as its default, and applies the same claim while it has none.
pub fn of_a_stored_claim_stay(server: &ApiServer) {
    let new = custom_resource_definitions();
    let mapping = json!([{"mqttTopic": "health/device_data", "kafkaTopic": "device_data", "converter": "Json"}]);
    let mut old = new.clone();
    let broker_of = |definitions: &[Value]| {
        definitions.iter().position(|definition| definition["spec"]["names"]["kind"] == "IotBrokerClaim").unwrap()
    };
    let index = broker_of(&old);
    *old[index].pointer_mut(MAPPINGS).unwrap() = mapping.clone();
    let scratch = Scratch::new("claim");
    let file = scratch.path().join("claim.json");
    let mut written = claim("IotBrokerClaim", &broker());
    written["metadata"]["name"] = json!("stored");
    fs::write(&file, written.to_string()).unwrap();
    let send = |verb: &str, more: &[&str]| {
        let output = run(server.kubectl().arg(verb).args(more).arg("-f").arg(&file));
        assert!(output.status.success(), "{verb}: {}", said(&output));
    };
    let stored = || -> Value {
        let output = run(server.kubectl().args(["get", "--output=json", "-f"]).arg(&file));
        serde_json::from_str::<Value>(&stdout(&output)).unwrap()["spec"]["connectorConfig"]["mappings"].clone()
    };
    define(server, &old, &mapping);
    send("apply", &[]);
    assert_eq!(stored(), mapping);
    define(server, &new, &json!([]));
    assert_eq!(stored(), mapping, "of a new definition alone");
    send("apply", &[]);
    assert_eq!(stored(), mapping, "of the same file, applied again");
    send("apply", &["--server-side", "--force-conflicts"]);
    // kubectl takes what it once stored for its own, defaults included, and a server-side apply drops what the file lacks.
    assert_eq!(stored(), json!([]), "of the same file, applied by the server after kubectl had applied it");
    send("delete", &[]);
}

/// Defines the claims, and waits until the server fills in this default.
fn define(server: &ApiServer, definitions: &[Value], expected: &Value) {
    server.define(&yaml(definitions)).unwrap();
    let started = Instant::now();
    let mut other = claim("IotBrokerClaim", &broker());
    other["metadata"]["name"] = json!("other");
    while create(server, &other).unwrap()["spec"]["connectorConfig"]["mappings"] != *expected {
        assert!(started.elapsed() < LIMIT, "the server fills in another default");
        thread::sleep(BEAT);
    }
}
