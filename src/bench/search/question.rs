//! What a search bench asks besides the probe: how many, how alike, among which rows.

/// Filters let through so many of a thousand rows.
pub(super) const FILTERS: [u64; 4] = [1000, 500, 50, 1];

/// What is asked of a search besides the probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// What it is called in figures.
    pub(super) name: &'static str,
    /// Longest list wanted.
    pub(super) limit: usize,
    /// Least score in it.
    pub(super) min_score: f32,
    /// Its filter's place among [`FILTERS`]; the first lets every row through.
    pub(super) filter: usize,
    /// Whether nothing may be left to chance.
    pub(super) deterministic: bool,
}

impl Question {
    pub(super) const fn top(name: &'static str, limit: usize) -> Self {
        let min_score = f32::NEG_INFINITY;
        Self { name, limit, min_score, filter: 0, deterministic: false }
    }

    pub(super) const fn at_least(self, min_score: f32) -> Self {
        Self { min_score, ..self }
    }

    pub(super) const fn filtered(self, filter: usize) -> Self {
        Self { filter, ..self }
    }

    pub(super) const fn deterministic(self) -> Self {
        Self { deterministic: true, ..self }
    }
}

/// Whether the filter that lets through `per_thousand` lets this row through.
pub(super) fn permits(per_thousand: u64, row: usize) -> bool {
    // Fibonacci hashing: rows of one person end up apart.
    let hash = (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    hash % 1000 < per_thousand
}
