//! Unit tests of offers: what is published, and what a consumer reads of it.

use super::*;
use serde_json::json;

fn consumer() -> Consumer {
    Consumer {
        environment: "e".to_owned(),
        namespace: "n".to_owned(),
        claim_namespace: "team".to_owned(),
        form: Form::Claim,
        opt_outs: &[(OBSERVABILITY, "spec.monitoring: false")],
    }
}

/// ProviderConfig of an environment that offers all but observability and TLS, with these parts ready.
fn provider_config(claim_namespaces: &[&str], namespaces: &[&str], ready: &[&str]) -> Value {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let offered = |name, parts| Offered { name, parts };
    let offer = Offer {
        offered: vec![
            offered(ENVIRONMENT, &["cluster", "inside"]),
            offered(ISTIO, &["istiod", "gateway"]),
            offered(KNATIVE_SERVING, &["serving"]),
            offered(OBSERVABILITY, &[]),
            offered(TLS, &[]),
        ],
        namespaces: owned(namespaces),
        domain: "e.local".to_owned(),
        claim_namespaces: owned(claim_namespaces),
        tenants: vec![Tenancy { namespace: "n".to_owned(), claim_namespace: "team".to_owned() }],
        shared_secrets: Vec::new(),
        form: Form::Claim,
        tenant_forms: BTreeMap::new(),
    };
    let mut annotations = offer.annotations();
    for announcement in offer.announcements() {
        if announcement.parts.iter().all(|part| ready.contains(part)) {
            annotations.insert(announcement.annotation, announcement.once_ready.to_owned());
        }
    }
    json!({"metadata": {"labels": {label("environment"): "e"}, "annotations": annotations}})
}

const ALL: [&str; 5] = ["cluster", "inside", "istiod", "gateway", "serving"];

#[test]
fn a_guest_who_is_admitted_may_count_on_what_is_ready() {
    for admitted in [["team"], ["*"]] {
        let admission = Admission::of(&consumer(), Some(&provider_config(&admitted, &["m", "n"], &ALL)));
        assert_eq!(admission.offered(), BTreeSet::from([ENVIRONMENT, ISTIO, KNATIVE_SERVING]));
        assert_eq!(admission.reason(&consumer(), &BTreeSet::from([ENVIRONMENT, ISTIO])), None);
    }
}

#[test]
fn what_is_pending_or_off_is_told_to_whom_it_concerns() {
    let published = provider_config(&["team"], &["n"], &["cluster", "inside", "istiod"]);
    let admission = Admission::of(&consumer(), Some(&published));
    assert_eq!(admission.offered(), BTreeSet::from([ENVIRONMENT]));
    let reason = |waited_for: &[&'static str]| admission.reason(&consumer(), &waited_for.iter().copied().collect());
    assert_eq!(reason(&[]), None);
    assert_eq!(reason(&[ENVIRONMENT, "kafka"]), None);
    assert_eq!(reason(&[ISTIO]).as_deref(), Some("Istio of the environment e is not ready yet"));
    assert_eq!(
        reason(&[OBSERVABILITY, KNATIVE_SERVING]).as_deref(),
        Some(
            "Knative Serving of the environment e is not ready yet; the environment e has no observability: switch on its \
             spec.components.observability, or set spec.monitoring: false here"
        )
    );
    let in_the_end = admission.clone().in_the_end();
    assert_eq!(in_the_end.offered(), BTreeSet::from([ENVIRONMENT, ISTIO, KNATIVE_SERVING]));
}

#[test]
fn an_environment_without_its_namespaces_is_not_ready() {
    let published = provider_config(&["team"], &["n"], &["cluster", "istiod", "gateway"]);
    let admission = Admission::of(&consumer(), Some(&published));
    assert!(!admission.offered().contains(ENVIRONMENT));
    let reason = admission.reason(&consumer(), &BTreeSet::from([ENVIRONMENT])).unwrap();
    assert_eq!(reason, "the environment e is not ready yet: its virtual cluster is being set up");
}

#[test]
fn whoever_is_not_received_is_told_why_and_offered_nothing() {
    let mut leaving = provider_config(&["team"], &["n"], &ALL);
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let mut foreign = provider_config(&["team"], &["n"], &ALL);
    foreign["metadata"]["labels"] = json!({});
    let mut others = provider_config(&["team"], &["n"], &ALL);
    others["metadata"]["annotations"][annotation(TENANTS)] = json!("m=team,n=other,nn=team");
    // A namespace without an entry is for claims of the owner's namespace.
    let mut unsaid = provider_config(&["team"], &["n"], &ALL);
    unsaid["metadata"]["annotations"][annotation(TENANTS)] = json!("m=team");
    unsaid["metadata"]["labels"][label("claim-namespace")] = json!("owner");
    for (provider_config, expected) in [
        (None, Admission::Missing),
        (Some(foreign), Admission::Foreign),
        (Some(leaving), Admission::Leaving),
        (Some(provider_config(&["other"], &["n"], &ALL)), Admission::Refused),
        (Some(provider_config(&["team"], &["m"], &ALL)), Admission::NoNamespace),
        (Some(others), Admission::OfOthers { claim_namespace: "other".to_owned() }),
        (Some(unsaid), Admission::OfOthers { claim_namespace: "owner".to_owned() }),
    ] {
        let admission = Admission::of(&consumer(), provider_config.as_ref());
        assert_eq!(admission, expected);
        assert!(admission.offered().is_empty());
        assert!(admission.reason(&consumer(), &BTreeSet::new()).is_some());
    }
}
