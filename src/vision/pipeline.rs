//! The sequence from image bytes to templates; the one place that knows its order.

use ::image::RgbImage;
use likeness_storage::Dim;

use super::align::ARCFACE_CHIP;
use super::attributes::{self, Photometry};
use super::chip::Chip;
use super::detector::{Detector, FaceCandidate};
use super::embedder::Embedder;
use super::error::{ModelError, VisionError};
use super::face::{Analysis, AnalyzedFace, DetectedFace, Detection};
use super::image;
use super::quality::QualitySignals;
use crate::biometric::{
    AttributeSet, Attributes, BoundingBox, Calibration, ImageSize, Landmark, LandmarkKind,
    SimilarityMapping,
};
use crate::onnx::OnnxRuntime;
use crate::pack::Pack;

/// Faces per image whose landmarks are looked at twice when they are turned: enough for any
/// portrait, and a bound on the work that one picture of a carousel can cause.
const REFINED_MAX: usize = 16;

/// Finds faces in images and turns them into templates, by the models of one pack.
///
/// Shared between threads; each call blocks for the computation and, where more threads call than
/// the pipeline has workers, for a free session.
#[derive(Debug)]
pub struct Pipeline {
    model: String,
    detector: Detector,
    embedder: Embedder,
    dim: Dim,
    similarity: SimilarityMapping,
    calibration: Option<Calibration>,
}

impl Pipeline {
    /// Loads the pack's models, `workers` sessions of each, at least one.
    ///
    /// # Errors
    /// [`VisionError::Model`] when a model cannot be loaded or the manifest contradicts itself.
    pub fn open(pack: &Pack, runtime: &OnnxRuntime, workers: usize) -> Result<Self, VisionError> {
        Self::load(pack, runtime, workers.max(1)).map_err(VisionError::Model)
    }

    fn load(pack: &Pack, runtime: &OnnxRuntime, workers: usize) -> Result<Self, ModelError> {
        let manifest = &pack.manifest;
        let dimensions = manifest.embedder.dimensions;
        let dim = Dim::new(dimensions).ok_or(ModelError::Dimensions(dimensions))?;
        let sessions = |file: &str| runtime.session_pool(&pack.dir.join(file), workers);
        let detector = Detector::new(manifest.detector.kind, sessions(&manifest.detector.file)?);
        let embedder =
            Embedder::new(manifest.embedder.kind, sessions(&manifest.embedder.file)?, dim);
        Ok(Self {
            model: format!("{}@{}", manifest.id, manifest.version),
            detector,
            embedder,
            dim,
            similarity: SimilarityMapping::from_anchors(&manifest.similarity)?,
            calibration: manifest.calibration()?,
        })
    }

    /// `<pack id>@<pack version>`: templates are comparable only within one model.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Numbers per embedding.
    pub fn dim(&self) -> Dim {
        self.dim
    }

    /// From this model's cosines to similarities.
    pub fn similarity(&self) -> &SimilarityMapping {
        &self.similarity
    }

    /// How often this model takes different people for the same, where that was measured.
    pub fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    /// The faces of an encoded image, largest first.
    ///
    /// # Errors
    /// [`VisionError`]; an image without faces is not an error.
    pub fn detect(&self, image: &[u8], attributes: AttributeSet) -> Result<Detection, VisionError> {
        let pixels = image::decode(image)?;
        let found = self.find(&pixels)?;
        let faces = found.iter().map(|face| describe(&pixels, face, attributes)).collect();
        Ok(Detection { image_size: size(&pixels), faces })
    }

    /// The faces of an encoded image, the `max_faces` largest with template and quality.
    ///
    /// # Errors
    /// [`VisionError`]; an image without faces is not an error.
    pub fn analyze(
        &self,
        image: &[u8],
        attributes: AttributeSet,
        max_faces: usize,
    ) -> Result<Analysis, VisionError> {
        let pixels = image::decode(image)?;
        let found = self.find(&pixels)?;
        let (largest, others) = found.split_at(max_faces.min(found.len()));
        let analyzed = largest.iter().map(|face| self.embed(&pixels, face, attributes));
        Ok(Analysis {
            image_size: size(&pixels),
            faces: analyzed.collect::<Result<_, _>>()?,
            rest: others.iter().map(|face| describe(&pixels, face, attributes)).collect(),
        })
    }

    /// Candidates in order of size, with exact landmarks.
    fn find(&self, pixels: &RgbImage) -> Result<Vec<FaceCandidate>, ModelError> {
        let image_size = size(pixels);
        let mut found = self.detector.find(pixels)?;
        let area = |face: &FaceCandidate| bounding_box(face, image_size).area();
        found.sort_by(|a, b| {
            let by_size = area(b).total_cmp(&area(a));
            by_size.then(a.top_left[0].total_cmp(&b.top_left[0]))
        });
        for face in found.iter_mut().take(REFINED_MAX) {
            self.detector.refine(pixels, face)?;
        }
        Ok(found)
    }

    /// Template and quality of one face.
    fn embed(
        &self,
        pixels: &RgbImage,
        face: &FaceCandidate,
        attributes: AttributeSet,
    ) -> Result<AnalyzedFace, ModelError> {
        let small = ARCFACE_CHIP.cut(pixels, &face.landmarks);
        let photometry = Photometry::measure(&small);
        let template = self.embedder.chip();
        let embedding = if *template == ARCFACE_CHIP {
            self.embedder.embed(&small)?
        } else {
            self.embedder.embed(&template.cut(pixels, &face.landmarks))?
        };
        let [width, height] = face.size();
        let signals = QualitySignals {
            side_px: width.min(height),
            sharpness: photometry.sharpness,
            brightness: photometry.brightness,
            pose: attributes::pose(&face.landmarks),
            confidence: face.score,
        };
        Ok(AnalyzedFace {
            face: report(face, size(pixels), estimates(face, attributes, || photometry)),
            embedding,
            chip: Chip::new(small),
            quality: signals.score(),
            refusals: signals.refusals(),
        })
    }
}

/// A face without template.
fn describe(pixels: &RgbImage, face: &FaceCandidate, attributes: AttributeSet) -> DetectedFace {
    let measure = || Photometry::measure(&ARCFACE_CHIP.cut(pixels, &face.landmarks));
    report(face, size(pixels), estimates(face, attributes, measure))
}

/// What the caller asked to know; `measure` is called only where it is needed.
fn estimates(
    face: &FaceCandidate,
    attributes: AttributeSet,
    measure: impl FnOnce() -> Photometry,
) -> Attributes {
    match attributes {
        AttributeSet::None => Attributes::default(),
        AttributeSet::Default | AttributeSet::All => {
            let photometry = measure();
            Attributes {
                pose: Some(attributes::pose(&face.landmarks)),
                brightness: Some(photometry.brightness),
                sharpness: Some(photometry.sharpness),
            }
        }
    }
}

/// From pixels to fractions of the image.
fn report(face: &FaceCandidate, image: ImageSize, attributes: Attributes) -> DetectedFace {
    let (width, height) = (image.width.max(1) as f32, image.height.max(1) as f32);
    let landmarks = LandmarkKind::FIVE.into_iter().zip(face.landmarks);
    DetectedFace {
        bounding_box: bounding_box(face, image),
        confidence: face.score.clamp(0.0, 1.0),
        landmarks: landmarks
            .map(|(kind, [x, y])| Landmark { kind, x: x / width, y: y / height })
            .collect(),
        attributes,
    }
}

/// The part of the candidate's box that lies in the image.
fn bounding_box(face: &FaceCandidate, image: ImageSize) -> BoundingBox {
    let ([x0, y0], [x1, y1]) = (face.top_left, face.bottom_right);
    BoundingBox::from_pixels(x0, y0, x1, y1, image)
}

fn size(pixels: &RgbImage) -> ImageSize {
    ImageSize { width: pixels.width(), height: pixels.height() }
}

#[cfg(test)]
mod network;
#[cfg(test)]
mod tests;
