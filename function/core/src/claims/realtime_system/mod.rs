//! Plan of a `RealtimeSystemClaim`: Kafka, Lenses, PostgreSQL and Metabase inside an environment.
//!
//! `PARTS` lists the parts of the plan in reading order; each part has a file of its own.

use std::collections::BTreeSet;

use self::claim::Engine;
use crate::claims::between::host_secrets::{self, HostSecret};
use crate::claims::between::neighbour;
use crate::claims::between::offer::{Consumer, ISTIO, KNATIVE_SERVING, OBSERVABILITY};
use crate::claims::between::operators;
use crate::claims::between::part_of::Line::{self, Part, Policies, Routes};
use crate::claims::between::part_of::{self, PartOf, TenantClaim};
use crate::claims::between::people;
use crate::claims::between::tenant::{self, Tenant};
use crate::claims::checked::Checked;
use crate::life::immutable::Immutable;
use crate::life::ownership::LockTarget;
use crate::parts::owner::Claim;
use crate::parts::plan::{Phase, Plan};
use crate::schema::Column;
use crate::schema::fault::Fault;
use crate::settings::Settings;
use crate::settings::limits::Lever;

mod analytics;
mod apps;
pub mod changes;
mod check;
mod checked;
pub mod claim;
mod connect;
mod connect_alerts;
mod connect_cluster;
pub mod connect_metrics;
mod kafka;
mod kafka_alerts;
mod kafka_names;
mod kafka_users;
mod lenses_agent;
mod lenses_hq;
mod metabase;
mod monitoring;
mod network_policy;
mod phase;
mod postgres;
mod postgres_alerts;
mod postgres_backup;
mod postgres_cluster;
mod postgres_names;
mod registry;
mod schemas;
pub mod script;
mod secrets;
mod snowflake;
mod sql;
pub mod sql_processors;
pub mod status;
mod strimzi;

pub use checked::RealtimeSystem;

impl TenantClaim for RealtimeSystem {
    const PARTS: &'static [Line<Self>] = &[
        Part(&LOCKED),
        // The network policies in a real-time system's plan follow the order of the list of parts. The network policy
        // of Kafka's pod has an entry of its own at the start of the list, so that the policies keep the order that
        // they have in released versions of this function.
        Part(&kafka::FENCED),
        Part(&secrets::PART),
        Part(&postgres::PART),
        Part(&postgres_backup::PART),
        Part(&postgres::DATABASES_PART),
        Part(&lenses_hq::PART),
        Part(&lenses_agent::KEY_PART),
        Part(&kafka::PART),
        Part(&strimzi::USER_OPERATOR),
        Part(&kafka_users::PART),
        Part(&registry::PART),
        Part(&kafka::TOPICS_PART),
        Part(&lenses_agent::PART),
        Part(&sql_processors::PART),
        Part(&connect::PART),
        Part(&connect_cluster::PART),
        Part(&connect_cluster::SNOWFLAKE_PART),
        Part(&metabase::PART),
        Part(&metabase::SETUP_PART),
        Part(&analytics::PART),
        Routes(phase::EXPOSURE),
        Part(&network_policy::PART),
        Part(&strimzi::FENCE),
        Policies,
        Part(&connect_metrics::PART),
        Part(&strimzi::METRICS_PART),
        Part(&connect_cluster::METRICS_PART),
        Part(&monitoring::PART),
        Part(&VIEWERS),
        Part(&secrets::READERS),
    ];

    fn tenant(&self) -> &Tenant {
        &self.tenant
    }
}

const LOCKED: PartOf<RealtimeSystem> = PartOf::new(phase::ENVIRONMENT, |system| {
    let mut lock = system.tenant.lock();
    if system.is_replicated() {
        neighbour::tell(&mut lock, system.runs_connect().then_some(&[kafka_names::CONNECT]));
    }
    vec![lock]
});

/// Rights of the people who may see the system. They wait for the lock alone, so that these people see it start.
const VIEWERS: PartOf<RealtimeSystem> = PartOf::new(phase::ENVIRONMENT, |system| people::viewers(&system.tenant));

impl Checked for RealtimeSystem {
    type Spec = claim::Spec;
    type Status = status::Status;

    const PHASES: &'static [Phase] = phase::ALL;
    const COLUMNS: &'static [Column] = status::COLUMNS;

    fn check(spec: Self::Spec, claim: Claim, settings: &Settings) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        if let Some(snowflake) = &spec.snowflake_config {
            check::private_key(&mut faults, &snowflake.private_key, &claim, settings);
        }
        let hosts: Vec<_> = part_of::hosts::<Self>().collect();
        let tenant = Tenant::check(
            &mut faults,
            spec.tenancy(),
            &hosts,
            claim,
            ("realtime-system", tenant::REALTIME),
            settings.clone(),
        );
        if !spec.lenses_config.accept_eula {
            faults.push(Fault::new(
                "spec.lensesConfig.acceptEULA",
                "must be true: read the Lenses EULA and accept it, nobody can accept it for you",
            ));
        }
        host_secrets::check(&mut faults, &tenant.owner.environment, &secrets::on_the_host(&spec), settings);
        secrets::check_readers(&mut faults, &spec);
        let sizes = check::sizes(&mut faults, &spec);
        check::engines(&mut faults, &spec);
        let archives = check::archives(&mut faults, &spec.kafka_config.connectors, &settings.archive_servers);
        let connect = check::connect(&mut faults, &spec.kafka_config, settings);
        let backups = check::backups(&mut faults, &spec.database, &settings.backup_servers);
        check::topics(&mut faults, &spec.kafka_config, settings.limits.topics);
        let schemas = schemas::check(&mut faults, &spec.kafka_config.topics);
        sql_processors::check(&mut faults, &spec.sql_processors);
        let snowflake = spec.snowflake_config.as_ref();
        let delivery = snowflake.map(|snowflake| check::delivery(&mut faults, snowflake, &spec.kafka_config));
        let dashboard_email = check::dashboard_email(&spec.dashboard, &tenant);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self { tenant, spec, sizes, archives, connect, backups, schemas, delivery, dashboard_email })
    }

    fn plan(&self) -> Plan {
        part_of::plan(self)
    }

    fn levers(&self) -> Vec<Lever> {
        self.sizes.levers().into_iter().chain(self.connect.iter().flat_map(check::Connect::levers)).collect()
    }

    fn status(&self, tls: bool) -> Self::Status {
        status::of(self, tls)
    }

    fn immutable(&self) -> Vec<Immutable> {
        let parts = kafka::immutable(self).into_iter().chain(postgres::immutable(self));
        self.tenant.immutable().into_iter().chain(parts).chain(secrets::immutable(self)).collect()
    }

    fn lock_target(&self) -> LockTarget {
        self.tenant.lock_target("a RealtimeSystem")
    }

    fn host_secrets(&self) -> Vec<HostSecret> {
        secrets::on_the_host(&self.spec)
    }

    fn consumer(&self) -> Option<Consumer> {
        Some(self.tenant.consumer(&[
            (ISTIO, "spec.expose: false"),
            (KNATIVE_SERVING, "spec.dashboard.proxy: false"),
            (OBSERVABILITY, "spec.monitoring: false"),
            (operators::KAFKA.name, "spec.kafkaConfig.engine: Development in a new claim"),
            (operators::POSTGRES.name, "spec.database.engine: Development in a new claim"),
            (operators::BACKUP.name, "no spec.database.backup"),
        ]))
    }

    fn endpoint(status: &Self::Status) -> Option<String> {
        let endpoints = status.endpoints.as_ref()?;
        Some(endpoints.of_routes.get(lenses_hq::ADDRESS).unwrap_or(&endpoints.lenses_hq).to_owned())
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.spec.snowflake_config.is_some()
            && !self.is_replicated()
            && self.spec.kafka_config.connectors.snowflake.is_none()
        {
            warnings.push(
                "spec.kafkaConfig.connectors.snowflake: the default image may lack the Snowflake connector; name the connector's archive, with the checksum that `curl -fsSL URL | sha256sum` prints"
                    .to_owned(),
            );
        }
        if self.is_replicated() && self.spec.database.engine == Engine::Development {
            warnings.push(
                "spec.database.engine: the schemas of Schema Registry are in PostgreSQL, which is one pod: set it to CloudNativePG for several"
                    .to_owned(),
            );
        }
        let known: BTreeSet<&str> = self.spec.kafka_config.topics.iter().map(|topic| topic.name.as_str()).collect();
        warnings.extend(sql_processors::unwritten(&self.spec.sql_processors, |topic| known.contains(topic)).into_iter().map(
            |(index, topic)| {
                format!(
                    "spec.sqlProcessors[{index}]: reads {topic}, which is not among spec.kafkaConfig.topics: add the topic"
                )
            },
        ));
        warnings
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::RealtimeSystem;
    use crate::claims::{Checked, Kind};
    use crate::parts::owner::Claim;
    use crate::parts::plan::Plan;
    use crate::settings::Settings;

    fn faults(spec: Value) -> Vec<String> {
        let claim = Claim::new("team", "lenses");
        let kind = Kind::of_claim("RealtimeSystemClaim").unwrap();
        let composed = kind.compose(spec, claim, &Settings::default());
        composed.err().into_iter().flatten().map(|fault| fault.to_string()).collect()
    }

    fn with_topics(topics: &[String], delivered: &[String]) -> Value {
        let topics: Vec<_> = topics.iter().map(|name| json!({"name": name})).collect();
        let identifier = "X";
        json!({
            "namespace": "streaming",
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
            "kafkaConfig": {"topics": topics},
            "snowflakeConfig": {
                "account": "myorg-myaccount", "user": identifier, "role": identifier, "database": identifier,
                "topics": delivered,
            },
        })
    }

    #[test]
    fn topics_that_share_a_name_or_a_table_are_told_with_the_first_of_them() {
        let topics = ["a.b", "c", "a_b", "a.b", "a_b", "C"].map(str::to_owned);
        let found = faults(with_topics(&topics, &topics[..3]));
        let expected = [
            "spec.kafkaConfig.topics[3].name: duplicate of spec.kafkaConfig.topics[0].name \"a.b\": leave one of them out",
            "spec.kafkaConfig.topics[4].name: duplicate of spec.kafkaConfig.topics[2].name \"a_b\": leave one of them out",
            "spec.kafkaConfig.topics[2].name: must differ from \"a.b\" in more than dots and underscores: Kafka gives the metrics of both the same names",
            "spec.snowflakeConfig.topics[2]: must not share the table A_B with \"a.b\"",
        ];
        assert_eq!(found, expected);
        let found = faults(with_topics(&["c".to_owned(), "C".to_owned()], &["c".to_owned(), "C".to_owned()]));
        assert_eq!(found, ["spec.snowflakeConfig.topics[1]: must not share the table C with \"c\""]);
    }

    #[test]
    fn of_a_list_with_too_many_entries_nothing_further_is_told() {
        let topics: Vec<String> = (0..20_000).map(|index| format!("{}_{index}", "x".repeat(190))).collect();
        let found = faults(with_topics(&topics, &topics));
        assert_eq!(
            found,
            [
                "spec.kafkaConfig.topics: must have at most 200 entries, not 20000",
                "spec.snowflakeConfig.topics: must have 1 to 200 entries, not 20000",
            ]
        );
    }

    fn compose(more: &Value, input: Value) -> Result<Plan, Vec<String>> {
        let mut spec = json!({
            "namespace": "streaming",
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
            "kafkaConfig": {"topics": [{"name": "t"}]},
        });
        for (field, value) in more.as_object().unwrap() {
            spec[field] = value.clone();
        }
        let claim = Claim::new("team", "lenses");
        let composed =
            Kind::of_claim("RealtimeSystemClaim").unwrap().compose(spec, claim, &Settings::read(input).unwrap());
        composed.map(|composed| composed.plan).map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_smallest_system_is_of_no_domain() {
        let spec = json!({
            "namespace": "streaming",
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
        });
        let claim = Claim::new("team", "lenses");
        let system = RealtimeSystem::check(serde_json::from_value(spec).unwrap(), claim, &Settings::default()).unwrap();
        assert_eq!(system.warnings(), [""; 0]);
        let plan = system.plan();
        let parts: Vec<&str> = plan.resources.iter().map(|resource| resource.part).collect();
        assert!(!parts.contains(&"topics"), "{parts:?}");
        for resource in &plan.resources {
            let missing = resource.waits_for.iter().find(|part| **part == "topics");
            assert_eq!(missing, None, "{}", resource.key);
            let text = resource.composed.to_string();
            assert!(!text.contains("device_data"), "{}: {text}", resource.key);
        }
        let processors = plan.resources.iter().find(|resource| resource.part == "processors").unwrap();
        assert_eq!(processors.manifest()["kind"], "Job", "it removes what an earlier claim asked for");
    }

    fn archive(url: &str) -> Value {
        let sha256 = "0".repeat(64);
        json!({"kafkaConfig": {"topics": [{"name": "t"}], "connectors": {"mqtt": {"url": url, "sha256": sha256}}}})
    }

    /// Egress of Kafka's pod to addresses outside its namespace: the ports of each rule, with the networks that it is
    /// limited to.
    fn outside(plan: &Plan) -> Value {
        let policy = plan.resources.iter().find(|resource| resource.key == "kafka-policy-policy").unwrap();
        let rules = policy.manifest()["spec"]["egress"].as_array().unwrap().iter();
        let outside = rules.filter(|rule| rule.pointer("/to/0/podSelector").is_none());
        let way = |rule: &Value| {
            let ports = rule["ports"].as_array().unwrap().iter().map(|port| port["port"].clone()).collect::<Value>();
            let to = rule["to"].as_array().into_iter().flatten();
            json!([ports, to.map(|peer| peer["ipBlock"]["cidr"].clone()).collect::<Value>()])
        };
        outside.map(way).collect()
    }

    #[test]
    fn kafkas_pod_goes_where_the_platform_says_for_archives() {
        let plan = compose(&archive("https://example.com/a.zip"), json!({})).unwrap();
        assert_eq!(outside(&plan), json!([[[443], []]]));
        let faults = compose(&archive("https://example.com:8443/a.zip"), json!({})).unwrap_err();
        assert!(
            matches!(&faults[..], [fault] if fault.starts_with("spec.kafkaConfig.connectors.mqtt.url: must be at port 443, not 8443")),
            "{faults:?}"
        );

        let listed = || {
            let cidrs = ["192.0.2.0/24", "2001:db8::/32"];
            json!({"archiveServers": [{"host": "repo.example.com"}, {"host": "example.com", "port": 8443, "cidrs": cidrs}]})
        };
        let plan = compose(&archive("https://example.com:8443/a.zip"), listed()).unwrap();
        assert_eq!(outside(&plan), json!([[[8443], ["192.0.2.0/24", "2001:db8::/32"]]]));
        let plan = compose(&archive("https://repo.example.com/a.zip"), listed()).unwrap();
        assert_eq!(outside(&plan), json!([[[443], []]]));
        let faults = compose(&archive("https://example.com/a.zip"), listed()).unwrap_err();
        assert!(faults[0].contains("repo.example.com, example.com:8443, not example.com"), "{faults:?}");

        // Rules for Snowflake stay open to all networks beside a rule that is limited to the networks of one server.
        let mut both = archive("https://example.com:8443/a.zip");
        both["snowflakeConfig"] = json!({"account": "a", "user": "U", "role": "R", "database": "D", "topics": ["t"]});
        let plan = compose(&both, listed()).unwrap();
        assert_eq!(outside(&plan), json!([[[80, 443], []], [[8443], ["192.0.2.0/24", "2001:db8::/32"]]]));
    }

    #[test]
    fn a_claim_names_no_entry_of_the_secret_store_that_is_anothers() {
        let snowflake = |private_key: Value| json!({"snowflakeConfig": {"account": "a", "user": "U", "role": "R", "database": "D", "topics": ["t"], "privateKey": private_key}});
        let said = |private_key: Value, input: Value| compose(&snowflake(private_key), input).err().unwrap_or_default();
        assert_eq!(said(json!({}), json!({})), [""; 0]);
        assert_eq!(said(json!({"remoteKey": "team/snowflake", "property": "key-1"}), json!({})), [""; 0]);
        let faults = said(json!({"remoteKey": "other/snowflake", "property": "@this|key"}), json!({}));
        assert_eq!(faults.len(), 2, "{faults:?}");
        let expected = "spec.snowflakeConfig.privateKey.remoteKey: must be one that the platform's secret store opens to this claim, \
             snowflake-credentials, team/*, not \"other/snowflake\"";
        assert!(faults[0].starts_with(expected), "{faults:?}");
        assert!(faults[1].starts_with("spec.snowflakeConfig.privateKey.property: must be one key"), "{faults:?}");
        let listed = json!({"secretStore": {"allowedKeys": ["tenants/{claimNamespace}/snowflake"]}});
        assert_eq!(said(json!({"remoteKey": "tenants/team/snowflake"}), listed.clone()), [""; 0]);
        assert_eq!(said(json!({}), listed).len(), 1);
        // A claim with a Secret of its own does not read the secret store, so the name of the store's entry is not
        // checked.
        let own = json!({"remoteKey": "other/..", "property": "*", "secretRef": {"name": "own"}});
        assert_eq!(said(own, json!({})), [""; 0]);
    }

    #[test]
    fn several_pods_of_metabase_restart_without_a_gap() {
        let away = |replicas: u32| {
            let plan = compose(&json!({"dashboard": {"replicas": replicas}}), json!({})).unwrap();
            plan.outages.iter().find(|outage| outage.part == "metabase").map(|outage| (outage.from, outage.to))
        };
        assert_eq!((away(1), away(2)), (Some((60, 180)), Some((0, 0))));
    }

    #[test]
    fn metabase_tells_its_maker_nothing_unless_it_is_asked_to() {
        let switched_off = |input: Value| {
            let plan = compose(&json!({}), input).unwrap();
            let metabase = plan.resources.iter().find(|resource| resource.key == "metabase-deployment").unwrap();
            let text = metabase.manifest().to_string();
            ["MB_ANON_TRACKING_ENABLED", "MB_CHECK_FOR_UPDATES"]
                .map(|name| text.contains(&format!(r#"{{"name":"{name}","value":"false"}}"#)))
        };
        assert_eq!(switched_off(json!({})), [true, true]);
        assert_eq!(switched_off(json!({"telemetry": {"metabase": true}})), [false, false]);
    }

    #[test]
    fn the_registered_schema_is_of_the_record_that_the_bridge_writes() {
        let schema: Value = serde_json::from_str(super::script::DEVICE_DATA).unwrap();
        assert_eq!(schema["name"], crate::claims::between::kafka::DEVICE_RECORD);
    }

    #[test]
    fn kafkas_heap_follows_its_memory() {
        for (kafka, heap) in [
            (json!({}), "640m"),
            (json!({"memory": "2560Mi", "heap": "512Mi"}), "320m"),
            (json!({"memory": "8Gi", "heap": "6Gi"}), "320m"),
            (json!({"memory": "16Gi"}), "2048m"),
            (json!({"brokerHeap": "1Gi"}), "1024m"),
        ] {
            let plan = compose(&json!({"kafkaConfig": kafka}), json!({})).unwrap();
            let pod = plan.resources.iter().find(|resource| resource.key == "kafka-deployment").unwrap();
            let expected = format!(r#"{{"name":"BROKER_HEAP_OPTS","value":"-Xmx{heap}"}}"#);
            assert!(pod.manifest().to_string().contains(&expected), "{kafka}");
        }
    }

    #[test]
    fn a_passphrase_is_named_where_the_key_is() {
        for (key, from) in [
            (json!({"passphraseProperty": "phrase"}), "snowflake-credentials"),
            (json!({"passphraseProperty": "phrase", "secretRef": {"name": "own"}}), "own"),
        ] {
            let spec = json!({"snowflakeConfig": {"account": "a", "user": "U", "role": "R", "database": "D", "topics": ["t"], "privateKey": key}});
            let plan = compose(&spec, json!({})).unwrap();
            let texts: Vec<String> = plan.resources.iter().map(|resource| resource.composed.to_string()).collect();
            assert!(texts.iter().any(|text| text.contains("\"phrase\"") && text.contains(from)), "{key}");
            let config =
                "\\\"snowflake.private.key.passphrase\\\":\\\"${dir:/mnt/secrets/snowflake:private_key_passphrase}\\\"";
            assert!(texts.iter().any(|text| text.contains(config)), "{key}");
        }
    }

    #[test]
    fn processors_that_read_a_topic_that_is_not_there_are_warned_of() {
        let spec = json!({
            "namespace": "streaming",
            "lensesConfig": {"acceptEULA": true, "licenseSecretRef": {"name": "license"}},
            "kafkaConfig": {"topics": [{"name": "samples"}]},
            "sqlProcessors": [{"name": "beat", "sql": "INSERT INTO beats SELECT STREAM * FROM device_data"}],
        });
        let claim = Claim::new("team", "lenses");
        let spec = serde_json::from_value(spec).unwrap();
        let system = RealtimeSystem::check(spec, claim, &Settings::default()).unwrap();
        assert!(system.warnings().iter().any(|warning| warning.starts_with("spec.sqlProcessors[0]: ")));
    }
}
