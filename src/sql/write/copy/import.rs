//! COPY .. FROM STDIN: cells that the door has read become faces, all of them or none.

use super::CopyFormat;
use super::given::GivenIds;
use crate::engine::EngineError;
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::write::enrolment::Enrolment;
use crate::sql::write::insert::{FaceCell, InsertColumn, WrongFace, face_of};
use crate::sql::write::transaction::Writer;
use crate::sql::{SqlError, SqlType};

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
    given: GivenIds,
}

/// Why a row of COPY was refused.
#[derive(Debug)]
pub struct WrongRow {
    /// What is wrong.
    pub error: SqlError,
    /// The column whose cell it is about.
    pub column: Option<&'static str>,
    /// The line of the row, which may be long past.
    pub line: Option<u64>,
}

impl WrongRow {
    /// Of rows that were written together.
    fn of_many(error: SqlError, given: &GivenIds) -> Self {
        let line = given.line_of(&error);
        Self { error, column: None, line }
    }
}

impl From<WrongFace> for WrongRow {
    fn from(wrong: WrongFace) -> Self {
        let WrongFace { error, column } = wrong;
        Self { error, column, line: None }
    }
}

impl From<EngineError> for WrongRow {
    fn from(error: EngineError) -> Self {
        let column = match error {
            EngineError::DimensionMismatch { .. } => Some(InsertColumn::EMBEDDING.name()),
            EngineError::InvalidValue { what, .. } => Some(what),
            _ => None,
        };
        Self { error: error.into(), column, line: None }
    }
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
            Some(names) => {
                let collection = name.last().map_or("", String::as_str);
                let named = InsertColumn::named(names.iter().map(String::as_str));
                named.map_err(|error| error.of_relation(collection))?
            }
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
        Ok(CopyImport { columns, format, enrolment, given: GivenIds::default() })
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

    /// Takes a row, one cell for each column, that stands in this line.
    ///
    /// # Errors
    /// When it is no face, or one before it is there already; the import is of no use then.
    pub async fn push(&mut self, cells: Vec<FaceCell>, line: u64) -> Result<(), WrongRow> {
        let face = face_of(&self.columns, cells.into_iter().map(Ok))?;
        let (_, given) = &face;
        if let Some(face_id) = given.face_id {
            self.given.note(face_id, line);
        }
        self.enrolment.push(face).await?;
        self.enrolment.pass_on().await.map_err(|error| WrongRow::of_many(error, &self.given))
    }

    /// Makes all rows durable and visible, in a block with its COMMIT, and counts them.
    ///
    /// # Errors
    /// A face that is there already, and what the store says; nothing has happened then.
    pub async fn finish(self) -> Result<u64, WrongRow> {
        let Self { enrolment, given, .. } = self;
        enrolment.finish().await.map_err(|error| WrongRow::of_many(error, &given))
    }
}
