//! A probe on its way through a gallery: what it found so far, and how good a row must be.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use parking_lot::Mutex;

use super::margin::{lines, refined_line};
use super::pairs::{Side, Window};
use super::probe::{Probe, ReadError};
use super::table::{Numbers, build};
use super::waiting::{PAIRING_WAITING_MAX, Run, WAITING_MAX, Waiting};
use crate::code::PLANES;
use crate::embedding::EmbeddingRef;
use crate::id::TemplateId;
use crate::kernel::{FieldWeights, Kernel, Line, Listed, RefinedLine, TableLine};
use crate::rotation::Rotation;
use crate::topk::{Hit, TopK};

/// One probe, shared by the threads that search for it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) probe: Probe,
    pub(crate) codes: Option<CodeProbe>,
    best: Mutex<TopK>,
    bar: Bar,
    /// Whether somebody took it on to find a first bar.
    seeded: AtomicBool,
    /// Whether plane 1 left rows in most groups where it was read by itself last.
    at_once: AtomicBool,
    /// The bits of how much bounds of all planes are above scores on average; not known if zero.
    lead: AtomicU32,
    /// Rows that all planes, or the first, left undecided.
    waiting: Mutex<Waiting>,
    /// In a join, where its rows go instead of on a list of the best.
    side: Option<Side>,
}

/// What it takes to compare a probe with codes.
#[derive(Debug)]
pub(crate) struct CodeProbe {
    pub(crate) table: Vec<TableLine>,
    lines: [Line; PLANES],
    pub(crate) weights: Vec<FieldWeights>,
    pub(crate) refined_line: RefinedLine,
}

impl CodeProbe {
    /// How totals become bounds after a plane.
    pub(crate) fn line(&self, plane: usize) -> &Line {
        let [first, last] = &self.lines;
        if plane == 0 { first } else { last }
    }
}

impl Target {
    /// Prepares a probe for a gallery of so many rows, whose codes are made with this rotation.
    pub(crate) fn new(probe: Probe, rotation: Option<&Rotation>, rows: u64) -> Self {
        let hits = rows.min(probe.limit as u64);
        let codes = rotation.map(|rotation| {
            let mut rotated = vec![0.0; rotation.padded()];
            rotation.apply(probe.embedding.as_slice(), &mut rotated);
            let Numbers { table, weights, precision } = build(&rotated);
            let lines = lines(&precision, probe.exactness, hits);
            let refined_line = refined_line(&precision, probe.exactness, hits);
            CodeProbe { table, lines, weights, refined_line }
        });
        let best = Mutex::new(TopK::new(probe.limit, probe.min_score));
        let bar = Bar::new(probe.min_score);
        let (seeded, at_once, lead, waiting) = Default::default();
        Self { probe, codes, best, bar, seeded, at_once, lead, waiting, side: None }
    }

    /// Makes pairs of all rows that reach the lowest score, instead of a list of the best.
    pub(crate) fn pairing(self, side: Side) -> Self {
        Self { side: Some(side), ..self }
    }

    /// The templates among which there may be something to find.
    pub(crate) fn window(&self) -> Window {
        self.side.as_ref().map(Side::window).unwrap_or_default()
    }

    /// Whether a template may be found.
    pub(crate) fn permits(&self, id: TemplateId) -> bool {
        let side = self.side.as_ref();
        side.is_none_or(|side| side.behind < Some(id)) && self.probe.permits(id)
    }

    /// Whether nothing can be found, whatever the rows are.
    pub(crate) fn is_hopeless(&self) -> bool {
        let is_full = self.side.as_ref().is_some_and(Side::is_full);
        is_full || self.probe.limit == 0 || self.probe.min_score.is_nan()
    }

    pub(crate) fn check_cancelled(&self) -> Result<(), ReadError> {
        if self.probe.is_cancelled() { Err(ReadError::Cancelled) } else { Ok(()) }
    }

    /// The least score with which a row can still enter the list.
    pub(crate) fn bar(&self) -> f32 {
        self.bar.get()
    }

    /// Whether nobody has seen to a first bar yet; from then on the caller has.
    pub(crate) fn take_seeding(&self) -> bool {
        !self.seeded.swap(true, Ordering::Relaxed)
    }

    /// Whether both planes are best read at once, as far as anybody knows.
    pub(crate) fn reads_planes_at_once(&self) -> bool {
        self.at_once.load(Ordering::Relaxed)
    }

    /// Says whether both planes are best read at once.
    pub(crate) fn read_planes_at_once(&self, at_once: bool) {
        self.at_once.store(at_once, Ordering::Relaxed);
    }

    /// How much the bounds of all planes are above the scores on average, once that is known.
    pub(crate) fn lead(&self) -> Option<f32> {
        let lead = f32::from_bits(self.lead.load(Ordering::Relaxed));
        (lead > 0.0).then_some(lead)
    }

    /// Says how much the bounds of all planes are above the scores on average.
    pub(crate) fn set_lead(&self, lead: f32) {
        self.lead.store(lead.to_bits(), Ordering::Relaxed);
    }

    /// Lets rows wait; returns all that do once they are many.
    pub(crate) fn wait(&self, run: Run, rows: &Listed) -> Option<Waiting> {
        let mut waiting = self.waiting.lock();
        waiting.push(run, rows);
        let most = if self.side.is_some() { PAIRING_WAITING_MAX } else { WAITING_MAX };
        (waiting.len() >= most).then(|| std::mem::take(&mut *waiting))
    }

    /// The rows that wait, which then do so no longer.
    pub(crate) fn take_waiting(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock())
    }

    pub(crate) fn score(&self, kernel: Kernel, embedding: EmbeddingRef<'_>) -> f32 {
        embedding.dot(kernel, self.probe.embedding.as_slice())
    }

    /// Puts a row on the list that its probe permits.
    pub(crate) fn offer(&self, candidate: Hit) {
        if let Some(side) = &self.side {
            if candidate.scored.score >= self.probe.min_score {
                side.offer(candidate.scored);
            }
            return;
        }
        let mut best = self.best.lock();
        best.offer(candidate);
        if let Some(worst) = best.worst_when_full() {
            self.bar.raise(worst);
        }
    }

    /// What was found, best first.
    pub(crate) fn take(&self) -> Vec<Hit> {
        std::mem::take(&mut *self.best.lock()).into_sorted()
    }
}

/// A score that only ever rises, read by every thread without a lock.
#[derive(Debug)]
struct Bar(AtomicU32);

impl Bar {
    fn new(score: f32) -> Self {
        Self(AtomicU32::new(rank_of(score)))
    }

    fn get(&self) -> f32 {
        score_of(self.0.load(Ordering::Relaxed))
    }

    fn raise(&self, score: f32) {
        self.0.fetch_max(rank_of(score), Ordering::Relaxed);
    }
}

const SIGN: u32 = 1 << 31;

/// A number that orders as the score does, negative scores included.
fn rank_of(score: f32) -> u32 {
    let bits = score.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn score_of(rank: u32) -> f32 {
    f32::from_bits(if rank & SIGN == 0 { !rank } else { rank ^ SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_rises_and_never_falls() {
        let bar = Bar::new(f32::NEG_INFINITY);
        let mut highest = f32::NEG_INFINITY;
        assert_eq!(bar.get().to_bits(), highest.to_bits());
        for score in [-0.5f32, -0.75, -0.25, 0.0, 0.125, -1.0, 1.0, 0.5] {
            bar.raise(score);
            highest = highest.max(score);
            assert_eq!(bar.get().to_bits(), highest.to_bits());
        }
    }
}
