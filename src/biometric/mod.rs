//! The words of face comparison: boxes, landmarks, face ids, similarity.
//!
//! Pure values. This folder performs no I/O, knows no model and no store, and cannot block.

mod attributes;
mod bounding_box;
mod calibration;
mod comparison;
mod face_id;
mod landmark;
mod similarity;
mod synthetic;

pub use attributes::{AttributeSet, Attributes, Pose, UnknownAttributeSet};
pub use bounding_box::{BoundingBox, ImageSize};
pub use calibration::{Calibration, CalibrationError, OperatingPoint, fmr_of_fpir};
pub use comparison::Comparison;
pub use face_id::{FaceId, FaceIdError, FaceIdGenerator};
pub use landmark::{Landmark, LandmarkKind};
pub use similarity::{SimilarityMapping, SimilarityMappingError};
pub use synthetic::SyntheticFaces;
