//! Invariants of a claim in every state of its life, for any legal claim and any observation.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use function_sdk_rust::proto::v1::{Ready, RunFunctionRequest, RunFunctionResponse, Severity};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use prost::Message;
use realtime_platform_core::parts::plan::Resource;
use serde_json::{Value, json};
use support::requests::{self, answer, answer_bytes, condition, desired};
use wiring::platform::{ComposedClaim, ENVIRONMENT, Platform};
use wiring::{examples, full, variations};

/// Maximum size of an answer: far below the limits of a gRPC message and of an object in etcd.
const MOST_BYTES: usize = 1 << 20;

/// Observed state of a composed resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Absent,
    /// Paused while its provider has not taken it up.
    Held,
    /// Paused after its provider took it up. Only a stale observation can show this.
    HeldTooLate,
    /// Not paused, and not yet taken up by its provider.
    Released,
    Unready,
    Ready,
    /// Conditions that its provider reports for a failed Job.
    Failed,
    PausedByPerson,
    PausedByPersonBeforeTakenUp,
    Leaving,
    /// Observed with apiVersion and kind only.
    Bare,
}

const FOUND: [Found; 11] = [
    Found::Absent,
    Found::Held,
    Found::HeldTooLate,
    Found::Released,
    Found::Unready,
    Found::Ready,
    Found::Failed,
    Found::PausedByPerson,
    Found::PausedByPersonBeforeTakenUp,
    Found::Leaving,
    Found::Bare,
];

const FINALIZER: &str = "finalizer.managedresource.crossplane.io";
const PAUSED: &str = "crossplane.io/paused";
const WAITS_FOR: &str = "platform.example.org/waits-for";

impl Found {
    fn has_finalizer(self) -> bool {
        use Found::{Failed, HeldTooLate, Leaving, PausedByPerson, Ready, Unready};
        matches!(self, HeldTooLate | Unready | Ready | Failed | PausedByPerson | Leaving)
    }

    fn is_paused_by_person(self) -> bool {
        matches!(self, Self::PausedByPerson | Self::PausedByPersonBeforeTakenUp)
    }

    /// Resource as Crossplane would observe it.
    fn observe(self, planned: &Resource) -> Option<Value> {
        if self == Self::Absent {
            return None;
        }
        let mut seen = planned.composed.clone();
        if self == Self::Bare {
            return Some(json!({"apiVersion": seen["apiVersion"], "kind": seen["kind"]}));
        }
        if seen["metadata"]["name"].is_null() {
            seen["metadata"]["name"] = json!(format!("observed-{}", planned.key));
        }
        if self.has_finalizer() {
            seen["metadata"]["finalizers"] = json!([FINALIZER]);
        }
        if self == Self::Leaving {
            seen["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        if matches!(self, Self::Held | Self::HeldTooLate) {
            seen["metadata"]["annotations"][WAITS_FOR] = json!("something");
        }
        if self.is_paused_by_person() || matches!(self, Self::Held | Self::HeldTooLate) {
            seen["metadata"]["annotations"][PAUSED] = json!("true");
        }
        let ready = if matches!(self, Self::Ready | Self::Leaving | Self::PausedByPerson) { "True" } else { "False" };
        if self.has_finalizer() {
            seen["status"]["conditions"] = json!([
                {"type": "Synced", "status": "True", "reason": "ReconcileSuccess", "lastTransitionTime": "2026-01-01T00:00:00Z"},
                {"type": "Ready", "status": ready, "reason": "Whatever", "lastTransitionTime": "2026-01-01T00:00:00Z"},
            ]);
        }
        if self == Self::Failed {
            seen["status"]["atProvider"]["manifest"]["status"]["conditions"] = json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no more tries"}]);
        }
        Some(seen)
    }
}

/// Result of the lookup of the environment that a system or broker refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Met {
    NotYetAsked,
    Nothing,
    Foreign,
    Leaving,
    Whole,
}

const MET: [Met; 5] = [Met::NotYetAsked, Met::Nothing, Met::Foreign, Met::Leaving, Met::Whole];

/// Claim of a platform in one state of its life.
struct Life<'a> {
    composed_claim: &'a ComposedClaim,
    composite: Value,
    provider_config: Value,
    /// Lock of the system whose Kafka a bridge needs, for a claim with such a bridge.
    beside: Option<Value>,
    input: Option<Value>,
}

/// Key of the requirement for the lock of the system beside a broker.
const BESIDE: &str = "lock-of-system";

/// Lock of a settled system with Kafka and Connect by Strimzi.
static STRIMZI: LazyLock<Value> = LazyLock::new(|| {
    let production =
        examples::platforms().into_iter().find(|platform| platform.name.starts_with("production")).unwrap();
    let has_connect = |it: &&ComposedClaim| it.spec.pointer("/kafkaConfig/connect").is_some();
    let system = production.claims.iter().find(has_connect).unwrap();
    let life = Life::of(&production, system, None);
    let mut lock = desired(&answer(&life.request(&life.all_ready(), Met::Whole))).remove("lock-object").unwrap();
    lock["metadata"]["finalizers"] = json!([FINALIZER]);
    lock
});

impl<'a> Life<'a> {
    fn of(platform: &'a Platform, composed_claim: &'a ComposedClaim, input: Option<Value>) -> Self {
        let claim = |composed_claim: &ComposedClaim| {
            json!({
                "apiVersion": "platform.example.org/v1alpha1",
                "kind": composed_claim.kind.claim,
                "metadata": {"name": composed_claim.claim.name, "namespace": composed_claim.claim.namespace},
                "spec": composed_claim.spec,
            })
        };
        let environment =
            platform.claims.iter().find(|composed_claim| composed_claim.kind.claim == ENVIRONMENT).unwrap();
        let environment = Self {
            composed_claim: environment,
            composite: requests::composite(&claim(environment)),
            provider_config: Value::Null,
            beside: None,
            input: input.clone(),
        };
        let kafka = composed_claim.spec.pointer("/connectorConfig/kafkaEngine").and_then(Value::as_str);
        Self {
            composed_claim,
            composite: requests::composite(&claim(composed_claim)),
            provider_config: environment.provider_config(),
            beside: (kafka == Some("Strimzi")).then(|| STRIMZI.clone()),
            input,
        }
    }

    /// ProviderConfig of a settled environment that admits every claim.
    fn provider_config(&self) -> Value {
        let answer = answer(&self.request(&self.all_ready(), Met::NotYetAsked));
        let mut found = desired(&answer).remove("lock-kubernetes").expect("an environment composes its ProviderConfig");
        for (name, value) in found["metadata"]["annotations"].as_object_mut().unwrap() {
            if name.ends_with("claim-namespaces") {
                *value = json!("*");
            }
            if name.ends_with("tenant-forms") {
                *value = json!(value.as_str().unwrap().replace("Namespaced", "Claim"));
            }
        }
        found
    }

    fn all_ready(&self) -> BTreeMap<String, Found> {
        self.keys().map(|key| (key.to_owned(), Found::Ready)).collect()
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.composed_claim.resources.iter().map(|resource| resource.key.as_str())
    }

    fn request(&self, found: &BTreeMap<String, Found>, met: Met) -> RunFunctionRequest {
        let mut request = requests::about(&self.composite);
        let state = request.observed.as_mut().unwrap();
        for planned in &self.composed_claim.resources {
            if let Some(seen) = found.get(&planned.key).and_then(|found| found.observe(planned)) {
                state.resources.insert(planned.key.clone(), requests::resource(&seen));
            }
        }
        if let Some(input) = &self.input {
            request = requests::with_input(request, input);
        }
        if let Some(lock) = &self.beside {
            request = requests::with_found(request, BESIDE, Some(lock));
        }
        let mut provider_config = self.provider_config.clone();
        match met {
            Met::NotYetAsked => return request,
            Met::Nothing => return requests::with_environment(request, None),
            Met::Foreign => provider_config["metadata"]["labels"] = json!({}),
            Met::Leaving => provider_config["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
            Met::Whole => {}
        }
        requests::with_environment(request, Some(&provider_config))
    }

    /// Number of parts in the longest chain of dependencies.
    fn longest_chain(&self) -> usize {
        let mut waits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for resource in &self.composed_claim.resources {
            waits.entry(resource.part).or_default().extend(resource.waits_for);
        }
        let mut chain = 0;
        let mut left: BTreeSet<&str> = waits.keys().copied().collect();
        while !left.is_empty() {
            let blocked: BTreeSet<&str> =
                left.iter().copied().filter(|part| waits[part].iter().any(|target| left.contains(target))).collect();
            assert!(blocked.len() < left.len(), "parts wait for each other: {left:?}");
            (left, chain) = (blocked, chain + 1);
        }
        chain
    }
}

fn conditions(answer: &RunFunctionResponse) -> BTreeSet<&str> {
    answer.conditions.iter().map(|condition| condition.r#type.as_str()).collect()
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), TestCaseError> {
    if holds { Ok(()) } else { Err(TestCaseError::fail(otherwise())) }
}

/// Checks the invariants of one answer.
fn judge(life: &Life, found: &BTreeMap<String, Found>, met: Met) -> Result<(), TestCaseError> {
    let request = life.request(found, met);
    let bytes = answer_bytes(&request);
    check(bytes == answer_bytes(&request), || "the same request has the same bytes".to_owned())?;
    check(bytes.len() <= MOST_BYTES, || format!("the answer has {} bytes", bytes.len()))?;

    let answer = RunFunctionResponse::decode(bytes.as_slice()).unwrap();
    let wanted = desired(&answer);
    let is_tenant = life.composed_claim.kind.claim != ENVIRONMENT;
    // A claim that lost its admission gets a Fatal result: nothing that a provider has taken up changes.
    let taken_up = found.values().any(|how| how.has_finalizer());
    if is_tenant && met == Met::Foreign && taken_up {
        let fatal = answer.results.iter().any(|result| result.severity() == Severity::Fatal);
        return check(fatal && wanted.is_empty(), || format!("it is not refused: {:?}", answer.results));
    }
    check(answer.results.iter().all(|result| result.severity() != Severity::Fatal), || {
        format!("it is refused: {:?}", answer.results)
    })?;
    let planned: BTreeSet<&str> = life.keys().collect();
    check(wanted.keys().map(String::as_str).collect::<BTreeSet<_>>() == planned, || "the plan is whole".to_owned())?;
    for (key, resource) in &wanted {
        let how = found.get(key).copied().unwrap_or(Found::Absent);
        let paused = &resource["metadata"]["annotations"][PAUSED];
        check(!how.has_finalizer() || paused.is_null(), || format!("{key} is taken up ({how:?}) and paused"))?;
        // Without a place for the claim, resources that no provider has taken up are held again.
        let has_place = !is_tenant || met == Met::Whole;
        check(how != Found::Released || paused.is_null() || !has_place, || format!("{key} is released and paused"))?;
    }
    let state = answer.desired.as_ref().unwrap();
    let all_ready = state.resources.values().all(|resource| resource.ready() == Ready::True);
    let ready = state.composite.as_ref().map(|composite| composite.ready() == Ready::True);
    check(ready == Some(all_ready), || format!("all are ready: {all_ready}, the composite is: {ready:?}"))?;
    check(condition(&answer, "Settled").0 == all_ready, || "settled is when all is ready".to_owned())?;
    let ever = requests::answer(&requests::about(&life.composite));
    check(conditions(&answer) == conditions(&ever), || format!("conditions are {:?}", conditions(&answer)))?;
    let untold = answer.conditions.iter().find(|condition| condition.message().is_empty());
    check(untold.is_none(), || format!("{untold:?} says nothing"))
}

/// From any observation the claim settles within as many steps as the longest chain of parts, if every released
/// resource becomes ready and no person pauses one.
fn settle(life: &Life, found: &BTreeMap<String, Found>) -> Result<(), TestCaseError> {
    let mut found = found.clone();
    let steps = life.longest_chain();
    for _ in 0..steps {
        let answer = answer(&life.request(&found, Met::Whole));
        for (key, resource) in desired(&answer) {
            let held = !resource["metadata"]["annotations"][PAUSED].is_null();
            found.insert(key, if held { Found::Held } else { Found::Ready });
        }
    }
    let answer = answer(&life.request(&found, Met::Whole));
    let (settled, message) = condition(&answer, "Settled");
    check(settled, || format!("not settled after {steps} steps: {message}"))
}

/// Observations of all resources: independent, or mostly equal.
fn observations() -> impl Strategy<Value = (Vec<Found>, Met)> {
    let one = select(FOUND.to_vec());
    let mixed = prop::collection::vec(one.clone(), 120);
    let alike =
        (one, prop::collection::vec((any::<Index>(), select(FOUND.to_vec())), 0..6)).prop_map(|(most, others)| {
            let mut found = vec![most; 120];
            for (index, other) in others {
                found[index.index(120)] = other;
            }
            found
        });
    (prop_oneof![mixed, alike], select(MET.to_vec()))
}

/// Runs `test` with many random values from a fixed seed, and shrinks a failing value.
fn many<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 40, ..Config::default() };
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, seed).run(strategy, test).unwrap_or_else(|failure| panic!("{failure}"));
}

fn live(platform: &Platform, input: Option<&Value>, found: &[Found], met: Met) -> Result<(), TestCaseError> {
    for composed_claim in &platform.claims {
        let life = Life::of(platform, composed_claim, input.cloned());
        let found = life.keys().map(str::to_owned).zip(found.iter().copied()).collect();
        judge(&life, &found, met)?;
        settle(&life, &found)?;
    }
    Ok(())
}

#[test]
fn every_example_keeps_its_promises_whatever_is_observed() {
    let platforms = examples::platforms();
    many(6, &observations(), |(found, met)| {
        platforms.iter().try_for_each(|platform| live(platform, None, &found, met))
    });
}

#[test]
fn every_legal_claim_keeps_its_promises_whatever_is_observed() {
    let (settings, input) = (full::settings(), full::input());
    let legal = Cell::new(0);
    let changes = prop::sample::subsequence(variations::changes(), 0..=8);
    many(44, &(changes, observations()), |(changes, (found, met))| {
        // Combinations that the checks refuse are skipped: other tests cover them.
        let Ok(platform) = Platform::try_of("random", variations::changed(&changes), &settings) else { return Ok(()) };
        legal.set(legal.get() + 1);
        live(&platform, Some(&input), &found, met)
    });
    assert!(legal.get() > 25, "only {} claims are legal", legal.get());
}

#[test]
fn what_is_released_is_never_taken_back() {
    let platform = full::platform();
    for composed_claim in &platform.claims {
        let life = Life::of(&platform, composed_claim, Some(full::input()));
        let taken_back = |unready: Option<&str>, met: Met| -> Vec<String> {
            let how = |key: &str| if Some(key) == unready { Found::Unready } else { Found::Ready };
            let found = life.keys().map(|key| (key.to_owned(), how(key))).collect();
            let paused = |resource: &Value| !resource["metadata"]["annotations"][PAUSED].is_null();
            let wanted = desired(&answer(&life.request(&found, met)));
            wanted.into_iter().filter(|(_, resource)| paused(resource)).map(|(key, _)| key).collect()
        };
        for key in life.keys() {
            assert!(taken_back(Some(key), Met::Whole).is_empty(), "{}: {key} is not ready", composed_claim.kind.claim);
        }
        for met in MET {
            assert!(taken_back(None, met).is_empty(), "{}: {met:?}", composed_claim.kind.claim);
        }
    }
}
