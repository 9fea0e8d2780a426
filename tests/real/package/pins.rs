//! Command that reads digests from registries: its output pins every image, in the form of the function's input.

use std::process::Command;

use realtime_platform_core::settings::Settings;
use realtime_platform_core::settings::pins::Image;
use serde_json::{Value, json};

use support::examples::project;
use support::registry::{Registry, crane};
use support::tools::{run, said, stdout};

/// The command, with a mirror on loopback.
fn pin(mirror: &str, names: &[&str]) -> Command {
    let mut command = Command::new(project().join("package/pin"));
    command.args(names).env("MIRROR", mirror);
    command
}

#[test]
fn one_command_pins_every_image() {
    let registry = Registry::start();
    let mirror = format!("{}/mirror", registry.host());
    let mirrored = |image: Image| format!("{mirror}/{}", image.reference().split_once('/').unwrap().1);
    // Each image gets a layer of its own, so that no two have the same digest.
    let folder = support::tools::Scratch::new("pins");
    for image in Image::ALL {
        let layer = folder.path().join(format!("{}.tar", image.name()));
        let content = folder.path().join(image.name());
        std::fs::write(&content, image.name()).unwrap();
        let output = run(Command::new("tar").arg("-cf").arg(&layer).arg("-C").arg(folder.path()).arg(image.name()));
        assert!(output.status.success(), "{}", said(&output));
        crane(&["append", "--new_layer", layer.to_str().unwrap(), "--new_tag", &mirrored(image)]);
    }

    let output = run(&mut pin(&mirror, &[]));
    assert!(output.status.success(), "{}", said(&output));
    let printed: Value = serde_yaml::from_str(&stdout(&output)).unwrap();
    let settings = Settings::read(printed).unwrap();
    for image in Image::ALL {
        let digest = crane(&["digest", &mirrored(image)]);
        assert_eq!(settings.image(image), format!("{}@{digest}", mirrored(image)));
    }

    let output = run(&mut pin(&mirror, &["curl"]));
    let printed: Value = serde_yaml::from_str(&stdout(&output)).unwrap();
    let digest = crane(&["digest", &mirrored(Image::Curl)]);
    assert_eq!(printed, json!({"images": {"pins": {"curl": format!("{}@{digest}", mirrored(Image::Curl))}}}));
}

#[test]
fn an_image_that_is_not_there_is_named() {
    let registry = Registry::start();
    let mirror = format!("{}/mirror", registry.host());
    for (name, told) in [("nobody", "there is no image nobody"), ("curl", "cannot ask for the digest of 127.0.0.1:")] {
        let output = run(&mut pin(&mirror, &[name]));
        assert!(!output.status.success() && said(&output).contains(told), "{}", said(&output));
    }
}
