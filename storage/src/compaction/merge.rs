//! Writing the live rows of several segments into one.

use std::sync::Arc;

use super::{CompactionReport, Plan};
use crate::checkpoint::build;
use crate::error::Corruption;
use crate::id::RowOrdinal;
use crate::io::{AppendFile, Directory};
use crate::row::RowRef;
use crate::segment::{BuildError, RowSource, Segment};
use crate::version::SegmentView;

/// The live rows of some segments, in order.
struct Merged<'a> {
    inputs: &'a [SegmentView],
    /// Input and place of each row.
    order: Vec<(u32, RowOrdinal)>,
}

impl RowSource for Merged<'_> {
    fn len(&self) -> u32 {
        self.order.len() as u32
    }

    fn row(&self, at: u32) -> Result<RowRef<'_>, Corruption> {
        let place = self.order.get(at as usize);
        let found = place.and_then(|(input, row)| Some((self.inputs.get(*input as usize)?, *row)));
        let (input, row) = found.ok_or_else(|| Corruption::new("memory", 0, "no such row"))?;
        input.row(row)
    }
}

/// Merges the inputs of `plan` into the file that `create` makes, and syncs file and directory;
/// no segment where no row lives. The new file is garbage until a manifest names it.
pub(crate) fn merge<'a>(
    directory: &dyn Directory,
    plan: &Plan,
    create: impl FnOnce() -> Result<Box<dyn AppendFile + 'a>, BuildError>,
) -> Result<(Option<Arc<Segment>>, CompactionReport), BuildError> {
    let order = order(&plan.inputs)?;
    let deleted = plan.inputs.iter().map(|input| input.tombstones.len()).sum();
    let mut report = CompactionReport {
        segments: plan.inputs.len() as u64,
        rows: order.len() as u64,
        rows_purged: deleted,
        bytes_read: plan.inputs.iter().map(|input| input.segment.file_bytes()).sum(),
        ..CompactionReport::default()
    };
    if order.is_empty() {
        return Ok((None, report));
    }
    let rows = Merged { inputs: &plan.inputs, order };
    let segment = build(directory, &mut *create()?, plan.output, &plan.gallery, &rows)?;
    directory.sync()?;
    report.bytes_written = segment.file_bytes();
    Ok((Some(Arc::new(segment)), report))
}

/// Where the live rows are, by identity.
fn order(inputs: &[SegmentView]) -> Result<Vec<(u32, RowOrdinal)>, Corruption> {
    let live: u64 = inputs.iter().map(SegmentView::live_count).sum();
    let mut order = Vec::with_capacity(live as usize);
    let mut heads = Vec::new();
    for (input, view) in (0..).zip(inputs) {
        let mut rows = view.live(RowOrdinal::new(0));
        if let Some(row) = rows.next() {
            heads.push((view.segment.id_at(row)?, row, input, view, rows));
        }
    }
    while let Some(at) = (0..heads.len()).min_by_key(|&at| heads.get(at).map(|head| head.0)) {
        let Some((id, row, input, view, rows)) = heads.get_mut(at) else { break };
        order.push((*input, *row));
        match rows.next() {
            Some(next) => {
                *id = view.segment.id_at(next)?;
                *row = next;
            }
            None => drop(heads.swap_remove(at)),
        }
    }
    Ok(order)
}
