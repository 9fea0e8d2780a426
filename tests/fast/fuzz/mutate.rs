//! Mutations of a legal request: of its objects, or of its bytes.

use std::sync::Arc;

use prost::bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::fuzz::dice::Dice;
use crate::fuzz::seeds::{Part, Seed};
use support::wire::{entry, field, value};

/// Request, with the facts that a judge needs.
pub struct Mutant {
    pub bytes: Bytes,
    pub what: What,
    /// The same claim and settings without observed resources, if these were mutated and can still be read.
    pub bare: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Unchanged, with some or all observed resources.
    Legal,
    /// Observed or required resources were changed.
    Observed,
    /// Claim or settings were changed.
    Claim,
    /// Something deeper, wider or longer than any real caller sends.
    Flood,
    /// Protobuf messages were changed: repeated fields, truncated fields, other field numbers or wire types.
    Wire,
    /// Random bytes.
    Noise,
}

/// Size limit of a request, which some mutants exceed slightly.
const MOST: usize = 5 << 20;

/// Mutant, and the seed that it was made of.
pub fn mutant<'a>(seeds: &'a [Seed], dice: &mut Dice) -> (Mutant, &'a Seed) {
    // The largest seeds are slow to build and to answer, so they are drawn rarely.
    let few = seeds.len() - 3;
    let seed = if dice.once_in(400) { dice.one(&seeds[few..]) } else { dice.one(&seeds[..few]) };
    let what = match dice.below(1000) {
        0..100 => What::Legal,
        100..450 => What::Observed,
        450..730 => What::Claim,
        730..734 => What::Flood,
        734..950 => What::Wire,
        _ => What::Noise,
    };
    let (bytes, bare) = match what {
        What::Legal => (observed(seed, dice), None),
        What::Observed => (around(seed, dice), None),
        What::Claim => claimed(seed, dice),
        What::Flood => (flood(seed, dice), None),
        What::Wire => (broken(observed(seed, dice), dice), None),
        What::Noise => (dice.bytes(2000), None),
    };
    (Mutant { bytes: bytes.into(), what, bare: bare.map(Bytes::from) }, seed)
}

/// Request with a random part of the observed resources, mostly a small part.
fn observed(seed: &Seed, dice: &mut Dice) -> Vec<u8> {
    let share = *dice.one(&[0, 0, 0, 1, 1, 2, 5, 10]);
    let chosen: Vec<bool> = seed.observed.iter().map(|_| dice.below(10) < share).collect();
    seed.encode(|index| chosen[index])
}

/// Request with changes in the objects around the claim.
fn around(seed: &Seed, dice: &mut Dice) -> Vec<u8> {
    let mut seed = seed.clone();
    let mut chosen = vec![false; seed.observed.len()];
    for _ in 0..=dice.below(4) {
        let index = dice.below(seed.observed.len());
        chosen[index] = true;
        change(&mut seed.observed[index].1, dice);
    }
    if dice.once_in(3) && !seed.required.is_empty() {
        let index = dice.below(seed.required.len());
        match dice.below(3) {
            0 => drop(seed.required.remove(index)),
            _ => change(&mut seed.required[index].1, dice),
        }
    }
    seed.encode(|index| chosen[index])
}

/// Request with changes in claim or settings, and the same request without observed resources.
fn claimed(seed: &Seed, dice: &mut Dice) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut seed = seed.clone();
    match &mut seed.input {
        Some(input) if dice.once_in(3) => change(input, dice),
        input => {
            if dice.once_in(20) {
                *input = Some(Part::of(json!({"ttl": {"settledSeconds": 60}})));
            }
            change(&mut seed.composite, dice);
        }
    }
    let share = dice.below(3);
    let chosen: Vec<bool> = seed.observed.iter().map(|_| dice.below(10) < share).collect();
    (seed.encode(|index| chosen[index]), Some(seed.encode(|_| false)))
}

/// Changes an object in one to three places.
fn change(part: &mut Arc<Part>, dice: &mut Dice) {
    let mut value = part.value.clone();
    for _ in 0..=dice.below(3) {
        change_somewhere(&mut value, dice);
    }
    if !value.is_object() {
        value = json!({"a": value});
    }
    *part = Part::of(value);
}

/// Walks down a random path and changes the value at its end.
fn change_somewhere(at: &mut Value, dice: &mut Dice) {
    match at {
        Value::Object(fields) if !fields.is_empty() && !dice.once_in(12) => {
            let index = dice.below(fields.len());
            let name = fields.keys().nth(index).expect("there is one").clone();
            match dice.below(14) {
                0 => drop(fields.remove(&name)),
                1 => drop(fields.insert(hostile_text(dice), leaf(dice))),
                2 => {
                    if let Some(value) = fields.remove(&name) {
                        fields.insert(format!("{name}x"), value);
                    }
                }
                _ => change_somewhere(&mut fields[&name], dice),
            }
        }
        Value::Array(items) if !items.is_empty() && !dice.once_in(8) => {
            let index = dice.below(items.len());
            match dice.below(8) {
                0 => drop(items.remove(index)),
                1 => items.insert(index, items[index].clone()),
                2 => {
                    let item = items[index].clone();
                    items.extend(std::iter::repeat_n(item, dice.below(300)));
                }
                _ => change_somewhere(&mut items[index], dice),
            }
        }
        other => *other = leaf(dice),
    }
}

/// Random value of any kind.
fn leaf(dice: &mut Dice) -> Value {
    match dice.below(13) {
        0 => Value::Null,
        1 => json!(dice.once_in(2)),
        2 => json!(*dice.one(&[0.0, -1.0, 1.0, 0.5, 1e300, -1e300, 9_007_199_254_740_993.0, 65_536.0])),
        3 => json!(dice.below(2000)),
        4 => json!({}),
        5 => json!([]),
        6 => deep(dice),
        7 => Value::Array((0..dice.below(400)).map(|index| json!({"name": format!("t{index}")})).collect()),
        8 => (0..dice.below(50)).map(|index| (format!("k{index}"), json!(index))).collect::<Map<_, _>>().into(),
        _ => Value::String(hostile_text(dice)),
    }
}

/// Nested lists and objects, around the depth that the function accepts.
fn deep(dice: &mut Dice) -> Value {
    let levels = dice.below(130);
    (0..levels).fold(Value::Null, |inner, _| if dice.once_in(2) { json!([inner]) } else { json!({"a": inner}) })
}

const TEXTS: [&str; 28] = [
    "",
    " ",
    "true",
    "null",
    "0",
    "-1",
    "1Gi",
    "99999999Ti",
    "100m",
    "True",
    "False",
    "Ready",
    "..",
    "__proto__",
    "a.b/c",
    "$(id)",
    "{{ .password }}",
    "'; DROP TABLE x; --",
    "\"",
    "\\",
    "\u{0}",
    "\u{202e}",
    "é\u{301}",
    "\n---\n",
    "kube-system",
    "*",
    "#",
    "+/+/#",
];

fn hostile_text(dice: &mut Dice) -> String {
    match dice.below(6) {
        0 => String::from_utf8_lossy(&dice.bytes(40)).into_owned(),
        1 => dice.one(&TEXTS).repeat(1 + dice.below(200)),
        2 => "x".repeat(dice.below(400)),
        _ => (*dice.one(&TEXTS)).to_owned(),
    }
}

/// Legal request with one oversized thing in a random place.
fn flood(seed: &Seed, dice: &mut Dice) -> Vec<u8> {
    let size = *dice.one(&[64 << 10, 512 << 10, MOST - (900 << 10), MOST]);
    let much = match dice.below(6) {
        0 => value::lists(*dice.one(&[1_000, 9_990, 100_000])),
        1 => value::objects(*dice.one(&[1_000, 9_990, 50_000])),
        2 => value::list(std::iter::repeat_n(value::null().as_slice(), size / 4)),
        3 => value::text(&"x".repeat(size)),
        4 => value::object(&(0..size / 20).flat_map(|index| entry(1, &index.to_string(), &[])).collect::<Vec<_>>()),
        _ => value::list(std::iter::repeat_n(value::object(&[]).as_slice(), size / 4)),
    };
    let path: &[&str] = dice.one::<&[&str]>(&[
        &["status", "conditions"],
        &["status", "atProvider", "manifest", "status", "conditions"],
        &["metadata", "finalizers"],
        &["metadata", "managedFields"],
        &["metadata", "annotations", "crossplane.io/paused"],
        &["spec"],
        &["spec", "kafkaConfig", "topics"],
        &["kind"],
    ]);
    let fields = path.iter().rev().fold(None, |below: Option<Vec<u8>>, name| {
        let value = below.map_or_else(|| much.clone(), |fields| value::object(&fields));
        Some(value::fields([(*name, value)]))
    });
    let fields = fields.expect("a path has steps");
    let mut request = observed(seed, dice);
    let key = seed.observed.get(dice.below(seed.observed.len())).map_or("a", |(key, _)| key);
    request.extend(match dice.below(8) {
        0 => field(2, &field(1, &field(1, &fields))),
        1 => field(3, &entry(2, key, &field(1, &fields))),
        2 => field(4, &fields),
        3 => field(5, &fields),
        4 => entry(8, "environment", &field(1, &field(1, &fields))),
        5 => field(2, &[0x12, 0x00].repeat(size / 2)),
        6 => entry(8, "environment", &[0x0a, 0x00].repeat(size / 2)),
        _ => field(2, &entry(2, key, &field(1, &fields))),
    });
    request
}

/// Encoded request with changes in one to four places.
fn broken(mut bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        match dice.below(9) {
            0 => bytes.truncate(at),
            1 => bytes.splice(at..at, dice.bytes(20)).for_each(drop),
            2 => {
                let end = (at + dice.below(200)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                let end = (at + dice.below(200)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            // Groups of protobuf, and unknown fields.
            4 => bytes.extend(*dice.one(&[
                &[0x7b, 0x7c][..],
                &[0x7b],
                &[0x0b, 0x0c],
                &[0x78, 0x01],
                &[0xfa, 0x07, 0x00],
            ])),
            5 => {
                let again = bytes.clone();
                bytes.extend(again);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << dice.below(8);
                }
            }
        }
    }
    bytes
}
