//! From the cells of one row to the face that it enrols.

use datafusion::scalar::ScalarValue;

use super::InsertColumn;
use crate::biometric::{AttributeSet, BoundingBox, FaceIdError};
use crate::engine::{EnrollmentDraft, GivenValues, QualityFilter, TemplateSource};
use crate::sql::read::columns::{GalleryColumn, stored_document};
use crate::sql::value::constant::{bytes, moment, real, reals, text};
use crate::sql::{SqlError, SqlState};

/// A cell of INSERT or COPY.
#[derive(Debug, Clone, PartialEq)]
pub enum FaceCell {
    /// NULL, or DEFAULT.
    Null,
    /// Text, also that of JSON.
    Text(String),
    /// Bytes of an image.
    Bytes(Vec<u8>),
    /// A number.
    Real(f32),
    /// Components of an embedding, edges of a box.
    Reals(Vec<f32>),
    /// Microseconds since the Unix epoch.
    Moment(i64),
}

/// A face to be enrolled, and what the statement says about it that the server would say else.
pub(in crate::sql) type ProposedFace = (EnrollmentDraft, GivenValues);

impl FaceCell {
    /// The value of an expression in `column`.
    ///
    /// # Errors
    /// When it is of another type.
    pub(super) fn of(column: InsertColumn, value: &ScalarValue) -> Result<Self, SqlError> {
        use GalleryColumn as Column;
        let what = column.name();
        let cell = match column {
            InsertColumn::Image => bytes(what, value)?.map(Self::Bytes),
            InsertColumn::Stored(Column::Embedding | Column::BoundingBox) => {
                reals(what, value)?.map(Self::Reals)
            }
            InsertColumn::Stored(Column::Confidence | Column::Quality) => {
                real(what, value)?.map(Self::Real)
            }
            InsertColumn::Stored(Column::CreatedAt) => moment(what, value)?.map(Self::Moment),
            InsertColumn::Stored(_) => text(what, value)?.map(Self::Text),
        };
        Ok(cell.unwrap_or(Self::Null))
    }
}

/// Why a row is no face.
#[derive(Debug)]
pub(in crate::sql) struct WrongFace {
    pub(in crate::sql) error: SqlError,
    /// The column whose cell it is about.
    pub(in crate::sql) column: Option<&'static str>,
}

impl From<SqlError> for WrongFace {
    fn from(error: SqlError) -> Self {
        Self { error, column: None }
    }
}

impl From<WrongFace> for SqlError {
    fn from(wrong: WrongFace) -> Self {
        wrong.error
    }
}

/// The face of a row; `cells` are those of the columns, in their order.
///
/// # Errors
/// Cells of another type, both or neither of image and embedding, malformed face ids.
pub(in crate::sql) fn face_of(
    columns: &[InsertColumn],
    cells: impl IntoIterator<Item = Result<FaceCell, SqlError>>,
) -> Result<ProposedFace, WrongFace> {
    let mut row = Row::default();
    for (column, cell) in columns.iter().zip(cells) {
        let put = row.put(*column, cell?);
        put.map_err(|error| WrongFace { error, column: Some(column.name()) })?;
    }
    let source = match (row.image, row.embedding) {
        (Some(image), None) => TemplateSource::Image {
            image: image.into(),
            attributes: AttributeSet::Default,
            max_faces: 1,
            quality_filter: QualityFilter::None,
        },
        (None, Some(values)) => TemplateSource::Embedding(values),
        (Some(_), Some(_)) => return Err(two_sources().into()),
        (None, None) => return Err(no_source().into()),
    };
    let Row { external_face_id, external_image_id, metadata, given, .. } = row;
    Ok((EnrollmentDraft { source, external_face_id, external_image_id, metadata }, given))
}

/// A face without an embedding, as of a column that is never NULL.
pub(super) fn no_source() -> SqlError {
    let message = "a row needs either an image or an embedding, this one gives neither";
    SqlError::new(SqlState::NotNullViolation, message)
}

fn two_sources() -> SqlError {
    let message = "a row needs either an image or an embedding, this one gives both";
    SqlError::new(SqlState::SyntaxError, message)
}

/// What the cells of a row say.
#[derive(Default)]
struct Row {
    image: Option<Vec<u8>>,
    embedding: Option<Vec<f32>>,
    external_face_id: Option<String>,
    external_image_id: Option<String>,
    metadata: Option<String>,
    given: GivenValues,
}

impl Row {
    fn put(&mut self, column: InsertColumn, cell: FaceCell) -> Result<(), SqlError> {
        use GalleryColumn as Column;
        let column = match (column, cell) {
            (_, FaceCell::Null) => return Ok(()),
            (InsertColumn::Image, FaceCell::Bytes(bytes)) => {
                self.image = Some(bytes);
                return Ok(());
            }
            (InsertColumn::Stored(column), cell) => (column, cell),
            (column, _) => return Err(of_another_type(column)),
        };
        match column {
            (Column::FaceId, FaceCell::Text(text)) => {
                let face_id = text.parse().map_err(|error: FaceIdError| {
                    SqlError::new(SqlState::InvalidTextRepresentation, error.to_string())
                })?;
                self.given.face_id = Some(face_id);
            }
            (Column::ExternalFaceId, FaceCell::Text(text)) => self.external_face_id = Some(text),
            (Column::ExternalImageId, FaceCell::Text(text)) => self.external_image_id = Some(text),
            (Column::Metadata, FaceCell::Text(text)) => {
                self.metadata = Some(stored_document(text)?);
            }
            (Column::Attributes, FaceCell::Text(text)) => self.given.attributes = Some(text),
            (Column::Model, FaceCell::Text(text)) => self.given.model = Some(text),
            (Column::BoundingBox, FaceCell::Reals(edges)) => {
                self.given.bounding_box = Some(bounding_box(edges)?);
            }
            (Column::Confidence, FaceCell::Real(number)) => self.given.confidence = Some(number),
            (Column::Quality, FaceCell::Real(number)) => self.given.quality = Some(number),
            (Column::CreatedAt, FaceCell::Moment(us)) => self.given.created_at_us = Some(us),
            (Column::Embedding, FaceCell::Reals(values)) => self.embedding = Some(values),
            (column, _) => return Err(of_another_type(InsertColumn::Stored(column))),
        }
        Ok(())
    }
}

fn of_another_type(column: InsertColumn) -> SqlError {
    let message = format!("a value of another type for \"{}\"", column.name());
    SqlError::new(SqlState::DatatypeMismatch, message)
}

fn bounding_box(edges: Vec<f32>) -> Result<BoundingBox, SqlError> {
    let count = edges.len();
    let edges: [f32; 4] = edges.try_into().map_err(|_| {
        let message = format!("bounding_box has left, top, width and height, got {count} numbers");
        SqlError::new(SqlState::InvalidParameterValue, message)
    })?;
    Ok(BoundingBox::from_array(edges))
}
