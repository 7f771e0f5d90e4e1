//! The identifiers of the store: one newtype per kind of thing, so that they cannot be mixed up.

use std::fmt;

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// Wraps the raw number.
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The raw number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $inner {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, formatter)
            }
        }
    };
}

numeric_id! {
    /// A gallery, unique within one store and never used again after the gallery is dropped.
    GalleryId, u64
}

numeric_id! {
    /// A template, unique within its gallery; chosen by the caller, ideally ordered by time.
    TemplateId, u128
}

numeric_id! {
    /// Position in commit order: batch `n` of the store has LSN `n`; zero is the empty store.
    Lsn, u64
}

numeric_id! {
    /// A store, told from every other by a random number given when it was created.
    StoreId, u128
}

numeric_id! {
    /// A sealed segment file, unique within one store and never used again.
    SegmentId, u64
}

numeric_id! {
    /// The number of one log file of the WAL.
    LogSeq, u64
}

numeric_id! {
    /// Position of a row inside one segment, counted from zero.
    RowOrdinal, u32
}

impl Lsn {
    /// The LSN of the batch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl SegmentId {
    /// The number of the segment after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl LogSeq {
    /// The number of the log file after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_order_and_print_like_their_numbers() {
        assert!(TemplateId::new(9) < TemplateId::new(10));
        assert_eq!(TemplateId::new(u128::MAX).to_string(), u128::MAX.to_string());
        assert_eq!(u64::from(GalleryId::from(7)), 7);
    }

    #[test]
    fn the_lsn_after_the_last_stays_the_last() {
        assert_eq!(Lsn::new(1).next(), Lsn::new(2));
        assert_eq!(Lsn::new(u64::MAX).next(), Lsn::new(u64::MAX));
    }
}
