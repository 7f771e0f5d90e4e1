//! How long a store takes to open: one that is sealed, and one whose log must be replayed.

use std::io::Write;

use likeness_storage::{GalleryId, Store, StoreOptions, WriteBatch};
use serde_json::json;

use super::{Bench, Outcome, median, rounded, timed};

const OPENINGS: usize = 5;
const BATCH_ROWS: usize = 500;

pub(super) fn run(bench: &Bench, out: &mut impl Write) -> Outcome {
    open(bench, out)?;
    replay(bench, out)
}

fn open(bench: &Bench, out: &mut impl Write) -> Outcome {
    let (store, gallery) = bench.store("sealed", StoreOptions::default())?;
    let mut loader = store.load(gallery)?;
    for row in bench.rows(1, 1).take(bench.args.rows) {
        loader.push(row?)?;
    }
    loader.commit()?;
    store.close()?;
    let path = bench.args.data.join("sealed");
    let mut times = Vec::new();
    let mut size = None;
    for _ in 0..OPENINGS {
        let (seconds, (store, _)) = timed(|| Ok(Store::open(&path, StoreOptions::default())?))?;
        times.push(seconds * 1000.0);
        size = store.snapshot().size(gallery);
        store.close()?;
    }
    let size = size.unwrap_or_default();
    let numbers = json!({
        "rows": size.rows,
        "segments": size.segments,
        "bytes": size.segment_bytes,
        "median_ms": rounded(median(times)),
    });
    std::fs::remove_dir_all(&path)?;
    bench.tell(out, "recovery", "open", &numbers)
}

fn replay(bench: &Bench, out: &mut impl Write) -> Outcome {
    let log_bytes = bench.args.log_mib << 20;
    let options = || {
        let options = StoreOptions::default().with_checkpoint_bytes(u64::MAX);
        options.with_checkpoint_after(None).with_checkpoint_on_close(false)
    };
    let (store, gallery) = bench.store("log", options())?;
    fill_log(bench, &store, gallery, log_bytes)?;
    let log_bytes = store.activity().log_bytes;
    store.close()?;
    let path = bench.args.data.join("log");
    let (seconds, (store, report)) = timed(|| Ok(Store::open(&path, options())?))?;
    let rows = store.snapshot().row_count(gallery);
    store.close()?;
    let numbers = json!({
        "log_bytes": log_bytes,
        "batches": report.replayed_batches,
        "rows": rows,
        "seconds": rounded(seconds),
        "mb_per_second": rounded(log_bytes as f64 / 1e6 / seconds),
    });
    bench.tell(out, "recovery", "replay", &numbers)
}

fn fill_log(bench: &Bench, store: &Store, gallery: GalleryId, log_bytes: u64) -> Outcome {
    let mut rows = bench.rows(1, 1);
    while store.activity().log_bytes < log_bytes {
        let mut batch = WriteBatch::new();
        for row in rows.by_ref().take(BATCH_ROWS) {
            batch.enroll(gallery, row?);
        }
        store.write(batch)?;
    }
    Ok(())
}
