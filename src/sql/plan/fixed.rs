//! Queries whose answer depends on nothing: planned once, then remembered by the statement.
//!
//! Pools ask `SELECT 1` before they lend a connection, some before every statement.

use std::ops::ControlFlow;
use std::sync::OnceLock;

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::sql::sqlparser::ast::{DataType, Expr, Query, TableFactor, Value, Visit, Visitor};
use futures::TryStreamExt;

use crate::sql::SqlError;

/// The answer of a query of literals, once it is known.
#[derive(Debug, Default)]
pub(in crate::sql) struct FixedAnswer(OnceLock<RecordBatch>);

impl FixedAnswer {
    /// A place for the answer of `query`, if nothing can change it: it reads no table and calls no
    /// function. Its rows stand in its text, so they are few.
    pub(in crate::sql) fn of(query: &Query) -> Option<Self> {
        let fixed = query.with.is_none() && query.visit(&mut FindChange).is_continue();
        fixed.then(Self::default)
    }

    /// What an earlier execution answered.
    pub(in crate::sql) fn get(&self) -> Option<RecordBatch> {
        self.0.get().cloned()
    }

    /// Remembers the rows of `stream`, and returns them.
    ///
    /// # Errors
    /// What the rows say; then there is no answer to remember.
    pub(in crate::sql) async fn keep(
        &self,
        stream: SendableRecordBatchStream,
    ) -> Result<RecordBatch, SqlError> {
        let schema = stream.schema();
        let batches: Vec<RecordBatch> = stream.try_collect().await?;
        let answer = concat_batches(&schema, &batches).map_err(DataFusionError::from)?;
        Ok(self.0.get_or_init(|| answer).clone())
    }
}

/// Stops at anything that is not known to be the same every time.
struct FindChange;

impl Visitor for FindChange {
    type Break = ();

    fn pre_visit_table_factor(&mut self, _table: &TableFactor) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Value(value) if !matches!(value.value, Value::Placeholder(_)) => {
                ControlFlow::Continue(())
            }
            // A cast is what a whole number becomes.
            Expr::Nested(_)
            | Expr::UnaryOp { .. }
            | Expr::BinaryOp { .. }
            | Expr::Cast { data_type: DataType::Int(None), .. } => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}
