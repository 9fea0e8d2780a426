//! Resource requests of the examples' pods, compared with the page that lists them.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize as _;
use serde_json::Value;

use super::markdown::{Document, root};

/// Requests of a pod: CPU in thousandths of a core, memory in MiB, memory limit in MiB, volume in GiB.
type Size = [u64; 4];

/// Beginning of the line above the table.
const MARK: &str = "<!-- sizes:";

/// Example whose fields have their defaults, and that has SQL processors, a bridge and the simulator as well.
const EXAMPLE: &str = "examples/variants/no-snowflake.yaml";

/// Volume of each pod.
const VOLUMES: [(&str, &str); 3] = [
    ("kafka-data-pvc", "kafka-platform"),
    ("mosquitto-data-pvc", "health-mqtt-broker"),
    ("postgres-data-pvc", "lenses-backend-postgres"),
];

/// Compares the rows of the page with the plans of [`EXAMPLE`]. With `BLESS` it writes their numbers into the
/// page first.
pub fn check(page: impl Fn() -> Document) {
    let mut sizes = of_the_examples();
    let mut together = Size::default();
    for size in sizes.values() {
        for (sum, part) in together.iter_mut().zip(size) {
            *sum += part;
        }
    }
    sizes.insert("together".to_owned(), together);
    if std::env::var_os("BLESS").is_some() {
        write(&page(), &sizes);
    }
    let rows = page().table_after(MARK);
    let number = |text: &str| match text {
        "" => 0,
        cores if cores.bytes().all(|digit| digit.is_ascii_digit()) => cores.parse::<u64>().unwrap() * 1000,
        other => other.trim_end_matches(|letter: char| letter.is_alphabetic()).parse().unwrap(),
    };
    let said: BTreeMap<String, Size> = rows
        .iter()
        .map(|row| (row[0].clone(), [number(&row[1]), number(&row[2]), number(&row[3]), number(&row[4])]))
        .collect();
    assert_eq!(said, sizes);
}

/// Writes the numbers of each pod into its row, and a row for each new pod above the last one.
fn write(page: &Document, sizes: &BTreeMap<String, Size>) {
    let rows = page.table_after(MARK);
    let (last, pods) = rows.split_last().unwrap();
    let known = pods.iter().filter(|row| sizes.contains_key(&row[0])).map(|row| (row[0].clone(), row[5].clone()));
    let known: Vec<(String, String)> = known.collect();
    let new = sizes.keys().filter(|name| !rows.iter().any(|row| row[0] == **name));
    let new = new.map(|name| (name.clone(), String::new()));
    let all = known.into_iter().chain(new).chain([(last[0].clone(), last[5].clone())]);
    let written: Vec<String> = all
        .map(|(name, fields)| {
            let [cpu, memory, limit, volume] = sizes[&name];
            let cpu = if cpu % 1000 == 0 { (cpu / 1000).to_string() } else { format!("{cpu}m") };
            let volume = if volume == 0 { String::new() } else { format!("{volume}Gi") };
            let cells = [name, cpu, format!("{memory}Mi"), format!("{limit}Mi"), volume, fields];
            let cells = cells.map(|cell| if cell.is_empty() { " ".to_owned() } else { format!(" {cell} ") });
            format!("|{}|", cells.join("|"))
        })
        .collect();
    page.replace_rows(MARK, &written);
}

fn of_the_examples() -> BTreeMap<String, Size> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    let output = command.args(["preview", "-o", "manifests", EXAMPLE]).current_dir(root()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut sizes: BTreeMap<String, Size> = BTreeMap::new();
    for document in serde_yaml::Deserializer::from_str(&text) {
        let manifest = Value::deserialize(document).unwrap();
        let name = manifest.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let containers =
            || manifest.pointer("/spec/template/spec/containers").and_then(Value::as_array).into_iter().flatten();
        let resources: Vec<&Value> = match manifest["kind"].as_str().unwrap_or_default() {
            "Deployment" | "StatefulSet" | "Service" => containers().map(|container| &container["resources"]).collect(),
            // All other Releases belong to the environment.
            "Release" if manifest.pointer("/spec/forProvider/chart/name").is_some_and(|name| name == "postgres") => {
                manifest.pointer("/spec/forProvider/values/resources").into_iter().collect()
            }
            "PersistentVolumeClaim" => {
                let pod = VOLUMES.iter().find(|(claim, _)| *claim == name).unwrap().1;
                let size = manifest.pointer("/spec/resources/requests/storage").unwrap().as_str().unwrap();
                sizes.entry(pod.to_owned()).or_default()[3] = size.trim_end_matches("Gi").parse().unwrap();
                continue;
            }
            _ => continue,
        };
        let name = manifest
            .pointer("/metadata/annotations/crossplane.io~1external-name")
            .and_then(Value::as_str)
            .unwrap_or(name);
        for resources in resources {
            let text = |pointer: &str| resources.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
            let memory = |pointer: &str| mebibytes(&text(pointer));
            let of_container =
                [millicores(&text("/requests/cpu")), memory("/requests/memory"), memory("/limits/memory")];
            let size = sizes.entry(name.to_owned()).or_default();
            for (sum, part) in size.iter_mut().zip(of_container) {
                *sum += part;
            }
        }
    }
    sizes
}

pub fn millicores(cpu: &str) -> u64 {
    cpu.strip_suffix('m').map_or_else(|| cpu.parse::<u64>().unwrap() * 1000, |milli| milli.parse().unwrap())
}

pub fn mebibytes(quantity: &str) -> u64 {
    match quantity.strip_suffix("Gi") {
        Some(gibibytes) => gibibytes.parse::<u64>().unwrap() * 1024,
        None => quantity.strip_suffix("Mi").unwrap().parse().unwrap(),
    }
}
