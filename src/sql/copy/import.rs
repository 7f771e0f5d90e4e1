//! COPY .. FROM STDIN: cells that the door has read become faces, all of them or none.

use super::super::catalog::GalleryCatalog;
use super::super::enrolment::Enrolment;
use super::super::insert::{FaceCell, InsertColumn, face_of};
use super::super::transaction::Writer;
use super::super::{SqlError, SqlType};
use super::CopyFormat;

/// `COPY name [(columns)] FROM STDIN`.
#[derive(Debug)]
pub(in crate::sql) struct CopyIn {
    name: Vec<String>,
    columns: Vec<InsertColumn>,
    format: CopyFormat,
}

/// A COPY that waits for its rows. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct CopyImport {
    columns: Vec<InsertColumn>,
    format: CopyFormat,
    enrolment: Enrolment,
}

impl CopyIn {
    /// Without a list the columns are those of the collection, in their order: what comes out goes
    /// in again.
    ///
    /// # Errors
    /// Unknown columns, columns named twice.
    pub(super) fn new(
        name: Vec<String>,
        columns: Option<Vec<String>>,
        format: CopyFormat,
    ) -> Result<Self, SqlError> {
        let columns = match columns {
            Some(names) => InsertColumn::named(names.iter().map(String::as_str))?,
            None => InsertColumn::unnamed(),
        };
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
        let name = catalog.written(&self.name)?;
        let enrolment = Enrolment::new(catalog, name, writer, writer.stands_alone())?;
        let (columns, format) = (self.columns.clone(), self.format.clone());
        Ok(CopyImport { columns, format, enrolment })
    }
}

impl CopyImport {
    /// The collection.
    pub fn name(&self) -> &str {
        self.enrolment.collection()
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
    pub async fn push(&mut self, cells: Vec<FaceCell>) -> Result<(), SqlError> {
        let face = face_of(&self.columns, cells.into_iter().map(Ok))?;
        self.enrolment.push(face).await?;
        self.enrolment.pass_on().await
    }

    /// Makes all rows durable and visible, in a block with its COMMIT, and counts them.
    ///
    /// # Errors
    /// What the store says; nothing has happened then.
    pub async fn finish(self) -> Result<u64, SqlError> {
        self.enrolment.finish().await
    }
}
