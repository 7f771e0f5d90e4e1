//! Sealed, immutable, memory-mapped files of the rows of one gallery and one model.
//!
//! Bytes: `docs/format.md`.

mod builder;
mod format;
mod reader;
mod thumbnails;
mod tombstones;

#[cfg(test)]
pub(crate) use format::MAGIC as SEGMENT_MAGIC;
#[cfg(test)]
pub(crate) use tombstones::MAGIC as TOMBSTONE_MAGIC;

/// Numbers of the layout in the order of the format document.
#[cfg(test)]
pub(crate) const LAYOUT: [usize; 12] = [
    format::FORMAT_VERSION as usize,
    format::FORMAT_VERSION_WITH_THUMBNAILS as usize,
    format::FORMAT_VERSION_WITHOUT_CODES as usize,
    format::HEADER_BYTES_MAX,
    format::SECTION_ALIGNMENT,
    format::SECTION_ENTRY_BYTES,
    format::BLOCK_BYTES,
    format::ID_BYTES,
    format::FIXED_BYTES,
    format::ENDS_BYTES,
    format::THUMBNAIL_END_BYTES,
    tombstones::FORMAT_VERSION as usize,
];

pub(crate) use builder::{BuildError, RowSource, write_segment};
pub(crate) use reader::Segment;
pub(crate) use tombstones::Tombstones;

#[cfg(test)]
pub(crate) mod tests;
