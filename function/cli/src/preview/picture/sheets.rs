//! Sheets of the platform picture: groups of parts that are laid out together. Twice as many nodes take four times as
//! long to lay out, so a sheet holds few claims. The picture has one sheet for each environment, and several for an
//! environment with many claims.

use std::collections::HashMap;

use super::arrows::{Arrow, End};
use super::parts::Part;

/// Largest number of claims on a sheet (section) of the platform picture: an environment, and two claims in each of
/// three namespaces.
const CLAIMS: usize = 7;

/// Assignment of each part of the platform picture to the sheet on which it is laid out.
pub struct Sheets {
    of_parts: Vec<usize>,
    count: usize,
}

impl Sheets {
    pub fn of(parts: &[Part]) -> Self {
        let mut claims: Vec<&Part> = parts.iter().collect();
        claims.dedup_by_key(|part| part.claim);
        let mut environments: Vec<Vec<Vec<usize>>> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut places: HashMap<(usize, Option<&str>), usize> = HashMap::new();
        for part in claims {
            let environment = *known.entry(part.shown.environment()).or_insert(environments.len());
            if environment == environments.len() {
                environments.push(Vec::new());
            }
            let inside = &mut environments[environment];
            let namespace = part.shown.place().map(|(_, namespace)| namespace);
            let place = *places.entry((environment, namespace)).or_insert(inside.len());
            if place == inside.len() {
                inside.push(Vec::new());
            }
            inside[place].push(part.claim);
        }
        let mut of_claims: HashMap<usize, usize> = HashMap::new();
        let mut count = 0;
        for environment in environments {
            // Claims of one namespace stay on one sheet of the platform picture, up to the largest number of claims on
            // a sheet.
            let mut room = 0;
            for claims in environment.iter().flat_map(|claims| claims.chunks(CLAIMS)) {
                if claims.len() > room {
                    (room, count) = (CLAIMS, count + 1);
                }
                room -= claims.len();
                of_claims.extend(claims.iter().map(|claim| (*claim, count - 1)));
            }
        }
        let of_parts = parts.iter().map(|part| of_claims[&part.claim]).collect();
        Self { of_parts, count }
    }

    /// Indices of the parts on each sheet (section) of the platform picture.
    pub fn parts(&self) -> Vec<Vec<usize>> {
        let mut parts = vec![Vec::new(); self.count];
        for (part, sheet) in self.of_parts.iter().enumerate() {
            parts[*sheet].push(part);
        }
        parts
    }

    /// Arrows on each sheet (section) of the platform picture. An arrow between the parts of two sheets is left out.
    pub fn arrows<'r>(&self, all: impl Iterator<Item = &'r Arrow>) -> Vec<Vec<&'r Arrow>> {
        let mut arrows = vec![Vec::new(); self.count];
        for arrow in all {
            if let Some(sheet) = self.of_arrow(arrow) {
                arrows[sheet].push(arrow);
            }
        }
        arrows
    }

    /// Sheet (section) of the platform picture that contains both ends of an arrow; `None` for an arrow between two
    /// sheets.
    pub fn of_arrow(&self, arrow: &Arrow) -> Option<usize> {
        match (self.of_end(&arrow.from), self.of_end(&arrow.to)) {
            (Some(from), Some(to)) => (from == to).then_some(from),
            (from, to) => from.or(to),
        }
    }

    /// Sheet (section) of the platform picture with the part at an arrow's end. `None` for an end outside the platform,
    /// which is on the sheet of each part to which an arrow connects it.
    pub fn of_end(&self, end: &End) -> Option<usize> {
        match end {
            End::Part(part) => self.of_parts.get(*part).copied(),
            End::Beyond(_) | End::Entrance(_) => None,
        }
    }
}
