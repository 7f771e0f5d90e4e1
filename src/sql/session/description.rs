//! What a statement takes and returns, before it runs.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast;
use futures::future::BoxFuture;

use super::SqlSession;
use crate::sql::definition::collection::collections_schema;
use crate::sql::definition::storage::storage_schema;
use crate::sql::grammar::statement::Command;
use crate::sql::plan::inference::plan_parameters;
use crate::sql::plan::parameters::Parameters;
use crate::sql::read::audit;
use crate::sql::session_state::settings::{SettingCommand, show_all_schema, show_schema};
use crate::sql::write::insert::Insert;
use crate::sql::{Description, SqlError, SqlState, SqlType, Statement};

impl SqlSession {
    /// Describes a statement that stands in another one.
    pub(super) fn describe_inner<'a>(
        &'a self,
        statement: &'a Statement,
        declared: &'a [Option<SqlType>],
    ) -> BoxFuture<'a, Result<Description, SqlError>> {
        let describing = Box::pin(self.description(statement, declared));
        Box::pin(statement.depth().run_async(describing))
    }

    /// Describes a statement. Parameters that it does not use are of the types that are declared.
    ///
    /// # Errors
    /// What is wrong with it; 42P18 for a parameter that nothing tells the type of.
    pub(super) async fn description(
        &self,
        statement: &Statement,
        declared: &[Option<SqlType>],
    ) -> Result<Description, SqlError> {
        let mut description = self.own_description(statement, declared).await?;
        let parameters = &mut description.parameters;
        for (at, declared) in declared.iter().enumerate().skip(statement.parameter_count()) {
            parameters.push(declared.ok_or_else(|| {
                let message = format!("could not determine data type of parameter ${}", at + 1);
                SqlError::new(SqlState::IndeterminateDatatype, message)
            })?);
        }
        Ok(description)
    }

    /// The same of the parameters that a statement uses.
    ///
    /// One that is planned is planned with open parameters first; where a call or an operator
    /// cannot be told without knowing the types, with those that the client and the syntax decide;
    /// and then with the types that come of that.
    async fn own_description(
        &self,
        statement: &Statement,
        declared: &[Option<SqlType>],
    ) -> Result<Description, SqlError> {
        let count = statement.parameter_count();
        if count == 0 || !statement.is_planned() {
            return self.described(statement, declared, Parameters::Open).await;
        }
        let known = known(statement, declared, vec![None; count]);
        let mut described = self.described(statement, declared, Parameters::Open).await;
        if described.is_err() {
            let parameters = Parameters::Partly(known.clone().into());
            described = self.described(statement, declared, parameters).await;
        }
        let types = match described {
            Ok(described) => described.parameters,
            Err(_) => or_text(known),
        };
        let declared: Vec<_> = types.iter().copied().map(Some).collect();
        self.described(statement, &declared, Parameters::Known(types.into())).await
    }

    async fn query_description(
        &self,
        statement: &Statement,
        declared: &[Option<SqlType>],
        parameters: Parameters,
        query: &ast::Query,
    ) -> Result<Description, SqlError> {
        let count = statement.parameter_count();
        if let Some(lookup) = statement.lookup()
            && let Some(types) = lookup.parameter_types(&self.catalog(), count)
        {
            let parameters = decided(statement, declared, types);
            return Ok(Description { parameters, columns: Some(lookup.columns(&self.catalog())) });
        }
        let context = self.context()?.with_parameters(parameters);
        let plan = context.plan(query).await?;
        let parameters = decided(statement, declared, plan_parameters(&plan, count)?);
        let columns = Some(context.columns(plan, &parameters)?);
        Ok(Description { parameters, columns })
    }

    async fn insert_description(
        &self,
        statement: &Statement,
        declared: &[Option<SqlType>],
        parameters: Parameters,
        insert: &Insert,
    ) -> Result<Description, SqlError> {
        let context = self.context()?.with_parameters(parameters);
        insert.check(&context)?;
        let types = insert.parameter_types(&context, statement.parameter_count()).await?;
        let parameters = decided(statement, declared, types);
        let columns = insert.schema(&context, &parameters).await?;
        Ok(Description { parameters, columns })
    }

    /// Describes a statement of whose parameters so much is known.
    async fn described(
        &self,
        statement: &Statement,
        declared: &[Option<SqlType>],
        parameters: Parameters,
    ) -> Result<Description, SqlError> {
        let count = statement.parameter_count();
        let without_parameters = |columns| Description { parameters: Vec::new(), columns };
        match statement.command() {
            Command::Faulty(faulty) => Err(self.told(faulty)),
            Command::Query(query) => {
                self.query_description(statement, declared, parameters, query).await
            }
            Command::Search(search, _) => {
                let types = search.parameter_types(&self.catalog(), count)?;
                let parameters = decided(statement, declared, types);
                Ok(Description { parameters, columns: Some(search.columns(&self.catalog())) })
            }
            Command::Explain(explain) => {
                self.explain_description(statement, declared, parameters, explain).await
            }
            Command::Insert(insert) => {
                self.insert_description(statement, declared, parameters, insert).await
            }
            Command::Update(update) => {
                let context = self.context()?.with_parameters(parameters);
                let plan = update.plan(&context).await?;
                let types = plan_parameters(&plan, count)?;
                let types = update.parameter_types(&context, types).await?;
                let parameters = decided(statement, declared, types);
                let columns = update.schema(&context, &parameters).await?;
                Ok(Description { parameters, columns })
            }
            Command::Delete(delete) => {
                let context = self.context()?.with_parameters(parameters);
                let plan = delete.plan(&context).await?;
                let parameters = decided(statement, declared, plan_parameters(&plan, count)?);
                let columns = delete.columns(&context, plan, &parameters)?;
                Ok(Description { parameters, columns })
            }
            Command::ShowCollections => Ok(without_parameters(Some(collections_schema()))),
            Command::ShowStorage => Ok(without_parameters(Some(storage_schema()))),
            Command::Vacuum(vacuum) => Ok(without_parameters(vacuum.schema())),
            Command::Key(command) => Ok(without_parameters(command.schema())),
            Command::VerifyAudit => Ok(without_parameters(Some(audit::verification_schema()))),
            Command::Setting(command) => Ok(without_parameters(setting_columns(command)?)),
            Command::Declare(declare) => {
                let Description { parameters, .. } =
                    self.describe_inner(&declare.query, declared).await?;
                Ok(Description { parameters, columns: None })
            }
            Command::Fetch(fetch) => Ok(self.fetch_description(fetch)),
            Command::Execute(execute) => self.execute_description(statement, declared, execute),
            Command::CopyOut(_)
            | Command::CopyIn(_)
            | Command::CreateCollection(_)
            | Command::AlterCollection(_)
            | Command::DropCollection(_)
            | Command::Truncate(_)
            | Command::Discard
            | Command::Nothing(_)
            | Command::CreateExtension(_)
            | Command::Prepare(_)
            | Command::Close(_)
            | Command::Deallocate(_)
            | Command::Transaction(_) => Ok(without_parameters(None)),
        }
    }
}

/// The columns of a statement about settings; none where it only changes them.
fn setting_columns(command: &SettingCommand) -> Result<Option<SchemaRef>, SqlError> {
    match command {
        SettingCommand::Show(name) => Ok(Some(show_schema(name)?)),
        SettingCommand::ShowAll => Ok(Some(show_all_schema())),
        SettingCommand::Set(..)
        | SettingCommand::SetLocal(..)
        | SettingCommand::SetTransaction(_)
        | SettingCommand::SetDefault(_)
        | SettingCommand::Reset(_)
        | SettingCommand::ResetAll => Ok(None),
    }
}

/// What the client declared, else what the syntax around a parameter decides, else what planning
/// infers, else text.
pub(super) fn decided(
    statement: &Statement,
    declared: &[Option<SqlType>],
    inferred: Vec<Option<SqlType>>,
) -> Vec<SqlType> {
    or_text(known(statement, declared, inferred))
}

fn or_text(types: Vec<Option<SqlType>>) -> Vec<SqlType> {
    types.into_iter().map(|known| known.unwrap_or(SqlType::Text)).collect()
}

fn known(
    statement: &Statement,
    declared: &[Option<SqlType>],
    inferred: Vec<Option<SqlType>>,
) -> Vec<Option<SqlType>> {
    let declared = declared.iter().copied().chain(std::iter::repeat(None));
    let is_known = |sql_type: &SqlType| *sql_type != SqlType::Unknown;
    let by_syntax = statement.parameter_types();
    let each = inferred.into_iter().zip(declared).enumerate();
    each.map(|(at, (inferred, declared))| {
        let declared = declared.filter(is_known);
        declared.or_else(|| by_syntax.get(&at).copied()).or(inferred.filter(is_known))
    })
    .collect()
}
