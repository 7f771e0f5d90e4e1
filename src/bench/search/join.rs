//! A join of all templates with each other: how long it takes, and whether brute force agrees.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::thread;
use std::time::Instant;

use likeness_storage::{Exactness, GalleryId, JoinRequest, Store, TemplateId};
use serde_json::json;

use super::super::figure::rounded;
use super::super::{Bench, Outcome};
use super::data_set::{Matrix, cores, id_of};
use super::oracle::{ROUNDING, product};

/// Least score of a pair.
const MIN_SCORE: f32 = 0.4;

/// For some rows, with what the join paired them.
type Partners = HashMap<usize, HashSet<TemplateId>>;

/// Joins the gallery with itself and compares the pairs of so many of its rows with brute force.
///
/// # Errors
/// A pair that is missing or that should not be there.
pub(super) fn run(
    bench: &Bench,
    store: &Store,
    gallery: GalleryId,
    matrix: &Matrix,
    sample: usize,
    out: &mut impl Write,
) -> Outcome {
    let rows = bench.args.rows;
    let sampled = (0..rows).step_by((rows / sample.max(1)).max(1));
    let mut partners: Partners = sampled.map(|row| (row, HashSet::new())).collect();
    let row_of: HashMap<TemplateId, usize> =
        partners.keys().map(|&row| (id_of(row), row)).collect();
    let start = Instant::now();
    let (mut pairs, mut first) = (0, None);
    for part in store.snapshot().join(JoinRequest {
        left: gallery,
        right: gallery,
        min_score: MIN_SCORE,
        exactness: Exactness::default(),
        after: None,
        cancelled: None,
    })? {
        let part = part?;
        first.get_or_insert_with(|| start.elapsed());
        pairs += part.len();
        for pair in part {
            for (one, other) in [(pair.left, pair.right), (pair.right, pair.left)] {
                if let Some(found) = row_of.get(&one).and_then(|row| partners.get_mut(row)) {
                    found.insert(other);
                }
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let differences = differences(matrix, rows, &partners);
    let numbers = json!({
        "rows": rows,
        "threads": cores(),
        "min_score": "0.40",
        "pairs": pairs,
        "first_pairs_ms": first.map(|first| rounded(first.as_secs_f64() * 1000.0)),
        "seconds": rounded(seconds),
        "templates_compared_with_brute_force": partners.len(),
        "pairs_that_differ": differences,
    });
    bench.tell(out, "search", "join", &numbers)?;
    if differences == 0 { Ok(()) } else { Err("a join and brute force do not agree".into()) }
}

/// The pairs of some of the first so many rows that are missing or should not be there. One whose
/// score rounding decides may or may not be there.
fn differences(matrix: &Matrix, rows: usize, partners: &Partners) -> usize {
    let of_row = |(&row, found): (&usize, &HashSet<TemplateId>)| {
        let probe = matrix.row(row);
        let differs = |&other: &usize| {
            let score = product(probe, matrix.row(other));
            let is_found = found.contains(&id_of(other));
            let is_missing = score >= MIN_SCORE + ROUNDING && !is_found;
            let is_wrong = score < MIN_SCORE - ROUNDING && is_found;
            is_missing || is_wrong
        };
        let others = (0..rows).filter(|other| *other != row);
        others.filter(differs).count() + usize::from(found.contains(&id_of(row)))
    };
    let partners: Vec<_> = partners.iter().collect();
    let share = partners.len().div_ceil(cores()).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> = partners
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().copied().map(of_row).sum::<usize>()))
            .collect();
        // A thread that failed compared nothing.
        threads.into_iter().map(|thread| thread.join().unwrap_or(1)).sum()
    })
}

#[cfg(test)]
mod tests {
    use likeness_storage::Precision;

    use super::*;
    use crate::bench::search::data_set::DataSet;

    #[test]
    fn a_pair_too_few_or_too_many_is_a_difference() {
        let matrix = DataSet::new(400, 64, 1).unwrap().matrix(Precision::Single).unwrap();
        let score = |other: usize| product(matrix.row(8), matrix.row(other));
        let alike = (0..400).filter(|&other| other != 8 && score(other) >= MIN_SCORE);
        let right: HashSet<TemplateId> = alike.map(id_of).collect();
        assert!(right.len() > 2);
        let judge =
            |found: HashSet<TemplateId>| differences(&matrix, 400, &HashMap::from([(8, found)]));
        assert_eq!(judge(right.clone()), 0);
        let fewer = right.iter().copied().skip(1).collect();
        assert_eq!(judge(fewer), 1);
        let stranger = (0..400).find(|&other| score(other) < 0.3).unwrap();
        for wrong in [stranger, 8] {
            let mut more = right.clone();
            more.insert(id_of(wrong));
            assert_eq!(judge(more), 1, "{wrong}");
        }
    }
}
