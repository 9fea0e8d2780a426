//! Tests of files with more than claims: properties that KubeVela sets later, foreign objects, and all faults reported
//! in one run.

use std::fs;

use serde_json::{Value, json};

use super::{refused, shown, texts, with_stdin};

/// Exit code, standard output and standard error of a preview of a text.
fn of(text: &str) -> (i32, String, String) {
    let output = with_stdin(&["-"], text);
    let (out, err) = texts(&output);
    (output.status.code().unwrap(), out, err)
}

/// Application with an environment, another component, and further fields of its spec.
fn application(component: &Value, besides: &Value) -> String {
    let environment = json!({"name": "env", "type": "vcluster-environment", "properties": {"name": "demo", "domain": "demo.example.com"}});
    let mut spec = json!({"components": [environment, component]});
    for (field, value) in besides.as_object().unwrap() {
        spec[field] = value.clone();
    }
    json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "pipeline", "namespace": "default"}, "spec": spec}).to_string()
}

#[test]
fn a_property_that_comes_later_is_not_missing() {
    let broker = |inputs: Value, properties: Value| json!({"name": "broker", "type": "iot-broker", "inputs": inputs, "properties": properties});
    let domain = json!({"domain": "demo.example.com"});
    let step = json!({"workflow": {"steps": [{
        "name": "apply", "type": "apply-component", "properties": {"component": "broker"},
        "inputs": [{"from": "ns", "parameterKey": "properties.namespace"}],
    }]}});
    let policy = json!({"policies": [{"name": "there", "type": "override", "properties": {"components": [
        {"type": "iot-broker", "properties": {"namespace": "demo"}},
    ]}}]});
    for (component, besides, by) in [
        (broker(json!([{"from": "ns", "parameterKey": "namespace"}]), domain.clone()), json!({}), "the input from ns"),
        (
            broker(json!([{"from": "ns", "parameterKey": "properties.namespace"}]), domain.clone()),
            json!({}),
            "the input from ns",
        ),
        (
            broker(json!([{"from": "ns", "parameterKey": "namespace"}]), json!({"namespace": ""})),
            json!({}),
            "the input from ns",
        ),
        (broker(json!([]), domain.clone()), step, "the input from ns of workflow step apply"),
        (broker(json!([]), domain.clone()), policy, "the policy there"),
    ] {
        let (code, out, err) = of(&application(&component, &besides));
        assert_eq!(code, 0, "{err}");
        assert!(
            out.starts_with("VClusterEnvironmentClaim env in default: ") && !out.contains("IotBrokerClaim"),
            "{out}"
        );
        let expected = format!(
            "warning: <stdin>:1: IotBrokerClaim/broker: properties.namespace: {by} sets this field when the Application is deployed: its value is not known yet, so broker is not shown"
        );
        assert!(err.lines().any(|line| line == expected), "{expected}\n{err}");
    }
}

#[test]
fn what_comes_later_excuses_nothing_else() {
    let inputs = json!([{"from": "ns", "parameterKey": "namespace"}]);
    let wrong = json!({"name": "broker", "type": "iot-broker", "inputs": inputs, "properties": {"domian": "x", "mqttConfig": {"cpu": "x"}}});
    let (code, _, err) = of(&application(&wrong, &json!({})));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("properties.domian: unknown field") && err.contains("properties.mqttConfig.cpu: "), "{err}");
    assert!(err.ends_with("2 faults: nothing is shown until there is none\n"), "{err}");
    // Inputs for another property, and for another component.
    for inputs in [
        json!([{"from": "ns", "parameterKey": "domain"}]),
        json!([{"from": "ns", "parameterKey": "traits[0].namespace"}]),
    ] {
        let component = json!({"name": "broker", "type": "iot-broker", "inputs": inputs});
        let (code, _, err) = of(&application(&component, &json!({})));
        assert!(code == 1 && err.contains("properties.namespace: is required"), "{err}");
    }
    let whole = json!({"name": "broker", "type": "iot-broker", "inputs": [{"from": "d", "parameterKey": "domain"}], "properties": {"namespace": "demo"}});
    let (code, out, err) = of(&application(&whole, &json!({})));
    assert!(code == 0 && out.contains("IotBrokerClaim broker in default: "), "{err}");
    assert!(
        err.contains(
            "properties.domain: the input from d sets this field when the Application is deployed: the claim is shown without it"
        ),
        "{err}"
    );
}

#[test]
fn components_of_other_types_are_listed_and_slips_are_warned_of() {
    let typo = json!({"name": "broker", "type": "iot-brokr@v1", "properties": {"namespace": "demo"}});
    let (code, out, err) = of(&application(&typo, &json!({})));
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("\nnot shown: component broker of type iot-brokr@v1, did you mean \"iot-broker\"? (<stdin>:1)\n"),
        "{out}"
    );
    assert!(err.starts_with("warning: <stdin>:1: spec.components[1].type: \"iot-brokr\" does not belong to this platform, did you mean \"iot-broker\"? broker is not shown\n"), "{err}");
    // An unknown field gets the usual message, and the same run reports all other faults.
    let (code, out, err) = of(&application(&typo, &json!({"polcies": []})));
    assert_eq!((code, out.as_str()), (1, ""));
    for expected in [
        "not shown: component broker ",
        "warning: <stdin>:1: spec.components[1].type: ",
        "<stdin>:1: spec.polcies: unknown field, did you mean \"policies\"?\n",
    ] {
        assert!(err.contains(expected), "{err}");
    }
    let shop = json!({"name": "shop", "type": "webservice"});
    let (to_out, to_err) = (["tree", "json"], ["summary", "yaml", "manifests", "html"]);
    for (output, to_out) in to_out.map(|output| (output, true)).into_iter().chain(to_err.map(|output| (output, false)))
    {
        let output = with_stdin(&["-o", output, "-"], &application(&shop, &json!({})));
        let (out, err) = texts(&output);
        let told = if to_out { &out } else { &err };
        assert!(told.contains("shop") && told.contains("webservice"), "{told}");
        assert!(!err.contains("does not belong to this platform"), "{err}");
    }
}

#[test]
fn a_trait_is_warned_of() {
    let with = json!({"name": "broker", "type": "iot-broker", "properties": {"namespace": "demo"}, "traits": [{"type": "json-patch", "properties": {}}]});
    let (code, _, err) = of(&application(&with, &json!({})));
    let expected = "warning: <stdin>:1: spec.components[1].traits[0]: broker: trait \"json-patch\" may change the IotBrokerClaim when it is deployed; a preview shows it without the trait\n";
    assert!(code == 0 && err.contains(expected), "{err}");
}

#[test]
fn other_peoples_kinds_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, version: &str, kind: &str| {
        let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": {"name": "demo"}});
        fs::write(folder.path().join(format!("{name}.yaml")), object.to_string()).unwrap();
    };
    let ours = "platform.example.org/v1alpha1";
    write("env", ours, "VClusterEnvironmentClaim");
    write("web", ours, "ApplicationClaim");
    write("typo", ours, "IotBrokerClam");
    write("group", "platform.exmaple.org/v1alpha1", "IotBrokerClaim");
    write("theirs", "acme.example.com/v1", "RealtimeSystemClaim");
    write("argo", "argoproj.io/v1alpha1", "Application");
    write("slip", "core.oam.deb/v1beta1", "Application");
    let folder = folder.path().to_str().unwrap();
    let (tree, err) = shown(&[folder]);
    assert!(tree.contains("\n1 claim becomes "), "{tree}");
    for name in [
        "ApplicationClaim web (",
        "IotBrokerClam typo, did you mean \"IotBrokerClaim\"? (",
        "RealtimeSystemClaim theirs (",
        "Application argo (",
    ] {
        assert!(tree.contains(&format!("\nnot shown: {name}{folder}/")), "{name}\n{tree}");
    }
    for expected in [
        "typo.yaml:1: kind: IotBrokerClam does not belong to this platform, did you mean \"IotBrokerClaim\"? It is not shown",
        "group.yaml:1: apiVersion: platform.exmaple.org/v1alpha1 does not belong to this platform, did you mean \"platform.example.org\"? It is not shown",
        "theirs.yaml:1: apiVersion: RealtimeSystemClaim of the group acme.example.com does not belong to this platform: it is not shown",
        "slip.yaml:1: apiVersion: core.oam.deb/v1beta1 does not belong to this platform, did you mean \"core.oam.dev\"? It is not shown",
    ] {
        assert!(err.contains(&format!("warning: {folder}/{expected}\n")), "{expected}\n{err}");
    }
    assert!(!err.contains("web.yaml") && !err.contains("argo.yaml"), "{err}");
}

#[test]
fn a_list_of_claims_is_read_whatever_kind_it_has() {
    let claim = json!({"apiVersion": "platform.example.org/v1alpha1", "kind": "IotBrokerClaim", "metadata": {"name": "a"}, "spec": {"namespace": "demo"}});
    let list = json!({"apiVersion": "platform.example.org/v1alpha1", "kind": "IotBrokerClaimList", "metadata": {}, "items": [claim]});
    let (code, out, err) = of(&list.to_string());
    assert!(code == 0 && out.starts_with("IotBrokerClaim a in default: "), "{err}");
}

#[test]
fn every_fault_is_told_in_one_round() {
    let file = "tests/fast/preview/one-round.yaml";
    let err = refused(&[file]);
    let told: Vec<&str> = err.lines().filter_map(|line| line.strip_prefix(&format!("{file}:"))).collect();
    let expected = [
        "4: metadata.name: must be at most 63 lower-case letters, digits, '-' and '.', ",
        "5: metadata.namespace: must be at most 63 lower-case letters, digits and '-', ",
        "6: metadata.lables: unknown field, did you mean \"labels\"?",
        "8: metadata.labels.count: must be text, not the number 1: put it in quotes",
        "10: spec.policys: unknown field, did you mean \"policies\"?",
        "14: spec.components[0].spec: unknown field, did you mean \"properties\"?",
        "16: VClusterEnvironmentClaim/env: spec.retain: must be true or false, not the text \"x\"",
        "18: VClusterEnvironmentClaim/env: spec.namespaces[0]: must not be \"kube-system\"",
        "19: VClusterEnvironmentClaim/env: spec.components.knativeServing: needs istio: set spec.components.istio to true",
        "24: RealtimeSystemClaim/sys: properties.lensesConfig.licenseSecretRef: is required: ",
        "23: RealtimeSystemClaim/sys: properties.retain: must be true or false, not the number 5",
        "25: RealtimeSystemClaim/sys: properties.lensesConfig.acceptEULA: must be true",
        "27: RealtimeSystemClaim/sys: properties.kafkaConfig.heap: must be a whole number with the unit Ki, Mi, Gi or Ti, ",
        "28: RealtimeSystemClaim/sys: properties.kafkaConfig.memory: must be at least 2560Mi, not 100Mi",
        "30: RealtimeSystemClaim/sys: properties.kafkaConfig.topics[0].name: must not be \"__x\": topics that start with two underscores are Kafka's own",
        "33: spec.components[2].propertis: unknown field, did you mean \"properties\"?",
        "34: IotBrokerClaim/slip: propertis.namespace: must be lower-case letters, digits and hyphens, ",
        "37: IotBrokerClaim/list: properties: must be a set of fields, not a list",
        "41: metadata.name: is required: the name that a cluster generates from generateName is not known yet",
        "43: properties: unknown field, did you mean \"spec\"?",
        "47: IotBrokerClaim/: properties.mqttConfig.users[0].name: must not be \"kafka-bridge\"",
    ];
    for expected in expected {
        assert!(told.iter().any(|line| line.starts_with(expected)), "{expected} is not in\n{err}");
    }
    assert_eq!(told.len(), expected.len(), "{err}");
}

#[test]
fn numbers_are_taken_as_kubernetes_takes_them() {
    let claim = |numbers: &str| {
        format!(
            "apiVersion: platform.example.org/v1alpha1\nkind: RealtimeSystemClaim\nmetadata: {{name: sys, namespace: default}}\nspec:\n  namespace: demo\n  \
             lensesConfig: {{acceptEULA: true, licenseSecretRef: {{name: l}}}}\n{numbers}"
        )
    };
    let plain = claim(
        "  kafkaConfig: {cpu: \"4\", topics: [{name: a, partitions: 3, retentionMs: 604800000}]}\n  database: {cpu: \"2\"}\n",
    );
    let helm = claim(
        "  kafkaConfig: {cpu: 4, topics: [{name: a, partitions: 3.0, retentionMs: 6.048e+08}]}\n  database: {cpu: 2.0}\n",
    );
    let (plain, helm) = (with_stdin(&["-o", "yaml", "-"], &plain), with_stdin(&["-o", "yaml", "-"], &helm));
    assert!(plain.status.success(), "{}", texts(&plain).1);
    assert_eq!(texts(&plain), texts(&helm));
    let (_, _, err) = of(&claim(
        "  kafkaConfig: {cpu: 0.5, memory: 3221225472, topics: [{name: 12.5, partitions: 2.5}]}\n  database: {cpu: 0}\n",
    ));
    for expected in [
        "spec.kafkaConfig.topics[0].partitions: must be a whole number, not the number 2.5",
        "spec.kafkaConfig.topics[0].name: must be text, not the number 12.5: put it in quotes",
        "spec.kafkaConfig.cpu: must be a whole number or text, not the number 0.5: put it in quotes",
        "spec.kafkaConfig.memory: must be a whole number with the unit Ki, Mi, Gi or Ti, such as 512Mi or 10Gi, and at most 9999Ti, not the number 3221225472",
        "spec.database.cpu: must be between 1 and 9999, not 0",
    ] {
        assert!(err.contains(expected), "{expected}\n{err}");
    }
}

#[test]
fn a_word_that_yaml_takes_for_a_truth_value_is_told_as_one() {
    let claim = |name: &str| {
        format!(
            "apiVersion: platform.example.org/v1alpha1\nkind: VClusterEnvironmentClaim\nmetadata: {{name: a}}\nspec: {{name: {name}, components: {{istio: yes}}, retain: off}}\n"
        )
    };
    let (code, _, err) = of(&claim("no"));
    let expected = "spec.name: must be text, not false: put it in quotes, because YAML reads yes, no, on and off without quotes as true or false\n";
    assert!(code == 1 && err.contains(expected) && err.contains("\n1 fault: "), "{err}");
    assert_eq!(of(&claim("\"no\"")).0, 0);
}

#[test]
fn names_are_those_that_an_api_server_takes() {
    let claim = |name: &str, namespace: &str| {
        let metadata = json!({"name": name, "namespace": namespace});
        json!({"apiVersion": "platform.example.org/v1alpha1", "kind": "IotBrokerClaim", "metadata": metadata, "spec": {"namespace": "demo"}}).to_string()
    };
    for name in ["a", "a.b", "a-b.c", "0", "a--b", &"x".repeat(63)] {
        assert_eq!(of(&claim(name, "0-team")).0, 0, "{name}");
    }
    for name in ["a..b", "a.-b", "a-.b", ".a", "a.", "-a", "A", "a_b", "ä", "a b", &"x".repeat(64)] {
        let (code, _, err) = of(&claim(name, "team"));
        assert!(code == 1 && err.contains("metadata.name: must be at most 63 "), "{name}: {err}");
    }
    for namespace in ["a.b", "Team", "-a", "a-", "", &"x".repeat(64)] {
        let (code, _, err) = of(&claim("a", namespace));
        let expected = i32::from(!namespace.is_empty());
        assert!(
            code == expected && (code == 0 || err.contains("metadata.namespace: must be at most 63 ")),
            "{namespace}: {err}"
        );
    }
    for (name, expected) in [(json!(12), "must be text"), (json!(null), "is required")] {
        let object = json!({"apiVersion": "platform.example.org/v1alpha1", "kind": "IotBrokerClaim", "metadata": {"name": name}, "spec": {"namespace": "demo"}});
        let (code, _, err) = of(&object.to_string());
        assert!(code == 1 && err.contains(&format!("metadata.name: {expected}")), "{err}");
    }
}

#[test]
fn a_file_with_a_byte_order_mark_is_read() {
    let text =
        application(&json!({"name": "mqtt", "type": "iot-broker", "properties": {"namespace": "demo"}}), &json!({}));
    assert_eq!(of(&format!("\u{feff}{text}")), of(&text));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("utf-16.yaml");
    let bytes: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&file, bytes).unwrap();
    assert_eq!(shown(&[file.to_str().unwrap()]).0, of(&text).1);
}

#[test]
fn an_environment_that_is_forgotten_or_misspelt_is_noticed() {
    let environment = json!({"name": "env", "type": "vcluster-environment", "properties": {"name": "streaming", "namespaces": ["lab", "field"]}});
    let with = |properties: Value| {
        let broker = json!({"name": "mqtt", "type": "iot-broker", "properties": properties});
        let spec = json!({"components": [environment, broker]});
        of(&json!({"apiVersion": "core.oam.dev/v1beta1", "kind": "Application", "metadata": {"name": "a"}, "spec": spec}).to_string())
    };
    for (properties, expected) in [
        (
            json!({"namespace": "lab"}),
            "is left out and defaults to lab, which is not in these files; the environment streaming has the namespace lab: set it to streaming",
        ),
        (
            json!({"namespace": "lab", "environment": "streming"}),
            "no environment streming is in these files; the environment streaming has the namespace lab: set it to streaming",
        ),
        (
            json!({"namespace": "other", "environment": "streming"}),
            "no environment streming is in these files; the environment streaming is: set it to streaming",
        ),
    ] {
        let (code, _, err) = with(properties);
        let expected = format!("warning: <stdin>:1: IotBrokerClaim/mqtt: properties.environment: {expected}\n");
        assert!(code == 0 && err.contains(&expected), "{expected}\n{err}");
    }
    // An environment outside of the files may exist in the cluster.
    let (_, _, err) = with(json!({"namespace": "other", "environment": "production"}));
    assert!(!err.contains("properties.environment"), "{err}");
    let (_, _, err) = with(json!({"namespace": "lab", "environment": "streaming", "domain": "lab.streaming.local"}));
    assert!(!err.contains("properties.environment"), "{err}");
}
