//! The simulator: the platform's own program, or an image of the user's that keeps to the same contract.

use super::mqtt::Client;
use super::reading::{may, must};
use super::{Reading, Takes, Variable};
use crate::value::Look;

const PROGRAM: &str = include_str!("../../../../function/core/src/claims/iot_broker/files/simulator.py");

const VARIABLES: &[Variable] = &[
    must("MQTT_HOST", Takes::Host("MQTT_PORT")),
    must("MQTT_PORT", Takes::Number),
    must("MQTT_TOPIC", Takes::Own),
    must("MQTT_USERNAME", Takes::Credential),
    must("MQTT_PASSWORD", Takes::Credential),
    may("RATE", Takes::Number),
];

/// The platform's own program.
pub fn own(reading: &mut Reading) {
    let command: Vec<&str> = reading.container.value.texts("/command").collect();
    match command.as_slice() {
        ["python3", "-u", path] if reading.file(path) == Some(PROGRAM) => {}
        _ => reading.finds("/command", "not a program that is there"),
    }
    image(reading);
}

/// Any image that keeps to the contract: HTTP on port 8080, everything else in variables.
pub fn image(reading: &mut Reading) {
    reading.variables(VARIABLES);
    reading.listens(&[8080]);
    let (user, password) = (reading.credential("MQTT_USERNAME"), reading.credential("MQTT_PASSWORD"));
    match (user, password) {
        (Some((secret, user)), Some((other, password)))
            if secret == other && (user.as_str(), password.as_str()) == ("username", "password") =>
        {
            reading.behaviour.mqtt_clients.push(Client {
                from: reading.index,
                host: reading.literal("MQTT_HOST").to_owned(),
                secret,
                publishes: vec![reading.literal("MQTT_TOPIC").to_owned()],
                subscribes: Vec::new(),
                field: format!("{}/env", reading.container.field),
            });
        }
        _ => reading.wrong("MQTT_USERNAME", "a user and a password of two Secrets"),
    }
}
