//! The templates and probes of a search bench: synthetic, made in any order, always the same.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::thread;

use likeness_storage::{Dim, Embedding, EmbeddingError, Precision, TemplateId};
use serde_json::json;

use crate::biometric::SyntheticFaces;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Names the data set; another number is another one.
const SEED: u64 = 1;
const TEMPLATES_PER_PERSON: usize = 4;
/// One probe of so many is of a person who is not enrolled.
const STRANGER_EVERY: usize = 5;
/// People that are made at a time, on all cores.
const CHUNK_PEOPLE: usize = 4096;
/// Most templates: a row number is a part of a face id and is counted with 32 bits.
const ROWS_MAX: usize = 1 << 30;
const PROBES_MAX: usize = 100_000;

/// Templates of people, four of each, and probes: further templates of people who are enrolled,
/// and of others.
#[derive(Debug, Clone, Copy)]
pub(super) struct DataSet {
    rows: usize,
    dim: Dim,
    probes: usize,
}

impl DataSet {
    /// So many templates and probes of so many dimensions. The same templates come first in every
    /// data set of these dimensions, however many it has.
    ///
    /// # Errors
    /// A number out of its bounds; the text names the option and the bounds.
    pub(super) fn new(rows: usize, dim: usize, probes: usize) -> Outcome<Self> {
        let dim = Dim::new(dim).filter(|dim| dim.get() > 1).ok_or("--dim must be 2 to 4096")?;
        if !(1..=ROWS_MAX).contains(&rows) {
            return Err(format!("--rows must be 1 to {ROWS_MAX}").into());
        }
        if !(1..=PROBES_MAX).contains(&probes) {
            return Err(format!("--probes must be 1 to {PROBES_MAX}").into());
        }
        Ok(Self { rows, dim, probes })
    }

    /// The probes. Four of five are further templates of enrolled people, spread evenly.
    ///
    /// # Errors
    /// None that this data set can have.
    pub(super) fn probes(&self) -> Outcome<Vec<Embedding>> {
        let people = self.people();
        let spread = people.min(self.probes);
        let probe = |number: usize| {
            let (person, further) = if number % STRANGER_EVERY == STRANGER_EVERY - 1 {
                (people + number, 0)
            } else {
                let person = (number % spread) * people / spread;
                (person, TEMPLATES_PER_PERSON + number / spread)
            };
            let mut templates = self.person(person, further + 1)?;
            Ok(templates.swap_remove(further))
        };
        (0..self.probes).map(probe).collect()
    }

    /// All templates, one after the other, as a gallery of this precision keeps them.
    pub(super) fn matrix(&self, precision: Precision) -> Outcome<Matrix> {
        let (dim, people) = (self.dim.get(), self.people());
        let mut values = Vec::with_capacity(people * TEMPLATES_PER_PERSON * dim);
        for start in (0..people).step_by(CHUNK_PEOPLE) {
            let templates = self.people_templates(start, people.min(start + CHUNK_PEOPLE))?;
            for template in templates {
                values.extend_from_slice(template.rounded(precision).as_slice());
            }
        }
        values.truncate(self.rows * dim);
        Ok(Matrix { dim, values })
    }

    fn people(&self) -> usize {
        self.rows.div_ceil(TEMPLATES_PER_PERSON)
    }

    fn people_templates(&self, start: usize, end: usize) -> Outcome<Vec<Embedding>> {
        let share = (end - start).div_ceil(cores());
        let make = |start: usize| -> Result<Vec<Embedding>, EmbeddingError> {
            let mut templates = Vec::with_capacity(share * TEMPLATES_PER_PERSON);
            for person in start..end.min(start + share) {
                templates.extend(self.person(person, TEMPLATES_PER_PERSON)?);
            }
            Ok(templates)
        };
        thread::scope(|scope| {
            let threads: Vec<_> =
                (start..end).step_by(share).map(|start| scope.spawn(move || make(start))).collect();
            let mut templates = Vec::with_capacity((end - start) * TEMPLATES_PER_PERSON);
            for thread in threads {
                templates.extend(thread.join().map_err(|_| "a thread ended before its time")??);
            }
            Ok(templates)
        })
    }

    fn person(&self, number: usize, count: usize) -> Result<Vec<Embedding>, EmbeddingError> {
        let mut faces = SyntheticFaces::of_person(SEED, number as u64, self.dim.get());
        faces.identity(count).into_iter().map(Embedding::normalize).collect()
    }
}

/// The name of a row of the data set in the store. Row 0 is face 1: no face has number 0.
pub(super) fn id_of(row: usize) -> TemplateId {
    TemplateId::new(row as u128 + 1)
}

/// Processor cores that may be used.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Templates, one after the other, each `dim` numbers.
#[derive(Debug)]
pub(super) struct Matrix {
    dim: usize,
    values: Vec<f32>,
}

impl Matrix {
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        let start = row * self.dim;
        self.values.get(start..start + self.dim).unwrap_or_default()
    }
}

/// Writes `templates.f32` and `probes.f32`, row after row of little-endian single-precision
/// numbers, and `shape.json`, which says how many rows of how many numbers they have.
pub(super) fn export(
    templates: &Matrix,
    count: usize,
    probes: &[Embedding],
    folder: &Path,
) -> Outcome {
    fs::create_dir_all(folder)
        .map_err(|error| format!("cannot create the directory {}: {error}", folder.display()))?;
    write_numbers(&folder.join("templates.f32"), templates.rows().take(count))?;
    write_numbers(&folder.join("probes.f32"), probes.iter().map(Embedding::as_slice))?;
    let shape = json!({
        "templates": count,
        "probes": probes.len(),
        "dimensions": templates.dim,
        "type": "float32 little-endian, row after row",
    });
    // Last: who finds it finds the others whole.
    Ok(fs::write(folder.join("shape.json"), format!("{shape}\n"))?)
}

fn write_numbers<'a>(path: &Path, rows: impl Iterator<Item = &'a [f32]>) -> Outcome {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for value in rows.flatten() {
        file.write_all(&value.to_le_bytes())?;
    }
    Ok(file.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_do_not_depend_on_how_many_there_are() {
        let few = DataSet::new(10, 16, 1).unwrap().matrix(Precision::Single).unwrap();
        let many =
            DataSet::new(5 * CHUNK_PEOPLE, 16, 1).unwrap().matrix(Precision::Single).unwrap();
        assert_eq!((few.rows().len(), many.rows().len()), (10, 5 * CHUNK_PEOPLE));
        assert!((0..10).all(|row| few.row(row) == many.row(row)));
        // The first of the second chunk.
        let first = SyntheticFaces::of_person(SEED, CHUNK_PEOPLE as u64, 16).identity(1).remove(0);
        let first = Embedding::normalize(first).unwrap();
        assert_eq!(many.row(CHUNK_PEOPLE * TEMPLATES_PER_PERSON), first.as_slice());
    }

    #[test]
    fn four_probes_of_five_are_of_enrolled_people_but_no_template_of_the_store() {
        let set = DataSet::new(400, 256, 250).unwrap();
        let (templates, probes) = (set.matrix(Precision::Single).unwrap(), set.probes().unwrap());
        assert_eq!(probes.len(), 250);
        let mut enrolled = 0;
        for (at, probe) in probes.iter().enumerate() {
            let score = |row: &[f32]| {
                row.iter().zip(probe.as_slice()).map(|(a, b)| f64::from(a * b)).sum::<f64>()
            };
            let best = templates.rows().map(score).fold(f64::MIN, f64::max);
            assert!(best < 0.999, "probe {at} is a template");
            assert!(!probes[..at].contains(probe), "probe {at} is there twice");
            enrolled += usize::from(best > 0.45);
        }
        assert!((170..=200).contains(&enrolled), "{enrolled} of 250");
    }

    #[test]
    fn numbers_out_of_bounds_are_refused_by_the_name_of_their_option() {
        for (rows, dim, probes, expected) in [
            (0, 16, 1, "--rows must be 1 to 1073741824"),
            (1, 1, 1, "--dim must be 2 to 4096"),
            (1, 4097, 1, "--dim must be 2 to 4096"),
            (1, 16, 0, "--probes must be 1 to 100000"),
        ] {
            let error = DataSet::new(rows, dim, probes).unwrap_err().to_string();
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn an_export_reads_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new");
        let set = DataSet::new(7, 5, 3).unwrap();
        let (templates, probes) = (set.matrix(Precision::Single).unwrap(), set.probes().unwrap());
        export(&templates, 7, &probes, &folder).unwrap();
        let read = |name: &str| -> Vec<f32> {
            let bytes = fs::read(folder.join(name)).unwrap();
            let (numbers, rest) = bytes.as_chunks::<4>();
            assert_eq!(rest, [0; 0]);
            numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        };
        assert_eq!(read("templates.f32"), templates.values);
        assert_eq!(read("probes.f32").chunks(5).nth(2), Some(probes[2].as_slice()));
        let shape = fs::read_to_string(folder.join("shape.json")).unwrap();
        let shape: serde_json::Value = serde_json::from_str(&shape).unwrap();
        assert_eq!(
            (&shape["templates"], &shape["probes"], &shape["dimensions"]),
            (&json!(7), &json!(3), &json!(5))
        );
    }
}
