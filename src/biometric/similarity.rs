//! From a model's cosine to the similarity that users see, 0..=1, and back.

/// A monotone, piecewise linear function from cosine to similarity.
///
/// Each model pack publishes its anchors, so that one threshold means about the same false match
/// rate with every pack. Below the first anchor's cosine the similarity falls linearly to 0 at
/// cosine 0 (or at the first anchor, where its similarity is 0); above the last it rises to 1 at 1.
#[derive(Debug, Clone, PartialEq)]
pub struct SimilarityMapping {
    /// Strictly ascending (cosine, similarity) pairs; the last is (1, 1).
    anchors: Vec<(f32, f32)>,
}

/// Anchors that describe no monotone function onto 0..=1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("similarity anchors must be strictly ascending pairs within -1..1 and 0..1: {0:?}")]
pub struct SimilarityMappingError(pub Vec<(f32, f32)>);

impl SimilarityMapping {
    /// Similarity is the cosine itself, negatives shown as 0.
    pub fn identity() -> Self {
        Self { anchors: vec![(0.0, 0.0), (1.0, 1.0)] }
    }

    /// The mapping through the given (cosine, similarity) anchors and (1, 1); none = identity.
    ///
    /// # Errors
    /// When the anchors are not strictly ascending in both, or leave -1..=1 or 0..=1.
    pub fn from_anchors(given: &[(f32, f32)]) -> Result<Self, SimilarityMappingError> {
        let mut anchors = given.to_vec();
        match anchors.first() {
            None => return Ok(Self::identity()),
            Some(&(cosine, similarity)) if cosine > 0.0 && similarity > 0.0 => {
                anchors.insert(0, (0.0, 0.0));
            }
            Some(&(_, similarity)) if similarity > 0.0 => anchors.insert(0, (-1.0, 0.0)),
            Some(_) => {}
        }
        if anchors.last() != Some(&(1.0, 1.0)) {
            anchors.push((1.0, 1.0));
        }
        let in_range =
            anchors.iter().all(|&(c, s)| (-1.0..=1.0).contains(&c) && (0.0..=1.0).contains(&s));
        let ascending = anchors.windows(2).all(|pair| match pair {
            [a, b] => a.0 < b.0 && a.1 < b.1,
            _ => true,
        });
        if in_range && ascending {
            Ok(Self { anchors })
        } else {
            Err(SimilarityMappingError(given.to_vec()))
        }
    }

    /// Similarity 0..=1 of a cosine.
    pub fn similarity(&self, cosine: f32) -> f32 {
        interpolate(&self.anchors, cosine, |&(c, s)| (c, s))
    }

    /// The least cosine whose similarity reaches `similarity`; negative infinity at or below 0,
    /// where every cosine does.
    pub fn cosine(&self, similarity: f32) -> f32 {
        if similarity <= 0.0 {
            return f32::NEG_INFINITY;
        }
        interpolate(&self.anchors, similarity, |&(c, s)| (s, c))
    }
}

/// Linear interpolation through `anchors` read as (x, y) by `axes`, constant outside their range.
fn interpolate(anchors: &[(f32, f32)], x: f32, axes: fn(&(f32, f32)) -> (f32, f32)) -> f32 {
    let mut points = anchors.iter().map(axes);
    let Some(mut below) = points.next() else { return 0.0 };
    if x <= below.0 {
        return below.1;
    }
    for above in points {
        if x <= above.0 {
            let share = (x - below.0) / (above.0 - below.0);
            return below.1 + share * (above.1 - below.1);
        }
        below = above;
    }
    below.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_clamps_negative_cosines() {
        let identity = SimilarityMapping::identity();
        assert!((identity.similarity(0.65) - 0.65).abs() < 1e-6);
        assert!(identity.similarity(-0.3) == 0.0);
        assert!((identity.similarity(1.000_1) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn anchors_are_met_exactly_and_between_them_the_line_is_straight() {
        let mapping = SimilarityMapping::from_anchors(&[(0.05, 0.27), (0.363, 0.65)]).unwrap();
        assert!((mapping.similarity(0.363) - 0.65).abs() < 1e-6);
        assert!((mapping.similarity(0.2065) - 0.46).abs() < 1e-5);
        assert!((mapping.similarity(1.0) - 1.0).abs() < 1e-6);
        assert!(mapping.similarity(0.0) == 0.0);
    }

    #[test]
    fn the_inverse_undoes_the_mapping() {
        let mapping = SimilarityMapping::from_anchors(&[(0.05, 0.27), (0.363, 0.65)]).unwrap();
        for step in 1..=100 {
            let similarity = step as f32 / 100.0;
            let back = mapping.similarity(mapping.cosine(similarity));
            assert!((back - similarity).abs() < 1e-5, "{similarity} came back as {back}");
        }
        assert!(mapping.cosine(0.0) == f32::NEG_INFINITY);
    }

    #[test]
    fn anchors_that_fall_are_refused() {
        assert!(SimilarityMapping::from_anchors(&[(0.4, 0.6), (0.3, 0.7)]).is_err());
        assert!(SimilarityMapping::from_anchors(&[(0.4, 0.6), (0.5, 0.6)]).is_err());
        assert!(SimilarityMapping::from_anchors(&[(f32::NAN, 0.6)]).is_err());
        assert!(SimilarityMapping::from_anchors(&[(0.4, 1.2)]).is_err());
    }
}
