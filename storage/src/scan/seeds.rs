//! The rows that are scored first, so that the others are judged by a good bar.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::scratch::Board;
use super::target::Target;
use crate::code::GROUP_ROWS;

/// Seeds: times the length of the list wanted, and at least.
const PER_HIT: usize = 2;
const LEAST: usize = 32;
/// So many undecided rows for each seed make it worth its while.
const GAIN: u64 = 4;

/// How many there should be.
pub(crate) fn count(target: &Target) -> usize {
    target.probe.limit.saturating_mul(PER_HIT).max(LEAST)
}

/// Whether so many undecided rows call for a better bar, and nobody has seen to one yet; from then
/// on the caller has.
pub(crate) fn are_worthwhile(target: &Target, undecided: u64) -> bool {
    undecided / GAIN > count(target) as u64 && target.take_seeding()
}

/// The undecided rows with the highest bounds.
pub(crate) fn most_promising(board: &Board, wanted: usize) -> Vec<u32> {
    let mut best = BinaryHeap::with_capacity(wanted + 1);
    for (group, (bounds, mask)) in board.bounds.iter().zip(&board.undecided).enumerate() {
        for (lane, &bound) in bounds.iter().enumerate() {
            // Positive bounds order as their bits do; the others promise nothing.
            let rank = bound.max(0.0).to_bits();
            let room = best.len() < wanted;
            let better = best.peek().is_none_or(|&Reverse((least, _))| rank > least);
            if (room || better) && mask >> lane & 1 == 1 {
                best.push(Reverse((rank, (group * GROUP_ROWS + lane) as u32)));
                if best.len() > wanted {
                    best.pop();
                }
            }
        }
    }
    best.into_iter().map(|Reverse((_, row))| row).collect()
}
