//! Random legal platforms: several changes at once, with a fixed seed.

use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::variations::{self, Change};

/// Two to eight changes of the fullest platform.
fn some_changes() -> BoxedStrategy<Vec<Change>> {
    subsequence(variations::changes(), 2..=8).boxed()
}

/// Calls `judge` with random combinations of changes. proptest shrinks a failing combination before it reports the
/// failure.
pub fn combinations(cases: u32, judge: impl Fn(Vec<Change>) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, seed).run(&some_changes(), judge).unwrap_or_else(|failure| panic!("{failure}"));
}
