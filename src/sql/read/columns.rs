//! The columns of a collection and of a search result, and how rows become Arrow arrays.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    ArrayRef, Float32Array, Float32Builder, ListBuilder, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use likeness_storage::RowRef;

use crate::biometric::FaceId;
use crate::engine::METADATA_BYTES_MAX;
use crate::sql::SqlError;
use crate::sql::function::scalar::{is_written_document, read_document, written_document};
use crate::sql::value::types::{VECTOR_NAME, real_array, real_element, with_pg_type};

/// A column that every collection has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum GalleryColumn {
    FaceId,
    ExternalFaceId,
    ExternalImageId,
    BoundingBox,
    Confidence,
    Quality,
    Attributes,
    Metadata,
    Model,
    CreatedAt,
    Embedding,
}

impl GalleryColumn {
    /// All of them in the order of `SELECT *`.
    pub(in crate::sql) const ALL: [Self; 11] = [
        Self::FaceId,
        Self::ExternalFaceId,
        Self::ExternalImageId,
        Self::BoundingBox,
        Self::Confidence,
        Self::Quality,
        Self::Attributes,
        Self::Metadata,
        Self::Model,
        Self::CreatedAt,
        Self::Embedding,
    ];

    /// The column's name in SQL.
    pub(in crate::sql) const fn name(self) -> &'static str {
        match self {
            Self::FaceId => "face_id",
            Self::ExternalFaceId => "external_face_id",
            Self::ExternalImageId => "external_image_id",
            Self::BoundingBox => "bounding_box",
            Self::Confidence => "confidence",
            Self::Quality => "quality",
            Self::Attributes => "attributes",
            Self::Metadata => "metadata",
            Self::Model => "model",
            Self::CreatedAt => "created_at",
            Self::Embedding => "embedding",
        }
    }

    pub(in crate::sql) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    /// The column as Arrow describes it.
    pub(in crate::sql) fn field(self) -> Field {
        let name = self.name();
        match self {
            Self::FaceId | Self::Model => Field::new(name, DataType::Utf8, false),
            Self::ExternalFaceId | Self::ExternalImageId => Field::new(name, DataType::Utf8, true),
            Self::BoundingBox => Field::new(name, real_array(), true),
            Self::Embedding => with_pg_type(Field::new(name, real_array(), true), VECTOR_NAME),
            Self::Confidence | Self::Quality => Field::new(name, DataType::Float32, true),
            Self::Attributes | Self::Metadata => {
                with_pg_type(Field::new(name, DataType::Utf8, true), "jsonb")
            }
            Self::CreatedAt => timestamp_field(name),
        }
    }

    /// This column of `rows`.
    pub(in crate::sql) fn array(self, rows: &[RowRef<'_>]) -> ArrayRef {
        match self {
            Self::FaceId => Arc::new(StringArray::from_iter_values(
                rows.iter().map(|row| FaceId::from_u128(row.id.get()).to_string()),
            )),
            Self::ExternalFaceId => texts(rows, |row| row.external_face_id),
            Self::ExternalImageId => texts(rows, |row| row.external_image_id),
            Self::BoundingBox => {
                reals(rows, |row| row.bounding_box.as_ref().map(|edges| Cow::Borrowed(&edges[..])))
            }
            Self::Confidence => numbers(rows, |row| row.confidence),
            Self::Quality => numbers(rows, |row| row.quality),
            Self::Attributes => documents(rows, |row| row.attributes),
            Self::Metadata => documents(rows, |row| row.metadata),
            Self::Model => texts(rows, |row| Some(row.model)),
            Self::CreatedAt => timestamps(rows.iter().map(|row| row.created_at_us)),
            Self::Embedding => {
                reals(rows, |row| Some(row.embedding.components()).filter(|c| !c.is_empty()))
            }
        }
    }
}

/// The schema of a collection.
pub(in crate::sql) fn gallery_schema() -> SchemaRef {
    schema_of(GalleryColumn::ALL.map(GalleryColumn::field))
}

/// A column of a search result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SearchColumn {
    /// Place in the candidate list, from 1.
    Rank,
    /// 0..=1.
    Similarity,
    /// A column of the enrolled face.
    Gallery(GalleryColumn),
}

impl SearchColumn {
    /// All of them: rank, face id, similarity, then the collection's other columns.
    pub(super) fn all() -> Vec<Self> {
        let others = GalleryColumn::ALL.into_iter().filter(|&c| c != GalleryColumn::FaceId);
        [Self::Rank, Self::Gallery(GalleryColumn::FaceId), Self::Similarity]
            .into_iter()
            .chain(others.map(Self::Gallery))
            .collect()
    }

    /// The column as Arrow describes it.
    pub(super) fn field(self) -> Field {
        match self {
            Self::Rank => Field::new("rank", DataType::Int64, false),
            Self::Similarity => Field::new("similarity", DataType::Float32, false),
            Self::Gallery(column) => column.field(),
        }
    }
}

/// The schema of a search result.
pub(in crate::sql) fn search_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> =
        LazyLock::new(|| schema_of(SearchColumn::all().into_iter().map(SearchColumn::field)));
    Arc::clone(&SCHEMA)
}

/// A schema without metadata of these fields.
pub(in crate::sql) fn schema_of(fields: impl IntoIterator<Item = Field>) -> SchemaRef {
    Arc::new(Schema::new(fields.into_iter().collect::<Vec<_>>()))
}

/// A `timestamptz` column.
pub(in crate::sql) fn timestamp_field(name: &str) -> Field {
    let data_type = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    with_pg_type(Field::new(name, data_type, false), "timestamptz")
}

/// Microseconds since the Unix epoch as a `timestamptz` column.
pub(in crate::sql) fn timestamps(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
}

/// Boxes as a `real[]` column: left, top, width, height.
pub(super) fn bounding_boxes(boxes: impl Iterator<Item = [f32; 4]>) -> ArrayRef {
    let mut builder = ListBuilder::new(Float32Builder::new()).with_field(real_element());
    for edges in boxes {
        builder.values().append_slice(&edges);
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn texts<'a>(rows: &[RowRef<'a>], text: impl Fn(&RowRef<'a>) -> Option<&'a str>) -> ArrayRef {
    Arc::new(rows.iter().map(text).collect::<StringArray>())
}

/// What a face has for metadata where a statement says `text`: the document as PostgreSQL writes
/// it, so that it need not be written anew whenever it is read. The length is for the engine to
/// refuse.
///
/// # Errors
/// Text that is no document to PostgreSQL.
pub(in crate::sql) fn stored_document(text: String) -> Result<String, SqlError> {
    if text.len() > METADATA_BYTES_MAX {
        return Ok(text);
    }
    let written = written_document(&read_document(&text)?);
    // Spaces and digits for an exponent make some longer than they may be.
    Ok(if written.len() <= METADATA_BYTES_MAX { written } else { text })
}

/// Documents as PostgreSQL writes them, whatever they were written like: over the other door, by
/// the model pack, or before they were put into that form when they are stored.
fn documents<'a>(rows: &[RowRef<'a>], text: impl Fn(&RowRef<'a>) -> Option<&'a str>) -> ArrayRef {
    // The other door takes some that are none to PostgreSQL; they are shown as they are.
    let shown = |text: &'a str| {
        let document = if is_written_document(text) { None } else { read_document(text).ok() };
        document.map_or(Cow::Borrowed(text), |document| Cow::Owned(written_document(&document)))
    };
    Arc::new(rows.iter().map(|row| text(row).map(shown)).collect::<StringArray>())
}

fn numbers<'a>(rows: &[RowRef<'a>], number: impl Fn(&RowRef<'a>) -> Option<f32>) -> ArrayRef {
    Arc::new(rows.iter().map(number).collect::<Float32Array>())
}

fn reals<'a>(
    rows: &[RowRef<'a>],
    values: impl for<'b> Fn(&'b RowRef<'a>) -> Option<Cow<'b, [f32]>>,
) -> ArrayRef {
    let count = rows.first().and_then(&values).map_or(0, |values| values.len() * rows.len());
    let numbers = Float32Builder::with_capacity(count);
    let mut builder = ListBuilder::with_capacity(numbers, rows.len()).with_field(real_element());
    for row in rows {
        if let Some(values) = values(row) {
            builder.values().append_slice(&values);
            builder.append(true);
        } else {
            builder.append(false);
        }
    }
    Arc::new(builder.finish())
}
