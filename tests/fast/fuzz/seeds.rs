//! Legal requests that the fuzz test starts from, split into objects that can be changed and encoded separately.

use std::collections::BTreeSet;
use std::sync::Arc;

use function_sdk_rust::proto::v1::{Resource, RunFunctionRequest};
use function_sdk_rust::resource::{json_to_struct, struct_to_json};
use prost::Message;
use serde_json::Value;

use crate::fuzz::largest::claim;
use support::requests::{answer, desired_keys, provider_config_by};
use support::returned;
use support::wire::{entry, field};
use wiring::platform::{ComposedClaim, ENVIRONMENT, Platform, Written};
use wiring::{examples, full, longest};

/// Object of a request, with its encoded fields.
pub struct Part {
    pub value: Value,
    pub bytes: Vec<u8>,
}

/// Legal request.
#[derive(Clone)]
pub struct Seed {
    pub name: Arc<str>,
    pub composite: Arc<Part>,
    pub observed: Vec<(Arc<str>, Arc<Part>)>,
    pub required: Vec<(Arc<str>, Arc<Part>)>,
    pub input: Option<Arc<Part>>,
    /// Keys of the desired resources in its answer.
    pub keys: Arc<BTreeSet<String>>,
}

impl Part {
    pub fn of(value: Value) -> Arc<Self> {
        let bytes = json_to_struct(value.as_object().expect("an object")).encode_to_vec();
        Arc::new(Self { value, bytes })
    }

    fn seen(resource: &Resource) -> Arc<Self> {
        Self::of(struct_to_json(resource.resource.as_ref().expect("a resource has fields")))
    }
}

impl Seed {
    fn of(name: String, request: &RunFunctionRequest) -> Self {
        let state = request.observed.as_ref().expect("something is observed");
        let mut observed: Vec<(Arc<str>, Arc<Part>)> =
            state.resources.iter().map(|(key, seen)| (Arc::from(key.as_str()), Part::seen(seen))).collect();
        observed.sort_by(|(one, _), (other, _)| one.cmp(other));
        let found = request.required_resources.iter();
        let mut required: Vec<(Arc<str>, Arc<Part>)> = found
            .flat_map(|(name, found)| found.items.iter().map(|item| (Arc::from(name.as_str()), Part::seen(item))))
            .collect();
        required.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self {
            name: name.into(),
            composite: Part::seen(state.composite.as_ref().expect("there is a composite")),
            observed,
            required,
            input: request.input.as_ref().map(|input| Part::of(struct_to_json(input))),
            keys: Arc::new(desired_keys(&answer(request))),
        }
    }

    /// Encoded request with the chosen observed resources.
    pub fn encode(&self, is_observed: impl Fn(usize) -> bool) -> Vec<u8> {
        let mut observed = field(1, &field(1, &self.composite.bytes));
        for (_, (key, part)) in self.observed.iter().enumerate().filter(|(index, _)| is_observed(*index)) {
            observed.extend(entry(2, key, &field(1, &part.bytes)));
        }
        let mut request = [field(1, &field(1, b"tag")), field(2, &observed)].concat();
        for (name, part) in &self.required {
            request.extend(entry(8, name, &field(1, &field(1, &part.bytes))));
        }
        if let Some(input) = &self.input {
            request.extend(field(4, &input.bytes));
        }
        request
    }
}

/// Legal requests of every kind: small ones first, the largest last.
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let wanted = ["minimal", "health-realtime-pipeline/claims", "variants/own-secrets", "variants/second-namespace"];
    let examples =
        examples::platforms().into_iter().filter(|platform| wanted.iter().any(|wanted| platform.name.contains(wanted)));
    for platform in examples {
        seeds.extend(of_platform(&platform, None));
    }
    assert!(seeds.len() >= 6, "{}", seeds.len());
    seeds.extend(of_platform(&full::platform(), Some(&full::input())));
    seeds.extend(of_platform(&longest::platform(), Some(&longest::input())));
    seeds
}

fn of_platform(platform: &Platform, input: Option<&Value>) -> Vec<Seed> {
    let written = |composed_claim: &ComposedClaim| Written {
        kind: composed_claim.kind.claim,
        claim: composed_claim.claim.clone(),
        spec: composed_claim.spec.clone(),
    };
    let environment = platform.claims.iter().find(|composed_claim| composed_claim.kind.claim == ENVIRONMENT);
    let environment = claim(&written(environment.expect("a platform has an environment")));
    let environment = provider_config_by(&environment, input);
    let seed = |composed_claim| {
        let claim = claim(&written(composed_claim));
        let request = returned::request(&claim, input, Some(&environment));
        Seed::of(format!("{}: {}", platform.name, composed_claim.claim.name), &request)
    };
    platform.claims.iter().map(seed).collect()
}
