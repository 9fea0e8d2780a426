//! Checks of the documents: their commands run and print what is shown, and the files that they name exist.
//!
//! The language of a block of code decides how it is checked. Blocks of `console` run here, in a copy of the checkout:
//! lines that begin with `$` are commands, and the others are the output, with `...` for any lines and for any eight
//! digits of a hash. Blocks of `bash` do not run, and begin with the dependency that is missing here. The links inside
//! the book are checked by `make docs`.

pub(crate) mod costs;
pub(crate) mod markdown;
mod outages;
mod session;
pub(crate) mod sizes;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use markdown::{Block, Document};
use realtime_platform_core::settings::{Settings, objects};
use serde::Deserialize as _;
use serde_json::Value;

/// First words of commands, by which a command in a block of another language is found.
const PROGRAMS: [&str; 14] = [
    "$",
    "cargo",
    "crane",
    "crossplane",
    "curl",
    "export",
    "function-realtime-platform",
    "git",
    "helm",
    "kubectl",
    "make",
    "mosquitto_pub",
    "sudo",
    "vela",
];

fn page(name: &str) -> Document {
    let documents = markdown::documents();
    documents.into_iter().find(|document| document.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn every_command_is_run_or_says_what_it_needs() {
    let mut findings = Vec::new();
    for document in markdown::documents() {
        for Block { language, lines, line } in document.blocks() {
            let place = format!("{}:{line}", document.name);
            let first = lines.first().map_or("", String::as_str);
            match language.as_str() {
                "console" if first.starts_with("$ ") => {}
                "console" => findings.push(format!("{place}: a console block begins with a command, `$ …`")),
                "bash" if first.starts_with("# needs ") => {}
                "bash" => {
                    findings.push(format!("{place}: a bash block begins with `# needs …`, or is a console block"));
                }
                "yaml" | "rust" | "sql" | "diff" | "text" | "" => {
                    let command =
                        lines.iter().find(|line| line.split(' ').next().is_some_and(|word| PROGRAMS.contains(&word)));
                    findings.extend(
                        command.map(|command| format!("{place}: a command in a block that is not for them: {command}")),
                    );
                }
                other => findings.push(format!("{place}: {other} blocks are unknown here")),
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn commands_print_what_is_said() {
    let mut run = 0;
    let mut findings = Vec::new();
    for document in markdown::documents() {
        let blocks: Vec<Block> = document.blocks().into_iter().filter(|block| block.language == "console").collect();
        if !blocks.is_empty() {
            run += blocks.len();
            findings.extend(session::differences(&document, &blocks));
        }
    }
    assert!(run > 5, "only {run} blocks");
    assert_none(&findings);
}

#[test]
fn what_is_named_is_there() {
    let mut findings = Vec::new();
    let mut found = 0;
    for document in markdown::documents() {
        for (line, path) in document.paths() {
            // A guide for installers names applied files relative to its folder.
            let places = ["", "package/install"].map(|folder| markdown::root().join(folder).join(&path));
            if places.iter().any(|place| place.exists()) {
                found += 1;
            } else {
                findings.push(format!("{}:{line}: there is no {path}", document.name));
            }
        }
        for (line, target) in document.make_targets() {
            if !fs::read_to_string(markdown::root().join("Makefile")).unwrap().contains(&format!("\n{target}: ")) {
                findings.push(format!("{}:{line}: there is no make {target}", document.name));
            }
        }
    }
    assert!(found > 50, "only {found} paths");
    assert_none(&findings);
}

#[test]
fn links_lead_somewhere() {
    let documents = markdown::documents();
    let anchors: BTreeMap<&str, BTreeSet<String>> =
        documents.iter().map(|document| (document.name.as_str(), document.anchors())).collect();
    let mut findings = Vec::new();
    for document in &documents {
        for (line, target) in document.links() {
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = Path::new(&document.name).parent().unwrap();
            let file = if file.is_empty() { document.name.clone() } else { folder.join(file).display().to_string() };
            if !markdown::root().join(&file).exists() {
                findings.push(format!("{}:{line}: {target} leads nowhere", document.name));
            } else if !anchor.is_empty() && !anchors.get(file.as_str()).is_some_and(|known| known.contains(anchor)) {
                findings.push(format!("{}:{line}: {file} has no heading #{anchor}", document.name));
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn yaml_can_be_read_and_settings_are_legal() {
    let mut settings = 0;
    for document in markdown::documents() {
        for block in document.blocks().into_iter().filter(|block| block.language == "yaml") {
            for part in serde_yaml::Deserializer::from_str(&block.lines.join("\n")) {
                let value = Value::deserialize(part)
                    .unwrap_or_else(|error| panic!("{}:{}: {error}", document.name, block.line));
                if value.get("kind").is_some_and(|kind| kind == objects::KIND) {
                    assert_eq!(objects::faults(&placeholders(&value), &[]), [], "{}:{}", document.name, block.line);
                    settings += 1;
                    continue;
                }
                let input = value.get("input").unwrap_or(&value);
                let only_settings = ["images", "charts"].iter().any(|field| input.get(field).is_some());
                if only_settings || value.get("input").is_some() {
                    let read = Settings::read(placeholders(input));
                    assert!(read.is_ok(), "{}:{}: {:?}", document.name, block.line, read.err());
                    settings += 1;
                }
            }
        }
    }
    assert!(settings >= 4, "only {settings} settings");
}

/// An example has what were the defaults of claims. A file with the lines of the page has the same.
#[test]
fn lines_in_place_of_old_defaults_are_those_of_the_example() {
    let page = page("docs/upgrade.md");
    let (heading, _) = page.text.lines().enumerate().find(|(_, line)| *line == "## Defaults of no domain").unwrap();
    let lines: Vec<Value> = page
        .blocks()
        .into_iter()
        .filter(|block| block.line > heading && block.language == "yaml")
        .take(3)
        .map(|block| serde_yaml::from_str(&(block.lines.join("\n") + "\n")).unwrap())
        .collect();
    let example = fs::read_to_string(markdown::root().join("examples/variants/no-snowflake.yaml")).unwrap();
    let example: Value = serde_yaml::from_str(&example).unwrap();
    let [_, system, broker] = [0, 1, 2].map(|index| &example["spec"]["components"][index]["properties"]);
    for field in ["kafkaConfig", "sqlProcessors"] {
        assert_eq!(lines[0][field], system[field], "{field}");
    }
    assert_eq!(lines[2]["connectorConfig"], broker["connectorConfig"]);
    let topics: Vec<&Value> =
        system["kafkaConfig"]["topics"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    let delivered: Vec<&Value> = lines[1]["snowflakeConfig"]["topics"].as_array().unwrap().iter().collect();
    assert_eq!(delivered, topics[1..], "the topics that processors write");
}

/// Settings with values in place of the placeholders in capital letters.
fn placeholders(input: &Value) -> Value {
    let text = input.to_string().replace("REGISTRY", "registry.example.com").replace("HOST", "charts.example.com");
    let text = text.replace("sha256:DIGEST", &format!("sha256:{}", "0".repeat(64)));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn what_a_claim_is_quoted_with_is_what_the_function_says() {
    let sources = markdown::sources();
    let pages = ["docs/trouble.md", "docs/moving-to-an-engine.md"];
    let rows: Vec<Vec<String>> = pages.iter().flat_map(|name| page(name).table_after("<!-- words:")).collect();
    let quoted = rows.iter().filter_map(|row| row[0].split('`').nth(1));
    let mut findings = Vec::new();
    for sentence in quoted.clone() {
        let fragments = sentence.split('…').map(str::trim).filter(|fragment| fragment.len() > 2);
        let unsaid = fragments.filter(|fragment| !sources.contains(fragment));
        findings.extend(unsaid.map(|fragment| format!("nothing in function/ says {fragment:?}")));
    }
    assert!(quoted.count() > 10);
    assert_none(&findings);
}

#[test]
fn every_suite_is_told_of() {
    let told = page("docs/tests.md").rows().concat().join(" ");
    let files = ["tests/fast", "tests/real"].map(|folder| fs::read_dir(markdown::root().join(folder)).unwrap());
    let files = files.into_iter().flatten().map(|entry| entry.unwrap().path());
    let suites = files.filter(|path| path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("main.rs"));
    let suites = suites.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let untold = suites.chain(["e2e".to_owned()]);
    let untold: Vec<String> = untold.filter(|name| !told.contains(&format!("`{name}`"))).collect();
    assert_eq!(untold, Vec::<String>::new(), "docs/tests.md does not say what these suites prove");
}

#[test]
fn every_place_of_the_seed_is_told_once() {
    let numbers: Vec<u32> = page("docs/seed.md").rows().iter().filter_map(|row| row.first()?.parse().ok()).collect();
    assert_eq!(numbers, (1..=56).collect::<Vec<_>>());
}

/// GitHub silently shows no form for a file with a fault.
#[test]
fn forms_for_issues_are_whole() {
    let folder = markdown::root().join(".github/ISSUE_TEMPLATE");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let forms: Vec<_> = files.filter(|path| path.file_name().is_some_and(|name| name != "config.yml")).collect();
    assert!(forms.len() >= 2, "{forms:?}");
    for path in forms {
        let form: Value = serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        assert!(is_text(&form["name"]) && is_text(&form["description"]), "{}", path.display());
        let fields = form["body"].as_array().unwrap();
        let asks = fields.iter().filter(|field| field["type"] != "markdown");
        let ids: Vec<&str> = asks.clone().map(|field| field["id"].as_str().unwrap()).collect();
        assert!(
            !ids.is_empty() && ids.iter().collect::<BTreeSet<_>>().len() == ids.len(),
            "{}: {ids:?}",
            path.display()
        );
        assert!(asks.into_iter().all(|field| is_text(&field["attributes"]["label"])), "{}", path.display());
    }
}

#[test]
fn sizes_are_those_of_the_examples() {
    sizes::check(|| page("docs/sizing.md"));
}

#[test]
fn costs_are_those_of_the_examples() {
    costs::check(|| page("docs/growing.md"));
}

#[test]
fn what_is_retained_is_what_no_object_deletes() {
    costs::check_retained(&page("docs/moving-to-an-engine.md"));
}

#[test]
fn outages_are_those_that_the_parts_declare() {
    outages::check(|| page("docs/upgrade.md"));
}
