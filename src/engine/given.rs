//! What the server says about a face when it is enrolled, where its caller says it instead: faces
//! that come from a dump stay what they were.

use likeness_storage::limits::JSON_BYTES_MAX;
use likeness_storage::{GalleryDescriptor, Row, TemplateId};

use super::{EngineError, TemplateSource};
use crate::biometric::{BoundingBox, FaceId};

/// The first and the last microsecond, since the Unix epoch, that is written with a year of four
/// digits: what every client can read.
const CREATED_AT_US: std::ops::RangeInclusive<i64> =
    -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Values that are made by the server unless they are given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GivenValues {
    /// The face's id, which no face of the gallery may have.
    pub face_id: Option<FaceId>,
    /// What made the template: the gallery's model and no other.
    pub model: Option<String>,
    /// Where the face was in its image.
    pub bounding_box: Option<BoundingBox>,
    /// The detector's confidence, 0..=1.
    pub confidence: Option<f32>,
    /// Predicted usefulness of the sample, 0..=1.
    pub quality: Option<f32>,
    /// JSON object of attributes.
    pub attributes: Option<String>,
    /// Enrolment time in microseconds since the Unix epoch.
    pub created_at_us: Option<i64>,
}

impl GivenValues {
    /// That they are within their bounds and fit the gallery and the source of the template.
    ///
    /// # Errors
    /// [`EngineError::InvalidValue`].
    pub(super) fn check(
        &self,
        gallery: &GalleryDescriptor,
        source: &TemplateSource,
    ) -> Result<(), EngineError> {
        if let Some(model) = &self.model
            && **model != *gallery.model
        {
            let shown: String = model.chars().take(64).collect();
            let why =
                format!("must be {:?}, as in all of the collection, got {shown:?}", gallery.model);
            return Err(EngineError::invalid("model", why));
        }
        self.check_measurements(source)?;
        if let Some(moment) = self.created_at_us
            && !CREATED_AT_US.contains(&moment)
        {
            return Err(EngineError::invalid("created_at", "must be in the years 1 to 9999"));
        }
        Ok(())
    }

    /// What is measured in an image is not said by anybody else.
    fn check_measurements(&self, source: &TemplateSource) -> Result<(), EngineError> {
        let measured = [
            ("bounding_box", self.bounding_box.is_some()),
            ("confidence", self.confidence.is_some()),
            ("quality", self.quality.is_some()),
            ("attributes", self.attributes.is_some()),
        ];
        if let TemplateSource::Image { .. } = source
            && let Some((what, _)) = measured.into_iter().find(|(_, given)| *given)
        {
            return Err(EngineError::invalid(
                what,
                "comes from the image and cannot be given with it",
            ));
        }
        for (what, value) in [("confidence", self.confidence), ("quality", self.quality)] {
            if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
                return Err(EngineError::invalid(what, "must be between 0 and 1"));
            }
        }
        let edges = self.bounding_box.map(BoundingBox::to_array);
        if edges.is_some_and(|edges| edges.iter().any(|edge| !(0.0..=1.0).contains(edge))) {
            return Err(EngineError::invalid(
                "bounding_box",
                "must be fractions of the image, 0 to 1",
            ));
        }
        self.attributes.as_deref().map_or(Ok(()), check_attributes)
    }

    /// Puts them into a row that the server has made.
    pub(super) fn put_into(self, row: &mut Row) {
        let Self {
            face_id,
            model: _,
            bounding_box,
            confidence,
            quality,
            attributes,
            created_at_us,
        } = self;
        if let Some(face_id) = face_id {
            row.id = TemplateId::new(face_id.as_u128());
        }
        row.bounding_box = bounding_box.map(BoundingBox::to_array).or(row.bounding_box);
        row.confidence = confidence.or(row.confidence);
        row.quality = quality.or(row.quality);
        if let Some(attributes) = attributes {
            row.attributes = Some(attributes.into());
        }
        row.created_at_us = created_at_us.unwrap_or(row.created_at_us);
    }
}

fn check_attributes(attributes: &str) -> Result<(), EngineError> {
    if attributes.len() > JSON_BYTES_MAX {
        let why = format!("must have at most {JSON_BYTES_MAX} bytes, got {}", attributes.len());
        return Err(EngineError::invalid("attributes", why));
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(attributes) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(EngineError::invalid("attributes", format!("is no JSON object: {error}")))
        }
    }
}
