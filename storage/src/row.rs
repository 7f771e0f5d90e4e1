//! One template as stored: the owned form that is written and the borrowed form that is read.

use std::fmt;
use std::sync::Arc;

use crate::embedding::{Embedding, EmbeddingRef};
use crate::error::Corruption;
use crate::id::{Lsn, TemplateId};
use crate::thumbnail::{Thumbnail, ThumbnailRef};

/// One template to enroll, with everything the store keeps of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Identity of the template within its gallery.
    pub id: TemplateId,
    /// The model that made the embedding; the same as the gallery's.
    pub model: Arc<str>,
    /// The caller's name of the face.
    pub external_face_id: Option<Box<str>>,
    /// The caller's name of the image.
    pub external_image_id: Option<Box<str>>,
    /// Where the face is in its image: left, top, width, height, as fractions of the image.
    pub bounding_box: Option<[f32; 4]>,
    /// The detector's confidence.
    pub confidence: Option<f32>,
    /// Predicted usefulness of the sample.
    pub quality: Option<f32>,
    /// Face attributes as JSON text, opaque to the store.
    pub attributes: Option<Box<str>>,
    /// The caller's metadata as JSON text, opaque to the store.
    pub metadata: Option<Box<str>>,
    /// A small picture of the face; a gallery that keeps none leaves it out.
    pub thumbnail: Option<Thumbnail>,
    /// Creation time in microseconds since the Unix epoch, given by the caller.
    pub created_at_us: i64,
    /// The features.
    pub embedding: Embedding,
}

/// A text of a row by which rows are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextColumn {
    /// [`Row::external_face_id`].
    ExternalFaceId,
    /// [`Row::external_image_id`].
    ExternalImageId,
}

/// One live template as a snapshot shows it, borrowed from the snapshot.
#[derive(Clone, Copy, PartialEq)]
pub struct RowRef<'a> {
    /// Identity of the template within its gallery.
    pub id: TemplateId,
    /// LSN of the batch that enrolled it.
    pub lsn: Lsn,
    /// The model that made the embedding.
    pub model: &'a str,
    /// The caller's name of the face.
    pub external_face_id: Option<&'a str>,
    /// The caller's name of the image.
    pub external_image_id: Option<&'a str>,
    /// Where the face is in its image: left, top, width, height, as fractions of the image.
    pub bounding_box: Option<[f32; 4]>,
    /// The detector's confidence.
    pub confidence: Option<f32>,
    /// Predicted usefulness of the sample.
    pub quality: Option<f32>,
    /// Face attributes as JSON text.
    pub attributes: Option<&'a str>,
    /// The caller's metadata as JSON text.
    pub metadata: Option<&'a str>,
    /// The small picture of the face, which is read when it is asked for.
    pub thumbnail: Option<ThumbnailRef<'a>>,
    /// Creation time in microseconds since the Unix epoch.
    pub created_at_us: i64,
    /// The features, of unit length.
    pub embedding: EmbeddingRef<'a>,
}

impl Row {
    /// A row with nothing optional, created at the epoch.
    pub fn new(id: TemplateId, model: impl Into<Arc<str>>, embedding: Embedding) -> Self {
        Self {
            id,
            model: model.into(),
            external_face_id: None,
            external_image_id: None,
            bounding_box: None,
            confidence: None,
            quality: None,
            attributes: None,
            metadata: None,
            thumbnail: None,
            created_at_us: 0,
            embedding,
        }
    }

    /// The borrowed form, as enrolled by batch `lsn`.
    pub fn as_ref(&self, lsn: Lsn) -> RowRef<'_> {
        RowRef {
            id: self.id,
            lsn,
            model: &self.model,
            external_face_id: self.external_face_id.as_deref(),
            external_image_id: self.external_image_id.as_deref(),
            bounding_box: self.bounding_box,
            confidence: self.confidence,
            quality: self.quality,
            attributes: self.attributes.as_deref(),
            metadata: self.metadata.as_deref(),
            thumbnail: self.thumbnail.as_ref().map(Into::into),
            created_at_us: self.created_at_us,
            embedding: self.embedding.as_slice().into(),
        }
    }

    /// Bytes the row takes in memory, roughly; what the memtable's bound counts.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let texts =
            [&self.external_face_id, &self.external_image_id, &self.attributes, &self.metadata];
        let text_bytes: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
        let embedding_bytes = size_of_val(self.embedding.as_slice());
        let thumbnail_bytes = self.thumbnail.as_ref().map_or(0, |picture| picture.as_bytes().len());
        (size_of::<Self>() + text_bytes + embedding_bytes + thumbnail_bytes) as u64
    }
}

impl<'a> RowRef<'a> {
    /// The text in this column; `None` where the row has none.
    pub fn text(&self, column: TextColumn) -> Option<&'a str> {
        match column {
            TextColumn::ExternalFaceId => self.external_face_id,
            TextColumn::ExternalImageId => self.external_image_id,
        }
    }

    /// An owned copy.
    ///
    /// The embedding is the same, number by number. Should the segment it comes from be damaged,
    /// the copy is so too, and enrolling it is refused.
    ///
    /// # Errors
    /// [`Corruption`] where the thumbnail cannot be read as it was written.
    pub fn to_row(&self) -> Result<Row, Corruption> {
        Ok(Row {
            id: self.id,
            model: self.model.into(),
            external_face_id: self.external_face_id.map(Into::into),
            external_image_id: self.external_image_id.map(Into::into),
            bounding_box: self.bounding_box,
            confidence: self.confidence,
            quality: self.quality,
            attributes: self.attributes.map(Into::into),
            metadata: self.metadata.map(Into::into),
            thumbnail: self.thumbnail.map(ThumbnailRef::to_thumbnail).transpose()?,
            created_at_us: self.created_at_us,
            embedding: self.embedding.to_embedding(),
        })
    }
}

impl fmt::Debug for RowRef<'_> {
    /// Leaves the embedding out: it is biometric data and has no place in logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RowRef")
            .field("id", &self.id)
            .field("lsn", &self.lsn)
            .field("model", &self.model)
            .field("external_face_id", &self.external_face_id)
            .field("external_image_id", &self.external_image_id)
            .field("created_at_us", &self.created_at_us)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
