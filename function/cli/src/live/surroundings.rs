//! Settings in a cluster: the function's input in the Composition of each claim, and PlatformSettings, from the output
//! of kubectl.

use realtime_platform_core::claims::Kind;
use realtime_platform_core::parts::owner::Claim;
use realtime_platform_core::settings::objects::{KIND, REQUIREMENT};
use serde_json::Value;

use crate::documents::fault::Located;
use crate::documents::object::{is_of, objects, text};
use crate::documents::read::Document;
use crate::explain::not_found::OBSERVE;
use crate::preview::collect::Asked;
use crate::preview::inputs::Inputs;

/// Objects in the output of kubectl, each with the document that holds it.
pub struct Surroundings<'a> {
    pub objects: Vec<(&'a Document, &'a Value)>,
}

/// Settings that the user gives on the command line; `None` for those of the cluster.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    pub input: Option<&'a [Document]>,
    pub settings: Option<&'a [Document]>,
}

impl<'a> Surroundings<'a> {
    pub fn of(documents: &'a [Document]) -> Self {
        let within =
            |document: &'a Document| objects(&document.value).into_iter().map(move |object| (document, object));
        Self { objects: documents.iter().flat_map(within).collect() }
    }

    /// Composite of a claim, if the files have it.
    pub fn composite(&self, kind: &Kind, claim: &Claim) -> Option<&'a Value> {
        let is_it = |object: &Value| is_of(object, kind.composite_in(claim.form)) && Kind::owner_of(object) == *claim;
        self.objects.iter().map(|(_, object)| *object).find(|object| is_it(object))
    }

    /// Composition that a claim is composed with: the revision that its composite names, else the Composition that the
    /// composite names, else the only Composition for its kind. `None` if the files have none of these.
    pub fn composition(&self, asked: &Asked) -> Option<(&'a Document, &'a Value)> {
        let composite = self.composite(asked.kind, &asked.claim);
        let named = |kind: &'static str, field: &str| {
            let at = ["/spec/crossplane", "/spec"].map(|at| format!("{at}/{field}/name"));
            let name = at.iter().find_map(|at| composite?.pointer(at)?.as_str())?;
            let is_it =
                |(_, object): &&(&Document, &Value)| is_of(object, kind) && text(object, "/metadata/name") == name;
            self.objects.iter().find(is_it).copied()
        };
        let only = || {
            let is_for = |object: &Value| {
                is_of(object, "Composition") && text(object, "/spec/compositeTypeRef/kind") == asked.composite_kind()
            };
            let mut all = self.objects.iter().filter(|(_, object)| is_for(object));
            all.next().copied().filter(|_| all.next().is_none())
        };
        named("CompositionRevision", "compositionRevisionRef")
            .or_else(|| named("Composition", "compositionRef"))
            .or_else(only)
    }

    /// Settings for claims: all that apply to some of them, and for each claim the index of its own among them.
    /// Settings on the command line take the place of the cluster's.
    pub fn settings(
        &self,
        asked: &[Asked],
        given: Given,
        warnings: &mut Vec<Located>,
        faults: &mut Vec<Located>,
    ) -> (Vec<Inputs>, Vec<usize>) {
        let mut known: Vec<Option<(&Document, &Value)>> = Vec::new();
        let (mut indices, mut without) = (Vec::new(), Vec::new());
        for asked in asked {
            let composition = if given.input.is_some() { None } else { self.composition(asked) };
            let object = |found: Option<(&Document, &Value)>| found.map(|(_, object)| std::ptr::from_ref(object));
            let index = known.iter().position(|known| object(*known) == object(composition));
            indices.push(index.unwrap_or(known.len()));
            if index.is_none() {
                known.push(composition);
            }
            if composition.is_none() && given.input.is_none() {
                without.push(asked.title());
            }
        }
        if let Some(asked) = asked.first().filter(|_| !without.is_empty()) {
            let message = format!(
                "the observed files have no Composition of {}, so that the defaults of all settings apply: write all with {OBSERVE}, or give --input",
                without.join(", ")
            );
            warnings.push(asked.document.fault("", message));
        }
        (known.into_iter().map(|composition| self.inputs(composition, given, faults)).collect(), indices)
    }

    /// Settings for claims that have the given Composition.
    fn inputs(&self, composition: Option<(&Document, &Value)>, given: Given, faults: &mut Vec<Located>) -> Inputs {
        let live: Vec<Document> = composition.iter().map(|(document, object)| document.with_only(object)).collect();
        let inputs = Inputs::of(given.input.unwrap_or(&live), given.settings, faults);
        // A Composition of an older version of this platform may not pass PlatformSettings to the function.
        let is_passed = composition.is_none_or(|(_, composition)| passes_settings(composition));
        if given.input.is_none() && given.settings.is_none() && !is_passed {
            return inputs;
        }
        let standing = self.objects.iter().map(|(_, object)| *object).filter(|object| is_of(object, KIND));
        inputs.above(standing.cloned().collect())
    }
}

fn passes_settings(composition: &Value) -> bool {
    let steps = composition.pointer("/spec/pipeline").and_then(Value::as_array).into_iter().flatten();
    let required = steps.filter_map(|step| step.pointer("/requirements/requiredResources")?.as_array()).flatten();
    required.into_iter().any(|required| text(required, "/requirementName") == REQUIREMENT)
}
