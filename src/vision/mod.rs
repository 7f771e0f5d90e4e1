//! Image bytes in, faces and templates out: decode, detect, align, embed, estimate.
//!
//! Everything here is synchronous, runs on the calling thread and on the CPU, and may take tens
//! of milliseconds per image: callers in async code hand it to a blocking thread. Nothing here
//! knows a store, a transport or a caller.

mod align;
mod attributes;
mod chip;
mod detector;
mod embedder;
mod error;
mod face;
mod image;
mod jpeg;
mod pipeline;
mod planes;
mod quality;

pub use chip::Chip;
pub use error::{ModelError, VisionError};
pub use face::{Analysis, AnalyzedFace, DetectedFace, Detection};
pub use image::{IMAGE_BYTES_MAX, ImageError, PIXELS_MAX, SIDE_MAX};
pub use pipeline::Pipeline;
pub use quality::{QualityRefusal, QualityScore};
