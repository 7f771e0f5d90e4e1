//! Exact search: every live row of a gallery is compared, most of them by a few of their bits.
//!
//! A search is a task of many units: the rows in memory are one, each extent of a segment is one.
//! The threads of the pool take units as they come and share the list of the best; the higher its
//! worst score, the fewer rows of later units need a second look.

mod extent;
mod gallery_scan;
mod margin;
mod pool;
mod probe;
mod report;
mod scratch;
mod seeds;
mod settle;
mod stages;
mod table;
mod target;
#[cfg(test)]
mod tests;
mod tile;

use std::sync::Arc;

use gallery_scan::GalleryScan;
pub(crate) use pool::ScanPool;
use pool::Task;
pub use probe::{Probe, ReadError};
pub use report::{ScanReport, StageReport};

use crate::topk::Scored;
use crate::version::GalleryView;

/// Searches a gallery for every probe, in one pass. The lists come in the order of the probes.
pub(crate) fn search(
    pool: &ScanPool,
    view: &Arc<GalleryView>,
    probes: Vec<Probe>,
) -> Result<(Vec<Vec<Scored>>, ScanReport), ReadError> {
    let scan = Arc::new(GalleryScan::new(Arc::clone(view), probes, pool.kernel())?);
    let task: Arc<dyn Task> = Arc::clone(&scan) as _;
    pool.run(&task, scan.units());
    scan.finish()
}
