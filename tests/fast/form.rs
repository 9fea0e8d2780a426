//! Forms: a composite resource that a person creates becomes the same plan as a claim, of namespaced managed resources.
//! The mapping from one to the other stands here in full.

use realtime_platform_core::claims::{Composed, Kind};
use realtime_platform_core::kinds::Form;
use realtime_platform_core::life::immutable::Immutable;
use realtime_platform_core::parts::owner::Claim;
use realtime_platform_core::parts::plan::Resource;
use realtime_platform_core::settings::Settings;
use realtime_platform_core::settings::input::HOST_NAMESPACE;
use serde_json::{Value, json};
use support::composed;
use wiring::platform::{ComposedClaim, ENVIRONMENT, Platform};
use wiring::{examples, full, longest};

mod beside;
mod place;
mod told;

/// Namespace of the managed resources of an environment that is no claim.
fn host_namespace(settings: &Settings) -> &str {
    &settings.host_namespace
}

fn compose(claim: &ComposedClaim, owner: Claim, settings: &Settings) -> Composed {
    claim.kind.compose(claim.spec.clone(), owner, settings).unwrap()
}

/// Both forms of a claim in the same namespace. An environment that is no claim counts as one in the namespace of its
/// managed resources.
fn both(claim: &ComposedClaim, settings: &Settings) -> (Composed, Composed) {
    let is_environment = claim.kind.claim == ENVIRONMENT;
    let namespace = if is_environment { host_namespace(settings) } else { &claim.claim.namespace };
    let claimed = compose(claim, Claim::new(namespace, &*claim.claim.name), settings);
    let given = if is_environment { "" } else { namespace };
    let owner = Claim::new(given, &*claim.claim.name).in_form(Form::Namespaced);
    (claimed, compose(claim, owner, settings))
}

/// API version and name of a kind.
type Named = (&'static str, &'static str);

/// Kinds of claims' plans, each with the kind that the other form has in its place.
const KINDS: [(Named, Named); 4] = [
    (("kubernetes.crossplane.io/v1alpha2", "Object"), ("kubernetes.m.crossplane.io/v1alpha1", "Object")),
    (("helm.crossplane.io/v1beta1", "Release"), ("helm.m.crossplane.io/v1beta1", "Release")),
    (("helm.crossplane.io/v1beta1", "ProviderConfig"), ("helm.m.crossplane.io/v1beta1", "ClusterProviderConfig")),
    (("protection.crossplane.io/v1beta1", "ClusterUsage"), ("protection.crossplane.io/v1beta1", "Usage")),
];

/// Gives an object the kind of the other form. Returns whether it has one.
fn rename(object: &mut Value) -> bool {
    let named = (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default());
    let Some((_, (api_version, kind))) = KINDS.iter().find(|(claimed, _)| *claimed == named) else { return false };
    object["apiVersion"] = json!(api_version);
    object["kind"] = json!(kind);
    true
}

/// Composed resource of a claim, as the other form has it.
fn mapped(mut composed: Value, namespace: &str) -> Value {
    if !rename(&mut composed) {
        // The lock of an environment, a cluster-scoped ProviderConfig, is the same in both forms. It says which form
        // the environment has.
        composed["metadata"]["annotations"]["platform.example.org/offers-form"] = json!("Namespaced");
        return composed;
    }
    composed["metadata"]["namespace"] = json!(namespace);
    if composed["spec"].get("providerConfigRef").is_some() {
        composed["spec"]["providerConfigRef"]["kind"] = json!("ClusterProviderConfig");
    }
    for field in ["of", "by"] {
        if composed["spec"].get(field).is_some() {
            rename(&mut composed["spec"][field]);
        }
    }
    if let Some(manifest) = composed.pointer_mut("/spec/forProvider/manifest") {
        rename(manifest);
    }
    composed
}

/// Resources of an environment that is no claim without a counterpart in a claim: the lock of a claim is itself what
/// provider-kubernetes reaches the virtual cluster by.
const ADDED: [&str; 2] = ["kubernetes-provider-config-object", "protection-vcluster-kubernetes-object"];
/// Part of an environment without a counterpart in a claim.
const ADDED_PART: &str = "kubernetes-provider-config";

/// Whether a resource is there for tenants of the form that is not the environment's own. Which these are, a test of
/// their own says.
fn is_for_the_other_form(resource: &Resource) -> bool {
    ["other-form-", "protection-vcluster-other-form-"].iter().any(|begin| resource.key.starts_with(begin))
}

/// Fields of a resource in a plan besides its manifest, without what waits for the part that one form lacks.
fn about(resource: &Resource) -> String {
    let waits_for: Vec<_> = resource.waits_for.iter().filter(|part| **part != ADDED_PART).collect();
    let announces: Vec<_> = resource
        .announces
        .iter()
        .map(|it| {
            (&it.annotation, it.once_ready, it.parts.iter().filter(|part| **part != ADDED_PART).collect::<Vec<_>>())
        })
        .collect();
    format!(
        "{} {waits_for:?} {:?} {:?} {} {} {announces:?}",
        resource.part, resource.place, resource.ready, resource.reports_ready, resource.adopts
    )
}

/// Platforms of the examples, and the fullest ones.
fn whole_platforms() -> Vec<Platform> {
    let mut platforms = examples::platforms();
    platforms.extend([full::platform(), longest::platform()]);
    platforms
}

#[test]
fn both_forms_of_every_claim_differ_by_the_mapping_alone() {
    let mut compared = 0;
    for platform in composed::platforms() {
        for claim in &platform.claims {
            let settings = &platform.settings;
            let name = format!("{}: {} {}", platform.name, claim.kind.claim, claim.claim.name);
            let (claimed, namespaced) = both(claim, settings);
            let is_environment = claim.kind.claim == ENVIRONMENT;
            let namespace = if is_environment { host_namespace(settings) } else { &claim.claim.namespace };
            let own = namespaced.plan.resources.iter().filter(|resource| !is_for_the_other_form(resource));
            let (mut left, added): (Vec<&Resource>, Vec<&Resource>) =
                own.partition(|resource| !ADDED.contains(&resource.key.as_str()));
            assert_eq!(added.len(), if is_environment { ADDED.len() } else { 0 }, "{name}");
            left.reverse();
            for resource in claimed.plan.resources.iter().filter(|resource| !is_for_the_other_form(resource)) {
                let other = left.pop().unwrap();
                assert_eq!(resource.key, other.key, "{name}");
                let expected = mapped(resource.composed.clone(), namespace);
                assert_eq!(other.composed, expected, "{name}: {}", resource.key);
                assert_eq!(about(other), about(resource), "{name}: {}", resource.key);
                compared += 1;
            }
            assert!(left.is_empty(), "{name}");
            assert_eq!(namespaced.view, claimed.view, "{name}");
            assert_eq!(namespaced.view_over_tls, claimed.view_over_tls, "{name}");
            assert_eq!(namespaced.warnings, claimed.warnings, "{name}");
            assert_eq!(namespaced.host_secrets, claimed.host_secrets, "{name}");
            let (field, rule) = platform.settings.rule(&HOST_NAMESPACE);
            let managed = Immutable::same("helm-provider-config-object", "/metadata/namespace", namespace, field, rule);
            let (own, immutable): (Vec<_>, Vec<_>) =
                namespaced.immutable.into_iter().partition(|immutable| *immutable == managed);
            assert_eq!(own.len(), usize::from(is_environment), "{name}");
            assert_eq!(immutable, claimed.immutable, "{name}");
        }
    }
    assert!(compared > 10_000, "{compared}");
}

/// A claim without chosen forms must not ask an API server for a kind of the other form, which it may not serve.
#[test]
fn without_a_chosen_form_nothing_is_of_the_other_form() {
    for platform in whole_platforms() {
        for claim in platform.claims.iter().filter(|claim| claim.spec.get("tenantForms").is_none()) {
            let (claimed, namespaced) = both(claim, &platform.settings);
            let of = |composed: &Composed| {
                let resources = &composed.plan.resources;
                resources.iter().map(|resource| resource.composed.to_string()).collect::<Vec<_>>().join("\n")
            };
            assert!(!of(&claimed).contains(".m.crossplane.io"), "{}", platform.name);
            let of_claims = [r#""kubernetes.crossplane.io/v1alpha2""#, r#""helm.crossplane.io/"#, "ClusterUsage"];
            let text = of(&namespaced);
            assert!(of_claims.iter().all(|found| !text.contains(found)), "{}", platform.name);
        }
    }
}

fn environment(form: Form, tenant_forms: &Value) -> Composed {
    let spec = json!({
        "name": "lab", "namespaces": ["lab", "more"], "tenantForms": tenant_forms, "allowedClaimNamespaces": ["team"],
        "tenants": [{"namespace": "more", "claimNamespace": "team"}],
    });
    let claim = Claim::new("platform-team", "lab").in_form(form);
    Kind::of_claim(ENVIRONMENT).unwrap().compose(spec, claim, &Settings::default()).unwrap()
}

/// Kinds of the ProviderConfigs in an environment's plan: how managed resources of each form reach the virtual cluster.
fn ways(composed: &Composed) -> Vec<String> {
    let manifests = composed.plan.resources.iter().map(Resource::manifest);
    let configs = manifests.filter(|manifest| manifest["kind"].as_str().unwrap().ends_with("ProviderConfig"));
    let mut ways: Vec<String> = configs
        .map(|config| {
            assert_eq!(config["metadata"]["name"], "lab");
            assert_eq!(config["metadata"]["labels"]["platform.example.org/environment"], "lab");
            assert!(config["metadata"].get("namespace").is_none(), "{config}");
            format!("{} {}", config["apiVersion"].as_str().unwrap(), config["kind"].as_str().unwrap())
        })
        .collect();
    ways.sort();
    ways
}

#[test]
fn an_environment_of_either_form_is_reached_by_tenants_of_both_once_it_chooses_forms() {
    let of_claims = ["helm.crossplane.io/v1beta1 ProviderConfig", "kubernetes.crossplane.io/v1alpha1 ProviderConfig"];
    let others = [
        "helm.m.crossplane.io/v1beta1 ClusterProviderConfig",
        "kubernetes.m.crossplane.io/v1alpha1 ClusterProviderConfig",
    ];
    let mut all = [of_claims, others].concat();
    all.sort_unstable();
    let none = json!({});
    assert_eq!(ways(&environment(Form::Claim, &none)), of_claims);
    // The lock of both forms is one ProviderConfig, which one composite alone can control.
    let lock_and_own = [others[0], of_claims[1], others[1]];
    assert_eq!(ways(&environment(Form::Namespaced, &none)), lock_and_own);
    for form in [Form::Claim, Form::Namespaced] {
        for chosen in ["Claim", "Namespaced"] {
            let composed = environment(form, &json!({"more": chosen}));
            assert_eq!(ways(&composed), all, "{form:?} {chosen}");
            // The virtual cluster stays until each of them is gone.
            let usages = composed.plan.resources.iter().filter(|resource| resource.part == "protection").count();
            assert_eq!(usages, all.len() + 1, "{form:?} {chosen}");
        }
    }
}

#[test]
fn the_lock_of_an_environment_is_the_same_in_both_forms() {
    let lock = |form| {
        let composed = environment(form, &json!({}));
        let lock = composed.plan.resources.iter().find(|resource| resource.part == "lock").unwrap().composed.clone();
        (lock["apiVersion"].clone(), lock["kind"].clone(), lock["metadata"]["name"].clone())
    };
    assert_eq!(lock(Form::Claim), lock(Form::Namespaced));
}
