//! One number for how useful a face is for comparison, and when it is not worth enrolling.
//!
//! Every signal is brought to 0..=1 by a ramp between a value at which comparison fails and one
//! from which it no longer improves; the score is the geometric mean of the five. It therefore
//! never falls when a signal improves, is 1 only when all are good, and 0 when one is hopeless.

use crate::biometric::Pose;

/// Predicted usefulness of a face for comparison, 0..=1, higher is better.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct QualityScore(f32);

/// Why a face should not be enrolled when the caller filters by quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QualityRefusal {
    /// The shorter side of the box has fewer than 32 pixels.
    SmallFace,
    /// Too blurred: sharpness below 0.3.
    LowSharpness,
    /// Turned away: yaw or pitch beyond 45 degrees. Roll does not matter, it is undone.
    ExtremePose,
    /// Too dark: brightness below 0.12. Far below what dark skin reads in ordinary light.
    LowBrightness,
    /// The detector is unsure whether this is a face: confidence below 0.5.
    LowConfidence,
}

impl QualityScore {
    /// The number, 0..=1.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl QualityRefusal {
    /// The reason as shown to callers, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SmallFace => "small_face",
            Self::LowSharpness => "low_sharpness",
            Self::ExtremePose => "extreme_pose",
            Self::LowBrightness => "low_brightness",
            Self::LowConfidence => "low_confidence",
        }
    }
}

/// The signals of one face that quality is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct QualitySignals {
    /// Shorter side of the uncut face box in pixels of the image.
    pub(super) side_px: f32,
    /// Focus, 0..=1.
    pub(super) sharpness: f32,
    /// Mean grey level, 0..=1.
    pub(super) brightness: f32,
    /// Head pose in degrees.
    pub(super) pose: Pose,
    /// Detector confidence, 0..=1.
    pub(super) confidence: f32,
}

impl QualitySignals {
    /// The geometric mean of the five ramps.
    pub(super) fn score(&self) -> QualityScore {
        let size = ramp(self.side_px, 16.0, 160.0);
        let sharpness = ramp(self.sharpness, 0.0, 0.9);
        let light = ramp(self.brightness, 0.04, 0.35) * ramp(self.brightness, 0.98, 0.75);
        let pose = ramp(self.pose.yaw.abs(), 75.0, 5.0) * ramp(self.pose.pitch.abs(), 90.0, 10.0);
        let confidence = ramp(self.confidence, 0.2, 0.9);
        QualityScore((size * sharpness * light * pose * confidence).powf(0.2))
    }

    /// Every reason against enrolling this face, in the order of [`QualityRefusal`].
    pub(super) fn refusals(&self) -> Vec<QualityRefusal> {
        let turned = self.pose.yaw.abs() > 45.0 || self.pose.pitch.abs() > 45.0;
        [
            (self.side_px < 32.0, QualityRefusal::SmallFace),
            (self.sharpness < 0.3, QualityRefusal::LowSharpness),
            (turned, QualityRefusal::ExtremePose),
            (self.brightness < 0.12, QualityRefusal::LowBrightness),
            (self.confidence < 0.5, QualityRefusal::LowConfidence),
        ]
        .into_iter()
        .filter_map(|(refused, reason)| refused.then_some(reason))
        .collect()
    }
}

/// 0 at `worst`, 1 at `best`, linear between, constant beyond; `worst` may be the larger.
fn ramp(value: f32, worst: f32, best: f32) -> f32 {
    ((value - worst) / (best - worst)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> QualitySignals {
        QualitySignals {
            side_px: 200.0,
            sharpness: 0.9,
            brightness: 0.5,
            pose: Pose { roll: 70.0, yaw: 5.0, pitch: -5.0 },
            confidence: 0.9,
        }
    }

    #[test]
    fn a_large_sharp_frontal_face_is_perfect_and_accepted() {
        assert!((good().score().get() - 1.0).abs() < 1e-6);
        assert!(good().refusals().is_empty());
    }

    #[test]
    fn each_weakness_lowers_the_score_and_names_its_reason() {
        let turned = Pose { roll: 0.0, yaw: -60.0, pitch: 0.0 };
        let cases = [
            (QualitySignals { side_px: 20.0, ..good() }, "small_face"),
            (QualitySignals { sharpness: 0.1, ..good() }, "low_sharpness"),
            (QualitySignals { pose: turned, ..good() }, "extreme_pose"),
            (QualitySignals { brightness: 0.08, ..good() }, "low_brightness"),
            (QualitySignals { confidence: 0.4, ..good() }, "low_confidence"),
        ];
        for (signals, reason) in cases {
            let reasons: Vec<_> = signals.refusals().iter().map(|r| r.as_str()).collect();
            assert_eq!(reasons, [reason]);
            let score = signals.score().get();
            assert!(score > 0.0 && score < 0.95, "{reason}: {score}");
        }
    }

    #[test]
    fn the_score_never_falls_when_a_signal_improves() {
        let mut last = 0.0;
        for step in 0..=100 {
            let share = step as f32 / 100.0;
            let score = QualitySignals { sharpness: share, ..good() }.score().get();
            assert!(score >= last, "sharpness {share} scores {score} after {last}");
            last = score;
        }
    }

    #[test]
    fn glare_lowers_the_score_too() {
        let glare = QualitySignals { brightness: 0.9, ..good() };
        assert!(glare.score() < good().score());
    }
}
