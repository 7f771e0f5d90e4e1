//! Which segments to rewrite next: size tiers and the share of deleted rows.

use crate::id::SegmentId;

/// What the policy knows of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) segment: SegmentId,
    /// Bytes of its file.
    pub(crate) bytes: u64,
    /// Rows, deleted ones included.
    pub(crate) rows: u64,
    /// Deleted rows.
    pub(crate) deleted: u64,
    /// Written by an earlier release, without what searches want today.
    pub(crate) outdated: bool,
}

/// Size-tiered compaction.
///
/// A tier holds segments whose live bytes are within a factor of [`CompactionPolicy::fan_in`]; as
/// many segments of one tier are merged into one of the next. A row is thus rewritten once per
/// tier, and a gallery has at most `fan_in - 1` segments per tier when nothing is due. Apart from
/// that, a segment with many deleted rows is rewritten alone, and so is one of an earlier format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CompactionPolicy {
    /// Segments of a tier that are merged into one; at least 2.
    pub(crate) fan_in: usize,
    /// Deleted rows per hundred from which a segment is rewritten.
    pub(crate) deleted_percent: u64,
    /// Live bytes that all smaller segments count as: the lowest tier.
    pub(crate) tier_bytes: u64,
    /// Live bytes of the largest segment that merging may make.
    pub(crate) segment_bytes_max: u64,
}

impl Default for CompactionPolicy {
    fn default() -> Self {
        Self { fan_in: 4, deleted_percent: 20, tier_bytes: 1 << 20, segment_bytes_max: 4 << 30 }
    }
}

impl CompactionPolicy {
    /// The segments of one gallery to merge next; none where all is well.
    pub(crate) fn choose(&self, segments: &[Candidate]) -> Vec<SegmentId> {
        self.with_many_deleted(segments)
            .or_else(|| self.of_one_tier(segments))
            .or_else(|| Self::outdated(segments))
            .unwrap_or_default()
    }

    /// The smallest segment of an earlier format.
    fn outdated(segments: &[Candidate]) -> Option<Vec<SegmentId>> {
        let outdated = segments.iter().filter(|segment| segment.outdated);
        outdated.min_by_key(|segment| live_bytes(segment)).map(|segment| vec![segment.segment])
    }

    /// The segment with the largest share of deleted rows, if that is too large.
    fn with_many_deleted(&self, segments: &[Candidate]) -> Option<Vec<SegmentId>> {
        let share = |segment: &Candidate| segment.deleted * 100 / segment.rows.max(1);
        let worst =
            segments.iter().filter(|segment| segment.deleted > 0).max_by_key(|s| share(s))?;
        (share(worst) >= self.deleted_percent).then(|| vec![worst.segment])
    }

    /// The segments of the lowest tier that is full, smallest first.
    fn of_one_tier(&self, segments: &[Candidate]) -> Option<Vec<SegmentId>> {
        let mut sorted: Vec<&Candidate> = segments.iter().collect();
        sorted.sort_by_key(|segment| (live_bytes(segment), segment.segment));
        let tiers = sorted.chunk_by(|a, b| self.tier(a) == self.tier(b));
        tiers.filter(|tier| tier.len() >= self.fan_in).find_map(|tier| {
            let mut sum = 0u64;
            let fitting = tier.iter().take_while(|segment| {
                sum = sum.saturating_add(live_bytes(segment));
                sum <= self.segment_bytes_max
            });
            let chosen: Vec<_> = fitting.map(|segment| segment.segment).collect();
            (chosen.len() >= self.fan_in).then_some(chosen)
        })
    }

    fn tier(&self, segment: &Candidate) -> u32 {
        let ratio = live_bytes(segment) / self.tier_bytes.max(1);
        ratio.max(1).ilog(self.fan_in.max(2) as u64)
    }
}

/// Bytes that a rewritten segment would take, roughly.
fn live_bytes(segment: &Candidate) -> u64 {
    let live = segment.rows.saturating_sub(segment.deleted);
    (u128::from(segment.bytes) * u128::from(live) / u128::from(segment.rows.max(1))) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn segment(id: u64, bytes: u64, deleted: u64) -> Candidate {
        Candidate { segment: SegmentId::new(id), bytes, rows: 100, deleted, outdated: false }
    }

    fn chosen(segments: &[Candidate]) -> Vec<u64> {
        CompactionPolicy::default().choose(segments).into_iter().map(SegmentId::get).collect()
    }

    #[test]
    fn four_of_a_size_become_one() {
        let of_size = |bytes| (1..=3).map(|id| segment(id, bytes, 0)).collect::<Vec<_>>();
        assert_eq!(chosen(&of_size(5 * MIB)), [0; 0]);
        let mut four = of_size(5 * MIB);
        four.push(segment(4, 15 * MIB, 0));
        assert_eq!(chosen(&four), [1, 2, 3, 4], "4 to 16 MiB are one tier");
        four[3].bytes = 17 * MIB;
        assert_eq!(chosen(&four), [0; 0], "another tier");
        let tiny: Vec<_> = (1..=6).map(|id| segment(id, 7 - id, 0)).collect();
        assert_eq!(chosen(&tiny), [6, 5, 4, 3, 2, 1], "everything small is one tier");
    }

    #[test]
    fn a_segment_with_many_deleted_rows_is_rewritten_alone() {
        assert_eq!(chosen(&[segment(1, MIB, 19)]), [0; 0]);
        assert_eq!(chosen(&[segment(1, MIB, 20), segment(2, MIB, 90)]), [2]);
        assert_eq!(chosen(&[segment(1, MIB, 100)]), [1]);
    }

    #[test]
    fn segments_of_an_earlier_format_are_rewritten_when_nothing_else_is_due() {
        let old = |id, bytes| Candidate { outdated: true, ..segment(id, bytes, 0) };
        assert_eq!(chosen(&[segment(1, MIB, 0), old(2, 90 * MIB), old(3, 9 * MIB)]), [3]);
        assert_eq!(chosen(&[old(1, 90 * MIB), segment(2, MIB, 30)]), [2]);
        let four: Vec<_> = (1..=4).map(|id| old(id, 5 * MIB)).collect();
        assert_eq!(chosen(&four), [1, 2, 3, 4]);
    }

    #[test]
    fn nothing_grows_beyond_the_largest_size() {
        let gib: Vec<_> = (1..=9).map(|id| segment(id, 1 << 30, 0)).collect();
        assert_eq!(chosen(&gib), [1, 2, 3, 4]);
        let huge: Vec<_> = (1..=9).map(|id| segment(id, 2 << 30, 0)).collect();
        assert_eq!(chosen(&huge), [0; 0]);
    }

    proptest! {
        /// Whatever there is, the policy comes to rest, and then no tier is full.
        #[test]
        fn the_policy_comes_to_rest_with_few_segments(
            sizes in prop::collection::vec((1u64..1 << 32, 0u64..=100), 0..80),
        ) {
            let policy = CompactionPolicy::default();
            let mut segments: Vec<Candidate> = sizes
                .into_iter()
                .enumerate()
                .map(|(id, (bytes, deleted))| segment(id as u64, bytes, deleted))
                .collect();
            let mut next = 1000;
            for _ in 0..200 {
                let inputs = policy.choose(&segments);
                if inputs.is_empty() {
                    break;
                }
                let (merged, kept): (Vec<_>, Vec<_>) =
                    segments.into_iter().partition(|segment| inputs.contains(&segment.segment));
                prop_assert_eq!(merged.len(), inputs.len());
                segments = kept;
                let bytes = merged.iter().map(live_bytes).sum();
                next += 1;
                segments.push(segment(next, bytes, 0));
            }
            prop_assert_eq!(policy.choose(&segments), vec![]);
            for tier in 0..6 {
                let of_tier = segments.iter().filter(|segment| policy.tier(segment) == tier);
                let small = of_tier.filter(|segment| live_bytes(segment) < 1 << 30);
                prop_assert!(small.count() < policy.fan_in, "tier {tier}");
            }
        }
    }
}
