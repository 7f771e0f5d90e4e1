//! Prepared statements of a session: PREPARE, EXECUTE, and what the protocol asks for by name.

use std::sync::Arc;
use std::time::SystemTime;

use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{Expr, Value};

use super::SqlSession;
use super::description::decided;
use crate::sql::grammar::prepare::Execute;
use crate::sql::grammar::statement::{Command, Prepare};
use crate::sql::plan::adapt::adapt_as;
use crate::sql::plan::inference::{decide, placeholder_types};
use crate::sql::plan::query::QueryContext;
use crate::sql::{Description, Outcome, PreparedStatement, SqlError, SqlState, SqlType, Statement};

impl SqlSession {
    /// The prepared statement of this name.
    ///
    /// # Errors
    /// 26000 when there is none.
    pub fn prepared(&self, name: &str) -> Result<Arc<PreparedStatement>, SqlError> {
        let prepared = Arc::clone(self.holdings.prepared().lock().get(name)?);
        if let Some(statement) = &prepared.statement
            && let Command::Fetch(fetch) = statement.command()
        {
            // What it returns depends on the cursor of that name now.
            let description = self.fetch_description(fetch);
            return Ok(Arc::new(PreparedStatement { description, ..(*prepared).clone() }));
        }
        Ok(prepared)
    }

    /// Whether a statement of this name may be prepared.
    ///
    /// # Errors
    /// 42P05 when the name is taken, 54000 when there are too many statements.
    pub fn check_new_prepared(&self, name: &str) -> Result<(), SqlError> {
        self.holdings.prepared().lock().check_new(name)
    }

    /// Gives a statement that the client prepared its name.
    ///
    /// # Errors
    /// Those of [`Self::check_new_prepared`].
    pub fn keep_prepared(
        &self,
        name: String,
        statement: PreparedStatement,
    ) -> Result<(), SqlError> {
        self.holdings.prepared().lock().insert(name, statement)
    }

    /// Forgets a prepared statement, if there is one of that name.
    pub fn forget_prepared(&self, name: &str) {
        self.holdings.prepared().lock().remove(name);
    }

    pub(super) async fn prepare(&self, prepare: &Prepare) -> Result<Outcome, SqlError> {
        let Prepare { name, types, statement, text } = prepare;
        self.check_new_prepared(name)?;
        let description = self.describe_inner(statement, types).await?;
        let prepared = PreparedStatement {
            statement: Some(statement.clone().typed(&description.parameters)),
            description,
            chosen: Vec::new(),
            text: text.clone(),
            from_sql: true,
            at: SystemTime::now(),
        };
        self.keep_prepared(name.clone(), prepared)?;
        Ok(Outcome::Done { tag: "PREPARE", rows: None })
    }

    pub(super) fn deallocate(&self, name: Option<&str>) -> Result<Outcome, SqlError> {
        self.holdings.prepared().lock().deallocate(name)?;
        let tag = if name.is_some() { "DEALLOCATE" } else { "DEALLOCATE ALL" };
        Ok(Outcome::Done { tag, rows: None })
    }

    /// Runs a prepared statement with the arguments of EXECUTE, whose own parameters are given.
    pub(super) async fn run_prepared(
        &self,
        execute: &Execute,
        parameters: &[ScalarValue],
    ) -> Result<Outcome, SqlError> {
        let prepared = self.called(execute)?;
        let Some(statement) = &prepared.statement else { return Ok(Outcome::Empty) };
        self.check(statement)?;
        let values = self.arguments(execute, &prepared, parameters)?;
        self.run_inner(statement, values).await
    }

    /// The values of the arguments of EXECUTE, whose own parameters are given.
    pub(super) fn arguments(
        &self,
        execute: &Execute,
        prepared: &PreparedStatement,
        parameters: &[ScalarValue],
    ) -> Result<Vec<ScalarValue>, SqlError> {
        if execute.arguments.is_empty() {
            return Ok(Vec::new());
        }
        let (context, types) = (self.context()?, &prepared.description.parameters);
        let arguments = execute.arguments.iter().zip(types);
        let value = |(argument, sql_type): (&Expr, &SqlType)| {
            argument_value(&context, argument, *sql_type, parameters)
        };
        arguments.map(value).collect()
    }

    /// What EXECUTE takes and returns.
    pub(super) fn execute_description(
        &self,
        statement: &Statement,
        declared: &[Option<SqlType>],
        execute: &Execute,
    ) -> Result<Description, SqlError> {
        let prepared = self.called(execute)?;
        let columns = prepared.description.columns.clone();
        let count = statement.parameter_count();
        if count == 0 {
            return Ok(Description { parameters: Vec::new(), columns });
        }
        let (context, mut types) = (self.context()?, vec![None; count]);
        for (argument, sql_type) in execute.arguments.iter().zip(&prepared.description.parameters) {
            // A parameter that is the whole argument is of the argument's type.
            if let Expr::Value(value) = argument
                && let Value::Placeholder(name) = &value.value
            {
                decide(&mut types, name, *sql_type);
            } else {
                placeholder_types(&context, &adapt_as(argument.clone(), *sql_type)?, &mut types)?;
            }
        }
        Ok(Description { parameters: decided(statement, declared, types), columns })
    }

    /// The statement that EXECUTE names.
    ///
    /// # Errors
    /// 26000 when there is none, 42601 when it takes another number of arguments.
    pub(super) fn called(&self, execute: &Execute) -> Result<Arc<PreparedStatement>, SqlError> {
        let prepared = self.prepared(&execute.name)?;
        let (wanted, given) = (prepared.description.parameters.len(), execute.arguments.len());
        if wanted != given {
            let name = &execute.name;
            let message = format!("wrong number of parameters for prepared statement \"{name}\"");
            return Err(SqlError::new(SqlState::SyntaxError, message)
                .with_detail(format!("Expected {wanted} parameters but got {given}.")));
        }
        Ok(prepared)
    }
}

/// The value of an argument of EXECUTE, as one of the parameter's type.
fn argument_value(
    context: &QueryContext,
    argument: &Expr,
    sql_type: SqlType,
    parameters: &[ScalarValue],
) -> Result<ScalarValue, SqlError> {
    let argument = adapt_as(argument.clone(), sql_type)?;
    let value = context.cell("an argument", sql_type, &argument, parameters)?;
    Ok(value.cast_to(&sql_type.arrow_type())?)
}
