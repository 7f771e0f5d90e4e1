//! Rows that are looked at one by one, with what is known of them.

use std::cmp::Ordering;
use std::ops::Range;

/// Rows, their bounds and their totals: what is at the same place belongs together.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// The numbers of the rows.
    pub(crate) rows: Vec<u32>,
    /// The highest score each row can have.
    pub(crate) bounds: Vec<f32>,
    /// The sum of all planes of each row.
    pub(crate) totals: Vec<u32>,
}

impl Listed {
    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.truncate(0);
    }

    /// Forgets the rows behind the first so many.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.rows.truncate(length);
        self.bounds.truncate(length);
        self.totals.truncate(length);
    }

    /// Adds other rows.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.rows.extend_from_slice(&other.rows);
        self.bounds.extend_from_slice(&other.bounds);
        self.totals.extend_from_slice(&other.totals);
    }

    /// Makes room for rows behind the others, which nothing is known of.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn grow(&mut self, rows: usize) {
        let length = self.len() + rows;
        self.rows.resize(length, 0);
        self.bounds.resize(length, 0.0);
        self.totals.resize(length, 0);
    }

    pub(super) fn push(&mut self, row: u32, bound: f32, total: u32) {
        self.rows.push(row);
        self.bounds.push(bound);
        self.totals.push(total);
    }

    /// Moves the rows of a range that can reach `least` to a place at or before them, in their
    /// order; says how many.
    pub(super) fn compact(&mut self, range: Range<usize>, to: usize, least: f32) -> usize {
        let mut end = to;
        for at in range {
            let bound = self.bounds[at];
            self.rows[end] = self.rows[at];
            self.bounds[end] = bound;
            self.totals[end] = self.totals[at];
            // A bound that is not a number is below nothing.
            end += usize::from(bound.partial_cmp(&least) != Some(Ordering::Less));
        }
        end - to
    }
}
