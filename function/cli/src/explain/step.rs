//! Explanation of all claims in one observed state of the cluster, and in a sequence of such states.

use serde_json::Value;

use super::claim_state::{self, Account, Step};
use super::cluster::{Cluster, Seen};
use super::subject::{Judged, Subject, Subjects};
use crate::documents::fault::Located;
use crate::documents::read::Document;

impl Subjects<'_> {
    /// Explanation of the claims in each observed state of a sequence. If a state has no conditions of a claim, the
    /// conditions in the function's result for the previous state take their place, because a composite in a cluster
    /// keeps its conditions.
    pub fn steps(&self, states: &[Vec<Document>]) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut conditions: Vec<Vec<Value>> = vec![Vec::new(); self.all.len()];
        for state in states {
            let mut cluster = Cluster::of(self, state);
            for (seen, told) in cluster.claims.iter_mut().zip(conditions) {
                if seen.conditions.is_empty() {
                    seen.conditions = told;
                }
            }
            let judged = self.judged(&cluster);
            let step = self.step(&judged, &cluster, steps.last());
            steps.push(Step { file: state.first().map(|document| document.file.clone()), ..step });
            conditions = judged.iter().map(|judged| judged.iter().flat_map(conditions_of).collect()).collect();
        }
        steps
    }

    /// Explanation of every claim in one observed state of the cluster, with marks on what has changed since the
    /// previous state.
    pub fn step(&self, judged: &[Option<Judged>], cluster: &Cluster, before: Option<&Step>) -> Step {
        let accounts = self.all.iter().zip(judged).zip(&cluster.claims).filter_map(|((subject, judged), seen)| {
            let before = before.and_then(|before| before.claim(subject));
            Some(Account::of(subject, judged.as_ref()?, &seen.paused, before))
        });
        Step { file: None, claims: accounts.collect() }
    }

    /// Warnings about the claims that the cluster composed with PlatformSettings, if the user passes none.
    pub fn left_out(&self, cluster: &Cluster) -> Vec<Located> {
        let warning =
            |(subject, seen): (&Subject, &Seen)| subject.inputs.left_out(&subject.asked, seen.settings.as_ref()?);
        self.all.iter().zip(&cluster.claims).filter_map(warning).collect()
    }

    /// Result of the function for every claim; `None` for a claim whose objects are missing in the user's files.
    pub fn judged(&self, cluster: &Cluster) -> Vec<Option<Judged>> {
        let judged = |(subject, seen): (&Subject, &Seen)| (!seen.is_absent).then(|| subject.judged(seen, cluster));
        self.all.iter().zip(&cluster.claims).map(judged).collect()
    }
}

/// Conditions in the function's result for a claim, as JSON in the form of `status.conditions` in a composite.
fn conditions_of(judged: &Judged) -> impl Iterator<Item = Value> {
    let conditions = match judged {
        Ok(progress) => &progress.report.conditions,
        Err(refused) => &refused.conditions,
    };
    conditions.iter().map(claim_state::to_value)
}
