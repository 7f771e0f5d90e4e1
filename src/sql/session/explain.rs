//! EXPLAIN of a query, and of one that was prepared.

use datafusion::scalar::ScalarValue;

use super::SqlSession;
use super::description::decided;
use crate::sql::grammar::statement::{Explain, Explained};
use crate::sql::plan::explain::explain_schema;
use crate::sql::plan::inference::plan_parameters;
use crate::sql::plan::parameters::Parameters;
use crate::sql::{Description, Outcome, SqlError, SqlType, Statement};

impl SqlSession {
    pub(super) async fn explain(
        &self,
        statement: &Statement,
        explain: &Explain,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, SqlError> {
        let context = self.context_of(statement)?;
        let lines = match &explain.explained {
            Explained::Query(query) => context.explain(query, parameters, explain.options).await?,
            Explained::Prepared(execute) => {
                let prepared = self.called(execute)?;
                let query = prepared.statement.as_ref().and_then(Statement::query);
                let (Some(statement), Some(query)) = (&prepared.statement, query) else {
                    return Err(SqlError::unsupported("EXPLAIN of anything but a query"));
                };
                let values = self.arguments(execute, &prepared, &parameters)?;
                let context = self.context_of(statement)?;
                let explaining = context.explain(query, values, explain.options);
                statement.depth().run_async(explaining).await?
            }
        };
        Ok(Outcome::of_batch("EXPLAIN", lines))
    }

    /// What EXPLAIN takes and returns.
    pub(super) async fn explain_description(
        &self,
        statement: &Statement,
        declared: &[Option<SqlType>],
        parameters: Parameters,
        explain: &Explain,
    ) -> Result<Description, SqlError> {
        let parameters = match &explain.explained {
            Explained::Query(query) => {
                let context = self.context()?.with_parameters(parameters);
                let plan = context.plan(query).await?;
                let types = plan_parameters(&plan, statement.parameter_count())?;
                decided(statement, declared, types)
            }
            Explained::Prepared(execute) => {
                self.execute_description(statement, declared, execute)?.parameters
            }
        };
        let columns = Some(explain_schema(explain.options.format));
        Ok(Description { parameters, columns })
    }
}
