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

    /// The checksum of `salt`, little-endian, with `bytes` behind it.
    pub(crate) fn of_salted(salt: u64, bytes: &[u8]) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&salt.to_le_bytes());
        hasher.update(bytes);
        Self(hasher.finalize())
    }

    /// The checksum of the bytes summed up here with `bytes` more behind them that `next` is of.
    #[must_use]
    pub(crate) fn followed_by(self, next: Self, bytes: u64) -> Self {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        hasher.combine(&crc32fast::Hasher::new_with_initial_len(next.0, bytes));
        Self(hasher.finalize())
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

    #[test]
    fn checksums_of_parts_make_that_of_the_whole() {
        let whole = Checksum::of(b"12345").followed_by(Checksum::of(b"6789"), 4);
        assert_eq!(whole, Checksum::of(b"123456789"));
        assert_eq!(Checksum::of(b"").followed_by(whole, 9), whole);
    }

    #[test]
    fn a_salt_counts_like_bytes_in_front() {
        let bytes = [&0x5a17_u64.to_le_bytes(), b"123456789".as_slice()].concat();
        assert_eq!(Checksum::of_salted(0x5a17, b"123456789"), Checksum::of(&bytes));
    }
}
