//! One search through one gallery, cut into units.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use parking_lot::Mutex;

use super::extent;
use super::pool::Task;
use super::probe::ReadError;
use super::report::{ScanReport, Tally};
use super::scratch::Scratch;
use super::settle;
use super::target::Target;
use super::tile::Extent;
use crate::code::EXTENT_ROWS;
use crate::error::Corruption;
use crate::id::TemplateId;
use crate::kernel::Kernel;
use crate::limits::SCAN_BLOCK_ROWS;
use crate::memtable::Memtable;
use crate::topk::{Hit, Place, Scored};
use crate::version::GalleryView;

/// Probes that one unit compares with the rows of a table: few enough that their embeddings stay in
/// a core's cache, and that others wait for the unit no longer than for an extent.
const TABLE_PROBES: usize = 8;

/// What one call of a thread searches.
#[derive(Clone, Copy, Debug)]
enum Unit {
    /// The rows of a table in memory, by its place among the tables, for some probes, by the place
    /// of the first.
    Table(usize, usize),
    /// An extent of a segment, by the segment's place and the extent's number.
    Extent(usize, u32),
    /// What waits of a probe, by the probe's place.
    Waiting(usize),
}

/// A search under way.
pub(crate) struct GalleryScan {
    view: Arc<GalleryView>,
    kernel: Kernel,
    targets: Vec<Target>,
    units: Vec<Unit>,
    /// The first unit that nobody took yet.
    next: AtomicUsize,
    outcome: Mutex<Outcome>,
}

#[derive(Default)]
struct Outcome {
    /// Units that were done.
    done: usize,
    failed: Option<ReadError>,
    tally: Tally,
    threads: Vec<ThreadId>,
}

impl Outcome {
    fn add(&mut self, searched: Result<Tally, ReadError>) {
        match searched {
            Ok(tally) => self.tally.add(&tally),
            Err(error) => {
                self.failed.get_or_insert(error);
            }
        }
    }
}

impl GalleryScan {
    /// Cuts the gallery into units.
    pub(crate) fn new(
        view: Arc<GalleryView>,
        targets: Vec<Target>,
        kernel: Kernel,
    ) -> Result<Self, ReadError> {
        let hopeless = targets.iter().all(Target::is_hopeless);
        let mut units = if hopeless { Vec::new() } else { units_of(&view, &targets)? };
        if !units.is_empty() && targets.iter().any(|target| target.codes.is_some()) {
            units.extend((0..targets.len()).map(Unit::Waiting));
        }
        let (next, outcome) = (AtomicUsize::new(0), Mutex::default());
        Ok(Self { view, kernel, targets, units, next, outcome })
    }

    /// The number of units that there are rows for.
    pub(crate) fn units(&self) -> usize {
        self.units.iter().filter(|unit| !matches!(unit, Unit::Waiting(_))).count()
    }

    /// What was found for each probe, once all units are done.
    ///
    /// # Panics
    /// Where a thread that helped panicked: its unit is not searched.
    pub(crate) fn finish(&self) -> Result<(Vec<Vec<Hit>>, ScanReport), ReadError> {
        let Outcome { done, failed, tally, threads } = std::mem::take(&mut *self.outcome.lock());
        if let Some(error) = failed {
            return Err(error);
        }
        assert_eq!(done, self.units.len(), "every unit of a search is done");
        let report = ScanReport {
            kernel: self.kernel.name(),
            threads: threads.len() as u64,
            segments: self.view.segments.len() as u64,
            rows: tally.rows,
            rows_in_memory: tally.rows_in_memory,
            stages: tally.into_stages(),
        };
        Ok((self.targets.iter().map(Target::take).collect(), report))
    }

    fn search(&self, unit: Unit, scratch: &mut Scratch) -> Result<Tally, ReadError> {
        let mut tally = Tally::default();
        match unit {
            Unit::Table(at, first) => {
                if let Some(table) = self.view.tables().get(at) {
                    let targets = self.targets.get(first..).unwrap_or_default();
                    let targets = targets.get(..TABLE_PROBES).unwrap_or(targets);
                    self.search_table(table, targets, &mut tally)?;
                }
            }
            Unit::Extent(at, number) => {
                if let Some(view) = self.view.segments.get(at) {
                    let (segment, kernel) = (at as u32, self.kernel);
                    let extent = Extent { view, segment, number, kernel };
                    extent::search(&self.view, &extent, &self.targets, scratch, &mut tally)?;
                }
            }
            Unit::Waiting(at) => self.settle(self.targets.get(at), &mut tally)?,
        }
        Ok(tally)
    }

    /// Takes in what a unit came to; says whether it was the last one and all went well.
    fn take_in(&self, searched: Result<Tally, ReadError>) -> bool {
        let mut outcome = self.outcome.lock();
        outcome.done += 1;
        let thread = thread::current().id();
        if !outcome.threads.contains(&thread) {
            outcome.threads.push(thread);
        }
        outcome.add(searched);
        if outcome.failed.is_some() {
            // What is left need not be looked at.
            self.next.store(self.units.len(), Ordering::Relaxed);
        }
        outcome.done == self.units.len() && outcome.failed.is_none()
    }

    /// Settles what waits of some probes.
    fn settle<'a>(
        &self,
        targets: impl IntoIterator<Item = &'a Target>,
        tally: &mut Tally,
    ) -> Result<(), ReadError> {
        for target in targets {
            settle::settle(&self.view, self.kernel, target, target.take_waiting(), tally)?;
        }
        Ok(())
    }

    fn search_table(
        &self,
        table: &Memtable,
        targets: &[Target],
        tally: &mut Tally,
    ) -> Result<(), ReadError> {
        let mut compared = 0;
        for (at, row) in table.rows(least_behind(targets)).enumerate() {
            if at % SCAN_BLOCK_ROWS == 0 {
                targets.iter().try_for_each(Target::check_cancelled)?;
                let nothing_left =
                    |target: &Target| target.is_hopeless() || target.window().is_before(row.id);
                if targets.iter().all(nothing_left) {
                    break;
                }
            }
            for target in targets.iter().filter(|target| target.permits(row.id)) {
                compared += 1;
                let score = target.score(self.kernel, row.embedding);
                let scored = Scored { id: row.id, score };
                target.offer(Hit { scored, place: Place::Memory });
            }
        }
        // In memory they are in single precision.
        let row_bytes = self.view.descriptor.dim.get() * size_of::<f32>();
        tally.rows += compared;
        tally.rows_in_memory += compared;
        tally.count_scored(compared, compared, row_bytes as u64);
        Ok(())
    }
}

impl Task for GalleryScan {
    fn advance(&self, scratch: &mut Scratch) -> bool {
        let Some(&unit) = self.units.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
            return false;
        };
        let searched = self.search(unit, scratch);
        if self.take_in(searched) {
            // Rows of units that ended behind those which settle what waits.
            let mut tally = Tally::default();
            let settled = self.settle(&self.targets, &mut tally);
            self.outcome.lock().add(settled.map(|()| tally));
        }
        true
    }
}

/// The rows of a gallery in units, large segments first: what is found there makes the rest quick.
/// Extents that begin behind no target are left out.
fn units_of(view: &GalleryView, targets: &[Target]) -> Result<Vec<Unit>, Corruption> {
    let behind = least_behind(targets);
    let mut segments: Vec<_> = view.segments.iter().enumerate().collect();
    segments.sort_by_key(|(_, view)| std::cmp::Reverse(view.segment.row_count()));
    let mut units = Vec::new();
    for (at, view) in segments {
        let first = view.segment.first_after(behind)?.get() / EXTENT_ROWS as u32;
        let extents = view.segment.row_count().div_ceil(EXTENT_ROWS as u32);
        units.extend((first..extents).map(|number| Unit::Extent(at, number)));
    }
    let tables = view.tables();
    for (at, _) in tables.iter().enumerate().filter(|(_, table)| table.len() > 0) {
        units.extend((0..targets.len()).step_by(TABLE_PROBES).map(|first| Unit::Table(at, first)));
    }
    Ok(units)
}

/// Where the rows begin that may be found by any of some targets.
fn least_behind(targets: &[Target]) -> Option<TemplateId> {
    targets.iter().map(|target| target.window().behind).min().flatten()
}
