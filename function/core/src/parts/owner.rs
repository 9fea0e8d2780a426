//! Owner of composed resources: the claim for which they are composed, its environment, and the platform team's
//! settings.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::settings::Settings;

/// Prefix of all labels and annotations that this composition function defines, such as `platform.example.org/claim`.
pub const DOMAIN: &str = "platform.example.org";

/// Full name of a label or annotation that this composition function defines, with the prefix `platform.example.org/`.
pub fn label(name: &str) -> String {
    format!("{DOMAIN}/{name}")
}

/// Owner of composed resources: the claim for which they are composed, its environment, and the platform team's
/// settings.
#[derive(Clone, Debug)]
pub struct Owner {
    /// System that the claim makes, such as `iot-broker`: the value of the label `app.kubernetes.io/part-of` on its
    /// objects.
    pub system: &'static str,
    pub claim: Claim,
    /// Name of the claim's environment. The environment's ProviderConfigs and its namespace in the host cluster have
    /// the same name.
    pub environment: String,
    /// Objects of the claim inside the virtual cluster that stay when the claim is deleted.
    pub leaves: Leaves,
    pub settings: Settings,
}

/// Namespace and name of a claim in the host cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub namespace: String,
    pub name: String,
}

/// Choice of the objects inside a virtual cluster that stay when a claim is deleted: none, its volumes, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    Nothing,
    Volumes,
    Everything,
}

impl Claim {
    /// Claim to which a composite belongs, by the labels that Crossplane sets on the composite, or else by
    /// `spec.claimRef`. A composite without a claim counts as its own claim.
    pub fn of_composite(composite: &Value) -> Self {
        let text = |pointer: &str| composite.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let of_claim = |name: &str| {
            text(&format!("/metadata/labels/crossplane.io~1claim-{name}"))
                .or_else(|| text(&format!("/spec/claimRef/{name}")))
        };
        let name = of_claim("name").or_else(|| text("/metadata/name")).unwrap_or_default();
        Self { namespace: of_claim("namespace").unwrap_or_default().to_owned(), name: name.to_owned() }
    }
}

/// Owner reference to the controller of an object. The API server accepts at most one such reference in an object.
pub fn controller(object: &Value) -> Option<&Value> {
    let mut owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array)?.iter();
    owners.find(|owner| owner.get("controller") == Some(&Value::Bool(true)))
}

impl Owner {
    /// Labels of every managed resource and every manifest that is composed for this claim, with the names of the claim
    /// and its environment.
    pub fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("app.kubernetes.io/managed-by".to_owned(), "function-realtime-platform".to_owned()),
            ("app.kubernetes.io/part-of".to_owned(), self.system.to_owned()),
            (label("claim"), self.claim.name.clone()),
            (label("claim-namespace"), self.claim.namespace.clone()),
            (label("environment"), self.environment.clone()),
        ])
    }
}
