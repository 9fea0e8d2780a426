//! Whose something is: the claim that asked for it, the environment it stands in, and the platform team's settings.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::settings::Settings;

/// The prefix of every label and annotation of ours.
pub const DOMAIN: &str = "platform.example.org";

/// A label or annotation of ours.
pub fn label(name: &str) -> String {
    format!("{DOMAIN}/{name}")
}

/// The claim that asked for something, and the means it has.
#[derive(Clone, Debug)]
pub struct Owner {
    /// What the claim makes, as in `app.kubernetes.io/part-of`.
    pub system: &'static str,
    /// The claim, by namespace and name.
    pub claim: Claim,
    /// The environment, which is also the name of its ProviderConfigs and of its namespace on the host.
    pub environment: String,
    /// What is left alone inside the virtual cluster when the claim goes.
    pub leaves: Leaves,
    pub settings: Settings,
}

/// A claim, by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub namespace: String,
    pub name: String,
}

/// What is left alone inside the virtual cluster when a claim goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    Nothing,
    Volumes,
    Everything,
}

impl Claim {
    /// The claim behind a composite, by the labels that Crossplane sets or by the composite's own reference. A composite
    /// without one stands for itself.
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

/// The one that controls an object, of those that it names as its owners.
pub fn controller(object: &Value) -> Option<&Value> {
    let mut owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array)?.iter();
    owners.find(|owner| owner.get("controller") == Some(&Value::Bool(true)))
}

impl Owner {
    /// The labels of every managed resource and every manifest of this claim.
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
