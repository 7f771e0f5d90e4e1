//! The faces that an INSERT proposes, some at a time.

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;
use futures::TryStreamExt;

use super::row::{FaceCell, ProposedFace, face_of};
use super::source::{ColumnList, Source};
use super::{Insert, InsertColumn};
use crate::engine::{Interrupt, TemplateSource};
use crate::sql::SqlError;
use crate::sql::plan::query::QueryContext;

/// Rows that become faces at a time.
const ROWS: usize = 1024;
/// Bytes of images among them, after which there are no more.
const IMAGE_BYTES: usize = 1 << 20;

/// Reads the rows of an INSERT.
pub(super) enum Faces<'a> {
    Cells {
        columns: &'a ColumnList,
        rows: std::slice::Chunks<'a, Vec<ast::Expr>>,
        context: &'a QueryContext,
        parameters: &'a [ScalarValue],
    },
    Query {
        columns: &'a ColumnList,
        batches: SendableRecordBatchStream,
        /// What came last, and how many of its rows have become faces.
        batch: Option<(RecordBatch, usize)>,
    },
}

impl<'a> Faces<'a> {
    pub(super) async fn of(
        insert: &'a Insert,
        context: &'a QueryContext,
        parameters: &'a [ScalarValue],
    ) -> Result<Self, SqlError> {
        let columns = &insert.columns;
        match &insert.source {
            Source::Cells(rows) => {
                Ok(Self::Cells { columns, rows: rows.chunks(ROWS), context, parameters })
            }
            Source::Query(query) => {
                let plan = context.plan(query).await?;
                columns.check_width(plan.schema().fields().len())?;
                let batches = context.stream(plan, parameters.to_vec()).await?;
                Ok(Self::Query { columns, batches, batch: None })
            }
        }
    }

    /// The next ones; none at the end.
    ///
    /// # Errors
    /// What the query says, and cells that are no values of their columns.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<ProposedFace>>, SqlError> {
        match self {
            Self::Cells { columns, rows, context, parameters } => {
                let face = |row: &Vec<ast::Expr>| {
                    Interrupt::check()?;
                    let columns = columns.columns();
                    let cells = columns.iter().zip(row).map(|(&column, cell)| {
                        let (name, wanted) = (column.name(), column.sql_type());
                        FaceCell::of(column, &context.cell(name, wanted, cell, parameters)?)
                    });
                    Ok(face_of(columns, cells)?)
                };
                rows.next().map(|rows| rows.iter().map(face).collect()).transpose()
            }
            Self::Query { columns, batches, batch } => {
                let (whole, from) = match batch.take() {
                    Some(begun) => begun,
                    None => match batches.try_next().await? {
                        Some(next) => (next, 0),
                        None => return Ok(None),
                    },
                };
                let faces = faces_of(columns.columns(), &whole, from)?;
                let done = from + faces.len();
                *batch = (done < whole.num_rows()).then_some((whole, done));
                Ok(Some(faces))
            }
        }
    }
}

/// The faces of a batch from a row on: so many that they are no copy of everything in it where that
/// is much.
fn faces_of(
    columns: &[InsertColumn],
    batch: &RecordBatch,
    from: usize,
) -> Result<Vec<ProposedFace>, SqlError> {
    let (mut faces, mut bytes) = (Vec::new(), 0);
    for row in from..batch.num_rows() {
        Interrupt::check()?;
        let cells = columns.iter().zip(batch.columns()).map(|(&column, values)| {
            FaceCell::of(column, &ScalarValue::try_from_array(values, row)?)
        });
        let face = face_of(columns, cells)?;
        if let TemplateSource::Image { image, .. } = &face.0.source {
            bytes += image.len();
        }
        faces.push(face);
        if bytes >= IMAGE_BYTES || faces.len() >= ROWS {
            break;
        }
    }
    Ok(faces)
}
