//! Embeddings: finite vectors of unit length, so that an inner product is a cosine.

mod borrowed;

use std::fmt;
use std::sync::Arc;

pub use borrowed::EmbeddingRef;

use crate::half;
use crate::kernel::Kernel;
use crate::limits::DIM_MAX;
use crate::precision::Precision;

/// Number of components of an embedding, 1 to [`DIM_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dim(u16);

impl Dim {
    /// A dimension, or `None` where `value` is zero or above [`DIM_MAX`].
    pub fn new(value: usize) -> Option<Self> {
        if value == 0 || value > DIM_MAX {
            return None;
        }
        u16::try_from(value).ok().map(Self)
    }

    /// The number of components.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// Why a vector cannot become an [`Embedding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddingError {
    /// The vector has no components, or more than [`DIM_MAX`].
    #[error("an embedding has 1 to {DIM_MAX} components, not {actual}")]
    Dimension {
        /// Components of the vector offered.
        actual: usize,
    },
    /// A component is infinite or not a number.
    #[error("component {position} of the embedding is not finite")]
    NotFinite {
        /// Position of the first such component, counted from zero.
        position: usize,
    },
    /// The vector has no direction: all components are zero or nearly so.
    #[error("an embedding of length zero has no direction")]
    ZeroLength,
}

/// How far the squared length of a stored embedding may be from one: rounding of 4096 components
/// to `f32` stays far below it, and rounding to halves just so (each changes by a part of at most
/// 1/2048 of itself, its square by little more than 1/1024); any damage that matters is above.
const UNIT_TOLERANCE: f64 = 1e-3;

/// How far the squared length of a normalised vector may be from one: each component is rounded by
/// a part of at most 2^-24 of itself, its square by twice that, and the sum by no more.
const NORMALIZED_TOLERANCE: f64 = 1.0 / (1 << 22) as f64;

/// A finite vector of unit length; cloning shares the components.
#[derive(Clone, PartialEq)]
pub struct Embedding {
    components: Arc<[f32]>,
    dim: Dim,
}

impl Embedding {
    /// Scales `components` to unit length. What has been scaled before stays as it is, bit by bit.
    ///
    /// # Errors
    /// [`EmbeddingError`] where the dimension is out of range, a component is not finite or the
    /// vector has no direction.
    pub fn normalize(mut components: Vec<f32>) -> Result<Self, EmbeddingError> {
        let actual = components.len();
        let dim = Dim::new(actual).ok_or(EmbeddingError::Dimension { actual })?;
        if let Some(position) = components.iter().position(|value| !value.is_finite()) {
            return Err(EmbeddingError::NotFinite { position });
        }
        let squared = squared_length(&components);
        if (squared - 1.0).abs() <= NORMALIZED_TOLERANCE {
            return Ok(Self { components: components.into(), dim });
        }
        let length = squared.sqrt();
        if length < f64::from(f32::MIN_POSITIVE) {
            return Err(EmbeddingError::ZeroLength);
        }
        for value in &mut components {
            *value = (f64::from(*value) / length) as f32;
        }
        Ok(Self { components: components.into(), dim })
    }

    /// The embedding that a gallery of this precision keeps of `components`. What one of that
    /// precision has kept before, and shown, stays as it is, bit by bit.
    ///
    /// # Errors
    /// As [`Embedding::normalize`].
    pub fn kept(components: Vec<f32>, precision: Precision) -> Result<Self, EmbeddingError> {
        if precision == Precision::Half && is_unit(&components) {
            // Rounding left it a little longer or shorter, which normalising would undo.
            let dim = Dim::new(components.len());
            let given = dim.map(|dim| Self { components: components.as_slice().into(), dim });
            if let Some(kept) = given.filter(|given| given.is_rounded(precision)) {
                return Ok(kept);
            }
        }
        Ok(Self::normalize(components)?.rounded(precision))
    }

    /// Takes components that were an embedding before, bit by bit; `None` where they cannot have
    /// been one.
    pub(crate) fn from_stored(components: Vec<f32>) -> Option<Self> {
        let dim = Dim::new(components.len())?;
        let embedding = Self { components: components.into(), dim };
        embedding.is_unit().then_some(embedding)
    }

    /// Copies the components of a stored row without a look at them: writing checks again.
    fn copied(stored: EmbeddingRef<'_>) -> Self {
        // A segment's header bounds its dimension; the fallback keeps this free of panics.
        let dim = Dim::new(stored.len()).unwrap_or(Dim(1));
        Self { components: stored.components().into(), dim }
    }

    /// The embedding as a gallery of this precision keeps it: for halves, each component becomes
    /// the nearest one, to an even one from the middle, and the length is no longer exactly one.
    /// Rounding again changes nothing.
    #[must_use]
    pub fn rounded(self, precision: Precision) -> Self {
        match precision {
            Precision::Single => self,
            Precision::Half => {
                let rounded = self.components.iter().map(|&value| half::widen(half::narrow(value)));
                Self { components: rounded.collect(), dim: self.dim }
            }
        }
    }

    /// Whether rounding to this precision leaves it as it is.
    pub(crate) fn is_rounded(&self, precision: Precision) -> bool {
        precision == Precision::Single || self.clone().rounded(precision) == *self
    }

    /// Whether the components are finite and of unit length, up to rounding.
    pub(crate) fn is_unit(&self) -> bool {
        is_unit(&self.components)
    }

    /// The components, [`Embedding::dim`] of them.
    pub fn as_slice(&self) -> &[f32] {
        &self.components
    }

    /// The number of components.
    pub fn dim(&self) -> Dim {
        self.dim
    }

    /// The inner product with `other`, the cosine of the angle between the two: -1 to 1 up to
    /// rounding, and zero where the dimensions differ.
    pub fn dot(&self, other: &Embedding) -> f32 {
        Kernel::best().dot(&self.components, &other.components)
    }
}

impl fmt::Debug for Embedding {
    /// Prints the dimension only: components are biometric data and have no place in logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Embedding(dim {})", self.dim)
    }
}

/// Whether components are finite and of unit length, up to rounding.
pub(crate) fn is_unit(components: &[f32]) -> bool {
    // A component that is not finite makes the sum so too, which no tolerance accepts.
    (squared_length(components) - 1.0).abs() <= UNIT_TOLERANCE
}

/// The squared length, summed up in double precision.
pub(crate) fn squared_length(components: &[f32]) -> f64 {
    // Eight sums that do not wait for each other.
    let (chunks, rest) = components.as_chunks::<8>();
    let square = |value: f32| f64::from(value) * f64::from(value);
    let mut sums = [0.0; 8];
    for chunk in chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += square(value);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().copied().map(square).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::memory::Random;

    #[test]
    fn normalizing_gives_unit_length() {
        let embedding = Embedding::normalize(vec![3.0, 0.0, 4.0]).unwrap();
        assert_eq!(embedding.as_slice(), [0.6, 0.0, 0.8]);
        assert!((embedding.dot(&embedding) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn huge_and_tiny_vectors_keep_their_direction() {
        let huge = Embedding::normalize(vec![f32::MAX, f32::MAX]).unwrap();
        let tiny = Embedding::normalize(vec![1e-37, 1e-37]).unwrap();
        assert!((huge.dot(&tiny) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn vectors_without_direction_or_number_are_refused() {
        assert_eq!(Embedding::normalize(vec![0.0; 4]), Err(EmbeddingError::ZeroLength));
        let not_finite = Err(EmbeddingError::NotFinite { position: 1 });
        assert_eq!(Embedding::normalize(vec![1.0, f32::NAN]), not_finite);
        assert_eq!(Embedding::normalize(vec![1.0, f32::INFINITY]), not_finite);
        assert_eq!(Embedding::normalize(vec![]), Err(EmbeddingError::Dimension { actual: 0 }));
        let actual = DIM_MAX + 1;
        let too_wide = Embedding::normalize(vec![1.0; actual]);
        assert_eq!(too_wide, Err(EmbeddingError::Dimension { actual }));
    }

    #[test]
    fn stored_components_are_taken_only_when_they_were_an_embedding() {
        assert!(Embedding::from_stored(vec![0.6, 0.8]).is_some());
        assert!(Embedding::from_stored(vec![0.6, 0.9]).is_none());
        assert!(Embedding::from_stored(vec![f32::NAN, 0.8]).is_none());
        assert!(Embedding::from_stored(Vec::new()).is_none());
    }

    #[test]
    fn halves_are_of_unit_length_also_where_all_are_rounded_in_one_direction() {
        let mut most = 0.0f64;
        for dim in 1..=DIM_MAX {
            let embedding = Embedding::normalize(vec![1.0; dim]).unwrap();
            assert!(embedding.is_rounded(Precision::Single));
            let rounded = embedding.rounded(Precision::Half);
            let stored = Embedding::from_stored(rounded.as_slice().to_vec());
            assert!(stored.is_some_and(|stored| stored.is_rounded(Precision::Half)), "{dim}");
            most = most.max((squared_length(rounded.as_slice()) - 1.0).abs());
        }
        assert!(most > 0.97 * UNIT_TOLERANCE, "some are as far off as they can be: {most}");
    }

    #[test]
    fn what_was_kept_is_kept_again_bit_by_bit() {
        let mut random = Random::new(7);
        for dim in 1..200 {
            let components: Vec<f32> =
                (0..dim).map(|_| 1.0 + random.below(1 << 20) as f32).collect();
            for precision in [Precision::Single, Precision::Half] {
                let kept = Embedding::kept(components.clone(), precision).unwrap();
                let again = Embedding::kept(kept.as_slice().to_vec(), precision).unwrap();
                assert_eq!(kept, again, "{dim} components");
            }
        }
        let error = Embedding::kept(vec![0.0], Precision::Half);
        assert_eq!(error, Err(EmbeddingError::ZeroLength));
    }

    #[test]
    fn debug_output_shows_no_components() {
        let embedding = Embedding::normalize(vec![1.0, 0.0]).unwrap();
        assert_eq!(format!("{embedding:?}"), "Embedding(dim 2)");
    }
}
