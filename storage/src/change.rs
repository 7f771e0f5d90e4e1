//! One operation after validation, as it is logged and applied.

use std::sync::Arc;

use crate::codec::{Cursor, DecodeError, put_blob, put_f32s, put_optional_text, put_text};
use crate::embedding::{Dim, Embedding};
use crate::gallery::{GalleryDescriptor, THUMBNAILS_BIT};
use crate::id::{GalleryId, SegmentId, TemplateId};
use crate::limits::{TEXT_BYTES_MAX, THUMBNAIL_BYTES_MAX};
use crate::precision::Precision;
use crate::row::Row;
use crate::thumbnail::Thumbnail;

const CREATE_GALLERY: u8 = 1;
const DROP_GALLERY: u8 = 2;
const ENROLL: u8 = 3;
const REMOVE: u8 = 4;
const ATTACH: u8 = 5;
const ALTER_GALLERY: u8 = 6;
const ENROLL_WITH_THUMBNAIL: u8 = 7;

/// The kinds in the order of their numbers, for the format document.
#[cfg(test)]
pub(crate) const KINDS: [u8; 7] =
    [CREATE_GALLERY, DROP_GALLERY, ENROLL, REMOVE, ATTACH, ALTER_GALLERY, ENROLL_WITH_THUMBNAIL];

/// An operation that is known to be applicable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// A gallery comes into being under its final identity.
    CreateGallery(GalleryDescriptor),
    /// A gallery has this name and description from now on.
    AlterGallery {
        /// The gallery.
        gallery: GalleryId,
        /// Its name.
        name: Box<str>,
        /// Its description.
        description: Option<Box<str>>,
    },
    /// A gallery goes with all its rows.
    DropGallery(GalleryId),
    /// A row is added.
    Enroll {
        /// The gallery.
        gallery: GalleryId,
        /// The row, which the memtable shares.
        row: Arc<Row>,
    },
    /// A row is removed, if it is there.
    Remove {
        /// The gallery.
        gallery: GalleryId,
        /// The row's identity.
        template: TemplateId,
    },
    /// A segment that a bulk load wrote becomes part of a gallery.
    Attach {
        /// The gallery.
        gallery: GalleryId,
        /// The segment's number.
        segment: SegmentId,
        /// Its number of rows.
        rows: u32,
    },
}

impl Change {
    /// Appends the change as bytes.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::CreateGallery(descriptor) => {
                out.push(CREATE_GALLERY);
                put_descriptor(out, descriptor);
            }
            Self::AlterGallery { gallery, name, description } => {
                out.push(ALTER_GALLERY);
                out.extend_from_slice(&gallery.get().to_le_bytes());
                put_text(out, name);
                put_optional_text(out, description.as_deref());
            }
            Self::DropGallery(gallery) => {
                out.push(DROP_GALLERY);
                out.extend_from_slice(&gallery.get().to_le_bytes());
            }
            Self::Enroll { gallery, row } => {
                out.push(if row.thumbnail.is_some() { ENROLL_WITH_THUMBNAIL } else { ENROLL });
                out.extend_from_slice(&gallery.get().to_le_bytes());
                put_row(out, row);
                if let Some(thumbnail) = &row.thumbnail {
                    put_blob(out, thumbnail.as_bytes());
                }
            }
            Self::Remove { gallery, template } => {
                out.push(REMOVE);
                out.extend_from_slice(&gallery.get().to_le_bytes());
                out.extend_from_slice(&template.get().to_le_bytes());
            }
            Self::Attach { gallery, segment, rows } => {
                out.push(ATTACH);
                out.extend_from_slice(&gallery.get().to_le_bytes());
                out.extend_from_slice(&segment.get().to_le_bytes());
                out.extend_from_slice(&rows.to_le_bytes());
            }
        }
    }

    /// At least as many bytes as the change takes.
    pub(crate) fn size_hint(&self) -> usize {
        match self {
            Self::CreateGallery(gallery) => {
                let description = gallery.description.as_ref().map_or(0, |text| text.len());
                64 + gallery.tenant.len() + gallery.name.len() + gallery.model.len() + description
            }
            Self::AlterGallery { name, description, .. } => {
                32 + name.len() + description.as_ref().map_or(0, |text| text.len())
            }
            Self::DropGallery(_) | Self::Remove { .. } | Self::Attach { .. } => 32,
            Self::Enroll { row, .. } => {
                let texts =
                    [&row.external_face_id, &row.external_image_id, &row.attributes, &row.metadata];
                let bytes: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
                let thumbnail = row.thumbnail.as_ref().map_or(0, |t| t.as_bytes().len());
                128 + row.model.len() + bytes + thumbnail + 4 * row.embedding.dim().get()
            }
        }
    }

    /// Reads a change.
    pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        let start = cursor.clone();
        match cursor.u8()? {
            CREATE_GALLERY => read_descriptor(cursor).map(Self::CreateGallery),
            ALTER_GALLERY => Ok(Self::AlterGallery {
                gallery: GalleryId::new(cursor.u64()?),
                name: cursor.text(TEXT_BYTES_MAX)?.into(),
                description: cursor.optional_text(TEXT_BYTES_MAX)?,
            }),
            DROP_GALLERY => Ok(Self::DropGallery(GalleryId::new(cursor.u64()?))),
            ENROLL => {
                let gallery = GalleryId::new(cursor.u64()?);
                Ok(Self::Enroll { gallery, row: read_row(cursor)?.into() })
            }
            ENROLL_WITH_THUMBNAIL => {
                let gallery = GalleryId::new(cursor.u64()?);
                let row = read_row(cursor)?;
                let start = cursor.clone();
                let thumbnail = Thumbnail::new(cursor.blob(THUMBNAIL_BYTES_MAX)?);
                let thumbnail = thumbnail.ok_or_else(|| start.fault("a thumbnail is empty"))?;
                let row = Row { thumbnail: Some(thumbnail), ..row };
                Ok(Self::Enroll { gallery, row: row.into() })
            }
            REMOVE => Ok(Self::Remove {
                gallery: GalleryId::new(cursor.u64()?),
                template: TemplateId::new(cursor.u128()?),
            }),
            ATTACH => Ok(Self::Attach {
                gallery: GalleryId::new(cursor.u64()?),
                segment: SegmentId::new(cursor.u64()?),
                rows: cursor.u32()?,
            }),
            other => Err(start.fault(format!("{other} is no kind of operation"))),
        }
    }
}

/// Appends a gallery's description.
pub(crate) fn put_descriptor(out: &mut Vec<u8>, descriptor: &GalleryDescriptor) {
    out.extend_from_slice(&descriptor.id.get().to_le_bytes());
    let dimensions = descriptor.precision.mark(descriptor.dim.get());
    let thumbnails = if descriptor.thumbnails { THUMBNAILS_BIT } else { 0 };
    out.extend_from_slice(&(dimensions | thumbnails).to_le_bytes());
    out.extend_from_slice(&descriptor.created_at_us.to_le_bytes());
    put_text(out, &descriptor.tenant);
    put_text(out, &descriptor.name);
    put_text(out, &descriptor.model);
    put_optional_text(out, descriptor.description.as_deref());
}

/// Reads a gallery's description.
pub(crate) fn read_descriptor(cursor: &mut Cursor<'_>) -> Result<GalleryDescriptor, DecodeError> {
    let id = GalleryId::new(cursor.u64()?);
    let stored = cursor.u16()?;
    let (precision, dimensions) = Precision::unmark((stored & !THUMBNAILS_BIT).into());
    let dim = Dim::new(dimensions);
    Ok(GalleryDescriptor {
        id,
        dim: dim.ok_or_else(|| cursor.fault("a gallery has no dimension"))?,
        precision,
        thumbnails: stored & THUMBNAILS_BIT != 0,
        created_at_us: cursor.i64()?,
        tenant: cursor.text(TEXT_BYTES_MAX)?.into(),
        name: cursor.text(TEXT_BYTES_MAX)?.into(),
        model: cursor.text(TEXT_BYTES_MAX)?.into(),
        description: cursor.optional_text(TEXT_BYTES_MAX)?,
    })
}

fn put_row(out: &mut Vec<u8>, row: &Row) {
    out.extend_from_slice(&row.id.get().to_le_bytes());
    out.extend_from_slice(&row.created_at_us.to_le_bytes());
    put_text(out, &row.model);
    for text in [&row.external_face_id, &row.external_image_id, &row.attributes, &row.metadata] {
        put_optional_text(out, text.as_deref());
    }
    put_optional_f32s(out, row.bounding_box.as_ref().map(<[f32; 4]>::as_slice));
    put_optional_f32s(out, row.confidence.as_ref().map(std::slice::from_ref));
    put_optional_f32s(out, row.quality.as_ref().map(std::slice::from_ref));
    out.extend_from_slice(&(row.embedding.dim().get() as u16).to_le_bytes());
    put_f32s(out, row.embedding.as_slice());
}

fn read_row(cursor: &mut Cursor<'_>) -> Result<Row, DecodeError> {
    let id = TemplateId::new(cursor.u128()?);
    let created_at_us = cursor.i64()?;
    let model = cursor.text(TEXT_BYTES_MAX)?.into();
    let external_face_id = cursor.optional_text(TEXT_BYTES_MAX)?;
    let external_image_id = cursor.optional_text(TEXT_BYTES_MAX)?;
    let attributes = cursor.optional_text(TEXT_BYTES_MAX)?;
    let metadata = cursor.optional_text(TEXT_BYTES_MAX)?;
    let bounding_box = if cursor.flag()? {
        Some([cursor.f32()?, cursor.f32()?, cursor.f32()?, cursor.f32()?])
    } else {
        None
    };
    let confidence = optional_f32(cursor)?;
    let quality = optional_f32(cursor)?;
    let count = usize::from(cursor.u16()?);
    let start = cursor.clone();
    let embedding = Embedding::from_stored(cursor.f32s(count)?)
        .ok_or_else(|| start.fault("an embedding is not of unit length"))?;
    Ok(Row {
        id,
        model,
        external_face_id,
        external_image_id,
        bounding_box,
        confidence,
        quality,
        attributes,
        metadata,
        thumbnail: None,
        created_at_us,
        embedding,
    })
}

fn put_optional_f32s(out: &mut Vec<u8>, values: Option<&[f32]>) {
    out.push(u8::from(values.is_some()));
    put_f32s(out, values.unwrap_or_default());
}

fn optional_f32(cursor: &mut Cursor<'_>) -> Result<Option<f32>, DecodeError> {
    Ok(if cursor.flag()? { Some(cursor.f32()?) } else { None })
}
