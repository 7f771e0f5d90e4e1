//! What a search did: for `EXPLAIN ANALYZE`, benchmarks and tests.

use std::time::Duration;

use crate::code::PLANES;

/// What one search read and left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanReport {
    /// The instruction set of the kernels.
    pub kernel: &'static str,
    /// Threads that took part.
    pub threads: u64,
    /// Segments searched.
    pub segments: u64,
    /// Rows that could be candidates: live, and let through by the filter.
    pub rows: u64,
    /// Those of them that no checkpoint has sealed yet.
    pub rows_in_memory: u64,
    /// The stages in the order in which a row goes through them.
    pub stages: Vec<StageReport>,
}

/// One stage of a search: a part of the codes, or the embeddings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageReport {
    /// `plane 1`, `plane 2`, `refinement` or `embedding`.
    pub name: &'static str,
    /// Rows that were undecided before the stage.
    pub rows: u64,
    /// Those of them that it decided: pruned by their codes, scored from their embeddings.
    pub decided: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Time spent, summed over the threads.
    pub time: Duration,
}

/// The place of the refinement among the stages, behind the planes.
pub(crate) const REFINEMENT: usize = PLANES;
/// The place of the embeddings.
pub(crate) const EMBEDDING: usize = PLANES + 1;

const STAGES: [&str; EMBEDDING + 1] = ["plane 1", "plane 2", "refinement", "embedding"];

/// What one thread counts while it searches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    pub(crate) rows_in_memory: u64,
    pub(crate) stages: [StageReport; EMBEDDING + 1],
}

impl Tally {
    /// Adds what a stage did.
    pub(crate) fn count(&mut self, stage: usize, rows: u64, decided: u64, bytes: u64) {
        if let Some(stage) = self.stages.get_mut(stage) {
            stage.rows += rows;
            stage.decided += decided;
            stage.bytes += bytes;
        }
    }

    /// Adds rows whose turn it was to be scored, of how many it was still worth it, and the bytes
    /// of each.
    pub(crate) fn count_scored(&mut self, rows: u64, scored: u64, bytes: u64) {
        self.count(EMBEDDING, rows, scored, scored * bytes);
    }

    /// Adds the time a stage took.
    pub(crate) fn spend(&mut self, stage: usize, time: Duration) {
        if let Some(stage) = self.stages.get_mut(stage) {
            stage.time += time;
        }
    }

    /// Adds what another thread counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.rows_in_memory += other.rows_in_memory;
        for (at, stage) in other.stages.iter().enumerate() {
            self.count(at, stage.rows, stage.decided, stage.bytes);
            self.spend(at, stage.time);
        }
    }

    /// The stages that saw a row.
    pub(crate) fn into_stages(self) -> Vec<StageReport> {
        let named = self.stages.into_iter().zip(STAGES);
        named
            .map(|(stage, name)| StageReport { name, ..stage })
            .filter(|stage| stage.rows > 0)
            .collect()
    }
}
