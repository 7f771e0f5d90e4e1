//! How long one exact search takes: `cargo bench --bench identify -- [ROWS] [DIMENSIONS]`.
//!
//! One thread, synthetic face-like templates in sealed segments, median of 50 probes after a
//! warm-up, each of a person who is not enrolled. Prints one JSON object for each kind of search,
//! so that runs can be compared by a script.

use std::error::Error;
use std::io::{self, Write};
use std::time::Instant;

use likeness::biometric::SyntheticFaces;
use likeness_storage::{
    Dim, Embedding, Exactness, GalleryDraft, GalleryId, Probe, Row, Store, StoreOptions,
    TemplateId, WriteBatch,
};

const PROBES: usize = 50;
const ROWS_PER_BATCH: usize = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let rows = numbers.next().unwrap_or(100_000);
    let dimensions = numbers.next().unwrap_or(128);
    let directory = tempfile::tempdir()?;
    let options = StoreOptions::default().with_search_threads(1);
    let (store, _) = Store::open(directory.path(), options)?;
    let mut faces = SyntheticFaces::new(1, dimensions);
    let gallery = fill(&store, &mut faces, rows, dimensions)?;
    let probes: Vec<Embedding> = (0..=PROBES)
        .map(|_| Embedding::normalize(faces.identity(1).remove(0)))
        .collect::<Result<_, _>>()?;
    let kinds: [(&str, f32, Exactness); 3] = [
        ("top 10", f32::NEG_INFINITY, Exactness::default()),
        ("top 10, threshold 0.40", 0.4, Exactness::default()),
        ("top 10, deterministic", f32::NEG_INFINITY, Exactness::Deterministic),
    ];
    for (kind, min_score, exactness) in kinds {
        let mut times = Vec::with_capacity(PROBES);
        for embedding in &probes {
            let probe = Probe { min_score, exactness, ..Probe::new(embedding.clone(), 10) };
            times.push(search(&store, gallery, &probe)?);
        }
        // The first search pays for cold pages.
        let mut warm = times.split_off(1);
        warm.sort_by(f64::total_cmp);
        let median = warm.get(PROBES / 2).copied().unwrap_or_default();
        writeln!(
            io::stdout(),
            "{{\"bench\":\"identify\",\"search\":\"{kind}\",\"rows\":{rows},\
             \"dimensions\":{dimensions},\"median_ms\":{median:.3}}}"
        )?;
    }
    Ok(())
}

fn fill(
    store: &Store,
    faces: &mut SyntheticFaces,
    rows: usize,
    dimensions: usize,
) -> Result<GalleryId, Box<dyn Error>> {
    let mut batch = WriteBatch::new();
    batch.create_gallery(GalleryDraft {
        tenant: "bench".into(),
        name: "faces".into(),
        description: None,
        model: "external".into(),
        dim: Dim::new(dimensions).ok_or("dimensions must be 1 to 4096")?,
        created_at_us: 0,
    });
    let created = store.write(batch)?.created;
    let gallery = *created.first().ok_or("no gallery was created")?;
    let templates = (0..rows.div_ceil(4)).flat_map(|_| faces.identity(4)).take(rows);
    let mut batch = WriteBatch::new();
    for (at, template) in templates.enumerate() {
        batch.enroll(gallery, row(at, template)?);
        if (at + 1) % ROWS_PER_BATCH == 0 || at + 1 == rows {
            store.write(std::mem::take(&mut batch))?;
        }
    }
    store.checkpoint()?;
    Ok(gallery)
}

fn row(at: usize, template: Vec<f32>) -> Result<Row, Box<dyn Error>> {
    Ok(Row {
        id: TemplateId::new(at as u128 + 1),
        model: "external".into(),
        external_face_id: None,
        external_image_id: None,
        bounding_box: None,
        confidence: None,
        quality: None,
        attributes: None,
        metadata: None,
        created_at_us: 0,
        embedding: Embedding::normalize(template)?,
    })
}

/// Milliseconds of one search.
fn search(store: &Store, gallery: GalleryId, probe: &Probe) -> Result<f64, Box<dyn Error>> {
    let snapshot = store.snapshot();
    let start = Instant::now();
    snapshot.identify(gallery, probe)?;
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}
