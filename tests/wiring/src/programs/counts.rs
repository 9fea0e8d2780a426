//! Metrics of Kafka Connect: one container queries Connect and writes the answer to a file, and another container of
//! the pod serves the file.

use realtime_platform_core::claims::realtime_system::script;
use realtime_platform_core::settings::pins::Image;

use super::reading::must;
use super::{Reading, Takes, image};
use crate::value::Look;

pub fn asks(reading: &mut Reading) {
    // The script runs Kafka's tool, a Java program, and keeps the tool's error output in /tmp.
    reading.writes(&["/tmp"]);
    let Some((directory, _)) = reading.literal("ANSWER").rsplit_once('/') else {
        return reading.wrong("ANSWER", "not a file in a directory");
    };
    reading.writes(&[directory]);
    if image(reading.world, reading.container) != Some(Image::FastDataDev) {
        reading.finds("/image", "an image without Kafka's tools");
    }
}

pub fn serves(reading: &mut Reading) {
    let command: Vec<&str> = reading.container.value.texts("/command").collect();
    if command != ["python3", "-c", script::CONNECT_METRICS] {
        reading.finds("/command", "not a program that is known");
    }
    if image(reading.world, reading.container) != Some(Image::Python) {
        reading.finds("/image", "an image without Python");
    }
    reading.variables(&[must("PORT", Takes::Number), must("ANSWER", Takes::Own)]);
    if let Ok(port) = reading.literal("PORT").parse() {
        reading.listens(&[port]);
    }
    reading.behaviour.pages.push("/metrics".to_owned());
    let path = reading.literal("ANSWER");
    let place = |container: &super::Container| {
        let mounted = container.mounted(reading.pod, container.literal("ANSWER")?)?;
        Some((mounted.volume.text("/name").to_owned(), mounted.inside))
    };
    let own = place(reading.container);
    let is_other = |other: &&super::Container| other.field != reading.container.field;
    let written = reading.pod.containers.iter().filter(is_other).find_map(place);
    if own.is_none() || own != written {
        reading.wrong("ANSWER", &format!("nobody writes {path}"));
    }
}
