//! The chain that ties each line of the log to all lines before it.

use std::fmt;
use std::str::FromStr;

use ring::digest::{self, SHA256};

/// Bytes of a SHA-256 hash.
const HASH_BYTES: usize = 32;
/// Its hexadecimal digits.
pub(super) const HASH_DIGITS: usize = 2 * HASH_BYTES;

/// A place in the chain: the number of a record, and the hash over it and everything before it.
///
/// Whoever notes one down elsewhere can later prove that the log still holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The number of the record; 0 is the place before the first one.
    pub seq: u64,
    pub(super) hash: [u8; HASH_BYTES],
}

/// The text names no place in a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no link of an audit log: write NUMBER:HASH as `likeness audit verify` does")]
pub struct LinkError(String);

impl Link {
    /// The place before the first record.
    pub(super) const START: Self = Self { seq: 0, hash: [0; HASH_BYTES] };

    /// The link of the record behind this one whose text is `record`.
    pub(super) fn next(self, record: &[u8]) -> Self {
        let mut hasher = digest::Context::new(&SHA256);
        hasher.update(&self.hash);
        hasher.update(record);
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(hasher.finish().as_ref());
        Self { seq: self.seq + 1, hash }
    }

    /// The hash as hexadecimal digits.
    pub fn digits(&self) -> String {
        hex::encode(self.hash)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.digits())
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (seq, digits) = text.split_once(':')?;
            let mut hash = [0; HASH_BYTES];
            hex::decode_to_slice(digits, &mut hash).ok()?;
            Some(Self { seq: seq.parse().ok()?, hash })
        };
        read().ok_or_else(|| LinkError(text.chars().take(100).collect()))
    }
}
