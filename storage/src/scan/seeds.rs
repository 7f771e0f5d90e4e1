//! The rows that are scored first, so that the others are judged by a good bar.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::scratch::Board;
use super::target::Target;
use crate::code::GROUP_ROWS;

/// Seeds: twice as many as the list wanted is long, and at least.
const LEAST: usize = 32;
/// So many undecided rows for each seed make it worth its while.
const GAIN: usize = 4;
/// Rows among which a seed is the best, where there are as many.
const SAMPLE: usize = 64;
/// Groups among which there are seeds, at least.
const SAMPLE_GROUPS: usize = 128;

/// How many there should be.
fn count(target: &Target) -> usize {
    target.probe.limit.saturating_mul(2).max(LEAST)
}

/// Whether so many undecided rows call for a better bar, and nobody has seen to one yet; from then
/// on the caller has.
pub(crate) fn are_worthwhile(target: &Target, undecided: u64) -> bool {
    undecided > count(target).saturating_mul(GAIN) as u64 && target.take_seeding()
}

/// The undecided rows with the highest bounds.
pub(crate) fn most_promising(board: &Board, target: &Target) -> Vec<u32> {
    let wanted = count(target);
    let groups = SAMPLE_GROUPS.max(wanted.saturating_mul(SAMPLE) / GROUP_ROWS);
    // Positive bounds order as their bits do; the others promise nothing.
    let rank = |bound: f32| bound.max(0.0).to_bits();
    let (mut best, mut least) = (BinaryHeap::with_capacity(wanted + 1), 0.0);
    let groups = board.bounds.iter().zip(&board.undecided).enumerate().take(groups);
    for (group, (bounds, mask)) in groups {
        // Most groups have no row that is good enough.
        if bounds.iter().all(|bound| *bound < least) {
            continue;
        }
        let undecided = bounds.iter().enumerate().filter(|(lane, _)| mask >> lane & 1 == 1);
        for (lane, &bound) in undecided.filter(|(_, bound)| **bound >= least) {
            best.push(Reverse((rank(bound), (group * GROUP_ROWS + lane) as u32)));
            if best.len() > wanted {
                best.pop();
            }
        }
        if best.len() == wanted {
            least = best.peek().map_or(0.0, |&Reverse((rank, _))| f32::from_bits(rank));
        }
    }
    best.into_iter().map(|Reverse((_, row))| row).collect()
}
