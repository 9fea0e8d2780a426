//! Tests of `preview -o svg` and `-o html`: every part is in the picture, the picture is readable, and each arrow
//! corresponds to a connection in the manifests.

mod browser;
mod page;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use realtime_platform_core::claims::API_VERSION as CLAIM_VERSION;
use realtime_platform_core::parts::plan::Place;
use realtime_platform_core::settings::input::{API_VERSION, KIND};
use serde_json::json;
use shown::{Rect, Shown, documents, preview};
use wiring::platform::{Platform, listed};
use wiring::services::{Host, resolve};
use wiring::value::Look;
use wiring::world::{Inventory, Object, Origin, World};

const APPLICATION: &str = "examples/health-realtime-pipeline/application.yaml";
const KEPT: &str = "docs/platform.svg";

/// Every example, and the fullest platform that claims can describe.
fn platforms() -> Vec<Platform> {
    let mut platforms = wiring::examples::platforms();
    platforms.push(Platform::of("full", wiring::full::claims()));
    platforms
}

/// Each platform with its picture.
static PICTURES: LazyLock<Vec<(Platform, Shown)>> = LazyLock::new(|| {
    let input = Path::new(env!("CARGO_TARGET_TMPDIR")).join("picture-input.yaml");
    let mut listed = listed();
    (listed["apiVersion"], listed["kind"]) = (json!(API_VERSION), json!(KIND));
    fs::write(&input, listed.to_string()).unwrap();
    let input = input.display().to_string();
    let shown = |platform: &Platform| Shown::read(&preview("svg", &["--input", &input, "-"], &documents(platform)));
    platforms().into_iter().map(|platform| (platform.clone(), shown(&platform))).collect()
});

type PartName = (String, String, String);

fn place_word(place: Place) -> String {
    if place == Place::Host { "host".to_owned() } else { "inside".to_owned() }
}

#[test]
fn every_part_is_in_the_picture_once() {
    for (platform, shown) in &*PICTURES {
        let parts: BTreeSet<PartName> = platform
            .resources()
            .map(|(composed_claim, resource)| {
                (composed_claim.claim.name.clone(), place_word(resource.place), resource.part.to_owned())
            })
            .collect();
        let mut drawn: Vec<PartName> = shown.nodes.iter().filter_map(|node| node.part.clone()).collect();
        drawn.sort();
        assert!(drawn.iter().eq(&parts), "{}: {drawn:#?}\nis not\n{parts:#?}", platform.name);
    }
}

#[test]
fn nothing_covers_anything_else() {
    for (platform, shown) in &*PICTURES {
        stands_apart(&platform.name, shown);
    }
}

fn stands_apart(name: &str, shown: &Shown) {
    for (index, node) in shown.nodes.iter().enumerate() {
        for other in &shown.nodes[..index] {
            assert!(!node.rect.overlaps(&other.rect), "{name}: {node:?} covers {other:?}");
        }
        for (class, framed) in &shown.boxes {
            let is_apart = framed.holds(&node.rect) || !framed.overlaps(&node.rect);
            assert!(is_apart, "{name}: {node:?} stands on the border of {class} {framed:?}");
        }
    }
    for (index, (class, framed)) in shown.boxes.iter().enumerate() {
        for (other_class, other) in &shown.boxes[..index] {
            let is_nested = framed.holds(other) || other.holds(framed);
            assert!(is_nested || !framed.overlaps(other), "{name}: {class} and {other_class}");
        }
    }
    for (index, station) in shown.stations.iter().enumerate() {
        assert!(shown.stations[..index].iter().all(|other| !station.overlaps(other)), "{name}");
    }
}

/// Claim in YAML, as a user writes it.
fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: {CLAIM_VERSION}\nkind: {kind}\nmetadata: {{name: {name}, namespace: team}}\nspec: {{{spec}}}\n"
    )
}

/// System and broker in one namespace of an environment.
fn consumers(environment: &str, namespace: &str, suffix: &str) -> [String; 2] {
    let place = format!("environment: {environment}, namespace: {namespace}");
    let lenses = "lensesConfig: {acceptEULA: true, licenseSecretRef: {name: license}}";
    [
        document("RealtimeSystemClaim", &format!("system-{namespace}{suffix}"), &format!("{place}, {lenses}")),
        document("IotBrokerClaim", &format!("broker-{namespace}{suffix}"), &place),
    ]
}

fn drawn(claims: &[String]) -> Shown {
    Shown::read(&preview("svg", &["-"], &claims.join("---\n")))
}

/// The cost of a layout grows faster than its number of nodes. Time is linear in the number of environments only if
/// each one is laid out separately.
#[test]
fn each_environment_is_drawn_as_if_it_were_alone() {
    let of_one = |place: &str| {
        let environment = document("VClusterEnvironmentClaim", &format!("env-{place}"), &format!("name: {place}"));
        [vec![environment], consumers(place, place, "").to_vec()].concat()
    };
    let places: Vec<String> = (10..22).map(|index| format!("place-{index}")).collect();
    // Claims of one environment need not be adjacent in a file.
    let all: Vec<Vec<String>> = places.iter().map(|place| of_one(place)).collect();
    let shuffled: Vec<String> = (0..3).flat_map(|claim| all.iter().map(move |one| one[claim].clone())).collect();
    let together = drawn(&shuffled);
    stands_apart("twelve environments", &together);
    for (place, claims) in places.iter().zip(&all) {
        let alone = drawn(claims);
        let of_place = |shown: &Shown| -> BTreeMap<PartName, Rect> {
            let nodes = shown.nodes.iter().filter_map(|node| Some((node.part.clone()?, node.rect)));
            nodes.filter(|((claim, ..), _)| claim.ends_with(place)).collect()
        };
        let (alone, together) = (of_place(&alone), of_place(&together));
        assert!(alone.len() > 30 && alone.keys().eq(together.keys()), "{place}");
        let moved: Vec<(f64, f64)> =
            alone.values().zip(together.values()).map(|(one, other)| (other.x - one.x, other.y - one.y)).collect();
        let is_even = |way: &(f64, f64)| (way.0 - moved[0].0).abs() < 0.3 && (way.1 - moved[0].1).abs() < 0.3;
        assert!(moved.iter().all(is_even), "{place} is drawn otherwise than alone: {moved:?}");
    }
}

/// Claims in each of the outermost boxes.
fn claims_by_box(shown: &Shown) -> Vec<BTreeSet<String>> {
    let outermost = shown
        .boxes
        .iter()
        .filter(|(_, framed)| shown.boxes.iter().filter(|(_, other)| other.holds(framed)).count() == 1);
    let inside = |framed: &Rect| {
        let nodes = shown.nodes.iter().filter(|node| framed.holds(&node.rect));
        nodes.filter_map(|node| Some(node.part.as_ref()?.0.clone())).collect()
    };
    outermost.map(|(_, framed)| inside(framed)).collect()
}

#[test]
fn an_environment_with_many_claims_is_drawn_a_few_at_a_time() {
    let places: Vec<String> = (0..10).map(|index| format!("place-{index}")).collect();
    let spec = format!("name: big, namespaces: [{}]", places.join(", "));
    let mut crowded = vec![document("VClusterEnvironmentClaim", "env", &spec)];
    crowded.extend(places.iter().flat_map(|place| consumers("big", place, "")));
    let contested: Vec<String> = (0..15).flat_map(|index| consumers("big", "one", &format!("-{index}"))).collect();
    for (claims, name) in [(crowded, "ten namespaces"), (contested, "thirty claims for one place")] {
        let shown = drawn(&claims);
        stands_apart(name, &shown);
        let boxes = claims_by_box(&shown);
        let drawn: BTreeSet<&String> = boxes.iter().flatten().collect();
        assert_eq!(drawn.len(), claims.len(), "{name}: each claim is in a box");
        assert!(boxes.iter().all(|claims| claims.len() <= 7), "{name}: too many at a time, {boxes:#?}");
    }
}

#[test]
fn what_is_inside_of_the_host_is_drawn_there() {
    for (platform, shown) in &*PICTURES {
        for node in &shown.nodes {
            let inside: Vec<&str> = shown
                .boxes
                .iter()
                .filter(|(_, framed)| framed.holds(&node.rect))
                .map(|(class, _)| class.as_str())
                .collect();
            let place = node.part.as_ref().map(|(_, place, _)| place.as_str());
            assert_eq!(inside.contains(&"box host"), place.is_some(), "{}: {node:?}", platform.name);
            assert_eq!(inside.contains(&"box virtual"), place == Some("inside"), "{}: {node:?}", platform.name);
        }
    }
}

/// Part that an object belongs to. An object that a chart creates belongs to the part of its Release, and one that an
/// operator creates to the part of the cluster of an engine.
fn part_of(world: &World, object: &Object) -> Option<PartName> {
    let composed = |object: &Object| match object.origin {
        Origin::Composed(composed_claim, resource) => {
            Some((composed_claim.claim.name.clone(), place_word(resource.place), resource.part.to_owned()))
        }
        Origin::Made | Origin::External => None,
    };
    composed(object)
        .or_else(|| {
            let releases = world.objects.iter().filter(|release| release.is("helm.crossplane.io", "Release"));
            let mut named = releases.filter(|release| {
                let parameters = release.manifest.at("/spec/forProvider");
                let name = release.manifest.text("/metadata/annotations/crossplane.io~1external-name");
                let is_called = object.name == name || object.name == parameters.text("/values/fullnameOverride");
                parameters.text("/namespace") == object.namespace && is_called
            });
            named.next().and_then(composed)
        })
        .or_else(|| {
            let made = |kind: &str| {
                let selector = object.manifest.at("/spec/selector");
                let labels =
                    [object.manifest.at("/metadata/labels"), object.manifest.at("/spec/template/metadata/labels")];
                let label = |name: &str| {
                    let found = labels.into_iter().chain([selector]).find_map(|labels| labels.get(name)?.as_str());
                    found.unwrap_or_default()
                };
                match kind {
                    "Cluster" => label("cnpg.io/cluster"),
                    "RabbitmqCluster" => label("app.kubernetes.io/name"),
                    kind if label("strimzi.io/kind") == kind => label("strimzi.io/cluster"),
                    _ => "",
                }
                .to_owned()
            };
            let engines = ["Kafka", "KafkaConnect", "Cluster", "RabbitmqCluster"];
            let mut clusters =
                world.objects.iter().filter(|it| it.namespace == object.namespace && it.place == object.place);
            clusters.find(|it| engines.contains(&it.kind.as_str()) && it.name == made(&it.kind)).and_then(composed)
        })
}

/// Every call between two parts that the wiring suite finds in the programs' configuration.
fn calls(platform: &Platform) -> BTreeSet<(PartName, PartName)> {
    let inventory = Inventory::of(platform);
    let world = World::of(&inventory);
    let mut calls = BTreeSet::new();
    for call in world.behaviours().iter().flat_map(|behaviour| &behaviour.calls) {
        let from = world.pods[call.from].object;
        let Host::Service(service) = resolve(&world, from.place, &from.namespace, &call.host) else { continue };
        if let (Some(from), Some(to)) = (part_of(&world, from), part_of(&world, service.object))
            && from != to
        {
            calls.insert((from, to));
        }
    }
    calls
}

#[test]
fn arrows_of_calls_are_the_calls_of_the_programs_and_no_others() {
    let mut all = 0;
    for (platform, shown) in &*PICTURES {
        let arrows = shown.arrows.iter().filter(|arrow| arrow.layer == "calls");
        let drawn: BTreeSet<(PartName, PartName)> = arrows
            .filter_map(|arrow| Some((shown.part(&arrow.from)?.clone(), shown.part(&arrow.to)?.clone())))
            .collect();
        let calls = calls(platform);
        all += calls.len();
        let missing: Vec<_> = calls.difference(&drawn).collect();
        let invented: Vec<_> = drawn.difference(&calls).collect();
        assert!(missing.is_empty(), "{}: not drawn {missing:#?}", platform.name);
        assert!(invented.is_empty(), "{}: nobody calls {invented:#?}", platform.name);
    }
    assert!(all > 0, "nobody calls anybody");
}

#[test]
fn every_route_is_an_arrow_to_what_it_leads_to() {
    for (platform, shown) in &*PICTURES {
        let inventory = Inventory::of(platform);
        let world = World::of(&inventory);
        let drawn: BTreeSet<(PartName, PartName)> = shown
            .arrows
            .iter()
            .filter(|arrow| arrow.layer == "routes")
            .filter_map(|arrow| Some((shown.part(&arrow.from)?.clone(), shown.part(&arrow.to)?.clone())))
            .collect();
        for route in world.of_kind("networking.istio.io", "VirtualService") {
            let from = part_of(&world, route).unwrap();
            for http in route.manifest.items("/spec/http") {
                let authority = http.text("/rewrite/authority");
                let host = if authority.is_empty() { http.text("/route/0/destination/host") } else { authority };
                let (name, namespace) = host.split('.').next().zip(host.split('.').nth(1)).unwrap();
                let mut targets = world.objects.iter().filter(|object| {
                    object.kind == "Service"
                        && object.resource().is_some()
                        && (object.name.as_str(), object.namespace.as_str()) == (name, namespace)
                });
                let to = part_of(&world, targets.next().unwrap()).unwrap();
                assert!(drawn.contains(&(from.clone(), to.clone())), "{}: {from:?} to {to:?}", platform.name);
            }
        }
        for host in shown.arrows.iter().filter_map(|arrow| arrow.from.strip_prefix("entrance ")) {
            let mut routes = world.of_kind("networking.istio.io", "VirtualService");
            assert!(routes.any(|route| route.manifest.texts("/spec/hosts").any(|known| known == host)), "{host}");
        }
    }
}

#[test]
fn both_ends_of_every_arrow_are_there_and_it_says_why() {
    for (platform, shown) in &*PICTURES {
        for arrow in &shown.arrows {
            for end in [&arrow.from, &arrow.to] {
                assert!(shown.nodes.iter().any(|node| node.id == *end), "{}: {arrow:?}", platform.name);
            }
            assert!(arrow.because.contains(": "), "{}: {arrow:?}", platform.name);
        }
    }
}

#[test]
fn data_flows_from_the_device_to_the_table() {
    let svg = preview("svg", &[APPLICATION], "");
    let shown = Shown::read(&svg);
    let name = |id: &str| shown.part(id).map_or_else(|| id.to_owned(), |(_, _, part)| part.clone());
    let data: BTreeSet<(String, String)> = shown
        .arrows
        .iter()
        .filter(|arrow| arrow.layer == "data")
        .map(|arrow| (name(&arrow.from), name(&arrow.to)))
        .collect();
    let expected = [
        ("beyond Devices", "broker"),
        ("bridge", "kafka"),
        ("broker", "bridge"),
        ("connect", "beyond myorg-health.snowflakecomputing.com"),
        ("kafka", "connect"),
        ("kafka", "processors"),
        ("processors", "kafka"),
        ("simulator", "broker"),
    ];
    let expected: BTreeSet<_> = expected.into_iter().map(|(from, to)| (from.to_owned(), to.to_owned())).collect();
    assert_eq!(data, expected);
    // Two publishers, one MQTT topic, five Kafka topics, four processors and four tables.
    assert_eq!(shown.stations.len(), 16);
}

/// Engines of several pods carry data as those of one pod do.
#[test]
fn data_flows_through_engines_of_several_pods() {
    let shown = Shown::read(&preview("svg", &["examples/production/application.yaml"], ""));
    let name = |id: &str| shown.part(id).map_or_else(|| id.to_owned(), |(claim, _, part)| format!("{claim} {part}"));
    let arrows = shown.arrows.iter().filter(|arrow| arrow.layer == "data");
    let data: BTreeSet<(String, String)> = arrows.map(|arrow| (name(&arrow.from), name(&arrow.to))).collect();
    let mut expected = BTreeSet::new();
    for plant in ["north", "south"] {
        let of = |claim: &str, part: &str| format!("{plant}-{claim} {part}");
        expected.extend([
            ("beyond Devices".to_owned(), of("mqtt", "broker")),
            (of("mqtt", "broker"), of("mqtt", "bridge")),
            (of("mqtt", "bridge"), of("lenses", "kafka")),
            (of("lenses", "kafka"), of("lenses", "processors")),
            (of("lenses", "processors"), of("lenses", "kafka")),
            (of("lenses", "kafka"), of("lenses", "snowflake-sink")),
            (of("lenses", "snowflake-sink"), "beyond myorg-plant.snowflakecomputing.com".to_owned()),
        ]);
    }
    let trial = |claim: &str, part: &str| format!("trial-{claim} {part}");
    expected.extend([
        ("beyond Devices".to_owned(), trial("mqtt", "broker")),
        (trial("mqtt", "broker"), trial("mqtt", "bridge")),
        (trial("mqtt", "bridge"), trial("lenses", "kafka")),
    ]);
    assert_eq!(data, expected);
}

/// Titles of the data arrows in the picture of a broker with these fields, and the picture.
fn flow(connector: &str, users: &str) -> (Vec<String>, String) {
    let claim = format!(
        "apiVersion: platform.example.org/v1alpha1\nkind: IotBrokerClaim\nmetadata: {{name: mqtt, namespace: team}}\nspec:\n  namespace: lab\n  connectorConfig: {{{connector}}}\n  mqttConfig: {{users: [{users}]}}\n"
    );
    let svg = preview("svg", &["-"], &claim);
    let titles = svg.split("<path class=\"arrow data\"").skip(1).filter_map(|path| {
        let (_, title) = path.split("</path>").next()?.split_once("<title>")?;
        title.strip_suffix("</title>").map(str::to_owned)
    });
    (titles.filter(|title| title.contains(" to ") && !title.contains(':')).collect(), svg)
}

/// Devices without the right to publish to a topic have no arrow to it: the broker's access list decides.
#[test]
fn devices_lead_to_topics_that_a_user_of_theirs_may_publish_to() {
    let off = "mappings: [{mqttTopic: ward/+/vitals, kafkaTopic: vitals}]";
    let carried = "ward/+/vitals to vitals".to_owned();
    for (users, leads) in [
        ("", false),
        ("{name: a, read: ['ward/#']}", false),
        ("{name: a, publish: ['lab/#']}", false),
        ("{name: a, publish: [ward/one/vitals]}", true),
        ("{name: a, publish: ['lab/#']}, {name: b, publish: ['ward/#']}", true),
    ] {
        let (mut drawn, svg) = flow(off, users);
        drawn.sort();
        let expected =
            if leads { vec!["Devices to ward/+/vitals".to_owned(), carried.clone()] } else { vec![carried.clone()] };
        assert_eq!(drawn, expected, "{users}");
        assert_eq!(Shown::read(&svg).arrows.iter().any(|arrow| arrow.from == "beyond Devices"), leads, "{users}");
    }
    // The simulator is not a device. Its topic reaches Kafka through a topic filter.
    let on = "mappings: [{mqttTopic: ward/+/vitals, kafkaTopic: vitals}], simulator: {enabled: true, topic: ward/one/vitals}";
    let (mut drawn, _) = flow(on, "");
    drawn.sort();
    assert_eq!(drawn, ["Simulator to ward/one/vitals", "ward/+/vitals to vitals", "ward/one/vitals to ward/+/vitals"]);
    let (drawn, _) =
        flow("mappings: [{mqttTopic: lab/a, kafkaTopic: a}], simulator: {enabled: true, topic: ward/one/vitals}", "");
    assert!(!drawn.iter().any(|arrow| arrow.starts_with("ward/one/vitals")), "nobody carries it on: {drawn:?}");
}

/// Topics with the same name in two namespaces show their namespace; other topics do not.
#[test]
fn the_topics_of_two_systems_are_told_apart() {
    let broker = |name: &str, place: &str| {
        format!(
            "apiVersion: platform.example.org/v1alpha1\nkind: IotBrokerClaim\nmetadata: {{name: {name}, namespace: team}}\nspec: {{{place}, connectorConfig: {{mappings: [{{mqttTopic: health/device_data, kafkaTopic: device_data}}]}}}}\n"
        )
    };
    let one = broker("one", "namespace: lab");
    let two = broker("two", "namespace: research, environment: lab");
    let three = broker("three", "namespace: other");
    let stations = |claims: &[&String]| -> Vec<String> {
        let text = claims.iter().map(|claim| claim.as_str()).collect::<Vec<_>>().join("---\n");
        let svg = preview("svg", &["-"], &text);
        let labels = svg.split("<g class=\"station").skip(1).filter_map(|group| {
            let (_, label) = group.split_once("aria-label=\"")?;
            Some(label.split('"').next()?.to_owned())
        });
        labels.filter(|label| label.ends_with(" device_data")).collect()
    };
    assert_eq!(stations(&[&one]), ["Kafka topic device_data"]);
    assert_eq!(
        stations(&[&one, &two, &three]),
        [
            "Kafka topic in lab device_data",
            "Kafka topic in lab/research device_data",
            "Kafka topic in other device_data"
        ]
    );
}

#[test]
fn the_same_claims_are_the_same_bytes() {
    for output in ["svg", "html"] {
        let first = preview(output, &[APPLICATION], "");
        for _ in 0..3 {
            assert!(preview(output, &[APPLICATION], "") == first, "{output} differs from run to run");
        }
    }
}

#[test]
fn the_picture_in_the_documentation_is_the_one_of_today() {
    let svg = preview("svg", &[APPLICATION], "");
    if std::env::var_os("BLESS").is_some() {
        fs::write(KEPT, &svg).unwrap();
    }
    assert!(fs::read_to_string(KEPT).unwrap() == svg, "{KEPT} is not what the example becomes: `make bless` writes it");
}

#[test]
fn what_claims_say_cannot_become_markup() {
    let application = fs::read_to_string(APPLICATION).unwrap();
    let evil = "</script><script>alert(1)</script>&\"'";
    let sql = format!("{}-- {evil}", "SELECT ");
    let claim = json!({
        "apiVersion": realtime_platform_core::claims::API_VERSION,
        "kind": "RealtimeSystemClaim",
        "metadata": {"name": "evil", "namespace": "default"},
        "spec": {
            "namespace": "evil",
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "licence"}},
            "sqlProcessors": [{"name": "evil", "sql": format!("INSERT INTO heart_rate_device_topic {sql}\nFROM device_data")}],
        },
    });
    let html = preview("html", &["-"], &claim.to_string());
    assert!(!html.contains("<script>alert"), "markup of a claim's");
    assert!(html.contains("&lt;script&gt;alert(1)"), "the claim's text is shown");
    assert_eq!(html.matches("<script").count(), 1);
    // The page loads nothing from a network.
    let page = preview("html", &["-"], &application);
    for fetching in [" src=", "@import", "url(http", "fetch(", "<img", "<iframe"] {
        assert!(!page.contains(fetching), "{fetching}");
    }
}
