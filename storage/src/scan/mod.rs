//! Exact search: every live row of a gallery is compared, most of them by a few of their bits.
//!
//! A search is a task of many units: the rows in memory are one, each extent of a segment is one.
//! The threads of the pool take units as they come and share the list of the best; the higher its
//! worst score, the fewer rows of later units need a second look.

mod extent;
mod gallery_scan;
mod margin;
mod pairs;
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
pub(crate) mod tests;
mod tile;
mod waiting;

use std::sync::Arc;

use gallery_scan::GalleryScan;
pub(crate) use pairs::{Pair, PairProbe};
use pairs::{Pairs, Side};
pub(crate) use pool::ScanPool;
use pool::Task;
pub use probe::{Probe, ReadError};
pub use report::{ScanReport, StageReport};
use target::Target;

use crate::code::has_codes;
use crate::rotation::Rotation;
use crate::topk::Hit;
use crate::version::GalleryView;

/// Searches a gallery for every probe, in one pass. The lists come in the order of the probes.
pub(crate) fn search(
    pool: &ScanPool,
    view: &Arc<GalleryView>,
    probes: Vec<Probe>,
) -> Result<(Vec<Vec<Hit>>, ScanReport), ReadError> {
    run(pool, view, targets(view, probes)?)
}

/// Searches a gallery for the rows that each probe of a block pairs with, in one pass. The pairs
/// come in the order of the probes, those of one probe in the order of templates: the first `most`
/// of them, which may be all there are only where they are fewer.
pub(crate) fn pairs(
    pool: &ScanPool,
    view: &Arc<GalleryView>,
    probes: Vec<PairProbe>,
    most: usize,
) -> Result<Vec<Pair>, ReadError> {
    let pairs = Pairs::new(most);
    let (probes, behind): (Vec<_>, Vec<_>) =
        probes.into_iter().map(|PairProbe { probe, behind }| (probe, behind)).unzip();
    let targets = targets(view, probes)?.into_iter().zip(behind).enumerate();
    let pairing = targets.map(|(place, (target, behind))| {
        target.pairing(Side { place, behind, pairs: Arc::clone(&pairs) })
    });
    run(pool, view, pairing.collect())?;
    Ok(pairs.take())
}

/// Prepares the probes.
fn targets(view: &GalleryView, probes: Vec<Probe>) -> Result<Vec<Target>, ReadError> {
    let expected = view.descriptor.dim;
    let mut dims = probes.iter().map(|probe| probe.embedding.dim());
    if let Some(actual) = dims.find(|actual| *actual != expected) {
        return Err(ReadError::DimensionMismatch { expected, actual });
    }
    let rotation = has_codes(expected).then(|| Rotation::new(expected));
    let rows = view.row_count();
    Ok(probes.into_iter().map(|probe| Target::new(probe, rotation.as_ref(), rows)).collect())
}

fn run(
    pool: &ScanPool,
    view: &Arc<GalleryView>,
    targets: Vec<Target>,
) -> Result<(Vec<Vec<Hit>>, ScanReport), ReadError> {
    let scan = Arc::new(GalleryScan::new(Arc::clone(view), targets, pool.kernel())?);
    let task: Arc<dyn Task> = Arc::clone(&scan) as _;
    pool.run(&task, scan.units());
    scan.finish()
}
