//! The checksum of every format: CRC-32 (IEEE), kept apart from other numbers by its own type.

use std::fmt;

/// The CRC-32 of some bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checksum(u32);

impl Checksum {
    /// The checksum of `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(crc32fast::hash(bytes))
    }

    /// A checksum read from disk.
    pub(crate) const fn from_stored(value: u32) -> Self {
        Self(value)
    }

    /// The number to store.
    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32_as_published() {
        assert_eq!(Checksum::of(b"123456789").get(), 0xcbf4_3926);
    }
}
