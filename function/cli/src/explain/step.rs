//! State of all claims at one moment.

use super::claim_state::{Account, Step};
use super::cluster::{Cluster, Seen};
use super::subject::{Call, Judged, Subject, Subjects};

/// Moment of a sequence: the input of Crossplane's calls, and the explanation of the results.
#[derive(Clone, Debug)]
pub struct Moment {
    pub calls: Vec<Call>,
    pub step: Step,
}

impl Subjects<'_> {
    /// Explanation of every claim from its result, with the changes since the step before.
    pub fn step(&self, judged: &[Option<Judged>], cluster: &Cluster, before: Option<&Step>) -> Step {
        let accounts = self.all.iter().zip(judged).zip(&cluster.claims).filter_map(|((subject, judged), seen)| {
            let before = before.and_then(|before| before.claim(subject));
            Some(Account::of(subject, judged.as_ref()?, &seen.paused, before))
        });
        Step { title: None, file: None, claims: accounts.collect() }
    }

    /// Result of the function for every claim that exists.
    pub fn judged(&self, cluster: &Cluster) -> Vec<Option<Judged>> {
        let judged = |(subject, seen): (&Subject, &Seen)| (!seen.is_absent).then(|| subject.judged(seen, cluster));
        self.all.iter().zip(&cluster.claims).map(judged).collect()
    }
}
