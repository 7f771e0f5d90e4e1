//! Exact search: what it finds against brute force, how long it takes, what it keeps in memory.

mod data_set;
mod join;
mod oracle;
mod question;

use std::io::Write;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use likeness_storage::{
    Embedding, Exactness, GalleryId, Precision, Probe, ReadError, Row, Snapshot, Store,
    StoreOptions, TemplateSet, WriteBatch,
};
use serde_json::json;

use self::data_set::{DataSet, Matrix, cores, export, id_of};
use self::oracle::{Oracle, Recall};
use self::question::{FILTERS, Question, permits};
use super::figure::{median, percentile, rounded};
use super::{Bench, BenchArgs, Outcome};

const TOP_10: Question = Question::top("top_10", 10);
/// A score that no row has: only the first plane is read.
const BEYOND: f32 = 1.5;
/// Questions whose answers are compared with brute force, each with every filter.
const JUDGED: [Question; 4] = [
    Question::top("top_1", 1),
    TOP_10,
    Question::top("top_100", 100),
    Question::top("threshold", 100).at_least(0.4),
];
/// Questions that are timed.
const TIMED: [Question; 9] = [
    Question::top("plane_1_only", 10).at_least(BEYOND),
    Question::top("threshold_0.40", 10_000).at_least(0.4),
    Question::top("top_10_threshold_0.40", 10).at_least(0.4),
    Question::top("top_1", 1),
    TOP_10,
    Question::top("top_100", 100),
    Question::top("top_10_of_5_percent", 10).filtered(2),
    Question::top("top_10_of_0.1_percent", 10).filtered(3),
    Question::top("top_10_deterministic", 10).deterministic(),
];
/// Rows that are enrolled after the deletes, and stay in memory until a compaction.
const LATE_ROWS: usize = 500;
/// One row of so many is deleted.
const DELETED_EVERY: usize = 10;
/// Probes that are timed, and those of one batch.
const TIMED_PROBES: usize = 200;
const BATCH_PROBES: usize = 100;
const ROWS_PER_BATCH: usize = 500;
/// When batches are cancelled, counted from their begin.
const CANCELLED_AFTER_MS: RangeInclusive<u64> = 1..=60;

/// How much of it, where, and how the figures look.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// Templates in the store
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    rows: usize,
    /// Dimensions of a template
    #[arg(long, default_value_t = 512, value_name = "D")]
    dim: usize,
    /// How precisely templates are kept: f32, or f16 in half of the bytes
    #[arg(long, default_value_t, value_name = "PRECISION")]
    precision: Precision,
    /// Probes whose lists are compared with brute force
    #[arg(long, default_value_t = 1000, value_name = "N")]
    probes: usize,
    /// Writes templates and probes to this directory for other programs, and measures nothing
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
    /// Joins all templates with each other, compares the pairs of as many as there are probes with
    /// brute force, and measures nothing else
    #[arg(long)]
    join: bool,
    /// Leaves the comparison with brute force out
    #[arg(long)]
    no_recall: bool,
    /// Directory to create for the run and to remove after it
    #[arg(long, default_value = "./likeness-bench", value_name = "DIR")]
    data: PathBuf,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
}

/// Measures, and writes each figure as it is there.
pub(super) fn run(args: SearchArgs, out: &mut impl Write) -> Outcome {
    let set = DataSet::new(args.rows + LATE_ROWS, args.dim, args.probes)?;
    let (matrix, probes) = (set.matrix(args.precision)?, set.probes()?);
    if let Some(folder) = &args.export {
        return export(&matrix, args.rows, &probes, folder);
    }
    let SearchArgs { rows, dim, precision, data, json, no_recall, join, .. } = args;
    let bench = Bench::new(BenchArgs { rows, dim, precision, log_mib: 0, data, json })?;
    let gallery = fill(&bench, &matrix)?;
    let run = Run { bench: &bench, gallery, matrix: &matrix, probes: &probes };
    if join {
        let store = run.open(cores())?;
        return join::run(&bench, &store, gallery, &matrix, args.probes, out);
    }
    run.memory(out)?;
    run.latency(out)?;
    run.threads(out)?;
    run.batch(out)?;
    run.cancellation(out)?;
    if no_recall { Ok(()) } else { run.recall(out) }
}

/// Loads the rows that are not late.
fn fill(bench: &Bench, matrix: &Matrix) -> Outcome<GalleryId> {
    let (store, gallery) = bench.store("store", options(1))?;
    let mut loader = store.load(gallery)?;
    for row in 0..bench.args.rows {
        loader.push(stored(matrix, row)?)?;
    }
    loader.commit()?;
    store.compact()?;
    store.close()?;
    Ok(gallery)
}

fn options(threads: usize) -> StoreOptions {
    let options = StoreOptions::default().with_search_threads(threads).with_compaction(false);
    options.with_compaction_bytes_per_second(None)
}

fn stored(matrix: &Matrix, row: usize) -> Outcome<Row> {
    // Of halves, a gallery makes the same halves again: the length of so many differs from one by
    // far less than it takes to reach another.
    let embedding = Embedding::normalize(matrix.row(row).to_vec())?;
    Ok(Row::new(id_of(row), "external", embedding))
}

/// One run over a filled store.
struct Run<'a> {
    bench: &'a Bench,
    gallery: GalleryId,
    matrix: &'a Matrix,
    probes: &'a [Embedding],
}

impl Run<'_> {
    fn open(&self, threads: usize) -> Outcome<Store> {
        Ok(Store::open(&self.bench.args.data.join("store"), options(threads))?.0)
    }

    /// What a template takes, and how little of the embeddings a search reads.
    fn memory(&self, out: &mut impl Write) -> Outcome {
        let store = self.open(1)?;
        let snapshot = store.snapshot();
        let size = snapshot.size(self.gallery).ok_or("the gallery is gone")?;
        let per_row = |bytes: u64| rounded(bytes as f64 / size.rows as f64);
        let probe = self.probe(0, &TOP_10, None)?;
        let (_, report) = snapshot.explain(self.gallery, &probe)?;
        let read = report.stages.iter().find(|stage| stage.name == "embedding");
        let numbers = json!({
            "rows": size.rows,
            "on_disk_bytes_per_template": per_row(size.segment_bytes),
            "code_bytes_per_template": per_row(size.code_bytes),
            "embedding_bytes_per_template": self.matrix.dim() * self.bench.args.precision.bytes(),
            "embeddings_read_by_a_top_10": read.map_or(0, |stage| stage.decided),
            "kernel": report.kernel,
        });
        self.bench.tell(out, "search", "memory", &numbers)
    }

    /// One search after the other, by one thread.
    fn latency(&self, out: &mut impl Write) -> Outcome {
        let store = self.open(1)?;
        let snapshot = store.snapshot();
        let plain = plain_read_ms(self.bench.args.rows, self.matrix.dim());
        self.bench.tell(
            out,
            "search",
            "plain_read_of_plane_1",
            &json!({ "p50_ms": rounded(plain) }),
        )?;
        let mut limit = 0.0;
        for question in &TIMED {
            let times = self.times(&snapshot, question)?;
            let p50 = median(times.clone());
            if question.min_score.to_bits() == BEYOND.to_bits() {
                limit = p50;
            }
            let numbers = json!({
                "p50_ms": rounded(p50),
                "p99_ms": rounded(percentile(times, 99)),
                "times_plane_1": rounded(p50 / limit),
            });
            self.bench.tell(out, "search", question.name, &numbers)?;
        }
        Ok(())
    }

    /// Milliseconds of each probe, in a second round: the first one warms up.
    fn times(&self, snapshot: &Snapshot, question: &Question) -> Outcome<Vec<f64>> {
        let probes = self.timed_probes(question)?;
        for probe in &probes {
            snapshot.identify(self.gallery, probe)?;
        }
        let time = |probe: &Probe| {
            let start = Instant::now();
            snapshot.identify(self.gallery, probe)?;
            Ok(start.elapsed().as_secs_f64() * 1000.0)
        };
        probes.iter().map(time).collect()
    }

    /// Searches per second: of one caller with one thread and with all, and of as many callers.
    fn threads(&self, out: &mut impl Write) -> Outcome {
        let all = cores();
        let mut alone = 0.0;
        for (figure, threads, callers) in
            [("one_thread", 1, 1), ("all_threads", all, 1), ("all_threads_all_callers", all, all)]
        {
            let store = self.open(threads)?;
            let snapshot = store.snapshot();
            let probes = self.timed_probes(&TOP_10)?;
            let ask = || {
                probes
                    .iter()
                    .try_for_each(|probe| snapshot.identify(self.gallery, probe).map(|_| ()))
            };
            ask()?;
            let start = Instant::now();
            thread::scope(|scope| {
                let callers: Vec<_> = (0..callers).map(|_| scope.spawn(ask)).collect();
                callers.into_iter().try_for_each(|caller| {
                    caller.join().map_err(|_| "a caller ended before its time")??;
                    Ok::<_, Box<dyn std::error::Error>>(())
                })
            })?;
            let rate = (callers * probes.len()) as f64 / start.elapsed().as_secs_f64();
            if threads == 1 {
                alone = rate;
            }
            let numbers = json!({
                "threads": threads,
                "callers": callers,
                "searches_per_second": rounded(rate),
                "times_one_thread": rounded(rate / alone),
            });
            self.bench.tell(out, "search", figure, &numbers)?;
        }
        Ok(())
    }

    /// Many probes in one call against as many calls, by one thread.
    fn batch(&self, out: &mut impl Write) -> Outcome {
        let store = self.open(1)?;
        let snapshot = store.snapshot();
        let mut probes = self.timed_probes(&TOP_10)?;
        probes.truncate(BATCH_PROBES);
        let (mut single, mut together) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let start = Instant::now();
            for probe in &probes {
                snapshot.identify(self.gallery, probe)?;
            }
            single.push(start.elapsed().as_secs_f64() * 1000.0 / probes.len() as f64);
            let start = Instant::now();
            snapshot.identify_many(self.gallery, &probes)?;
            together.push(start.elapsed().as_secs_f64() * 1000.0 / probes.len() as f64);
        }
        let (single, together) = (median(single), median(together));
        let numbers = json!({
            "probes": probes.len(),
            "single_ms_per_probe": rounded(single),
            "batch_ms_per_probe": rounded(together),
            "ratio": rounded(together / single),
        });
        self.bench.tell(out, "search", "batch", &numbers)
    }

    /// How long searches go on that nobody waits for any more: those of a batch, by all threads.
    /// Those that are done before they are cancelled do not count.
    fn cancellation(&self, out: &mut impl Write) -> Outcome {
        let store = self.open(cores())?;
        let (snapshot, mut times) = (store.snapshot(), Vec::new());
        for after in CANCELLED_AFTER_MS {
            let cancelled = Arc::new(AtomicBool::new(false));
            let mut probes = self.timed_probes(&TOP_10.deterministic())?;
            for probe in &mut probes {
                probe.cancelled = Some(Arc::clone(&cancelled));
            }
            thread::scope(|scope| {
                let search = scope.spawn(|| {
                    let found = snapshot.identify_many(self.gallery, &probes);
                    (matches!(found, Err(ReadError::Cancelled)), Instant::now())
                });
                thread::sleep(Duration::from_millis(after));
                let asked = Instant::now();
                cancelled.store(true, Ordering::Relaxed);
                let (gave_up, ended) = search.join().map_err(|_| "a search failed")?;
                let late = ended.saturating_duration_since(asked).as_secs_f64() * 1000.0;
                times.extend(gave_up.then_some(late));
                Ok::<_, Box<dyn std::error::Error>>(())
            })?;
        }
        let numbers = json!({
            "searches": times.len(),
            "p50_ms": rounded(median(times.clone())),
            "longest_ms": rounded(percentile(times, 100)),
        });
        self.bench.tell(out, "search", "until_a_cancelled_search_ends", &numbers)
    }

    /// Lists against brute force: as loaded, after deletes and inserts, and compacted.
    fn recall(&self, out: &mut impl Write) -> Outcome {
        let rows = self.bench.args.rows;
        let store = self.open(cores())?;
        let oracle = Oracle::new(self.matrix, self.probes, &|row| row < rows);
        let mut sound = self.judge(&store, &oracle, "loaded", out)?;
        self.change(&store)?;
        let is_live = |row: usize| row >= rows || !row.is_multiple_of(DELETED_EVERY);
        let oracle = Oracle::new(self.matrix, self.probes, &is_live);
        sound &= self.judge(&store, &oracle, "changed", out)?;
        store.erase(&[self.gallery])?;
        sound &= self.judge(&store, &oracle, "compacted", out)?;
        if sound { Ok(()) } else { Err("a search and brute force do not agree".into()) }
    }

    /// Deletes a part of the rows and enrols the late ones.
    fn change(&self, store: &Store) -> Outcome {
        let rows = self.bench.args.rows;
        let deleted: Vec<usize> = (0..rows).step_by(DELETED_EVERY).collect();
        for deleted in deleted.chunks(ROWS_PER_BATCH) {
            let mut batch = WriteBatch::new();
            for &row in deleted {
                batch.remove(self.gallery, id_of(row));
            }
            store.write(batch)?;
        }
        let mut batch = WriteBatch::new();
        for row in rows..self.matrix.rows().len() {
            batch.enroll(self.gallery, stored(self.matrix, row)?);
        }
        store.write(batch)?;
        Ok(())
    }

    fn judge(
        &self,
        store: &Store,
        oracle: &Oracle,
        state: &str,
        out: &mut impl Write,
    ) -> Outcome<bool> {
        let (snapshot, mut sound) = (store.snapshot(), true);
        for (filter, per_thousand) in FILTERS.into_iter().enumerate() {
            let only = self.filter(filter);
            for question in JUDGED.map(|question| question.filtered(filter)) {
                let (mut total, mut differing) = (Recall::default(), 0);
                for (number, _) in self.probes.iter().enumerate() {
                    let probe = self.probe(number, &question, only.clone())?;
                    let found = snapshot.identify(self.gallery, &probe)?;
                    let recall = oracle.judge(number, &question, &found);
                    total.expected += recall.expected;
                    total.found += recall.found;
                    differing += usize::from(recall.differs);
                }
                sound &= differing == 0;
                let missing = total.expected - total.found;
                let recall = 1.0 - missing as f64 / total.expected.max(1) as f64;
                let numbers = json!({
                    "state": state,
                    "question": question.name,
                    "filter_per_thousand": per_thousand,
                    "probes": self.probes.len(),
                    "expected": total.expected,
                    "recall": recall,
                    "lists_that_differ": differing,
                });
                self.bench.tell(out, "search", "recall", &numbers)?;
            }
        }
        Ok(sound)
    }

    fn timed_probes(&self, question: &Question) -> Outcome<Vec<Probe>> {
        let only = self.filter(question.filter);
        let numbers = 0..self.probes.len().min(TIMED_PROBES);
        numbers.map(|number| self.probe(number, question, only.clone())).collect()
    }

    /// The rows that a filter lets through; none for all.
    fn filter(&self, filter: usize) -> Option<Arc<TemplateSet>> {
        let per_thousand = FILTERS.get(filter).copied().filter(|_| filter > 0)?;
        let rows = 0..self.matrix.rows().len();
        Some(Arc::new(rows.filter(|row| permits(per_thousand, *row)).map(id_of).collect()))
    }

    fn probe(
        &self,
        number: usize,
        question: &Question,
        only: Option<Arc<TemplateSet>>,
    ) -> Outcome<Probe> {
        let embedding = self.probes.get(number).ok_or("there are no probes")?.clone();
        let exactness =
            if question.deterministic { Exactness::Deterministic } else { Exactness::default() };
        let min_score = question.min_score;
        Ok(Probe { min_score, only, exactness, ..Probe::new(embedding, question.limit) })
    }
}

/// Milliseconds to read as many bytes as the first planes of so many rows have: what no search
/// that looks at every row can beat.
fn plain_read_ms(rows: usize, dim: usize) -> f64 {
    let words = rows * (dim.next_multiple_of(32) / 8 + 4) / size_of::<u64>();
    let memory: Vec<u64> = (0..words as u64).collect();
    let times = (0..50).map(|_| {
        let start = Instant::now();
        let sum = memory.iter().fold(0u64, |sum, word| sum.wrapping_add(*word));
        std::hint::black_box(sum);
        start.elapsed().as_secs_f64() * 1000.0
    });
    median(times.collect())
}

#[cfg(test)]
mod tests;
