//! Tests of `preview` as people use it: the real binary over files, with each output format and each kind of fault.

mod diff;
mod files;
mod images;
mod settings;
mod summary;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde::Deserialize as _;
use serde_json::Value;

const APPLICATION: &str = "examples/health-realtime-pipeline/application.yaml";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    command.arg("preview").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// Standard output and standard error of a call that succeeds.
fn shown(arguments: &[&str]) -> (String, String) {
    let output = run(arguments);
    let (out, err) = texts(&output);
    assert_eq!(output.status.code(), Some(0), "{err}");
    (out, err)
}

/// Standard error of a call that fails; its standard output is empty.
fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    let (out, err) = texts(&output);
    assert_eq!((output.status.code(), out.as_str()), (Some(1), ""), "{err}");
    err
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

fn documents(yaml: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(yaml).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&shown(arguments).0).unwrap()
}

fn resources(preview: &Value) -> Vec<&Value> {
    let claims = preview["claims"].as_array().unwrap();
    claims.iter().flat_map(|claim| claim["resources"].as_array().unwrap()).collect()
}

/// Folder of the example pipeline, and every other example.
fn examples() -> Vec<String> {
    let mut examples = vec!["examples/health-realtime-pipeline".to_owned()];
    for folder in ["examples/minimal", "examples/variants"] {
        let entries = std::fs::read_dir(folder).unwrap();
        examples.extend(entries.map(|entry| entry.unwrap().path().to_str().unwrap().to_owned()));
    }
    examples
}

/// Lines of a tree below a heading, up to the next line that is not indented further. A match that continues with `-`
/// is another heading.
fn below<'a>(tree: &'a str, heading: &str) -> Vec<&'a str> {
    let indent = |line: &str| line.chars().take_while(|letter| "│├└─ ".contains(*letter)).count();
    let is_it = |line: &str| line.split_once(heading).is_some_and(|(_, rest)| !rest.starts_with('-'));
    let mut lines = tree.lines().skip_while(|line| !is_it(line));
    let first = lines.next().unwrap_or_else(|| panic!("{heading} is not in\n{tree}"));
    lines.take_while(|line| indent(line) > indent(first)).collect()
}

/// Kind, name and namespace of the object that a cluster gets.
fn identity(resource: &Value) -> [&str; 3] {
    let composed = &resource["composed"];
    if composed["kind"] == "Release" {
        let name = composed["metadata"]["annotations"]["crossplane.io/external-name"].as_str().unwrap();
        return ["Release", name, composed["spec"]["forProvider"]["namespace"].as_str().unwrap()];
    }
    let manifest = composed.pointer("/spec/forProvider/manifest").unwrap_or(composed);
    let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    [text("/kind"), text("/metadata/name"), text("/metadata/namespace")]
}

/// Start of each word in a line, counted in characters.
fn columns(line: &str, words: &[&str]) -> Option<Vec<usize>> {
    let mut from = 0;
    let mut columns = Vec::new();
    for word in words {
        let at = from + line[from..].find(word)?;
        columns.push(line[..at].chars().count());
        from = at + word.len();
    }
    Some(columns)
}

#[test]
fn the_tree_names_every_manifest_below_its_claim_its_cluster_and_its_part_in_columns() {
    let (tree, _) = shown(&[APPLICATION]);
    let preview = json(&["-o", "json", APPLICATION]);
    let mut all_columns = Vec::new();
    for claim in preview["claims"].as_array().unwrap() {
        let of_claim = below(&tree, &format!(" {} in default: ", claim["claim"]["name"].as_str().unwrap())).join("\n");
        for resource in claim["resources"].as_array().unwrap() {
            let cluster = if resource["place"] == "host" { "in the host cluster" } else { "in the virtual cluster" };
            let of_cluster = below(&of_claim, cluster).join("\n");
            let lines = below(&of_cluster, &format!("─ {}", resource["part"].as_str().unwrap()));
            let words = identity(resource);
            let named = if words[1].is_empty() { [words[0], resource["key"].as_str().unwrap(), ""] } else { words };
            let found: Vec<_> = lines.iter().filter_map(|line| columns(line, &named)).collect();
            assert!(!found.is_empty(), "{named:?} is not in\n{}", lines.join("\n"));
            if words.iter().all(|word| !word.is_empty()) {
                all_columns.extend(found);
            }
        }
    }
    assert!(all_columns.len() > 40, "{}", all_columns.len());
    // A kind such as Service also matches lines of kinds that begin with its name, but always in the same column.
    assert!(all_columns.iter().all(|columns| *columns == all_columns[0]), "{all_columns:?}\n{tree}");
    assert!(tree.lines().all(|line| !line.ends_with(' ')), "{tree}");
}

#[test]
fn the_tree_tells_charts_order_and_where_to_go() {
    let (tree, _) = shown(&[APPLICATION]);
    let postgres = below(&tree, "─ postgres  after secrets").join("\n");
    assert!(postgres.contains("chart postgres "), "{postgres}");
    assert!(tree.contains("─ lenses-agent  after agent-key, kafka\n"), "{tree}");
    let status = below(&tree, "status of health-lenses").join("\n");
    for address in ["https://lenses.health-streaming.local/", "kafka-service.health-streaming.svc.cluster.local:9092"] {
        assert!(status.contains(address), "{status}");
    }
    let total = tree.lines().last().unwrap();
    let count = resources(&json(&["-o", "json", APPLICATION])).len();
    assert!(total.starts_with(&format!("3 claims become {count} composed resources: ")), "{total}");
}

/// A long list of names would hide the number of virtual clusters.
#[test]
fn the_last_line_counts_virtual_clusters_where_they_are_many() {
    let total = |environments: usize| {
        let claims = (0..environments).map(|index| {
            format!(
                "apiVersion: platform.example.org/v1alpha1\nkind: VClusterEnvironmentClaim\nmetadata: {{name: env-{index}, namespace: team}}\nspec: {{name: place-{index}}}\n"
            )
        });
        let mut file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        file.write_all(claims.collect::<Vec<_>>().join("---\n").as_bytes()).unwrap();
        let (tree, _) = shown(&[file.path().to_str().unwrap()]);
        tree.lines().last().unwrap().to_owned()
    };
    let (few, many) = (total(10), total(11));
    for index in 0..10 {
        assert!(few.contains(&format!(" in the virtual cluster place-{index}")), "{few}");
    }
    let (host, inside) = many.split_once(" in the host cluster, ").unwrap();
    assert!(inside.ends_with(" in 11 virtual clusters"), "{many}");
    let numbers = |text: &str| -> Vec<usize> { text.split(' ').filter_map(|word| word.parse().ok()).collect() };
    let (all, count) = (numbers(host), numbers(inside)[0]);
    assert_eq!((all[0], all[1]), (11, all[2] + count), "{many}");
}

#[test]
fn every_example_is_valid_and_shown_the_same_twice() {
    for output in ["tree", "summary", "yaml", "manifests", "json"] {
        for example in examples() {
            let once = shown(&["-o", output, &example]);
            assert_eq!(once, shown(&["-o", output, &example]), "{output} {example}");
            assert!(!once.0.contains('\u{1b}'), "{output} {example}");
        }
    }
}

#[test]
fn yaml_is_what_crossplane_gets_with_its_keys() {
    let (yaml, _) = shown(&["-o", "yaml", APPLICATION]);
    let preview = json(&["-o", "json", APPLICATION]);
    let mut printed = documents(&yaml);
    assert_eq!(printed.len(), resources(&preview).len());
    for (document, resource) in printed.iter_mut().zip(resources(&preview)) {
        let annotations = document["metadata"]["annotations"].as_object_mut().unwrap();
        assert_eq!(annotations.remove("crossplane.io/composition-resource-name").as_ref(), Some(&resource["key"]));
        let waits =
            !resource["waitsFor"].as_array().unwrap().is_empty() && resource["composed"]["kind"] != "ClusterUsage";
        let paused = annotations.remove("crossplane.io/paused").is_some_and(|paused| paused == "true");
        assert_eq!((paused, annotations.remove("platform.example.org/waits-for").is_some()), (waits, waits));
        if annotations.is_empty() {
            document["metadata"].as_object_mut().unwrap().remove("annotations");
        }
        assert_eq!(*document, resource["composed"]);
    }
}

#[test]
fn manifests_are_what_stands_in_each_cluster() {
    let (yaml, _) = shown(&["-o", "manifests", APPLICATION]);
    let headings: Vec<&str> = yaml.lines().filter(|line| line.starts_with("# in ")).collect();
    assert_eq!(headings, ["# in the host cluster", "# in the virtual cluster health-streaming"]);
    let manifests = documents(&yaml);
    assert!(manifests.iter().all(|manifest| manifest["kind"] != "Object"), "an Object is only a wrapping");
    let host = documents(yaml.split("# in the virtual cluster").next().unwrap());
    assert!(host.iter().any(|manifest| manifest["kind"] == "PushSecret"));
    assert!(host.iter().all(|manifest| manifest["kind"] != "Deployment"));
    let preview = json(&["-o", "json", APPLICATION]);
    let resources = resources(&preview);
    let policies = resources.iter().map(|resource| &resource["composed"]["spec"]["managementPolicies"]);
    let observed = policies.filter(|policies| **policies == serde_json::json!(["Observe"])).count();
    assert!(observed > 0 && manifests.iter().all(|manifest| manifest["kind"] != "Pod"), "{observed}");
    assert_eq!(manifests.len(), resources.len() - observed);
}

/// Every text with several lines in a value.
fn blocks<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if text.trim_end().contains('\n') => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| blocks(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| blocks(field, found)),
        _ => {}
    }
}

#[test]
fn text_of_several_lines_is_printed_line_by_line() {
    for example in examples() {
        for output in ["yaml", "manifests"] {
            let (yaml, _) = shown(&["-o", output, &example]);
            let lines: std::collections::HashSet<&str> = yaml.lines().map(str::trim).collect();
            for document in documents(&yaml) {
                let mut found = Vec::new();
                blocks(&document, &mut found);
                for line in found.iter().flat_map(|text| text.lines()) {
                    assert!(lines.contains(line.trim()), "{example}: {line:?} stands on no line of its own");
                }
            }
        }
    }
}

#[test]
fn json_says_everything_of_each_resource() {
    let preview = json(&["-o", "json", "tests/fast/preview/apart.yaml"]);
    let lenses = &preview["claims"][1];
    assert_eq!(lenses["claim"]["kind"], "RealtimeSystemClaim");
    assert_eq!((&lenses["claim"]["namespace"], &lenses["claim"]["name"]), (&"team".into(), &"lenses".into()));
    assert_eq!(lenses["source"], "tests/fast/preview/apart.yaml:20");
    assert_eq!(lenses["environment"], "streaming");
    assert!(lenses["status"]["endpoints"]["kafka"].is_string());
    let resources = lenses["resources"].as_array().unwrap();
    let kafka = resources.iter().find(|resource| resource["key"] == "kafka-deployment").unwrap();
    assert_eq!(
        (&kafka["part"], &kafka["place"], &kafka["ready"]),
        (&"kafka".into(), &"inside".into(), &"Available".into())
    );
    assert_eq!(kafka["waitsFor"], serde_json::json!(["lock"]));
    let others: Vec<&str> =
        preview["notOurs"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(others, ["shop", "typo"]);
}

#[test]
fn a_composite_is_the_claim_behind_it() {
    let composed = |file: &str| shown(&["-o", "yaml", file]).0;
    assert_eq!(composed("tests/fast/preview/composite.yaml"), composed("tests/fast/preview/claim.yaml"));
    let (tree, _) = shown(&["tests/fast/preview/composite.yaml"]);
    assert!(tree.starts_with("RealtimeSystemClaim lenses in team, from its composite lenses-7xk2p: "), "{tree}");
}

#[test]
fn a_claim_that_stands_in_two_files_is_shown_once() {
    let both = shown(&["tests/fast/preview/composite.yaml", "tests/fast/preview/claim.yaml"]);
    assert_eq!(both, shown(&["tests/fast/preview/composite.yaml"]));
}

#[test]
fn a_claim_that_stands_in_two_files_differently_is_refused() {
    let other = std::fs::read_to_string("tests/fast/preview/claim.yaml").unwrap() + "  credentialsGeneration: 2\n";
    let output = with_stdin(&["tests/fast/preview/claim.yaml", "-"], &other);
    let (_, err) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{err}");
    let expected = "<stdin>:7: RealtimeSystemClaim/lenses: spec: is also in tests/fast/preview/claim.yaml:7, with another content: leave one of them out";
    assert_eq!(err.lines().next(), Some(expected));
}

fn with_stdin(arguments: &[&str], text: &str) -> Output {
    let mut command = command(arguments);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let text = std::fs::read_to_string(APPLICATION).unwrap();
    let output = with_stdin(&["-"], &text);
    assert_eq!(texts(&output).0, shown(&[APPLICATION]).0);
}

#[test]
fn faults_are_told_all_at_once_each_at_its_field() {
    let err = refused(&["tests/fast/preview/wrong.yaml", "no/such/file.yaml"]);
    let expected = [
        "10: spec.components[0].dependson: unknown field, did you mean \"dependsOn\"?",
        "14: RealtimeSystemClaim/lenses: properties.lensesConfig.acceptEULA: must be true",
        "20: RealtimeSystemClaim/lenses: properties.kafkaConfig.topics[0].partition: unknown field, did you mean \"partitions\"?",
        "22: RealtimeSystemClaim/lenses: properties.kafkaConfig.topics[1].partitions: must be between 1 and 1000, not 0",
        "23: RealtimeSystemClaim/lenses: properties.retian: unknown field, did you mean \"retain\"?",
        "24: spec.components[1].name: must be at most 63 lower-case letters",
        "26: IotBrokerClaim/Mqtt: properties.namespace: is required",
        "27: IotBrokerClaim/Mqtt: properties.claimRef: unknown field",
        "29: apiVersion: must be platform.example.org/v1alpha1, not platform.example.org/v1beta1",
        "33: VClusterEnvironmentClaim/env: spec.name: is required",
        "35: VClusterEnvironmentClaim/env: spec.components.istio: must be true or false, not the text \"yes\"",
        "42: kind: is required",
        "46: cannot be read as YAML: ",
    ];
    let passed_over = err.lines().take_while(|line| !line.starts_with("tests/")).collect::<Vec<_>>();
    let slip = "38: kind: RealtimeSystemClam does not belong to this platform, did you mean \"RealtimeSystemClaim\"? It is not shown";
    assert!(passed_over.contains(&format!("warning: tests/fast/preview/wrong.yaml:{slip}").as_str()), "{err}");
    let lines: Vec<&str> = err.lines().skip(passed_over.len()).collect();
    assert_eq!(lines.len(), expected.len() + 2, "{err}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(
            line.starts_with(&format!("tests/fast/preview/wrong.yaml:{expected}")),
            "{line}\n  instead of {expected}"
        );
    }
    assert!(lines[expected.len()].starts_with("no/such/file.yaml: cannot read: "), "{err}");
    assert_eq!(lines.last(), Some(&"14 faults: nothing is shown until there is none"));
}

#[test]
fn files_without_a_claim_are_refused_with_what_is_expected() {
    let err = with_stdin(&["-"], "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    let (out, err) = texts(&err);
    assert_eq!(out, "");
    assert!(err.starts_with("<stdin>: no claim is in it: expected VClusterEnvironmentClaim, "), "{err}");
    assert!(err.contains("found ConfigMap a (<stdin>:1)"), "{err}");
    let (_, err) = texts(&with_stdin(&["-"], ""));
    assert!(err.contains("no claim is in it"), "{err}");
}

#[test]
fn a_wrong_command_line_is_a_fault_of_its_own() {
    for arguments in [&[][..], &["-o", "picture", APPLICATION][..]] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn what_is_not_ours_is_named() {
    let (tree, _) = shown(&["tests/fast/preview/apart.yaml"]);
    assert!(
        tree.contains("\nnot shown: component shop of type webservice (tests/fast/preview/apart.yaml:31)\n"),
        "{tree}"
    );
    assert!(tree.contains("component typo of type realtime-sytem, did you mean \"realtime-system\"?"), "{tree}");
    let (_, err) = shown(&["-o", "yaml", "tests/fast/preview/apart.yaml"]);
    assert!(err.contains("not shown: component shop of type webservice"), "{err}");
}

#[test]
fn claims_that_do_not_go_together_are_warned_of() {
    let (_, err) = shown(&["tests/fast/preview/apart.yaml"]);
    // The environment and the first system are components of an Application, the others are claims.
    for expected in [
        "20: RealtimeSystemClaim/lenses: the environment streaming has no Istio: switch on its properties.components.istio, or set properties.expose: false here",
        "20: RealtimeSystemClaim/lenses: the environment streaming has no Knative Serving: switch on its properties.components.knativeServing, or set properties.dashboard.proxy: false here",
        "20: RealtimeSystemClaim/lenses: the environment streaming has no observability: switch on its properties.components.observability, or set properties.monitoring: false here",
        "36: spec.components[4].type: \"realtime-sytem\" does not belong to this platform, did you mean \"realtime-system\"? typo is not shown",
        "43: RealtimeSystemClaim/lenses-again: the environment streaming does not admit claims of namespace elsewhere: its owner can add it to properties.allowedClaimNamespaces",
        "52: RealtimeSystemClaim/lenses-again: spec.lensesConfig.licenseSecretRef.name: must begin with \"elsewhere.\", or be listed in properties.sharedSecrets of the environment streaming, not \"lenses-license\": the environment belongs to a claim of another namespace",
        "59: RealtimeSystemClaim/lenses-twice: lenses asks for the same place; the claim that was first owns it, and the other is held",
    ] {
        let expected = format!("warning: tests/fast/preview/apart.yaml:{expected}");
        assert!(err.lines().any(|line| line == expected), "{expected}\n{err}");
    }
}

#[test]
fn routes_that_the_gateway_does_not_serve_are_warned_of() {
    let environment = "{apiVersion: platform.example.org/v1alpha1, kind: VClusterEnvironmentClaim, metadata: {name: env, namespace: team}, spec: {name: streaming, domain: streaming.example.com}}";
    let (_, err) = texts(&with_stdin(&["-", "tests/fast/preview/claim.yaml"], environment));
    let expected = "warning: tests/fast/preview/claim.yaml:7: RealtimeSystemClaim/lenses: the gateway of env does not serve lenses.streaming.local: set spec.domain to streaming.example.com";
    assert!(err.lines().any(|line| line == expected), "{err}");
}

#[test]
fn sessions_that_do_not_fit_the_certificate_are_warned_of() {
    let environment = "{apiVersion: platform.example.org/v1alpha1, kind: VClusterEnvironmentClaim, metadata: {name: env, namespace: team}, spec: {name: streaming}}";
    let system = "{apiVersion: platform.example.org/v1alpha1, kind: RealtimeSystemClaim, metadata: {name: lenses, namespace: team}, spec: {namespace: streaming, lensesConfig: {acceptEULA: true, licenseSecretRef: {name: l}}}}";
    let certified = environment.replace("{name: streaming}", "{name: streaming, tls: {secretName: certificate}}");
    let secure = system.replace("acceptEULA", "secureSessionCookies: true, acceptEULA");
    let hidden = system.replace("spec: {", "spec: {expose: false, ");
    for (environment, system, expected) in [
        (environment, system, None),
        (environment, &secure, Some("has no certificate, so nobody can log in to Lenses")),
        (&certified, system, Some("has a certificate: set it to true")),
        (&certified, &secure, None),
        (&certified, &hidden, None),
    ] {
        let (_, err) = texts(&with_stdin(&["-"], &format!("{environment}\n---\n{system}\n")));
        let warned = err.lines().find(|line| line.contains("spec.lensesConfig.secureSessionCookies: "));
        assert_eq!(warned.is_some(), expected.is_some(), "{err}");
        assert!(warned.unwrap_or_default().contains(expected.unwrap_or_default()), "{err}");
    }
}

#[test]
fn topics_that_sql_reads_and_nothing_writes_are_warned_of() {
    let broker = |mapping: &str| {
        format!(
            "{{apiVersion: platform.example.org/v1alpha1, kind: IotBrokerClaim, metadata: {{name: mqtt, namespace: team}}, spec: {{namespace: streaming, connectorConfig: {{mappings: [{mapping}]}}}}}}"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("system.yaml");
    let claim = fs::read_to_string("tests/fast/preview/claim.yaml").unwrap();
    let processor = "  kafkaConfig: {topics: [{name: device_data}]}\n  sqlProcessors: [{name: beat, sql: INSERT INTO beats SELECT STREAM * FROM device_data}]\n";
    fs::write(&file, claim + processor).unwrap();
    let to = |topic: &str| format!("{{mqttTopic: health/device_data, kafkaTopic: {topic}}}");
    let warned = |broker: &str| {
        let output = with_stdin(&["-", file.to_str().unwrap()], broker);
        let (_, err) = texts(&output);
        err.lines()
            .filter(|line| line.contains(", to which no mapping of the bridge"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        warned(&broker(&to("temperature_device_topic"))),
        [format!(
            "warning: {}:14: RealtimeSystemClaim/lenses: spec.sqlProcessors[0].sql: reads device_data, to which no mapping of the bridge and no other processor writes",
            file.display()
        )]
    );
    assert_eq!(warned(&broker(&to("device_data"))), [""; 0]);
    // The writer of a topic may be in none of the files.
    assert_eq!(warned(&broker("")), [""; 0]);
}

#[test]
fn a_bridge_that_is_made_for_another_kafka_than_the_one_beside_it_is_refused() {
    let claim = fs::read_to_string("tests/fast/preview/claim.yaml").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broker.yaml");
    let told = |engine: &str, beside: &str, mappings: &str| {
        let broker = format!(
            "apiVersion: platform.example.org/v1alpha1\nkind: IotBrokerClaim\nmetadata: {{name: mqtt, namespace: team}}\nspec:\n  namespace: streaming\n  connectorConfig:\n    kafkaEngine: {beside}\n{mappings}"
        );
        fs::write(&file, broker).unwrap();
        let system = format!("{claim}  kafkaConfig: {{engine: {engine}}}\n");
        let output = with_stdin(&["-", file.to_str().unwrap()], &system);
        let (_, err) = texts(&output);
        let lines = err.lines().filter(|line| line.contains("spec.connectorConfig")).map(str::to_owned);
        (output.status.code(), lines.collect::<Vec<_>>())
    };
    for (engine, beside) in [("Strimzi", "Development"), ("Development", "Strimzi")] {
        let expected = format!(
            "{}:7: IotBrokerClaim/mqtt: spec.connectorConfig.kafkaEngine: lenses runs Kafka by {engine}, as spec.kafkaConfig.engine says, not by {beside}: set it to {engine}",
            file.display()
        );
        assert_eq!(told(engine, beside, ""), (Some(1), vec![expected]));
        assert_eq!(told(engine, engine, ""), (Some(0), Vec::new()));
    }
    let mappings = "    mappings: [{mqttTopic: health/a, kafkaTopic: t}]\n";
    let expected = format!(
        "{}:8: IotBrokerClaim/mqtt: spec.connectorConfig.mappings: lenses runs no Kafka Connect, which the bridge needs: add spec.kafkaConfig.connect to it",
        file.display()
    );
    assert_eq!(told("Strimzi", "Strimzi", mappings), (Some(1), vec![expected]));
    let with_connect = "Strimzi, topics: [{name: t}], connect: {image: 'example.com/connect:1'}";
    assert_eq!(told(with_connect, "Strimzi", mappings), (Some(0), Vec::new()));
    let expected = format!(
        "{}:8: IotBrokerClaim/mqtt: spec.connectorConfig.mappings[0].kafkaTopic: lenses has no topic u in spec.kafkaConfig.topics, and its Kafka makes none by itself: add it there",
        file.display()
    );
    let to_another = mappings.replace("kafkaTopic: t", "kafkaTopic: u");
    assert_eq!(told(with_connect, "Strimzi", &to_another), (Some(1), vec![expected]));
}

/// Two pods of Schema Registry are no use while their one database is away.
#[test]
fn schemas_in_a_single_pod_of_postgresql_are_warned_of() {
    let claim = fs::read_to_string("tests/fast/preview/claim.yaml").unwrap();
    let warned = |lines: &str| {
        let (_, err) = texts(&with_stdin(&["-"], &format!("{claim}{lines}")));
        err.lines().filter(|line| line.contains("the schemas of Schema Registry are in PostgreSQL")).count()
    };
    assert_eq!(warned("  kafkaConfig: {engine: Strimzi}\n"), 1);
    assert_eq!(warned("  kafkaConfig: {engine: Strimzi}\n  database: {engine: CloudNativePG}\n"), 0);
    assert_eq!(warned(""), 0);
}

#[test]
fn examples_go_together() {
    for example in examples() {
        let (_, err) = shown(&[&example]);
        let apart = ["is not ready", "does not", "there is no", "asks for", "has no", "has a certificate"];
        let warnings: Vec<&str> = err.lines().filter(|line| apart.iter().any(|words| line.contains(words))).collect();
        assert!(warnings.is_empty(), "{warnings:#?}");
    }
}

#[test]
fn the_platform_teams_settings_come_from_a_composition_or_an_input() {
    let images = |arguments: &[&str]| shown(&[&["-o", "yaml", "tests/fast/preview/claim.yaml"], arguments].concat()).0;
    let mirrored = "image: mirror.example.org/all/";
    assert!(!images(&[]).contains(mirrored));
    assert!(images(&["--input", "tests/fast/preview/composition.yaml"]).contains(mirrored));
}

#[test]
fn wrong_settings_are_refused_at_their_field() {
    let err = refused(&["--input", "tests/fast/preview/wrong-input.yaml", "tests/fast/preview/claim.yaml"]);
    let expected = [
        "tests/fast/preview/wrong-input.yaml:3: input.storageclass: unknown field, did you mean \"storageClass\"?",
        "tests/fast/preview/wrong-input.yaml:5: input.ttl.settledSeconds: must be between 1 and 86400, not 0",
        "2 faults: nothing is shown until there is none",
    ];
    assert_eq!(err.lines().collect::<Vec<_>>(), expected);
    let err = refused(&["--input", APPLICATION, "tests/fast/preview/claim.yaml"]);
    assert!(err.contains("holds no settings: expected an Input of fn.platform.example.org/v1alpha1"), "{err}");
}

#[test]
fn colour_is_for_terminals() {
    let coloured = command(&[APPLICATION]).env("CLICOLOR_FORCE", "1").output().unwrap();
    let coloured = texts(&coloured).0;
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    let mut plain = command(&[APPLICATION]);
    plain.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    let plain = texts(&plain.output().unwrap()).0;
    assert!(!shown(&[APPLICATION]).0.contains('\u{1b}'));
    assert!(!plain.contains('\u{1b}'));
}

#[test]
fn whoever_stops_reading_is_not_told_of_it() {
    let mut child =
        command(&["-o", "json", APPLICATION]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(!texts(&output).1.contains("cannot"), "{}", texts(&output).1);
}

#[test]
fn credentials_stand_in_columns() {
    let (tree, _) = shown(&[APPLICATION]);
    let status = below(&tree, "status of health-mqtt");
    let at = |user: &str, secret: &str| status.iter().find_map(|line| columns(line, &[user, secret])).unwrap();
    assert_eq!(at("health-user", "mqtt-user-health-user"), at("kafka-bridge", "mqtt-credentials"));
    assert!(!tree.contains(['{', '"']), "{tree}");
}

/// Text on a terminal, errors included, while standard output is redirected.
fn on_a_terminal(arguments: &str, input: &str) -> String {
    let call = format!("{} preview {arguments} >/dev/null", env!("CARGO_BIN_EXE_function-realtime-platform"));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &call, "/dev/null"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    script.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    String::from_utf8(script.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn whoever_waits_at_a_terminal_is_told_for_what() {
    let drawn = on_a_terminal(&format!("-o svg {APPLICATION}"), "");
    assert!(drawn.starts_with("drawing 3 claims …\r\u{1b}[2K"), "{drawn:?}");
    assert!(!shown(&["-o", "svg", APPLICATION]).1.contains("drawing"), "nobody watches a file");
    // The last character is Ctrl-D.
    let read = on_a_terminal("-", "kind: Unknown\n\u{4}");
    assert!(read.contains("reading standard input, which Ctrl-D ends\r\n"), "{read:?}");
    assert!(read.contains("apiVersion") && read.contains("is required"), "{read:?}");
}
