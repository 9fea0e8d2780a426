//! Variations of the fullest platform, derived from the schemas of the claims: each optional field left out, each
//! boolean and each enum value set, each number at its bounds, each text at its maximum length. New fields of a schema
//! are varied without a change here.

use realtime_platform_core::claims::Kind;
use realtime_platform_core::schema::fault::Fault;
use realtime_platform_core::schema::{form, structural};
use realtime_platform_core::settings::Settings;
use realtime_platform_core::settings::input::Input;
use realtime_platform_core::settings::pins::{Chart, Image};
use regex_lite::Regex;
use serde_json::{Value, json};

use super::full;
use super::platform::{BROKER, Platform, SYSTEM, Written, defaults};
use super::value::Look;

/// A varied platform, or the faults for which it is rejected.
pub struct Variation {
    pub name: String,
    pub platform: Result<Platform, Vec<Fault>>,
}

/// A change of one field of one claim.
#[derive(Clone, Debug)]
pub struct Change {
    /// Index of the claim in the fullest platform.
    pub claim: usize,
    pub pointer: String,
    /// New value of the field, or `None` to leave the field out.
    pub value: Option<Value>,
}

/// All changes of one field in the fullest claims.
pub fn changes() -> Vec<Change> {
    let mut changes = Vec::new();
    for (claim, written) in full::claims().iter().enumerate() {
        let mut found = Vec::new();
        vary(&schema_of(written), "", &mut found);
        changes.extend(found.into_iter().map(|(pointer, value)| Change { claim, pointer, value }));
    }
    changes
}

fn schema_of(claim: &Written) -> Value {
    Kind::of_claim(claim.kind).unwrap().describe().spec
}

/// The fullest claims with some changes, and with the adjustments that keep the claims consistent.
pub fn changed(changes: &[Change]) -> Vec<Written> {
    let mut claims = full::claims();
    for change in changes {
        let schema = schema_of(&claims[change.claim]);
        put(&mut claims[change.claim].spec, &schema, &change.pointer, change.value.clone());
        make_fit(&mut claims, &change.pointer);
    }
    claims
}

/// Every variation in one field of a claim.
pub fn of_claims() -> Vec<Variation> {
    let settings = defaults();
    let claims = full::claims();
    let variation = |change: Change| {
        let shown = change.value.as_ref().map_or_else(|| "absent".to_owned(), brief);
        let name = format!("{} spec{} {shown}", claims[change.claim].kind, change.pointer.replace('/', "."));
        Variation { platform: Platform::try_of(&name, changed(&[change]), &settings), name }
    };
    changes().into_iter().map(variation).collect()
}

/// Every variation in one field of the function's input.
pub fn of_settings() -> Vec<Variation> {
    let schema = structural::<Input>();
    let mut found = Vec::new();
    vary(&schema, "", &mut found);
    for image in Image::ALL {
        let pointer = format!("/images/pins/{}", image.name());
        found.push((pointer, Some(json!(format!("example.com/own/{}:1.0.0", image.name())))));
    }
    for chart in Chart::ALL {
        let pin = json!({"version": "9.9.9", "repository": "oci://example.com/charts"});
        found.push((format!("/charts/pins/{}", chart.key()), Some(pin)));
    }
    let variation = |(pointer, value): (String, Option<Value>)| {
        let name = format!("input{} {}", pointer.replace('/', "."), value.as_ref().map_or("absent".to_owned(), brief));
        let mut input = full::input();
        put(&mut input, &schema, &pointer, value);
        let settings = serde_json::from_value(input).map(Settings::check).unwrap();
        let platform = settings.and_then(|settings| Platform::try_of(&name, full::claims(), &settings));
        Variation { name, platform }
    };
    found.into_iter().map(variation).collect()
}

/// JSON text of a value, shortened if it exceeds 60 bytes.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.len() > 60 { format!("{}… ({} bytes)", &text[..40], text.len()) } else { text }
}

/// Adds the changes of a schema's fields, each with its JSON pointer. The value `None` leaves the field out.
fn vary(schema: &Value, pointer: &str, changes: &mut Vec<(String, Option<Value>)>) {
    let required: Vec<&str> = schema.texts("/required").collect();
    for (name, field) in schema.entries("/properties") {
        let pointer = format!("{pointer}/{name}");
        if !required.contains(&name) {
            changes.push((pointer.clone(), None));
        }
        changes.extend(values(field).into_iter().map(|value| (pointer.clone(), Some(value))));
        vary(field, &pointer, changes);
        // Only the first entry of a list is varied: the fullest claims have an entry in each list.
        vary(field.at("/items"), &format!("{pointer}/0"), changes);
    }
}

/// Values to try in a field: all enum values, both booleans, the bounds of a number, the longest text, lists with no
/// entry and with one.
fn values(field: &Value) -> Vec<Value> {
    if !field.items("/enum").is_empty() {
        return field.items("/enum").to_vec();
    }
    // Each entry of such an object is for a namespace inside the virtual cluster.
    if field.has("/additionalProperties/enum") {
        let named = |choice: &Value| json!({full::NAMESPACE: choice});
        return field.items("/additionalProperties/enum").iter().map(named).collect();
    }
    match field.text("/type") {
        "boolean" => vec![json!(true), json!(false)],
        "integer" => {
            [field.at("/minimum"), field.at("/maximum")].into_iter().filter(|end| end.is_number()).cloned().collect()
        }
        "array" => {
            let none = field.number("/minItems").is_none_or(|least| least == 0).then(|| json!([]));
            let choices = field.items("/items/enum").iter().map(|choice| json!([choice]));
            let is_free = field.text("/items/type") == "string" && field.items("/items/enum").is_empty();
            let one = is_free.then(|| json!([longest(field.at("/items"))]));
            none.into_iter().chain(choices).chain(one).collect()
        }
        "string" => vec![json!(longest(field))],
        _ => Vec::new(),
    }
}

/// Place of backups at a server that the settings of the platforms list.
pub const BUCKET: &str = "https://s3.eu-central-1.amazonaws.com/backups";

/// Texts of forms that no run of letters has.
const OF_FORMS: [(form::Form, &str); 2] =
    [(form::SCHEDULE, "*/15 0-23 1,15 * 1"), (form::MOMENT, "2026-11-30T06:00:00.5+01:00")];

/// Longest text that a schema admits; for quantities, a large one.
pub fn longest(schema: &Value) -> String {
    let texts = [(form::BYTES, "64Gi"), (form::CPU, "8")];
    let texts = texts.into_iter().chain(OF_FORMS).find(|(form, _)| form.pattern == schema.text("/pattern"));
    if let Some((_, text)) = texts {
        return text.to_owned();
    }
    let most = usize::try_from(schema.number("/maxLength").unwrap_or(40)).unwrap();
    let pattern = Regex::new(schema.text("/pattern")).unwrap();
    let framed = |before: &str, after: &str| {
        format!("{before}{}{after}", "a".repeat(most.saturating_sub(before.len() + after.len())))
    };
    let candidates = [
        host(most),
        "a".repeat(most),
        framed("example.com/", "")[..most.min(75)].to_owned(),
        framed("https://example.com:8443/", ".zip"),
        framed(&format!("{BUCKET}/"), ""),
        framed("", "@example.com"),
        framed("example.com/", ":1.0.0"),
        "0".repeat(64),
    ];
    let mut fitting = candidates.into_iter().filter(|text| text.len() <= most && pattern.is_match(text));
    fitting.next().unwrap_or_else(|| panic!("no text for {schema}"))
}

/// Host name of a given length, with labels of at most 63 characters.
pub fn host(length: usize) -> String {
    let mut host = "a".repeat(length);
    for dot in (63..length).step_by(64) {
        // A host name does not end in a dot.
        let dot = if dot + 1 == length { dot - 1 } else { dot };
        host.replace_range(dot..=dot, ".");
    }
    host
}

/// Sets or removes the value at a JSON pointer, and adds missing parents with their required fields.
fn put(spec: &mut Value, schema: &Value, pointer: &str, value: Option<Value>) {
    let (at, last) = pointer.rsplit_once('/').unwrap();
    let mut here = spec;
    let mut schema = schema;
    for step in at.split('/').skip(1) {
        if let Ok(index) = step.parse::<usize>() {
            schema = schema.at("/items");
            let items = here.as_array_mut().unwrap();
            if items.is_empty() {
                items.push(least(schema));
            }
            here = &mut items[index];
        } else {
            schema = schema.at(&format!("/properties/{step}"));
            let fields = here.as_object_mut().unwrap();
            here = fields.entry(step).or_insert_with(|| least(schema));
        }
    }
    match value {
        Some(value) => here[last] = value,
        None => drop(here.as_object_mut().unwrap().shift_remove(last)),
    }
}

/// Smallest value of a schema: required fields only, each as short as possible.
fn least(schema: &Value) -> Value {
    match schema.text("/type") {
        "object" => {
            let field = |name: &str| (name.to_owned(), least(schema.at(&format!("/properties/{name}"))));
            Value::Object(schema.texts("/required").map(field).collect())
        }
        "array" => json!([]),
        "integer" => json!(1),
        "boolean" => json!(true),
        _ if schema.text("/pattern") == form::BUCKET_URL.pattern => json!(BUCKET),
        _ => {
            let text = OF_FORMS.into_iter().find(|(form, _)| form.pattern == schema.text("/pattern"));
            json!(text.map_or("a", |(_, text)| text))
        }
    }
}

/// Adjusts the other fields of the claims to a change of one field, as the claims' author would.
pub fn make_fit(claims: &mut [Written], changed: &str) {
    if claims[0].spec.at("/components/postgresOperator") != &json!(true) && claims[0].spec.has("/components") {
        claims[0].spec["components"]["postgresBackup"] = json!(false);
    }
    let environment = claims[0].spec.clone();
    let switched = |component: &str| environment.at(&format!("/components/{component}")) != &json!(false);
    if !switched("istio") {
        claims[0].spec["components"]["knativeServing"] = json!(false);
        claims[0].spec.as_object_mut().unwrap().shift_remove("tls");
    }
    let name = environment.text("/name").to_owned();
    let domain = match environment.text("/domain") {
        "" => format!("{name}.local"),
        domain => domain.to_owned(),
    };
    let place = environment.items("/namespaces").first().and_then(Value::as_str).unwrap_or(&name).to_owned();
    if let Some(tenants) = claims[0].spec.get_mut("tenants").and_then(Value::as_array_mut) {
        // The namespace of the platform's own claims is for no others.
        tenants.retain(|tenant| tenant.text("/namespace") != place);
    }
    for claim in claims.iter_mut().skip(1) {
        if changed == "/namespace" || changed == "/environment" {
            continue;
        }
        let namespace = environment.items("/namespaces").first().and_then(Value::as_str).unwrap_or(&name).to_owned();
        let spec = &mut claim.spec;
        spec["environment"] = json!(name);
        spec["namespace"] = json!(namespace);
        spec["domain"] = json!(if namespace == name { domain.clone() } else { format!("{namespace}.{domain}") });
        if !switched("istio") {
            spec["expose"] = json!(false);
        }
        let has_knative = switched("istio") && switched("knativeServing");
        if claim.kind == SYSTEM {
            if !switched("observability") {
                spec["monitoring"] = json!(false);
            }
            if !has_knative {
                spec["dashboard"]["proxy"] = json!(false);
            }
            if environment.at("/components/postgresOperator") != &json!(true) {
                spec.as_object_mut().unwrap().shift_remove("spreadOver");
                if let Some(database) = spec.get_mut("database").and_then(Value::as_object_mut) {
                    database.shift_remove("engine");
                    database.shift_remove("replicas");
                }
            }
            if environment.at("/components/postgresBackup") != &json!(true)
                && let Some(database) = spec.get_mut("database").and_then(Value::as_object_mut)
            {
                database.shift_remove("backup");
                database.shift_remove("restoreFrom");
            }
        }
        if claim.kind == SYSTEM
            && environment.at("/components/kafkaOperator") != &json!(true)
            && let Some(kafka) = spec.get_mut("kafkaConfig").and_then(Value::as_object_mut)
        {
            for field in ["engine", "replicas", "connect"] {
                kafka.shift_remove(field);
            }
        }
        if claim.kind == BROKER
            && environment.at("/components/kafkaOperator") != &json!(true)
            && let Some(connector) = spec.get_mut("connectorConfig").and_then(Value::as_object_mut)
        {
            connector.shift_remove("kafkaEngine");
        }
        if claim.kind == BROKER {
            if !switched("observability") {
                spec["monitoring"] = json!(false);
            }
            if environment.at("/components/mqttOperator") != &json!(true) {
                spec.as_object_mut().unwrap().shift_remove("spreadOver");
                spec.as_object_mut().unwrap().shift_remove("monitoring");
                if let Some(mqtt) = spec.get_mut("mqttConfig").and_then(Value::as_object_mut) {
                    for field in ["engine", "replicas", "queueBytes"] {
                        mqtt.shift_remove(field);
                    }
                }
            }
        }
        if claim.kind == BROKER && !has_knative {
            spec["connectorConfig"]["simulator"]["enabled"] = json!(false);
        }
    }
    follow(claims, changed);
}

/// Adjusts dependent fields: references to a renamed namespace, environment or domain, memory for large heaps and
/// queues, and topics that other fields name.
fn follow(claims: &mut [Written], changed: &str) {
    if changed == "/namespace" || changed == "/environment" || changed == "/domain" {
        let (mut namespace, mut environment) = (None, None);
        for claim in claims.iter().skip(1) {
            namespace = Some(claim.spec.text("/namespace").to_owned()).filter(|name| name != "streaming").or(namespace);
            environment = Some(claim.environment().to_owned()).filter(|name| name != "health").or(environment);
        }
        let (namespace, environment) =
            (namespace.unwrap_or_else(|| "streaming".to_owned()), environment.unwrap_or_else(|| "health".to_owned()));
        claims[0].spec["name"] = json!(environment);
        claims[0].spec["namespaces"] = json!([namespace]);
        let domain = match claims[0].spec.text("/domain") {
            "" => format!("{environment}.local"),
            domain => domain.to_owned(),
        };
        for claim in claims.iter_mut().skip(1) {
            claim.spec["namespace"] = json!(namespace);
            claim.spec["environment"] = json!(environment);
            let below = if namespace == environment { domain.clone() } else { format!("{namespace}.{domain}") };
            claim.spec["domain"] = json!(below);
        }
    }
    let (systems, brokers) = claims.split_at_mut(2);
    let (system, broker) = (&mut systems[1].spec, &mut brokers[0].spec);
    for part in ["/lensesConfig/agent", "/kafkaConfig"] {
        let large =
            ["heap", "brokerHeap"].iter().filter(|heap| system.text(&format!("{part}/{heap}")) == "64Gi").count();
        if large > 0 {
            system.pointer_mut(part).unwrap()["memory"] = json!(format!("{}Gi", large * 64 + 16));
        }
    }
    let has_backups = ["backup", "restoreFrom"].iter().any(|field| system.has(&format!("/database/{field}")));
    let is_replicated =
        system.at("/database/replicas").is_number() || system.text("/spreadOver") == "Zones" || has_backups;
    if is_replicated && system.text("/database/engine") != "CloudNativePG" && changed != "/database/engine" {
        system["database"]["engine"] = json!("CloudNativePG");
    }
    let is_strimzi = system.at("/kafkaConfig/replicas").is_number() || system.has("/kafkaConfig/connect");
    if is_strimzi && changed != "/kafkaConfig/engine" {
        system["kafkaConfig"]["engine"] = json!("Strimzi");
    }
    if broker.text("/connectorConfig/kafkaEngine") == "Strimzi" || system.text("/kafkaConfig/engine") == "Strimzi" {
        system["kafkaConfig"]["engine"] = json!("Strimzi");
        broker["connectorConfig"]["kafkaEngine"] = json!("Strimzi");
        // The bridge and Snowflake need a Connect, whose image no default names.
        let kafka = system["kafkaConfig"].as_object_mut().unwrap();
        let connect = kafka.entry("connect").or_insert_with(|| json!({}));
        if !connect.has("/image") {
            connect["image"] = json!("example.com/connect:1");
        }
        for field in ["heap", "connectors"] {
            system["kafkaConfig"].as_object_mut().unwrap().shift_remove(field);
        }
    }
    let is_rabbitmq = ["/mqttConfig/replicas", "/mqttConfig/queueBytes"].iter().any(|at| broker.at(at).is_number())
        || broker.text("/spreadOver") == "Zones"
        || broker.is_true("/monitoring");
    if is_rabbitmq && changed != "/mqttConfig/engine" {
        broker["mqttConfig"]["engine"] = json!("RabbitMQ");
    }
    if broker.text("/mqttConfig/engine") == "RabbitMQ" {
        let mqtt = broker["mqttConfig"].as_object_mut().unwrap();
        mqtt.shift_remove("queuedMessages");
        mqtt.shift_remove("persistence");
        mqtt.insert("memory".to_owned(), json!("1Gi"));
        mqtt.insert("storage".to_owned(), json!("64Gi"));
        if mqtt.get("queueBytes").and_then(Value::as_u64).is_some_and(|bytes| bytes > 1 << 30) {
            mqtt.insert("queueBytes".to_owned(), json!(1 << 30));
        }
    }
    if broker.number("/mqttConfig/maxMessageBytes").is_some_and(|bytes| bytes > 1_000_000) {
        broker["mqttConfig"]["maxMessageBytes"] = json!(1_000_000);
    }
    if broker.number("/mqttConfig/queuedMessages").is_some_and(|queued| queued > 50_000) {
        broker["mqttConfig"]["memory"] = json!("64Gi");
        broker["mqttConfig"]["storage"] = json!("64Gi");
    }
    if broker.number("/connectorConfig/simulator/minScale").is_some_and(|least| least > 2) {
        broker["connectorConfig"]["simulator"]["maxScale"] = json!(20);
    }
    let defaults = [
        "device_data",
        "blood_pressure_device_topic",
        "heart_rate_device_topic",
        "oxygen_saturation_device_topic",
        "temperature_device_topic",
    ];
    let wanted: Vec<String> = system
        .texts("/snowflakeConfig/topics")
        .chain(broker.items("/connectorConfig/mappings").iter().map(|mapping| mapping.text("/kafkaTopic")))
        .chain(defaults)
        .map(str::to_owned)
        .collect();
    if !system["kafkaConfig"]["topics"].is_array() {
        system["kafkaConfig"]["topics"] = json!([]);
    }
    let topics = system["kafkaConfig"]["topics"].as_array_mut().unwrap();
    for topic in wanted {
        if !topics.iter().any(|known| known.text("/name") == topic) {
            topics.push(json!({"name": topic}));
        }
    }
}

#[test]
fn a_host_has_labels_that_are_legal() {
    for length in 1..=253 {
        let host = host(length);
        assert_eq!(host.len(), length);
        assert!(host.split('.').all(|label| !label.is_empty() && label.len() <= 63), "{host}");
    }
}
