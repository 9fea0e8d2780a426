//! Content of a preview, for every output format: all claims in the previewed files, with their plans, faults and
//! warnings.

use std::collections::HashMap;

use realtime_platform_core::claims::KINDS;
use realtime_platform_core::settings::undigested;

use super::across_claims;
use super::claim::Shown;
use super::collect::Gathered;
use super::inputs::Inputs;
use super::not_ours::NotOurs;
use crate::documents::fault::Located;
use crate::documents::read::Document;

/// Content of a preview: the claims in the previewed files, the objects that are left out, and all warnings.
pub struct Preview<'a> {
    pub claims: Vec<Shown<'a>>,
    pub not_ours: Vec<NotOurs>,
    /// Whether the previewed files hold no claim at all, not even one with faults.
    pub is_empty: bool,
    /// Warnings about the previewed files, and notes about properties that KubeVela sets only at deployment. Both are
    /// printed even if faults keep the preview from being shown.
    pub of_files: Vec<Located>,
    pub warnings: Vec<Located>,
}

impl<'a> Preview<'a> {
    pub fn of(documents: &'a [Document], inputs: &Inputs, faults: &mut Vec<Located>) -> Self {
        let gathered = Gathered::of(documents);
        let mut of_files = gathered.warnings;
        let is_empty = gathered.asked.is_empty();
        if is_empty && gathered.faults.is_empty() && faults.is_empty() {
            faults.push(nothing(documents, &gathered.not_ours));
        }
        faults.extend(gathered.faults);
        let mut claims: Vec<Shown> = Vec::new();
        let mut known = HashMap::new();
        for asked in gathered.asked {
            of_files.extend(inputs.left_aside(&asked));
            match inputs.examine(&asked) {
                Ok(Some((composed, settings))) => {
                    of_files.extend(asked.later(true));
                    add(&mut claims, &mut known, Shown { asked, composed, settings }, faults);
                }
                Ok(None) => of_files.extend(asked.later(false)),
                Err(wrong) => faults.extend(wrong),
            }
        }
        faults.extend(across_claims::disagreements(&claims));
        across_claims::settle(&mut claims);
        let mut warnings = Vec::new();
        for Shown { asked, composed, .. } in &claims {
            warnings.extend(composed.warnings.iter().map(|warning| asked.warning(warning, asked.root)));
        }
        warnings.extend(across_claims::warnings(&claims));
        // Claims share container images, so a preview has one warning about all images without a digest, not one for
        // each claim. The warning is placed at the first claim that pulls such an image.
        let images = undigested(claims.iter().flat_map(|shown| shown.composed.plan.images()));
        let first = claims.iter().find(|shown| undigested(shown.composed.plan.images()).is_some());
        warnings.extend(first.zip(images).map(|(shown, images)| shown.asked.document.fault("", images)));
        Self { claims, not_ours: gathered.not_ours, is_empty, of_files, warnings }
    }

    pub fn all_warnings(&self) -> impl Iterator<Item = &Located> {
        self.of_files.iter().chain(&self.warnings)
    }
}

/// Adds a claim to a preview. A claim that is in two files, for example once as a component of an Application, counts
/// once if both versions are equal, and is a fault if they differ.
fn add<'a>(
    claims: &mut Vec<Shown<'a>>,
    known: &mut HashMap<(&'static str, String, String), usize>,
    shown: Shown<'a>,
    faults: &mut Vec<Located>,
) {
    let (kind, namespace, name) = shown.identity();
    let index = *known.entry((kind, namespace.to_owned(), name.to_owned())).or_insert(claims.len());
    match claims.get(index) {
        None => claims.push(shown),
        Some(other) if other.composed == shown.composed => {}
        Some(other) => {
            let message = format!("is also in {}, with another content: leave one of them out", other.asked.source());
            faults.push(shown.asked.fault("spec", message));
        }
    }
}

/// Largest number of file names, and of objects other than claims, that the fault about files without a claim lists.
const NAMED: usize = 5;

fn nothing(documents: &[Document], not_ours: &[NotOurs]) -> Located {
    let mut files: Vec<&str> = documents.iter().map(|document| document.file.as_str()).collect();
    files.dedup();
    let files = match files.as_slice() {
        [] => "what was given".to_owned(),
        [first, .., last] if files.len() > NAMED => format!("{} files, {first} to {last}", files.len()),
        files => files.join(", "),
    };
    let kinds = KINDS.each_ref().map(|kind| kind.claim).join(", ");
    let types = KINDS.each_ref().map(|kind| kind.definition).join(", ");
    let mut message = vec![format!(
        "no claim is in it: expected {kinds}, the composite of one, or an Application with components of type {types}"
    )];
    message.extend(not_ours.iter().take(NAMED).map(|other| format!("found {other}")));
    let more = not_ours.len().saturating_sub(NAMED);
    message.extend((more > 0).then(|| format!("and {more} more")));
    Located::file(&files, message.join("; "))
}
