//! Check that every name refers to something that exists, on every example and on variations of them.

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::test_runner::TestCaseError;
use realtime_platform_core::claims::KINDS;
use wiring::platform::Platform;
use wiring::value::Look;
use wiring::variations::{self, Variation};
use wiring::{documented, keys, random};

/// Fails with all findings on these platforms.
fn assert_sound(platforms: &[Platform]) {
    let mut report = Vec::new();
    for platform in platforms {
        for (check, finding) in wiring::findings(platform) {
            report.push(format!("{} [{check}] {finding}", platform.name));
        }
    }
    assert!(report.is_empty(), "{} platforms:\n{}", platforms.len(), report.join("\n"));
}

#[test]
fn everything_named_exists_in_every_example() {
    assert_sound(&wiring::examples::platforms());
}

/// Platforms of the legal variations. The others must be refused at exactly the expected fields.
fn legal(variations: Vec<Variation>, expected: &[&str]) -> Vec<Platform> {
    let mut platforms = Vec::new();
    let mut refused = BTreeSet::new();
    for variation in variations {
        match variation.platform {
            Ok(platform) => platforms.push(platform),
            Err(faults) => refused.extend(faults.into_iter().map(|fault| fault.field)),
        }
    }
    assert!(refused.iter().eq(expected), "refused: {refused:#?}");
    platforms
}

#[test]
fn everything_named_exists_in_every_variation_of_the_claims() {
    let expected = [
        "spec.connectorConfig.mappings[0].keyField",
        // The language of a schema decides whether it is valid, which the form of the field cannot express.
        "spec.kafkaConfig.topics[0].schema.definition",
        "spec.kafkaConfig.topics[0].schema.type",
        "spec.lensesConfig.acceptEULA",
        "spec.snowflakeConfig.privateKey.property",
        "spec.tenants[0].namespace",
    ];
    assert_sound(&legal(variations::of_claims(), &expected));
}

#[test]
fn everything_named_exists_in_every_variation_of_the_settings() {
    let expected = [
        "input.archiveServers[0].cidrs",
        "input.archiveServers[0].cidrs[0]",
        "input.backupServers[0].cidrs[0]",
        "input.scheduling.tolerations[0]",
        "spec.gateway.annotations",
        "spec.gateway.serviceType",
        "spec.kafkaConfig.connectors.mqtt.url",
        "spec.kafkaConfig.connectors.snowflake.url",
        "spec.kafkaConfig.topics",
        "spec.snowflakeConfig.privateKey.remoteKey",
    ];
    assert_sound(&legal(variations::of_settings(), &expected));
}

#[test]
fn everything_named_exists_in_the_longest_claims() {
    assert_sound(&[wiring::longest::platform(), wiring::full::platform()]);
}

#[test]
fn what_would_not_fit_together_is_refused() {
    let settings = wiring::full::settings();
    let mut claims = wiring::longest::claims();
    for processor in claims[1].spec["sqlProcessors"].as_array_mut().unwrap() {
        processor["sql"] = "x".repeat(3000).into();
    }
    claims[2].spec["mqttConfig"]["users"][0]["publish"] = vec!["x".repeat(500); 50].into();
    for (claim, field) in [(1, "spec.sqlProcessors"), (2, "spec.mqttConfig.users")] {
        let faults = claims[claim].clone().compose(&settings).err().unwrap_or_default();
        assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), [field]);
    }
}

#[test]
fn everything_named_exists_whatever_is_combined() {
    let settings = wiring::full::settings();
    let legal = Cell::new(0);
    random::combinations(180, |changes| {
        // Combinations that the checks refuse are skipped: other tests cover them.
        let Ok(platform) = Platform::try_of("random", variations::changed(&changes), &settings) else { return Ok(()) };
        legal.set(legal.get() + 1);
        match wiring::findings(&platform).first() {
            Some((check, finding)) => Err(TestCaseError::fail(format!("[{check}] {finding}"))),
            None => Ok(()),
        }
    });
    assert!(legal.get() > 100, "only {} combinations are legal", legal.get());
}

#[test]
fn every_key_that_was_ever_released_is_still_composed() {
    let mut used = BTreeSet::new();
    let varied = variations::of_claims().into_iter().chain(variations::of_settings());
    let varied = varied.filter_map(|variation| variation.platform.ok());
    for platform in wiring::examples::platforms().into_iter().chain(varied).chain([wiring::full::platform()]) {
        used.extend(keys::used(&platform));
    }
    let gone: Vec<&String> = keys::lines().iter().filter(|line| !used.contains(line.as_str())).collect();
    assert!(gone.is_empty(), "no longer composed: {gone:#?}");
}

#[test]
fn every_secret_that_users_are_told_of_is_made() {
    let varied = variations::of_claims().into_iter().chain(variations::of_settings());
    let varied = varied.filter_map(|variation| variation.platform.ok());
    let platforms: Vec<Platform> = wiring::examples::platforms().into_iter().chain(varied).collect();
    let made: BTreeSet<&str> = platforms.iter().flat_map(wiring::secrets_inside).collect();
    let documented: BTreeSet<&str> = documented::names().collect();
    assert_eq!(made, documented);
}

#[test]
fn every_phase_has_a_part_that_some_claim_composes() {
    let varied = variations::of_claims().into_iter().chain(variations::of_settings());
    let varied = varied.filter_map(|variation| variation.platform.ok());
    let platforms: Vec<Platform> =
        wiring::examples::platforms().into_iter().chain(varied).chain([wiring::full::platform()]).collect();
    let used: BTreeSet<(&str, &str)> = platforms
        .iter()
        .flat_map(Platform::resources)
        .map(|(composed_claim, resource)| (composed_claim.kind.claim, composed_claim.phases[resource.part].name))
        .collect();
    for kind in &KINDS {
        for phase in kind.phases {
            assert!(used.contains(&(kind.claim, phase.name)), "{}: {}", kind.claim, phase.name);
        }
    }
}

/// Expected objects of the health pipeline, by kind and name.
const PIPELINE: &[(&str, &str)] = &[
    ("Release", "health-streaming"),
    ("ExternalSecret", "snowflake-credentials"),
    ("Release", "lenses-backend-postgres"),
    ("Job", "lenses-config-generator-"),
    ("Deployment", "lenses-hq"),
    ("Service", "lenses-hq-service"),
    ("Deployment", "lenses-agent"),
    ("Deployment", "kafka-platform"),
    ("Service", "kafka-service"),
    ("Deployment", "health-mqtt-broker"),
    ("Service", "health-mqtt-service"),
    ("ConfigMap", "mosquitto-config"),
    ("Deployment", "metabase-dashboard"),
    ("Service", "metabase-service"),
    ("Service", "health-data-sim"),
    ("Service", "health-analytics"),
    ("VirtualService", "lenses-ui"),
    ("VirtualService", "mqtt-websockets"),
    ("VirtualService", "analytics-dashboard"),
    ("Gateway", "health-streaming-gateway"),
    ("PersistentVolumeClaim", "mosquitto-data-pvc"),
    ("PersistentVolumeClaim", "kafka-data-pvc"),
    ("PersistentVolumeClaim", "postgres-data-pvc"),
    ("NetworkPolicy", "mqtt-kafka-policy"),
    ("NetworkPolicy", "lenses-postgres-policy"),
    ("ServiceMonitor", "lenses-metrics"),
    ("ConfigMap", "health-streaming-dashboard"),
];

#[test]
fn the_health_pipeline_has_all_that_it_is_known_to_have() {
    let platforms = wiring::examples::platforms();
    let pipeline = platforms.iter().find(|platform| platform.environment == "health-streaming").unwrap();
    let names: Vec<(&str, &str)> = pipeline
        .resources()
        .map(|(_, resource)| match resource.manifest().text("/kind") {
            "Release" => ("Release", resource.composed.text("/metadata/annotations/crossplane.io~1external-name")),
            // The name of a Job ends with a hash.
            "Job" => ("Job", resource.manifest().text("/metadata/name").trim_end_matches(|c| c != '-')),
            kind => (kind, resource.manifest().text("/metadata/name")),
        })
        .collect();
    let missing: Vec<_> = PIPELINE.iter().filter(|known| !names.contains(known)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
