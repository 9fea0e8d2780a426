//! Invariants of an answer, for any request.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use function_sdk_rust::proto::v1::{RunFunctionResponse, Severity};
use prost::Message;
use prost::bytes::Bytes;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::fuzz::dice::Dice;
use crate::fuzz::mutate::{Mutant, What};
use crate::fuzz::seeds::Seed;
use support::requests::desired_keys;
use support::wire;

/// Size of a message that the server accepts without a setting.
const LIMIT: usize = 5 << 20;

/// Number of faults after which a run stops.
const ENOUGH: usize = 5;

/// Counts of what was sent and answered.
#[derive(Default)]
pub struct Tally {
    pub sent: u64,
    /// Requests whose answer has no Fatal result.
    pub answered: u64,
    pub fatal: u64,
    pub refused: u64,
    pub too_large: u64,
    pub largest_request: usize,
    pub largest_answer: usize,
    /// Number of requests that were sent again with the same bytes.
    pub repeated: u64,
    /// Number of comparisons of a whole plan.
    pub compared: u64,
    pub faults: Vec<String>,
    kinds: BTreeMap<What, u64>,
}

impl Tally {
    pub fn of(&self, what: What) -> u64 {
        self.kinds.get(&what).copied().unwrap_or_default()
    }

    pub fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.fatal += other.fatal;
        self.refused += other.refused;
        self.too_large += other.too_large;
        self.repeated += other.repeated;
        self.compared += other.compared;
        self.largest_request = self.largest_request.max(other.largest_request);
        self.largest_answer = self.largest_answer.max(other.largest_answer);
        self.faults.extend(other.faults);
        for (what, count) in other.kinds {
            *self.kinds.entry(what).or_default() += count;
        }
    }
}

/// Caller with a connection, and its results.
pub struct Judge {
    channel: Channel,
    pub tally: Tally,
}

/// Part of an answer that is judged.
enum Said {
    Plan(BTreeSet<String>),
    Fatal,
    Refused,
}

impl Judge {
    pub fn new(channel: Channel) -> Self {
        Self { channel, tally: Tally::default() }
    }

    pub fn goes_on(&self) -> bool {
        self.tally.faults.len() < ENOUGH
    }

    /// Sends a request, and some requests twice or without observed resources. Returns how many requests were sent.
    pub async fn judge(&mut self, mutant: Mutant, seed: &Seed, dice: &mut Dice) -> u64 {
        let before = self.tally.sent;
        *self.tally.kinds.entry(mutant.what).or_default() += 1;
        let answer = self.call(&mutant.bytes).await;
        let said = self.read(&mutant, &answer);
        match (&said, mutant.what) {
            (Said::Plan(keys), What::Legal | What::Observed) => {
                self.tally.compared += 1;
                if let Some(gone) = seed.keys.difference(keys).next() {
                    self.fault(&mutant, &format!("{gone} of {} is not desired any more", seed.name));
                }
            }
            (Said::Fatal | Said::Refused, What::Legal) => self.fault(&mutant, &format!("{} is refused", seed.name)),
            (Said::Plan(keys), What::Claim) if dice.once_in(4) => {
                if let Some(bare) = &mutant.bare {
                    let bare = Mutant { bytes: bare.clone(), what: What::Claim, bare: None };
                    let answer = self.call(&bare.bytes).await;
                    self.tally.compared += 1;
                    match self.read(&bare, &answer) {
                        Said::Plan(wanted) if wanted.is_subset(keys) => {}
                        Said::Plan(wanted) => {
                            let gone: Vec<_> = wanted.difference(keys).collect();
                            self.fault(&mutant, &format!("{gone:?} is desired only where nothing is observed"));
                        }
                        Said::Fatal | Said::Refused => self.fault(&mutant, "it is refused where nothing is observed"),
                    }
                }
            }
            _ => {}
        }
        if dice.once_in(8) {
            self.tally.repeated += 1;
            let again = self.call(&mutant.bytes).await;
            let same = match (&answer, &again) {
                (Ok(one), Ok(other)) => one == other,
                (Err(one), Err(other)) => one.code() == other.code() && one.message() == other.message(),
                _ => false,
            };
            if !same {
                self.fault(&mutant, "the same bytes are answered otherwise");
            }
        }
        self.tally.sent - before
    }

    async fn call(&mut self, request: &Bytes) -> Result<Bytes, Status> {
        self.tally.sent += 1;
        self.tally.largest_request = self.tally.largest_request.max(request.len());
        wire::call(self.channel.clone(), request.clone()).await
    }

    fn read(&mut self, mutant: &Mutant, answer: &Result<Bytes, Status>) -> Said {
        let bytes = match answer {
            Ok(bytes) => bytes,
            Err(status) => {
                let is_too_large = mutant.bytes.len() > LIMIT;
                match status.code() {
                    Code::ResourceExhausted if is_too_large => self.tally.too_large += 1,
                    Code::InvalidArgument if !is_too_large => self.tally.refused += 1,
                    _ => self.fault(mutant, &format!("{status:?}")),
                }
                return Said::Refused;
            }
        };
        self.tally.largest_answer = self.tally.largest_answer.max(bytes.len());
        // Data that earlier functions passed on may be deeper than the decoder here allows, or broken.
        let Ok(answer) = RunFunctionResponse::decode(bytes.clone()) else {
            if matches!(mutant.what, What::Legal | What::Observed | What::Claim) {
                self.fault(mutant, "the answer cannot be read");
            }
            return Said::Refused;
        };
        match answer.results.iter().filter(|result| result.severity() == Severity::Fatal).count() {
            0 => {
                self.tally.answered += 1;
                Said::Plan(desired_keys(&answer))
            }
            1 => {
                self.tally.fatal += 1;
                if answer.results.iter().any(|result| result.message.contains("bug")) {
                    self.fault(mutant, "it panicked");
                }
                Said::Fatal
            }
            more => {
                self.fault(mutant, &format!("{more} results are fatal"));
                Said::Fatal
            }
        }
    }

    fn fault(&mut self, mutant: &Mutant, what: &str) {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{:016x}.bin", digest(&mutant.bytes)));
        fs::write(&file, &mutant.bytes).expect("a request can be kept");
        self.tally.faults.push(format!(
            "{what} ({:?}, {} bytes: AGAIN={})",
            mutant.what,
            mutant.bytes.len(),
            file.display()
        ));
    }
}

/// Hash that identifies a request.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |digest, byte| (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Short form of an answer for people.
pub fn in_short(answer: &Bytes) -> String {
    match RunFunctionResponse::decode(answer.clone()) {
        Ok(read) => format!("{} bytes, {} desired, {:?}", answer.len(), desired_keys(&read).len(), read.results),
        Err(error) => format!("{} bytes, not readable: {error}", answer.len()),
    }
}
