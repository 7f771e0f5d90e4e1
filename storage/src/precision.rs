//! How precisely a gallery keeps its embeddings.

use std::fmt;
use std::str::FromStr;

use crate::limits::DIM_MAX;

/// The format of the numbers of a stored embedding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Single precision (IEEE 754 binary32): what models make and callers bring.
    #[default]
    Single,
    /// Half precision (IEEE 754 binary16): each number rounded to the nearest half, to even ones
    /// from the middle, in half of the bytes.
    Half,
}

/// Set in a stored number of dimensions where embeddings are kept in half precision. Builds that
/// know no halves take such a number for too many dimensions, and refuse the file.
pub(crate) const HALF_BIT: u16 = 1 << 15;

// A number of dimensions is a u16 on disk, with room for the bit.
const _: () = assert!(DIM_MAX < HALF_BIT as usize);

impl Precision {
    const ALL: [Self; 2] = [Self::Single, Self::Half];

    /// Its name: `f32` or `f16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "f32",
            Self::Half => "f16",
        }
    }

    /// Bytes of one number: 4 or 2.
    pub fn bytes(self) -> usize {
        match self {
            Self::Single => size_of::<f32>(),
            Self::Half => size_of::<u16>(),
        }
    }

    /// A number of dimensions, far below [`HALF_BIT`], as a file says it together with this.
    pub(crate) fn mark(self, dimensions: usize) -> u16 {
        dimensions as u16 | if self == Self::Half { HALF_BIT } else { 0 }
    }

    /// The precision and the number of dimensions that a file says together.
    pub(crate) fn unmark(stored: u32) -> (Self, usize) {
        let bit = u32::from(HALF_BIT);
        let precision = if stored & bit == 0 { Self::Single } else { Self::Half };
        (precision, (stored & !bit) as usize)
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name of a precision that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no precision {0:?}; there are f32 and f16")]
pub struct UnknownPrecision(String);

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(name: &str) -> Result<Self, UnknownPrecision> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == name);
        found.ok_or_else(|| UnknownPrecision(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precisions_are_known_by_their_names() {
        for precision in Precision::ALL {
            assert_eq!(precision.name().parse(), Ok(precision));
        }
        let error = "f64".parse::<Precision>().unwrap_err();
        assert_eq!(error.to_string(), "there is no precision \"f64\"; there are f32 and f16");
    }

    #[test]
    fn a_file_says_precision_and_dimensions_together() {
        for precision in Precision::ALL {
            for dimensions in [1, 512, 4096] {
                let stored = precision.mark(dimensions);
                assert_eq!(Precision::unmark(stored.into()), (precision, dimensions));
            }
        }
        assert_eq!(Precision::Single.mark(512), 512, "as it was before there were halves");
        assert_eq!(Precision::unmark(1 << 31 | 512).1, 1 << 31 | 512, "no number of dimensions");
    }
}
