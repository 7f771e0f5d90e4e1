//! Read-only mappings of sealed files; the only unsafe code of `io`.
//!
//! # Safety case
//! A mapping is sound as long as nobody changes or shortens the file while it is mapped. The
//! store maps segments only. It creates a segment under a number that is never used again, never
//! opens it for writing afterwards and removes it only by name, which leaves the mapped content
//! alone. The `LOCK` file keeps other processes of this program out of the directory. What is
//! left is an operator who overwrites a segment of a running store by hand; no file format can
//! guard against that, and `docs/durability.md` says so.

use std::io::{self, Read};
use std::ops::Range;

use memmap2::Mmap;

use super::disk::OsFile;

// Floats are read in place, in the byte order of the file.
#[cfg(target_endian = "big")]
compile_error!("segments are mapped as little-endian floats; big-endian machines are unsupported");

/// Files up to this length are read instead of mapped: a process may have some 65,000 mappings,
/// and a store many small galleries.
const READ_BYTES_MAX: u64 = 64 << 10;

/// Alignment of the bytes.
const ALIGNMENT: usize = 64;

/// The bytes of a file in memory, aligned to at least 64 bytes.
#[derive(Debug)]
pub(crate) enum Mapping {
    /// Mapped by the operating system.
    File(Mmap),
    /// A copy: `length` bytes from `start` on.
    Copy {
        /// Room for the bytes, wherever their alignment lets them begin.
        room: Box<[u8]>,
        /// Where they begin.
        start: usize,
        /// Their number.
        length: usize,
    },
}

impl Mapping {
    /// Maps or reads the whole of `file`, which must be sealed: see the safety case of this module.
    pub(crate) fn of_sealed_file(file: &OsFile) -> io::Result<Self> {
        let length = file.metadata()?.len();
        if length <= READ_BYTES_MAX {
            let mut bytes = Vec::with_capacity(length as usize);
            let mut reader = file;
            reader.read_to_end(&mut bytes)?;
            return Ok(Self::of_bytes(&bytes));
        }
        #[expect(unsafe_code, reason = "mapping a file is unsafe; see the safety case above")]
        // SAFETY: the file is sealed, so nobody writes to it or shortens it while it is mapped.
        let map = unsafe { Mmap::map(file) }?;
        Ok(Self::File(map))
    }

    /// A copy of `bytes`.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let mut room = vec![0; bytes.len() + ALIGNMENT].into_boxed_slice();
        let start = room.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        let places = room.iter_mut().skip(start);
        places.zip(bytes).for_each(|(place, byte)| *place = *byte);
        Self::Copy { room, start, length: bytes.len() }
    }

    /// All bytes of the file.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::File(map) => map,
            Self::Copy { room, start, length } => {
                room.get(*start..start + length).unwrap_or_default()
            }
        }
    }

    /// Asks the operating system to read a range of bytes ahead, in its own time.
    pub(crate) fn will_need(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Self::File(map) = self {
            // Advice only: where it is not taken, the pages are read when they are needed.
            let _ = map.advise_range(memmap2::Advice::WillNeed, range.start, range.len());
        }
        #[cfg(not(unix))]
        let _ = range;
    }

    /// The floats at a range of bytes; `None` where the range is outside the file or not made of
    /// whole, aligned floats.
    pub(crate) fn f32s(&self, range: Range<usize>) -> Option<&[f32]> {
        let bytes = self.bytes().get(range)?;
        #[expect(unsafe_code, reason = "reading floats in place is what mapping is for")]
        // SAFETY: every bit pattern is a valid f32, and `align_to` checks alignment and length.
        let (before, floats, after) = unsafe { bytes.align_to::<f32>() };
        (before.is_empty() && after.is_empty()).then_some(floats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_in_place_only_where_they_are_whole_and_aligned() {
        let bytes: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let mapping = Mapping::of_bytes(&bytes);
        assert_eq!(mapping.f32s(0..8), Some([1.5, -2.0].as_slice()));
        assert_eq!(mapping.f32s(4..8), Some([-2.0].as_slice()));
        assert_eq!(mapping.f32s(1..5), None);
        assert_eq!(mapping.f32s(0..6), None);
        assert_eq!(mapping.f32s(4..12), None);
    }

    #[test]
    fn an_empty_mapping_has_no_floats() {
        let mapping = Mapping::of_bytes(&[]);
        assert_eq!(mapping.f32s(0..0), Some([].as_slice()));
        assert_eq!(mapping.f32s(0..4), None);
    }
}
