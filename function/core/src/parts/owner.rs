//! Owner of composed resources: the claim for which they are composed, its environment, and the platform team's
//! settings.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kinds::Form;
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

/// Claim in the host cluster, by its form, its namespace and its name. A composite resource that a person creates
/// counts as a claim of the form [`Form::Namespaced`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    pub form: Form,
    /// Namespace of the claim. For a cluster-scoped environment, the namespace of its managed resources.
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
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { form: Form::Claim, namespace: namespace.into(), name: name.into() }
    }

    /// The same claim in the given form.
    #[must_use]
    pub fn in_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// Claim to which a composite belongs. In the form of claims it follows from the labels that Crossplane sets on the
    /// composite, or else from `spec.claimRef`; a composite without a claim counts as its own claim. In the other form,
    /// nobody but the composite itself is the claim.
    pub fn of_composite(form: Form, composite: &Value) -> Self {
        let text = |pointer: &str| composite.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let of_claim = |name: &str| {
            text(&format!("/metadata/labels/crossplane.io~1claim-{name}"))
                .or_else(|| text(&format!("/spec/claimRef/{name}")))
        };
        if form == Form::Namespaced {
            let own = |pointer: &str| text(pointer).unwrap_or_default();
            return Self::new(own("/metadata/namespace"), own("/metadata/name")).in_form(form);
        }
        let name = of_claim("name").or_else(|| text("/metadata/name")).unwrap_or_default();
        Self::new(of_claim("namespace").unwrap_or_default(), name)
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
