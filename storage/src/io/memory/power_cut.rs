//! What the loss of power leaves of what was not synced.

/// A choice among what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PowerCut {
    /// What was synced, and nothing else.
    Synced,
    /// All names, but only the bytes that were synced.
    Names,
    /// The names that were synced, and the first half of the bytes that were not.
    HalfOfTheBytes,
    /// All names, and the second half of the bytes that were not synced.
    OtherHalfOfTheBytes,
    /// All names and lengths, and zeros in place of new bytes that were not synced.
    Zeros,
    /// Any part of the names, lengths and sectors that were not synced: the seed says which.
    Seeded(u64),
}

impl PowerCut {
    /// Those without a seed.
    pub(crate) const ALL: [Self; 5] =
        [Self::Synced, Self::Names, Self::HalfOfTheBytes, Self::OtherHalfOfTheBytes, Self::Zeros];
}
