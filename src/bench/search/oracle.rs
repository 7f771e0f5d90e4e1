//! What a search must find: brute force in single precision, without anything of the store.

use std::thread;

use likeness_storage::{Embedding, Scored};

use super::data_set::{Matrix, cores, id_of};
use super::question::{FILTERS, Question, permits};

/// Rows that are compared with all probes while they are in a cache.
const BLOCK_ROWS: usize = 64;
/// Partial sums of an inner product.
const SUMS: usize = 16;
/// Longest list that is asked for.
const LIST: usize = 100;
/// Scores that differ by less are equal: the oracle adds up in another order.
pub(super) const ROUNDING: f32 = 1e-5;

/// For each probe and filter, the best rows.
#[derive(Debug)]
pub(super) struct Oracle {
    lists: Vec<[Vec<(f32, usize)>; FILTERS.len()]>,
}

/// How a list compares with the one expected.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Recall {
    /// Rows expected.
    pub(super) expected: usize,
    /// Those of them that were found, or rows just as good.
    pub(super) found: usize,
    /// Whether something is missing, too much, or out of order.
    pub(super) differs: bool,
}

impl Oracle {
    /// Compares every probe with every row that is live.
    pub(super) fn new(
        matrix: &Matrix,
        probes: &[Embedding],
        live: &(impl Fn(usize) -> bool + Sync),
    ) -> Self {
        let share = probes.len().div_ceil(cores());
        let lists = thread::scope(|scope| {
            let threads: Vec<_> = probes
                .chunks(share.max(1))
                .map(|probes| scope.spawn(move || best_rows(matrix, probes, live)))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        Self { lists }
    }

    /// Compares what a search found for a probe with what it should have found.
    pub(super) fn judge(&self, probe: usize, question: &Question, found: &[Scored]) -> Recall {
        let list = self.lists.get(probe).and_then(|lists| lists.get(question.filter));
        let list = list.map_or(&[][..], Vec::as_slice);
        let enough = list.iter().take(question.limit);
        let expected: Vec<_> =
            enough.filter(|(score, _)| *score >= question.min_score + ROUNDING).collect();
        // A full list ends with a row that others may equal; any other with the least score wanted.
        let full = expected.last().filter(|_| expected.len() == question.limit);
        let least = full.map_or(question.min_score, |(score, _)| *score);
        let known = |row: &&&(f32, usize)| found.iter().any(|scored| scored.id == id_of(row.1));
        let present = expected.iter().filter(known).count();
        let others =
            found.iter().filter(|scored| !expected.iter().any(|(_, row)| scored.id == id_of(*row)));
        let equal = others.clone().filter(|scored| (scored.score - least).abs() < ROUNDING);
        let (equal, others) = (equal.count(), others.count());
        let complete = if full.is_some() { present + equal } else { present };
        let complete = complete.min(expected.len());
        let sorted = found.is_sorted_by(|a, b| a.score >= b.score);
        let too_many = found.len() > question.limit || others > equal;
        let differs = complete < expected.len() || !sorted || too_many;
        Recall { expected: expected.len(), found: complete, differs }
    }
}

fn best_rows(
    matrix: &Matrix,
    probes: &[Embedding],
    live: &impl Fn(usize) -> bool,
) -> Vec<[Vec<(f32, usize)>; FILTERS.len()]> {
    let mut lists: Vec<[Vec<(f32, usize)>; FILTERS.len()]> =
        probes.iter().map(|_| Default::default()).collect();
    let rows: Vec<usize> = (0..matrix.rows().len()).filter(|row| live(*row)).collect();
    for block in rows.chunks(BLOCK_ROWS) {
        for (probe, lists) in probes.iter().zip(&mut lists) {
            for &row in block {
                let score = product(probe.as_slice(), matrix.row(row));
                for (list, per_thousand) in lists.iter_mut().zip(FILTERS) {
                    let full = list.len() >= LIST && list.last().is_some_and(|(s, _)| *s >= score);
                    if !full && permits(per_thousand, row) {
                        let place = list.partition_point(|(other, _)| *other >= score);
                        list.insert(place, (score, row));
                        list.truncate(LIST);
                    }
                }
            }
        }
    }
    lists
}

/// The inner product of two vectors of equal length.
pub(super) fn product(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0f32; SUMS];
    let (left, left_rest) = left.as_chunks::<SUMS>();
    let (right, right_rest) = right.as_chunks::<SUMS>();
    for (left, right) in left.iter().zip(right) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    let rest = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum::<f32>();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use likeness_storage::Precision;

    use super::*;
    use crate::bench::search::data_set::DataSet;

    #[test]
    fn a_list_that_lacks_a_row_has_less_recall() {
        let set = DataSet::new(400, 64, 3).unwrap();
        let (matrix, probes) = (set.matrix(Precision::Single).unwrap(), set.probes().unwrap());
        let oracle = Oracle::new(&matrix, &probes, &|_| true);
        let question = Question::top("top_10", 10);
        let mut best: Vec<(f32, usize)> = (0..400)
            .map(|row| {
                let pairs = probes[1].as_slice().iter().zip(matrix.row(row));
                (pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32, row)
            })
            .collect();
        best.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut list: Vec<Scored> =
            best[..11].iter().map(|&(score, row)| Scored { id: id_of(row), score }).collect();
        let eleventh = list.pop().unwrap();
        let right = oracle.judge(1, &question, &list);
        assert_eq!(right, Recall { expected: 10, found: 10, differs: false });
        let among = oracle.judge(1, &question.filtered(3), &list);
        assert!(among.expected < 10 && among.differs, "{among:?}");
        list[3] = eleventh;
        let wrong = oracle.judge(1, &question, &list);
        assert_eq!((wrong.expected, wrong.found, wrong.differs), (10, 9, true));
        let alike = question.at_least(best[4].0 - 1e-3);
        assert_eq!(oracle.judge(1, &alike, &[]).expected, 5);
        // Rounding decides whether a row reaches a threshold that is its score.
        let list: Vec<Scored> =
            best[..6].iter().map(|&(score, row)| Scored { id: id_of(row), score }).collect();
        let alike = question.at_least(best[5].0);
        for length in [5, 6] {
            let recall = oracle.judge(1, &alike, &list[..length]);
            assert_eq!(recall, Recall { expected: 5, found: 5, differs: false });
        }
        let lacking = oracle.judge(1, &alike, &list[1..]);
        assert_eq!(lacking, Recall { expected: 5, found: 4, differs: true });
        let foreign = oracle.judge(1, &question.at_least(best[4].0 + 1e-3), &list);
        assert!(foreign.differs, "{foreign:?}");
    }
}
