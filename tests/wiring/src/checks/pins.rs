//! Images: each is pinned by the settings, or named by a claim with a tag or digest.

use realtime_platform_core::settings::image::ImageReference;
use realtime_platform_core::settings::pins::Image;

use crate::finding::Finding;
use crate::value::Look;
use crate::world::{Origin, World};

pub fn check(world: &World) -> Vec<Finding> {
    let settings = &world.platform.settings;
    let mut known: Vec<String> = Image::ALL.into_iter().map(|image| settings.image(image)).collect();
    let named =
        world.platform.claims.iter().map(|composed_claim| composed_claim.spec.text("/connectorConfig/simulator/image"));
    known.extend(named.filter(|image| !image.is_empty()).map(|image| settings.mirrored(image)));
    // An image of Connect is pulled as it is written.
    let connect =
        world.platform.claims.iter().map(|composed_claim| composed_claim.spec.text("/kafkaConfig/connect/image"));
    known.extend(connect.filter(|image| !image.is_empty()).map(str::to_owned));
    known.extend(settings.connect.image.clone());
    let mut found = Vec::new();
    for pod in &world.pods {
        for container in &pod.containers {
            let image = container.value.text("/image");
            // A chart's own images are pinned with the chart.
            let is_of_chart = matches!(pod.object.origin, Origin::Made) && image == "auto";
            if !is_of_chart && (!known.iter().any(|known| known == image) || !ImageReference::read(image).is_pinned()) {
                found.push(Finding::at(pod, format!("{}/image", container.field), format!("{image} is not pinned")));
            }
        }
    }
    found
}
