//! EXPLAIN: the operators of a query as text or as a document, with ANALYZE after running it.

use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::Query;
use futures::TryStreamExt;

use super::explanation::Explanation;
use super::query::QueryContext;
use crate::sql::SqlError;
use crate::sql::grammar::statement::{ExplainFormat, ExplainOptions};
use crate::sql::read::columns::schema_of;
use crate::sql::value::types::{JSON, with_pg_type};

impl QueryContext {
    /// How `query` is run with these parameters: a row for each line of a text, or one document.
    ///
    /// # Errors
    /// Those of the query.
    pub(in crate::sql) async fn explain(
        &self,
        query: &Query,
        parameters: Vec<ScalarValue>,
        options: ExplainOptions,
    ) -> Result<RecordBatch, SqlError> {
        let began = Instant::now();
        let plan = self.plan(query).await?;
        let plan = self.physical(plan, parameters).await?;
        let planned = began.elapsed();
        let began = Instant::now();
        if options.analyze {
            let mut rows = self.run(&plan)?;
            while rows.try_next().await?.is_some() {}
        }
        let ran = options.analyze.then(|| began.elapsed());
        let lines: ArrayRef = match options.format {
            ExplainFormat::Json => {
                let text = Explanation::of(&plan, planned, ran, options.figures).text()?;
                Arc::new(StringArray::from_iter_values([text]))
            }
            ExplainFormat::Text => {
                let shown = if options.analyze {
                    DisplayableExecutionPlan::with_metrics(&*plan)
                } else {
                    DisplayableExecutionPlan::new(&*plan)
                };
                let text = shown.indent(false).to_string();
                Arc::new(text.lines().map(Some).collect::<StringArray>())
            }
        };
        RecordBatch::try_new(explain_schema(options.format), vec![lines])
            .map_err(|error| DataFusionError::from(error).into())
    }
}

/// The column of EXPLAIN.
pub(in crate::sql) fn explain_schema(format: ExplainFormat) -> SchemaRef {
    let column = Field::new("QUERY PLAN", DataType::Utf8, false);
    schema_of([match format {
        ExplainFormat::Text => column,
        ExplainFormat::Json => with_pg_type(column, JSON),
    }])
}
