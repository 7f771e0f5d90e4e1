//! COPY .. TO STDOUT: the rows of a query, and the format in which they leave.

use datafusion::sql::sqlparser::ast::Query;

use super::CopyFormat;
use crate::sql::plan::query::QueryContext;
use crate::sql::plan::stack::Depth;
use crate::sql::{Outcome, SqlError};

/// `COPY name | (query) TO STDOUT`.
#[derive(Debug)]
pub(in crate::sql) struct CopyOut {
    query: Box<Query>,
    format: CopyFormat,
}

impl CopyOut {
    pub(in crate::sql) fn new(query: Box<Query>, format: CopyFormat) -> Self {
        Self { query, format }
    }

    /// Starts the query.
    pub(in crate::sql) async fn run(
        &self,
        context: &QueryContext,
        depth: Depth,
    ) -> Result<Outcome, SqlError> {
        let plan = context.plan(&self.query).await?;
        let stream = depth.stream(context.stream(plan, Vec::new()).await?);
        let schema = stream.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        self.format.check_columns(&names)?;
        Ok(Outcome::CopyOut { format: self.format.clone(), schema, stream })
    }
}
