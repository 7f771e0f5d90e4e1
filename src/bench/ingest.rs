//! How fast templates become durable, and what they take on disk.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use likeness_storage::{GalleryId, Row, Store, StoreOptions, WriteBatch};
use serde_json::json;

use super::{Bench, Outcome, rounded, timed};

/// Single-row inserts that are timed, per run of one writer and of many.
const SINGLE_INSERTS_MAX: usize = 20_000;
const WRITERS: usize = 32;
const BATCH_ROWS: usize = 500;
const PIECE_BYTES: usize = 1 << 20;

pub(super) fn run(bench: &Bench, out: &mut impl Write) -> Outcome {
    let disk = disk(bench, out)?;
    let inserts = bench.args.rows.min(SINGLE_INSERTS_MAX);
    inserts_by(bench, out, "one_writer", 1, inserts.div_ceil(8))?;
    inserts_by(bench, out, "many_writers", WRITERS, inserts)?;
    batches(bench, out)?;
    bulk_load(bench, out, disk)
}

/// What the disk takes at best: as many bytes as the embeddings have, in one file, synced once.
fn disk(bench: &Bench, out: &mut impl Write) -> Outcome<f64> {
    let bytes = (bench.args.rows * bench.dim.get() * 4).next_multiple_of(PIECE_BYTES);
    // Not zeros: some disks do not write those.
    let mut pieces = bench.rows(7, 0).flatten().flat_map(|row| row.embedding.as_slice().to_vec());
    let piece: Vec<u8> = pieces.by_ref().flat_map(f32::to_le_bytes).take(PIECE_BYTES).collect();
    let path = bench.args.data.join("sequential");
    let (seconds, ()) = timed(|| {
        let mut file = File::create(&path)?;
        for _ in 0..bytes / PIECE_BYTES {
            file.write_all(&piece)?;
        }
        Ok(file.sync_all()?)
    })?;
    std::fs::remove_file(&path)?;
    let rate = bytes as f64 / 1e6 / seconds;
    let numbers = json!({ "bytes": bytes, "sequential_mb_per_second": rounded(rate) });
    bench.tell(out, "ingest", "disk", &numbers)?;
    Ok(rate)
}

fn inserts_by(
    bench: &Bench,
    out: &mut impl Write,
    figure: &str,
    writers: usize,
    inserts: usize,
) -> Outcome {
    let (store, gallery) = bench.store(figure, StoreOptions::default())?;
    let rows: Vec<Row> = bench.rows(1, 1).take(inserts).collect::<Outcome<_>>()?;
    let next = AtomicUsize::new(0);
    let insert = || -> Result<(), likeness_storage::WriteError> {
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut batch = WriteBatch::new();
            batch.enroll(gallery, row.clone());
            store.write(batch)?;
        }
        Ok(())
    };
    let (seconds, ()) = timed(|| {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..writers).map(|_| scope.spawn(insert)).collect();
            for thread in threads {
                thread.join().map_err(|_| "a writer ended before its time")??;
            }
            Ok(())
        })
    })?;
    let rate = inserts as f64 / seconds;
    let activity = store.activity();
    let numbers = json!({
        "writers": writers,
        "inserts": inserts,
        "inserts_per_second": rate.round(),
        "inserts_per_sync": rounded(activity.batches as f64 / activity.groups.max(1) as f64),
    });
    store.close()?;
    bench.tell(out, "ingest", figure, &numbers)
}

fn batches(bench: &Bench, out: &mut impl Write) -> Outcome {
    let (store, gallery) = bench.store("batches", StoreOptions::default())?;
    let mut batches = Vec::new();
    let mut rows = bench.rows(1, 1).take(bench.args.rows);
    loop {
        let chunk: Vec<Row> = rows.by_ref().take(BATCH_ROWS).collect::<Outcome<_>>()?;
        if chunk.is_empty() {
            break;
        }
        let mut batch = WriteBatch::new();
        for row in chunk {
            batch.enroll(gallery, row);
        }
        batches.push(batch);
    }
    let (seconds, ()) = timed(|| {
        for batch in batches {
            store.write(batch)?;
        }
        Ok(store.checkpoint().map(drop)?)
    })?;
    let bytes = bench.args.rows * bench.dim.get() * 4;
    store.close()?;
    let numbers = json!({
        "rows": bench.args.rows,
        "rows_per_batch": BATCH_ROWS,
        "rows_per_second": (bench.args.rows as f64 / seconds).round(),
        "mb_per_second": rounded(bytes as f64 / 1e6 / seconds),
    });
    bench.tell(out, "ingest", "batches", &numbers)
}

fn bulk_load(bench: &Bench, out: &mut impl Write, disk: f64) -> Outcome {
    let (store, gallery) = bench.store("bulk", StoreOptions::default())?;
    // Made before, so that only loading is timed.
    let rows: Vec<Row> = bench.rows(1, 1).take(bench.args.rows).collect::<Outcome<_>>()?;
    let (seconds, ()) = timed(|| load(&store, gallery, rows))?;
    let size = store.snapshot().size(gallery).unwrap_or_default();
    let rate = size.segment_bytes as f64 / 1e6 / seconds;
    let numbers = json!({
        "rows": size.rows,
        "segments": size.segments,
        "rows_per_second": (size.rows as f64 / seconds).round(),
        "mb_per_second": rounded(rate),
        "of_sequential": rounded(rate / disk),
    });
    bench.tell(out, "ingest", "bulk_load", &numbers)?;
    let per_template = size.segment_bytes as f64 / size.rows.max(1) as f64;
    store.close()?;
    let numbers = json!({
        "bytes_per_template": rounded(per_template),
        "bytes_of_embedding": bench.dim.get() * 4,
    });
    bench.tell(out, "ingest", "on_disk", &numbers)
}

fn load(store: &Store, gallery: GalleryId, rows: Vec<Row>) -> Outcome {
    let mut loader = store.load(gallery)?;
    for row in rows {
        loader.push(row)?;
    }
    loader.commit()?;
    Ok(())
}
