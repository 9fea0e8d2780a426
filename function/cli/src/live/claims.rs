//! Claims of the command `preview --live`: those in the user's files, or else all in the output of kubectl.

use std::mem;

use realtime_platform_core::claims::KINDS;
use serde_json::Value;

use super::surroundings::Surroundings;
use crate::documents::object::{is_of, is_paused, text};
use crate::preview::collect::Asked;

/// Claims without a second one of the same kind, namespace and name, in the order in which a platform is built.
pub fn once(asked: Vec<Asked>) -> Vec<Asked> {
    let mut all: Vec<Asked> = Vec::new();
    for asked in asked {
        if !all.iter().any(|known| is_same(known, &asked)) {
            all.push(asked);
        }
    }
    all.sort_by_key(|asked| KINDS.iter().position(|kind| kind.claim == asked.kind.claim));
    all
}

/// Claims in the output of kubectl, each by the object that has its newest spec: the claim itself, or its composite if
/// the files lack the claim or if a person has paused the claim, because Crossplane then does not copy its spec.
pub fn standing<'a>(asked: Vec<Asked<'a>>, surroundings: &Surroundings) -> Vec<Asked<'a>> {
    let (composites, claims): (Vec<_>, Vec<_>) = asked.into_iter().partition(|asked| asked.composite.is_some());
    let is_followed = |asked: &Asked| {
        let is_it = |object: &Value| {
            is_of(object, asked.kind_name())
                && text(object, "/metadata/name") == asked.claim.name
                && text(object, "/metadata/namespace") == asked.claim.namespace
        };
        let found = surroundings.objects.iter().map(|(_, object)| *object).find(|object| is_it(object));
        !found.is_some_and(is_paused)
    };
    let (followed, paused): (Vec<_>, Vec<_>) = claims.into_iter().partition(is_followed);
    once(followed.into_iter().chain(composites).chain(paused).collect())
}

/// Takes the present version of a claim out of those in the output of kubectl: its composite, or the claim itself.
pub fn take<'a>(standing: &mut Vec<Asked<'a>>, asked: &Asked) -> Option<Asked<'a>> {
    let (mut same, others): (Vec<_>, Vec<_>) = mem::take(standing).into_iter().partition(|known| is_same(known, asked));
    *standing = others;
    same.sort_by_key(|known| known.composite.is_none());
    same.into_iter().next()
}

pub fn is_same(one: &Asked, other: &Asked) -> bool {
    one.kind.claim == other.kind.claim && one.claim == other.claim
}
