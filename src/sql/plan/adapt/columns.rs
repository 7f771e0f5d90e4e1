//! The names of the columns of what stands in FROM, as far as the text of a statement tells.

use std::collections::HashMap;

use datafusion::arrow::datatypes::Schema;
use datafusion::sql::sqlparser::ast::{
    Ident, JoinConstraint, JoinOperator, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableAliasColumnDef, TableFactor,
    TableWithJoins, WildcardAdditionalOptions,
};

use super::name::{numbered, result, told};
use super::{factor, record};
use crate::sql::grammar::from::factors;
use crate::sql::grammar::marker::MARKER;
use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::pg_catalog::{self, INFORMATION_SCHEMA, PG_CATALOG};
use crate::sql::read::catalog::SCHEMA;
use crate::sql::read::columns::{GalleryColumn, search_schema};
use crate::sql::read::{audit, picture, similar};
use crate::sql::{SqlError, SqlState};

/// Names of columns in their order; none where only the planner knows them.
pub(super) type Columns = Option<Vec<String>>;

/// The queries of WITH that are known where a query stands, with their columns.
#[derive(Default, Clone)]
pub(super) struct Known {
    /// Those of each query around, the outermost first.
    queries: Vec<HashMap<String, Columns>>,
}

impl Known {
    /// Gives the columns of the queries of WITH, which are entered, names where they have some.
    ///
    /// # Errors
    /// As for [`Self::complete`].
    pub(super) fn complete_with(&self, query: &mut Query) -> Result<(), SqlError> {
        for named in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            let columns = renamed(self.of_query(&named.query), Some(&named.alias));
            completed(&mut named.alias, columns)?;
        }
        Ok(())
    }

    /// Adds those of `query`, up to [`Self::leave`].
    pub(super) fn enter(&mut self, query: &Query) {
        self.queries.push(HashMap::new());
        for named in query.with.iter().flat_map(|with| &with.cte_tables) {
            let columns = self.of_query(&named.query);
            let columns = renamed(columns, Some(&named.alias));
            if let Some(level) = self.queries.last_mut() {
                level.insert(folded(&named.alias.name), columns);
            }
        }
    }

    pub(super) fn leave(&mut self) {
        self.queries.pop();
    }

    pub(super) fn of_query(&self, query: &Query) -> Columns {
        if query.with.is_none() {
            return self.of_body(&query.body);
        }
        let mut inside = self.clone();
        inside.enter(query);
        inside.of_body(&query.body)
    }

    /// The columns of what `body` selects or computes.
    pub(super) fn of_body(&self, body: &SetExpr) -> Columns {
        match body {
            SetExpr::Select(select) => self.of_select(select),
            SetExpr::Query(query) => self.of_query(query),
            SetExpr::SetOperation { left, .. } => self.of_body(left),
            SetExpr::Values(values) => {
                let width = values.rows.first()?.content.len();
                Some((1..=width).map(|at| format!("column{at}")).collect())
            }
            _ => None,
        }
    }

    fn of_select(&self, select: &Select) -> Columns {
        let mut names = Vec::with_capacity(select.projection.len());
        for item in &select.projection {
            names.extend(self.of_item(item, select)?);
        }
        Some(names)
    }

    /// The columns that the stars of `select` show.
    pub(super) fn of_stars(&self, select: &Select) -> Columns {
        let stars = select.projection.iter().filter(|item| result(item).is_none());
        let all: Option<Vec<_>> = stars.map(|star| self.of_item(star, select)).collect();
        Some(all?.concat())
    }

    /// The columns that an item of the list of `select` is.
    pub(super) fn of_item(&self, item: &SelectItem, select: &Select) -> Columns {
        let plain = WildcardAdditionalOptions::default();
        match item {
            SelectItem::Wildcard(options) if *options == plain => {
                let all: Option<Vec<_>> =
                    select.from.iter().map(|tables| self.of_tables(tables)).collect();
                Some(all?.concat())
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) if *options == plain => {
                let name = name_parts(name)?.pop()?;
                let of_name = |factor: &&TableFactor| {
                    table_name(factor).is_some_and(|known| folded(&known) == name)
                };
                self.of_factor(factors(select).find(of_name)?)
            }
            item => result(item).map(|name| vec![name]),
        }
    }

    /// The columns of a star over `tables`: those that joins merge come first, and once.
    fn of_tables(&self, tables: &TableWithJoins) -> Columns {
        let mut left = self.of_factor(&tables.relation)?;
        for join in &tables.joins {
            let mut right = self.of_factor(&join.relation)?;
            let mut merged = merged(&join.join_operator, &left, &right)?;
            left.retain(|name| !merged.contains(name));
            right.retain(|name| !merged.contains(name));
            merged.append(&mut left);
            merged.append(&mut right);
            left = merged;
        }
        Some(left)
    }

    /// Gives the columns of a table or a query in FROM names where its alias has some of them only.
    ///
    /// # Errors
    /// 42P10 for names of columns that there are not.
    pub(super) fn complete(&self, factor: &mut TableFactor) -> Result<(), SqlError> {
        if matches!(factor, TableFactor::Table { args: Some(_), .. }) {
            return Ok(());
        }
        let columns = self.of_factor(factor);
        match factor {
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. } => completed(alias, columns),
            _ => Ok(()),
        }
    }

    /// The columns of a table, a query or a call in FROM.
    pub(super) fn of_factor(&self, factor: &TableFactor) -> Columns {
        match factor {
            TableFactor::Derived { subquery, alias, .. } => {
                renamed(self.of_query(subquery), alias.as_ref())
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                renamed(self.of_tables(table_with_joins), alias.as_ref())
            }
            TableFactor::Table { name, args: None, alias, .. } => {
                renamed(self.of_table(&name_parts(name)?), alias.as_ref())
            }
            TableFactor::Table { name, args: Some(_), alias, .. }
                if let Some(columns) = of_function(&name_parts(name)?) =>
            {
                renamed(Some(columns), alias.as_ref())
            }
            TableFactor::Table { name, args: Some(_), alias: Some(alias), .. }
            | TableFactor::Function { name, alias: Some(alias), .. }
                if record::is_called(name) =>
            {
                Some(alias.columns.iter().map(|column| told(&column.name)).collect())
            }
            TableFactor::Table { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::Function { .. } => {
                let mut adapted = factor.clone();
                factor::adapt(&mut adapted);
                match &adapted {
                    TableFactor::Derived { .. } => self.of_factor(&adapted),
                    // A series, whose only column has a name.
                    TableFactor::Table { alias: Some(alias), .. } if alias.columns.len() == 1 => {
                        renamed(Some(vec![String::new()]), Some(alias))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn of_table(&self, name: &[String]) -> Columns {
        let of_system = |schema: &str, name: &str| {
            pg_catalog::columns(schema, name).map(|names| names.map(str::to_owned).collect())
        };
        match name {
            [name] => {
                let mut levels = self.queries.iter().rev();
                if let Some(columns) = levels.find_map(|level| level.get(name)) {
                    return columns.clone();
                }
                of_system(PG_CATALOG, name).or_else(|| Some(of_collection()))
            }
            [schema, _] if schema == SCHEMA => Some(of_collection()),
            [schema, name] if audit::exists(schema, name) => Some(names(&audit::records_schema())),
            [schema, name] if [PG_CATALOG, INFORMATION_SCHEMA].contains(&schema.as_str()) => {
                of_system(schema, name)
            }
            // There is one database.
            [_, schema, name] => self.of_table(&[schema.clone(), name.clone()]),
            _ => None,
        }
    }
}

/// `alias` with the names of all `columns`, which it gives some of.
fn completed(alias: &mut TableAlias, columns: Columns) -> Result<(), SqlError> {
    if alias.columns.is_empty() {
        return Ok(());
    }
    if let Some(columns) = columns {
        let (there, given) = (columns.len(), alias.columns.len());
        if given > there {
            let message = format!(
                "table \"{}\" has {there} columns available but {given} columns specified",
                folded(&alias.name)
            );
            return Err(SqlError::new(SqlState::InvalidColumnReference, message));
        }
        let others = columns.into_iter().skip(given).map(|name| TableAliasColumnDef {
            name: Ident::with_quote('"', name),
            data_type: None,
        });
        alias.columns.extend(others);
    }
    let names: Vec<String> = alias.columns.iter().map(|column| told(&column.name)).collect();
    for ((column, name), own) in alias.columns.iter_mut().zip(&names).zip(numbered(&names)) {
        if *name != own {
            column.name = Ident::with_quote('"', own);
        }
    }
    Ok(())
}

fn of_collection() -> Vec<String> {
    GalleryColumn::ALL.map(|column| column.name().to_owned()).to_vec()
}

/// The columns of what stands for a search, and of functions of ours.
fn of_function(name: &[String]) -> Columns {
    let name = name.last()?;
    if name == factor::RANGE {
        return Some(vec!["value".to_owned()]);
    }
    let schema = if name == MARKER {
        search_schema()
    } else {
        let functions = [&similar::FUNCTION, &picture::DETECT, &picture::COMPARE];
        let function = functions.into_iter().find(|function| function.name == name)?;
        (function.schema)()
    };
    Some(names(&schema))
}

fn names(schema: &Schema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

/// `columns` under the names that an alias gives the first of them.
fn renamed(columns: Columns, alias: Option<&TableAlias>) -> Columns {
    let mut columns = columns?;
    let names = alias.iter().flat_map(|alias| &alias.columns);
    for (column, name) in columns.iter_mut().zip(names) {
        *column = told(&name.name);
    }
    Some(columns)
}

/// The columns that a join merges, in the order of a star; none for joins of other kinds.
pub(super) fn merged(operator: &JoinOperator, left: &[String], right: &[String]) -> Columns {
    let Some(constraint) = constraint(operator) else { return Some(Vec::new()) };
    match constraint {
        JoinConstraint::Using(names) => names.iter().map(|name| name_parts(name)?.pop()).collect(),
        JoinConstraint::Natural => {
            Some(left.iter().filter(|name| right.contains(name)).cloned().collect())
        }
        JoinConstraint::On(_) | JoinConstraint::None => Some(Vec::new()),
    }
}

/// What the columns of a table may be qualified with.
pub(super) fn table_name(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. } => Some(alias.name.clone()),
        TableFactor::Table { name, .. } => match name.0.last() {
            Some(ObjectNamePart::Identifier(name)) => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// What a join says about the rows that belong together.
pub(super) fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}

/// The same to change it.
pub(super) fn constraint_mut(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}
