//! Random sources for tests that change what is right until something breaks.
//!
//! A test makes some hundred inputs in an ordinary run. `LIKENESS_FUZZ_SECONDS=60` has each go on
//! for so long, and `LIKENESS_FUZZ_SEED=7` starts elsewhere; a failure names the seed of its input.

use std::time::{Duration, Instant};

/// A source of numbers that are the same for the same seed (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    pub(crate) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// The seeds of the inputs of one test, each with its source.
pub(crate) fn inputs(count: u64) -> impl Iterator<Item = (u64, Random)> {
    let number = |variable| std::env::var(variable).ok().and_then(|text| text.parse().ok());
    let first = number("LIKENESS_FUZZ_SEED").unwrap_or(1);
    let limit = number("LIKENESS_FUZZ_SECONDS").map(Duration::from_secs);
    let start = Instant::now();
    (first..)
        .take_while(move |seed| limit.map_or(seed - first < count, |limit| start.elapsed() < limit))
        // Neighbouring seeds would give neighbouring first numbers.
        .map(|seed| (seed, Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))))
}
