//! Similarity kernels: slices in, numbers out.
//!
//! Each function returns the same bits on every instruction set, whether it is written for it or
//! not; the scalar one says what they are. Nothing here knows embeddings, rows or files.
#![cfg_attr(
    not(test),
    expect(clippy::indexing_slicing, reason = "places of arrays of fixed length, in hot loops")
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bounds;
mod listed;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::OnceLock;

pub(crate) use bounds::{Before, Judged, Line, Plane, RefinedLine};
pub(crate) use listed::Listed;

/// Rows whose codes stand side by side.
pub(crate) const GROUP_ROWS: usize = 16;
/// Bytes of one line of a record: four columns, each of which has a byte, 8 dimensions, of every
/// row of a group.
pub(crate) const LINE_BYTES: usize = 64;
/// Fields of two bits in a byte.
pub(crate) const FIELDS: usize = 4;
/// Most lines of a record that have codes: so many are 4096 dimensions.
pub(crate) const LINES_MAX: usize = 128;
/// Bytes of a half-precision number.
pub(crate) const HALF_BYTES: usize = 2;
/// Bytes of a row's two factors.
pub(crate) const FACTORS_BYTES: usize = 2 * HALF_BYTES;
/// Partial sums of an inner product, each over the components whose places are equal modulo this.
const PARTIAL_SUMS: usize = 64;

/// An instruction set that the kernels are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// AVX-512 with VNNI: Intel since Cascade Lake, AMD since Zen 4.
    Avx512,
    /// AVX2 with FMA and F16C: Intel since Haswell, AMD since Zen.
    Avx2,
    /// NEON: every 64-bit ARM machine.
    Neon,
    /// No particular instruction set: the definition of what the others compute.
    Scalar,
}

/// For one line of the codes, what each value of four bits adds to a row's sum: 16 entries for
/// the low (or, in every second line, the high) half of the bytes of each column.
///
/// For the same column of a line of codes and the next one, the first being at an even place, the
/// largest entries of the low and the high half of both add up to 255 at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct TableLine(pub(crate) [u8; LINE_BYTES]);

/// The weights of 64 bytes of fields: line `f` has that of field `f` of each byte. Those of bytes
/// that are not there are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(crate) struct FieldWeights(pub(crate) [[i8; LINE_BYTES]; FIELDS]);

/// Refinements of rows, back to back: each has some bytes of fields, and the row's two factors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refinements<'a> {
    /// All of them.
    pub(crate) bytes: &'a [u8],
    /// Bytes of fields in each.
    pub(crate) field_bytes: usize,
}

impl<'a> Refinements<'a> {
    /// The refinement of a row, empty where there is none.
    fn get(self, row: u32) -> &'a [u8] {
        let bytes = self.field_bytes + FACTORS_BYTES;
        let start = row as usize * bytes;
        self.bytes.get(start..start + bytes).unwrap_or_default()
    }
}

/// What a probe knows of all bits of codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refining<'a> {
    /// The probe's weights.
    pub(crate) weights: &'a [FieldWeights],
    /// How totals and sums of products become bounds.
    pub(crate) line: &'a RefinedLine,
}

impl Kernel {
    /// All there are, the fastest first.
    const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Scalar];

    /// The fastest of this machine; looked up once.
    pub fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().next().unwrap_or(Self::Scalar))
    }

    /// Those that this machine can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|kernel| kernel.is_available())
    }

    /// Whether this machine can run it.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::is_available(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::is_available(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => false,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => neon::is_available(),
            #[cfg(not(target_arch = "aarch64"))]
            Self::Neon => false,
            Self::Scalar => true,
        }
    }

    /// Its name: `avx512`, `avx2`, `neon` or `scalar`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Scalar => "scalar",
        }
    }

    /// The inner product of two slices of equal length, zero where the lengths differ.
    ///
    /// There are 64 partial sums; sum `j` adds up, by fused multiply-add from zero and in order,
    /// the products of the components whose place is `j` modulo 64. Then the upper half of the
    /// sums is added to the lower, until one is left. A result of -0.0 becomes 0.0, so that equal
    /// scores are equal in every order.
    pub(crate) fn dot(self, left: &[f32], right: &[f32]) -> f32 {
        if left.len() != right.len() {
            return 0.0;
        }
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_available() => avx512::dot(left, right),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if self.is_available() => avx2::dot(left, right),
            #[cfg(target_arch = "aarch64")]
            Self::Neon if self.is_available() => neon::dot(left, right),
            _ => scalar::dot(left, right),
        }
    }

    /// As [`Kernel::dot`] with the values of little-endian half-precision numbers: the same bits as
    /// that of the numbers in single precision, for any but infinities and what is no number.
    pub(crate) fn dot_half(self, left: &[f32], right: &[[u8; HALF_BYTES]]) -> f32 {
        if left.len() != right.len() {
            return 0.0;
        }
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_available() => avx512::dot_half(left, right),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if self.is_available() => avx2::dot_half(left, right),
            _ => scalar::dot_half(left, right),
        }
    }

    /// Reads a plane of the groups listed, ascending, and tells each probe the highest score that
    /// each of their rows can have: see [`Line`] for the formula.
    ///
    /// The sum of a row adds up the table's entries: a record has a line of factors behind lines
    /// of codes, and byte `16 c + r` of these is the byte of row `r` in column `c`. Sums become
    /// totals, totals bounds, and the bits of the rows whose bounds are below what a probe wants
    /// are cleared; a bound that is not a number is below nothing. Where the plane before it is
    /// read at once, totals and bounds are those after both. Groups beyond the records or the room
    /// that any probe has for them are left alone.
    pub(crate) fn judge<const PROBES: usize>(
        self,
        plane: Plane<'_>,
        groups: &[u32],
        judged: [Judged<'_>; PROBES],
    ) {
        let lines = (plane.record_bytes / LINE_BYTES).saturating_sub(1);
        let table_lines = 2 * lines.next_multiple_of(2);
        let has_table = |judged: &Judged<'_>| judged.table.len() == table_lines;
        if !(1..=LINES_MAX).contains(&lines) || !judged.iter().all(has_table) {
            return;
        }
        let room = judged.iter().map(Judged::groups).min().unwrap_or_default();
        let room = room.min(plane.groups());
        let groups = &groups[..groups.partition_point(|group| (*group as usize) < room)];
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_available() => avx512::judge(plane, groups, judged),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if self.is_available() => avx2::judge(plane, groups, judged),
            #[cfg(target_arch = "aarch64")]
            Self::Neon if self.is_available() => neon::judge(plane, groups, judged),
            _ => {
                for judged in judged {
                    scalar::judge(plane, groups, judged);
                }
            }
        }
    }

    /// Bounds the rows listed at some places by all bits of their codes: see [`RefinedLine`] for
    /// the formula.
    ///
    /// It takes the sum of the products of the weights with the fields of two bits of the row's
    /// refinement: field `f` of a byte are its bits `2 f` and `2 f + 1`, and there is a
    /// [`FieldWeights`] for every 64 bytes of fields. The bound of a row that is not there stays.
    pub(crate) fn refine(
        self,
        refining: Refining<'_>,
        refinements: Refinements<'_>,
        listed: &mut Listed,
        places: Range<usize>,
    ) {
        let places = places.start.min(listed.len())..places.end.min(listed.len());
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_available() => {
                avx512::refine(refining, refinements, listed, places);
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if self.is_available() => {
                avx2::refine(refining, refinements, listed, places);
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon if self.is_available() => {
                neon::refine(refining, refinements, listed, places);
            }
            _ => bounds::refine(refining, refinements, listed, places, scalar::product),
        }
    }

    /// Clears the bits of the rows whose bounds are below `least`. A bound that is not a number is
    /// below nothing.
    pub(crate) fn prune(self, bounds: &[[f32; GROUP_ROWS]], least: f32, undecided: &mut [u16]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_available() => avx512::prune(bounds, least, undecided),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if self.is_available() => avx2::prune(bounds, least, undecided),
            _ => bounds::prune(bounds, least, undecided),
        }
    }

    /// The number of bits that are set.
    pub(crate) fn count(self, masks: &[u16]) -> u64 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 | Self::Avx2 if self.is_available() => avx2::count(masks),
            _ => bounds::count(masks),
        }
    }

    /// Adds the rows whose bits are set, ascending and counted from `first`, to a list. Groups that
    /// lack a bound or a total are left out.
    pub(crate) fn list(
        self,
        masks: &[u16],
        first: u32,
        bounds: &[[f32; GROUP_ROWS]],
        totals: &[[u32; GROUP_ROWS]],
        listed: &mut Listed,
    ) {
        let masks = &masks[..masks.len().min(bounds.len()).min(totals.len())];
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_available() => {
                avx512::list(masks, first, bounds, totals, listed);
            }
            _ => {
                let (bounds, totals) = (bounds.as_flattened(), totals.as_flattened());
                bounds::rows(masks, |row| {
                    listed.push(first + row, bounds[row as usize], totals[row as usize]);
                });
            }
        }
    }

    /// Moves those rows of a range of a list that can reach `least` to a place at or before it, in
    /// their order; says how many they are. What is behind them there is left undefined. A bound
    /// that is not a number is below nothing.
    pub(crate) fn compact(
        self,
        listed: &mut Listed,
        range: Range<usize>,
        to: usize,
        least: f32,
    ) -> usize {
        let range = range.start..range.end.min(listed.len());
        if to > range.start || range.is_empty() {
            return 0;
        }
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.is_available() => avx512::compact(listed, range, to, least),
            _ => listed.compact(range, to, least),
        }
    }
}

/// Lists the rows whose bits are set, ascending.
pub(crate) fn rows(masks: &[u16], rows: &mut Vec<u32>) {
    rows.clear();
    bounds::rows(masks, |row| rows.push(row));
}

/// Asks for bytes that are about to be read: some lines of them, behind which the machine goes on
/// by itself.
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    avx2::prefetch(bytes);
    #[cfg(target_arch = "aarch64")]
    neon::prefetch(bytes);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = bytes;
}

impl fmt::Display for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A kernel's name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no kernel {0:?}; there are avx512, avx2, neon and scalar")]
pub struct UnknownKernel(String);

impl FromStr for Kernel {
    type Err = UnknownKernel;

    fn from_str(name: &str) -> Result<Self, UnknownKernel> {
        let found = Self::ALL.into_iter().find(|kernel| kernel.name() == name);
        found.ok_or_else(|| UnknownKernel(name.to_owned()))
    }
}
