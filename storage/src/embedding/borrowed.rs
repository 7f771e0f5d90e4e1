//! An embedding where it is stored: numbers of either precision, read in place.

use std::borrow::Cow;
use std::fmt;

use super::Embedding;
use crate::codec::put_f32s;
use crate::half;
use crate::kernel::{HALF_BYTES, Kernel};

/// The components of a stored embedding, borrowed from where they are.
///
/// Two are equal where their components are, in whatever precision they are stored.
#[derive(Clone, Copy)]
pub struct EmbeddingRef<'a>(Stored<'a>);

#[derive(Clone, Copy)]
enum Stored<'a> {
    Single(&'a [f32]),
    /// Half-precision numbers, little-endian.
    Half(&'a [[u8; HALF_BYTES]]),
}

impl<'a> EmbeddingRef<'a> {
    /// The half-precision numbers that these bytes are, little-endian.
    pub(crate) fn of_halves(bytes: &'a [u8]) -> Self {
        Self(Stored::Half(bytes.as_chunks().0))
    }

    /// The components, of unit length up to rounding. Halves are copied: each is exactly one of
    /// these numbers.
    pub fn components(self) -> Cow<'a, [f32]> {
        match self.0 {
            Stored::Single(components) => Cow::Borrowed(components),
            Stored::Half(halves) => halves.iter().copied().map(widened).collect(),
        }
    }

    /// An owned copy, number by number, without a look at them: enrolling it checks again.
    pub fn to_embedding(self) -> Embedding {
        Embedding::copied(self)
    }

    /// The number of components.
    pub fn len(self) -> usize {
        match self.0 {
            Stored::Single(components) => components.len(),
            Stored::Half(halves) => halves.len(),
        }
    }

    /// Whether there are none: no stored embedding is so.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The inner product with a probe, the same bits whatever the precision of these components:
    /// see [`Kernel::dot`].
    pub(crate) fn dot(self, kernel: Kernel, probe: &[f32]) -> f32 {
        match self.0 {
            Stored::Single(components) => kernel.dot(probe, components),
            Stored::Half(halves) => kernel.dot_half(probe, halves),
        }
    }

    /// Appends the components in single precision.
    pub(crate) fn put_singles(self, out: &mut Vec<u8>) {
        put_f32s(out, &self.components());
    }

    /// Appends the components in half precision, each as the nearest.
    pub(crate) fn put_halves(self, out: &mut Vec<u8>) {
        match self.0 {
            Stored::Single(components) => {
                let halves = components.iter().map(|&value| half::narrow(value).to_le_bytes());
                out.extend(halves.flatten());
            }
            Stored::Half(halves) => out.extend_from_slice(halves.as_flattened()),
        }
    }
}

fn widened(half: [u8; HALF_BYTES]) -> f32 {
    half::widen(u16::from_le_bytes(half))
}

impl<'a> From<&'a [f32]> for EmbeddingRef<'a> {
    fn from(components: &'a [f32]) -> Self {
        Self(Stored::Single(components))
    }
}

impl Default for EmbeddingRef<'_> {
    /// No components.
    fn default() -> Self {
        Self(Stored::Single(&[]))
    }
}

impl PartialEq for EmbeddingRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.components() == other.components()
    }
}

impl fmt::Debug for EmbeddingRef<'_> {
    /// Prints the dimension only: components are biometric data and have no place in logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EmbeddingRef(dim {})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_the_same_in_either_precision_where_halves_have_them() {
        let components = [0.6f32, -0.5, 1e-4, 0.0];
        let single = EmbeddingRef::from(&components[..]);
        let mut bytes = Vec::new();
        single.put_halves(&mut bytes);
        let half = EmbeddingRef::of_halves(&bytes);
        assert_eq!((half.len(), half.is_empty()), (4, false));
        assert_ne!(half, single, "0.6 is no half");
        let rounded = half.components();
        assert_eq!(half, EmbeddingRef::from(&*rounded));
        assert_eq!((rounded[0], rounded[1], rounded[3]), (0.600_097_66, -0.5, 0.0));
        let probe = [0.1, 0.2, 0.3, 0.4];
        let scores = [half, EmbeddingRef::from(&*rounded)].map(|e| e.dot(Kernel::best(), &probe));
        assert_eq!(scores[0].to_bits(), scores[1].to_bits());
        let (mut again, mut singles) = (Vec::new(), Vec::new());
        EmbeddingRef::from(&*rounded).put_halves(&mut again);
        half.put_singles(&mut singles);
        assert_eq!((&again, singles.len()), (&bytes, 16), "rounding twice changes nothing");
        assert_eq!(format!("{half:?}"), "EmbeddingRef(dim 4)");
    }
}
