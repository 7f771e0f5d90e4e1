//! What a detector's decoder yields: a scored box with five points, and the choice among overlaps.

use super::super::align::Point;

/// Most candidates that enter the comparison of all pairs; keeps images of noise affordable.
const CANDIDATES_MAX: usize = 2_000;

/// A possible face in pixels of the image or of the network's canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::vision) struct FaceCandidate {
    /// Left upper corner; may lie outside the image.
    pub(in crate::vision) top_left: Point,
    /// Right lower corner; may lie outside the image.
    pub(in crate::vision) bottom_right: Point,
    /// Eyes, nose tip and mouth corners in the order of `LandmarkKind::FIVE`.
    pub(in crate::vision) landmarks: [Point; 5],
    /// How sure the network is, 0..=1.
    pub(in crate::vision) score: f32,
}

impl FaceCandidate {
    /// Width and height of the box.
    pub(in crate::vision) fn size(&self) -> Point {
        [self.bottom_right[0] - self.top_left[0], self.bottom_right[1] - self.top_left[1]]
    }

    /// Centre of the box.
    pub(in crate::vision) fn centre(&self) -> Point {
        [
            self.top_left[0].midpoint(self.bottom_right[0]),
            self.top_left[1].midpoint(self.bottom_right[1]),
        ]
    }

    /// Angle of the line between the eyes in radians, positive when the face is turned clockwise.
    pub(in crate::vision) fn roll(&self) -> f32 {
        let [left, right, ..] = self.landmarks;
        (right[1] - left[1]).atan2(right[0] - left[0])
    }

    /// Whether every number is finite and the box has an area.
    fn is_sound(&self) -> bool {
        let [width, height] = self.size();
        let points = self.landmarks.iter().chain([&self.top_left, &self.bottom_right]).flatten();
        width > 0.0 && height > 0.0 && self.score.is_finite() && points.copied().all(f32::is_finite)
    }

    /// Intersection over union of the two boxes.
    pub(in crate::vision) fn overlap(&self, other: &Self) -> f32 {
        let edge = |axis: usize| {
            let start = self.top_left[axis].max(other.top_left[axis]);
            let end = self.bottom_right[axis].min(other.bottom_right[axis]);
            (end - start).max(0.0)
        };
        let shared = edge(0) * edge(1);
        let area = |of: &Self| of.size()[0] * of.size()[1];
        let union = area(self) + area(other) - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }
}

/// Non-maximum suppression: best first, none overlapping a better one by more than 0.3.
///
/// Greedy by descending score, so a stricter threshold applied to the result gives exactly what
/// the same threshold applied to the input would have given.
pub(super) fn suppress_overlaps(mut candidates: Vec<FaceCandidate>) -> Vec<FaceCandidate> {
    candidates.retain(FaceCandidate::is_sound);
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    candidates.truncate(CANDIDATES_MAX);
    let mut kept: Vec<FaceCandidate> = Vec::new();
    for candidate in candidates {
        if kept.iter().all(|better| better.overlap(&candidate) <= 0.3) {
            kept.push(candidate);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(x: f32, y: f32, side: f32, score: f32) -> FaceCandidate {
        FaceCandidate {
            top_left: [x, y],
            bottom_right: [x + side, y + side],
            landmarks: [[x, y]; 5],
            score,
        }
    }

    #[test]
    fn of_overlapping_boxes_the_best_survives() {
        let kept = suppress_overlaps(vec![
            boxed(0.0, 0.0, 10.0, 0.7),
            boxed(1.0, 1.0, 10.0, 0.9),
            boxed(30.0, 0.0, 10.0, 0.6),
        ]);
        let scores: Vec<f32> = kept.iter().map(|face| face.score).collect();
        assert_eq!(scores, [0.9, 0.6]);
    }

    #[test]
    fn overlap_is_intersection_over_union() {
        let overlap = boxed(0.0, 0.0, 10.0, 1.0).overlap(&boxed(5.0, 0.0, 10.0, 1.0));
        assert!((overlap - 1.0 / 3.0).abs() < 1e-6);
        assert!(boxed(0.0, 0.0, 10.0, 1.0).overlap(&boxed(20.0, 0.0, 10.0, 1.0)) == 0.0);
    }

    #[test]
    fn candidates_that_are_not_numbers_or_have_no_area_are_dropped() {
        let mut broken = boxed(0.0, 0.0, 10.0, 0.9);
        broken.landmarks[3] = [f32::NAN, 1.0];
        let infinite = boxed(0.0, 0.0, f32::INFINITY, 0.9);
        assert!(suppress_overlaps(vec![broken, infinite, boxed(0.0, 0.0, 0.0, 0.9)]).is_empty());
    }
}
