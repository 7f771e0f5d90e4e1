//! COPY .. FROM STDIN: cells that the door has read become faces, all of them or none.

use super::super::catalog::GalleryCatalog;
use super::super::insert::{InsertColumn, one_source};
use super::super::transaction::Writer;
use super::super::{SqlError, SqlState, SqlType};
use super::CopyFormat;
use crate::biometric::AttributeSet;
use crate::engine::{EnrollmentDraft, Import, QualityFilter, TemplateSource};

/// `COPY name [(columns)] FROM STDIN`.
#[derive(Debug)]
pub(in crate::sql) struct CopyIn {
    name: Vec<String>,
    columns: Vec<InsertColumn>,
    format: CopyFormat,
}

/// What a cell of COPY holds.
#[derive(Debug, Clone, PartialEq)]
pub enum CopyCell {
    /// NULL.
    Null,
    /// Text, also that of JSON.
    Text(String),
    /// Bytes of an image.
    Bytes(Vec<u8>),
    /// Components of an embedding.
    Reals(Vec<f32>),
}

/// A COPY that waits for its rows. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct CopyImport {
    name: String,
    columns: Vec<InsertColumn>,
    format: CopyFormat,
    import: Import,
    writer: Writer,
    /// Whether it may take the way of a load, which commits by itself.
    stands_alone: bool,
}

impl CopyIn {
    /// Without a list the columns are those a caller may give, but for the image.
    ///
    /// # Errors
    /// Unknown columns, columns that the server sets, columns named twice.
    pub(super) fn new(
        name: Vec<String>,
        columns: Option<Vec<String>>,
        format: CopyFormat,
    ) -> Result<Self, SqlError> {
        let columns = match columns {
            Some(names) => names.iter().map(|name| InsertColumn::named(name)).collect(),
            None => Ok(Vec::from([
                InsertColumn::ExternalFaceId,
                InsertColumn::ExternalImageId,
                InsertColumn::Metadata,
                InsertColumn::Embedding,
            ])),
        };
        let columns: Vec<InsertColumn> = columns?;
        let repeated = columns
            .iter()
            .enumerate()
            .find(|(at, column)| columns.iter().take(*at).any(|earlier| earlier == *column));
        if let Some((_, column)) = repeated {
            let message = format!("column \"{}\" specified more than once", column.name());
            return Err(SqlError::new(SqlState::DuplicateColumn, message));
        }
        let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
        format.check_columns(&names)?;
        Ok(Self { name, columns, format })
    }

    /// Makes ready to receive rows.
    pub(in crate::sql) fn run(
        &self,
        catalog: &GalleryCatalog,
        writer: &Writer,
    ) -> Result<CopyImport, SqlError> {
        let name = catalog.gallery_name(&self.name)?;
        catalog.gallery(name)?;
        let import = catalog.tenant().import(catalog.snapshot(), name)?;
        let (columns, format) = (self.columns.clone(), self.format.clone());
        let (writer, stands_alone) = (writer.clone(), writer.stands_alone());
        Ok(CopyImport { name: name.to_owned(), columns, format, import, writer, stands_alone })
    }
}

impl CopyImport {
    /// The collection.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the rows are written.
    pub fn format(&self) -> &CopyFormat {
        &self.format
    }

    /// Name and type of each column, in the order in which they come.
    pub fn columns(&self) -> Vec<(&'static str, SqlType)> {
        self.columns.iter().map(|column| (column.name(), column.sql_type())).collect()
    }

    /// Takes a row, one cell for each column.
    ///
    /// # Errors
    /// When it is no face; the import is of no use then.
    pub async fn push(&mut self, cells: Vec<CopyCell>) -> Result<(), SqlError> {
        let draft = self.draft(cells)?;
        self.import.push(draft).await?;
        if !self.import.is_full() {
            return Ok(());
        }
        if self.stands_alone {
            self.import.load().await?;
        } else {
            self.writer.apply(self.import.take()).await?;
        }
        Ok(())
    }

    /// Makes all rows durable and visible, in a block with its COMMIT, and counts them.
    ///
    /// # Errors
    /// What the store says; nothing has happened then.
    pub async fn finish(mut self) -> Result<u64, SqlError> {
        let faces = self.import.faces();
        if self.import.is_loading() {
            self.import.commit().await?;
        } else {
            self.writer.apply(self.import.take()).await?;
        }
        Ok(faces)
    }

    fn draft(&self, cells: Vec<CopyCell>) -> Result<EnrollmentDraft, SqlError> {
        let (mut image, mut embedding) = (None, None);
        let (mut external_face_id, mut external_image_id, mut metadata) = (None, None, None);
        for (column, cell) in self.columns.iter().zip(cells) {
            match (column, cell) {
                (_, CopyCell::Null) => {}
                (InsertColumn::ExternalFaceId, CopyCell::Text(text)) => {
                    external_face_id = Some(text);
                }
                (InsertColumn::ExternalImageId, CopyCell::Text(text)) => {
                    external_image_id = Some(text);
                }
                (InsertColumn::Metadata, CopyCell::Text(text)) => metadata = Some(text),
                (InsertColumn::Image, CopyCell::Bytes(bytes)) => image = Some(bytes),
                (InsertColumn::Embedding, CopyCell::Reals(values)) => embedding = Some(values),
                (column, _) => {
                    let message = format!("a value of another type for \"{}\"", column.name());
                    return Err(SqlError::new(SqlState::DatatypeMismatch, message));
                }
            }
        }
        let source = match (image, embedding) {
            (Some(image), None) => TemplateSource::Image {
                image: image.into(),
                attributes: AttributeSet::Default,
                max_faces: 1,
                quality_filter: QualityFilter::None,
            },
            (None, Some(values)) => TemplateSource::Embedding(values),
            (Some(_), Some(_)) => return Err(one_source("both")),
            (None, None) => return Err(one_source("neither")),
        };
        Ok(EnrollmentDraft { source, external_face_id, external_image_id, metadata })
    }
}
