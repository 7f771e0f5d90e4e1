//! `likeness bench`: figures of this machine, on synthetic templates, ready to be compared.
//!
//! One JSON object per figure, or one line of text. Everything happens in a directory of its own,
//! which is removed afterwards, on the disk that the caller names.

mod figure;
mod ingest;
mod recovery;
mod search;

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, Subcommand};
use likeness_storage::{
    Dim, Embedding, GalleryDraft, GalleryId, Precision, Row, Store, StoreOptions, TemplateId,
    WriteBatch,
};
use serde_json::Value;

use self::figure::{median, rounded, write_figure};
pub use self::search::SearchArgs;
use crate::biometric::SyntheticFaces;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Durable inserts by one and many writers, batches, bulk load, bytes on disk
    Ingest(BenchArgs),
    /// Opening a sealed store, and replaying a log
    Recovery(BenchArgs),
    /// Exact search: recall against brute force, latency, throughput, memory
    Search(SearchArgs),
}

/// How much of it, where, and how the figures look.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Templates in the store
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    rows: usize,
    /// Dimensions of a template
    #[arg(long, default_value_t = 128, value_name = "D")]
    dim: usize,
    /// How precisely templates are kept: f32, or f16 in half of the bytes
    #[arg(long, default_value_t, value_name = "PRECISION")]
    precision: Precision,
    /// Megabytes of log to replay
    #[arg(long, default_value_t = 64, value_name = "MIB")]
    log_mib: u64,
    /// Directory to create for the run and to remove after it; names the disk that is measured
    #[arg(long, default_value = "./likeness-bench", value_name = "DIR")]
    data: PathBuf,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
}

impl BenchCommand {
    /// Measures, and writes each figure as it is there.
    ///
    /// # Errors
    /// A directory that exists already, a full disk.
    pub fn run(self, out: &mut impl Write) -> Outcome {
        match self {
            Self::Ingest(args) => ingest::run(&Bench::new(args)?, out),
            Self::Recovery(args) => recovery::run(&Bench::new(args)?, out),
            Self::Search(args) => search::run(args, out),
        }
    }
}

/// One run.
struct Bench {
    args: BenchArgs,
    dim: Dim,
}

impl Bench {
    fn new(args: BenchArgs) -> Outcome<Self> {
        let dim = Dim::new(args.dim).filter(|dim| dim.get() > 1);
        let dim = dim.ok_or("--dim must be 2 to 4096")?;
        fs::create_dir(&args.data).map_err(|error| {
            format!("cannot create the directory {}: {error}", args.data.display())
        })?;
        Ok(Self { args, dim })
    }

    /// A new store with one gallery, in a folder of its own.
    fn store(&self, name: &str, options: StoreOptions) -> Outcome<(Store, GalleryId)> {
        let (store, _) = Store::open(&self.args.data.join(name), options)?;
        let mut batch = WriteBatch::new();
        batch.create_gallery(GalleryDraft {
            tenant: "bench".into(),
            name: "faces".into(),
            description: None,
            model: "external".into(),
            dim: self.dim,
            precision: self.args.precision,
            thumbnails: false,
            created_at_us: 0,
        });
        let created = store.write(batch)?.created;
        let gallery = *created.first().ok_or("no gallery was created")?;
        Ok((store, gallery))
    }

    /// The rows of a data set, numbered from `first`.
    fn rows(&self, seed: u64, first: u128) -> impl Iterator<Item = Outcome<Row>> + use<> {
        let mut faces = SyntheticFaces::new(seed, self.dim.get());
        let templates = std::iter::repeat_with(move || faces.identity(4)).flatten();
        (first..).zip(templates).map(|(id, template)| {
            let embedding = Embedding::normalize(template)?;
            let external_face_id = Some(format!("person-{id}").into());
            let row = Row::new(TemplateId::new(id), "external", embedding);
            Ok(Row { external_face_id, ..row })
        })
    }

    fn tell(&self, out: &mut impl Write, bench: &str, figure: &str, numbers: &Value) -> Outcome {
        write_figure(out, self.args.json, (bench, figure), self.dim, numbers)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // What cannot be removed is named in the way of the next run.
        let _ = fs::remove_dir_all(&self.args.data);
    }
}

/// Seconds that some work takes, and what it gives.
fn timed<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<(f64, T)> {
    let start = Instant::now();
    let given = work()?;
    Ok((start.elapsed().as_secs_f64(), given))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn args(data: PathBuf, json: bool) -> BenchArgs {
        BenchArgs { rows: 300, dim: 4, precision: Precision::Single, log_mib: 1, data, json }
    }

    /// The figures of a run in JSON, after checking that its directory is gone.
    fn figures(command: fn(BenchArgs) -> BenchCommand) -> Vec<Value> {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("bench");
        let mut out = Vec::new();
        command(args(data.clone(), true)).run(&mut out).unwrap();
        assert!(!data.exists());
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn number<'a>(figures: &'a [Value], figure: &str, name: &str) -> Option<&'a Value> {
        figures.iter().find(|value| value["figure"] == figure)?.get(name)
    }

    #[test]
    fn ingest_tells_each_of_its_figures() {
        let figures = figures(BenchCommand::Ingest);
        for (figure, name) in [
            ("disk", "sequential_mb_per_second"),
            ("one_writer", "inserts_per_second"),
            ("many_writers", "inserts_per_second"),
            ("bulk_load", "mb_per_second"),
            ("on_disk", "bytes_per_template"),
        ] {
            let value = number(&figures, figure, name).and_then(Value::as_f64);
            assert!(value.is_some_and(|value| value > 0.0), "{figure} {name}: {figures:?}");
        }
        assert_eq!(number(&figures, "many_writers", "writers"), Some(&json!(32)));
    }

    #[test]
    fn recovery_tells_each_of_its_figures() {
        let figures = figures(BenchCommand::Recovery);
        assert_eq!(number(&figures, "open", "rows"), Some(&json!(300)));
        let replayed = number(&figures, "replay", "log_bytes").and_then(Value::as_u64);
        assert!(replayed.is_some_and(|bytes| bytes >= 1 << 20), "{figures:?}");
    }

    #[test]
    fn a_directory_that_exists_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let refused = BenchCommand::Ingest(args(folder.path().to_owned(), false));
        let error = refused.run(&mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("cannot create the directory"), "{error}");
        assert!(folder.path().exists());
        let data = folder.path().join("new");
        let refused = BenchCommand::Ingest(BenchArgs { dim: 0, ..args(data.clone(), false) });
        assert_eq!(
            refused.run(&mut Vec::new()).unwrap_err().to_string(),
            "--dim must be 2 to 4096"
        );
        assert!(!data.exists());
    }
}
