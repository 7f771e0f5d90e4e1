//! Enrolment: making templates and adding them to a gallery, all of a request or nothing.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use likeness_storage::{Embedding, GalleryDescriptor, Lsn, Row, TemplateId, Thumbnail};

use super::identify::check_dimensions;
use super::{Changes, EngineError, EnrolledFace, Tenant, TenantSnapshot, now_us};
use crate::biometric::{AttributeSet, BoundingBox};
use crate::vision::{AnalyzedFace, DetectedFace, Pipeline, VisionError};

/// Longest external id in characters.
const EXTERNAL_ID_CHARS_MAX: usize = 255;
/// Longest metadata in bytes of JSON text.
pub const METADATA_BYTES_MAX: usize = 64 * 1024;
/// Most faces one image may enrol.
const FACES_PER_IMAGE_MAX: usize = 100;

/// What becomes of faces that are hard to recognise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QualityFilter {
    /// Every face found is enrolled.
    #[default]
    None,
    /// Faces that are too small, blurred, dark or turned away are reported, not enrolled.
    Auto,
}

impl FromStr for QualityFilter {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            _ => Err(EngineError::invalid("quality_filter", "must be one of none, auto")),
        }
    }
}

/// What a template is made from.
#[derive(Debug, Clone)]
pub enum TemplateSource {
    /// The largest faces of an image.
    Image {
        /// The encoded image.
        image: Bytes,
        /// Attributes to estimate and store.
        attributes: AttributeSet,
        /// How many of the largest faces to enrol, 1..=100.
        max_faces: usize,
        /// Which of them to refuse.
        quality_filter: QualityFilter,
    },
    /// Numbers made by the gallery's model; normalised to length 1 when stored.
    Embedding(Vec<f32>),
}

/// One face, or the faces of one image, to be enrolled.
#[derive(Debug, Clone)]
pub struct EnrollmentDraft {
    /// What the template is made from.
    pub source: TemplateSource,
    /// The caller's name for the person or record, 1..=255 characters.
    pub external_face_id: Option<String>,
    /// The caller's name for the image, 1..=255 characters.
    pub external_image_id: Option<String>,
    /// JSON value kept with the face.
    pub metadata: Option<String>,
}

/// What became of one draft.
#[derive(Debug, Clone, PartialEq)]
pub struct Enrollment {
    /// The faces enrolled, largest first.
    pub faces: Vec<EnrolledFace>,
    /// The faces seen but not enrolled.
    pub unenrolled: Vec<UnenrolledFace>,
}

/// A face that was seen but not enrolled.
#[derive(Debug, Clone, PartialEq)]
pub struct UnenrolledFace {
    /// Where it is.
    pub bounding_box: BoundingBox,
    /// The detector's confidence, 0..=1.
    pub confidence: f32,
    /// Why it was left out, in machine-readable words.
    pub reasons: Vec<Cow<'static, str>>,
}

/// Template and descriptive values of one face on its way into a row.
struct Sample {
    embedding: Embedding,
    bounding_box: Option<BoundingBox>,
    confidence: Option<f32>,
    quality: Option<f32>,
    attributes: Option<String>,
    thumbnail: Option<Thumbnail>,
}

/// What one draft becomes.
pub(super) struct Made {
    pub(super) rows: Vec<Row>,
    unenrolled: Vec<UnenrolledFace>,
}

struct Samples {
    samples: Vec<Sample>,
    unenrolled: Vec<UnenrolledFace>,
}

impl Tenant {
    /// Enrols every draft, or none of them; durable and searchable when this returns.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], [`EngineError::NoFace`] when an image shows no face,
    /// [`EngineError::Image`], [`EngineError::ModelMismatch`], [`EngineError::ModelUnavailable`],
    /// [`EngineError::DimensionMismatch`], [`EngineError::InvalidValue`],
    /// [`EngineError::ReadOnly`].
    pub async fn enroll(
        &self,
        gallery: &str,
        drafts: Vec<EnrollmentDraft>,
    ) -> Result<Vec<Enrollment>, EngineError> {
        let (changes, enrollments) = self.enrollment(&self.snapshot(), gallery, drafts).await?;
        self.write_new(gallery, changes).await?;
        Ok(enrollments)
    }

    /// Makes new faces of `gallery` durable and searchable.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], [`EngineError::ReadOnly`].
    pub async fn write_new(&self, gallery: &str, changes: Changes) -> Result<(), EngineError> {
        match self.write(changes).await {
            Ok(_) => Ok(()),
            // New faces meet nothing but the drop of their gallery.
            Err(EngineError::Conflict) => Err(EngineError::GalleryNotFound(gallery.to_owned())),
            Err(error) => Err(error),
        }
    }

    /// What enrolling every draft would change, as of `at`, and the faces as they would be.
    ///
    /// # Errors
    /// As [`Tenant::enroll`].
    pub async fn enrollment(
        &self,
        at: &TenantSnapshot,
        gallery: &str,
        drafts: Vec<EnrollmentDraft>,
    ) -> Result<(Changes, Vec<Enrollment>), EngineError> {
        let gallery = Arc::clone(at.descriptor(gallery)?);
        drafts.iter().try_for_each(check_draft)?;
        let mut changes = Changes::new(at);
        let mut enrollments = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let Made { rows: made, unenrolled } = self.rows_of(&gallery, draft).await?;
            // A face does not show the LSN that its row is about to get.
            let faces = made.iter().map(|row| row.as_ref(Lsn::default()).into()).collect();
            for row in made {
                changes.enroll(&gallery, row);
            }
            enrollments.push(Enrollment { faces, unenrolled });
        }
        Ok((changes, enrollments))
    }

    /// The rows of one draft, which has been checked; nothing is written.
    ///
    /// # Errors
    /// As [`Tenant::enroll`].
    pub(super) async fn rows_of(
        &self,
        gallery: &GalleryDescriptor,
        draft: EnrollmentDraft,
    ) -> Result<Made, EngineError> {
        let EnrollmentDraft { source, external_face_id, external_image_id, metadata } = draft;
        let Samples { samples, unenrolled } = self.samples(gallery, source).await?;
        let row = |sample: Sample| Row {
            id: TemplateId::new(self.engine.face_ids.next_id().as_u128()),
            model: Arc::clone(&gallery.model),
            external_face_id: external_face_id.as_deref().map(Into::into),
            external_image_id: external_image_id.as_deref().map(Into::into),
            bounding_box: sample.bounding_box.map(BoundingBox::to_array),
            confidence: sample.confidence,
            quality: sample.quality,
            attributes: sample.attributes.map(Into::into),
            metadata: metadata.as_deref().map(Into::into),
            thumbnail: sample.thumbnail,
            created_at_us: now_us(),
            embedding: sample.embedding.rounded(gallery.precision),
        };
        Ok(Made { rows: samples.into_iter().map(row).collect(), unenrolled })
    }

    async fn samples(
        &self,
        gallery: &GalleryDescriptor,
        source: TemplateSource,
    ) -> Result<Samples, EngineError> {
        let (image, attributes, max_faces, filter) = match source {
            TemplateSource::Embedding(values) => {
                let sample = Sample {
                    embedding: kept_embedding(gallery, values)?,
                    bounding_box: None,
                    confidence: None,
                    quality: None,
                    attributes: None,
                    thumbnail: None,
                };
                return Ok(Samples { samples: vec![sample], unenrolled: Vec::new() });
            }
            TemplateSource::Image { image, attributes, max_faces, quality_filter } => {
                (image, attributes, max_faces, quality_filter)
            }
        };
        self.check_reads_for(gallery)?;
        let wanted = Wanted { attributes, max_faces, filter, thumbnails: gallery.thumbnails };
        let samples = self
            .engine
            .inference
            .run(move |pipeline| read_samples(pipeline, &image, wanted))
            .await?;
        if samples.samples.is_empty() && samples.unenrolled.is_empty() {
            return Err(EngineError::NoFace);
        }
        Ok(samples)
    }
}

/// What the gallery keeps of numbers that a caller brings.
pub(super) fn kept_embedding(
    gallery: &GalleryDescriptor,
    values: Vec<f32>,
) -> Result<Embedding, EngineError> {
    check_dimensions(gallery, &values)?;
    Embedding::kept(values, gallery.precision).map_err(EngineError::from)
}

/// What is wanted of an image.
#[derive(Clone, Copy)]
struct Wanted {
    attributes: AttributeSet,
    max_faces: usize,
    filter: QualityFilter,
    thumbnails: bool,
}

fn read_samples(pipeline: &Pipeline, image: &[u8], wanted: Wanted) -> Result<Samples, VisionError> {
    let analysis = pipeline.analyze(image, wanted.attributes, wanted.max_faces)?;
    let mut samples = Vec::new();
    let mut unenrolled: Vec<UnenrolledFace> = Vec::new();
    for face in analysis.faces {
        if wanted.filter == QualityFilter::Auto && !face.refusals.is_empty() {
            let reasons = face.refusals.iter().map(|refusal| refusal.as_str().into()).collect();
            unenrolled.push(left_out(&face.face, reasons));
        } else {
            samples.push(sample(face, wanted));
        }
    }
    let exceeding =
        analysis.rest.iter().map(|face| left_out(face, vec!["exceeds_max_faces".into()]));
    unenrolled.extend(exceeding);
    Ok(Samples { samples, unenrolled })
}

fn sample(face: AnalyzedFace, wanted: Wanted) -> Sample {
    let attributes = match wanted.attributes {
        AttributeSet::None => None,
        AttributeSet::Default | AttributeSet::All => {
            serde_json::to_string(&face.face.attributes).ok()
        }
    };
    Sample {
        embedding: face.embedding,
        bounding_box: Some(face.face.bounding_box),
        confidence: Some(face.face.confidence),
        quality: Some(face.quality.get()),
        attributes,
        thumbnail: wanted.thumbnails.then(|| face.chip.thumbnail()).flatten(),
    }
}

fn left_out(face: &DetectedFace, reasons: Vec<Cow<'static, str>>) -> UnenrolledFace {
    UnenrolledFace { bounding_box: face.bounding_box, confidence: face.confidence, reasons }
}

pub(super) fn check_draft(draft: &EnrollmentDraft) -> Result<(), EngineError> {
    check_external_id("external_face_id", draft.external_face_id.as_deref())?;
    check_external_id("external_image_id", draft.external_image_id.as_deref())?;
    if let Some(metadata) = &draft.metadata {
        check_metadata(metadata)?;
    }
    if let TemplateSource::Image { max_faces, .. } = draft.source
        && !(1..=FACES_PER_IMAGE_MAX).contains(&max_faces)
    {
        let why = format!("must be between 1 and {FACES_PER_IMAGE_MAX}, got {max_faces}");
        return Err(EngineError::invalid("max_faces", why));
    }
    Ok(())
}

pub(super) fn check_external_id(what: &'static str, id: Option<&str>) -> Result<(), EngineError> {
    let Some(id) = id else { return Ok(()) };
    let chars = id.chars().count();
    if chars == 0 || chars > EXTERNAL_ID_CHARS_MAX {
        let why = format!("must have 1 to {EXTERNAL_ID_CHARS_MAX} characters, got {chars}");
        return Err(EngineError::invalid(what, why));
    }
    if id.contains('\0') {
        return Err(EngineError::invalid(what, "must not contain NUL"));
    }
    Ok(())
}

pub(super) fn check_metadata(metadata: &str) -> Result<(), EngineError> {
    if metadata.len() > METADATA_BYTES_MAX {
        let why = format!("must have at most {METADATA_BYTES_MAX} bytes, got {}", metadata.len());
        return Err(EngineError::invalid("metadata", why));
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(metadata) {
        Ok(_) => Ok(()),
        Err(error) => Err(EngineError::invalid("metadata", format!("is not JSON: {error}"))),
    }
}
