//! A search that is a whole statement: from its values to the engine, without a plan.
//!
//! What is searched most has nothing to plan: no WHERE, and values that stand in the statement or
//! are its parameters. Everything else about a search is the same with and without a plan,
//! because [`Request`] is.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{Query, TableFactor, TableWithJoins};
use futures::stream;

use super::arguments::{Arguments, LIMIT_TYPE, cut_type, is_marker, probe_type};
use super::node::SearchedGallery;
use super::request::Request;
use super::{Cut, ProbeKind};
use crate::engine::Exactness;
use crate::sql::answer::origin::with_origins;
use crate::sql::plan::projection::{Projection, plain_select, table_name};
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::read::columns::{SearchColumn, search_schema};
use crate::sql::value::constant::Constant;
use crate::sql::value::types::SqlType;
use crate::sql::{Origin, Outcome, SqlError};

/// A statement that is one search, of constants and parameters, without WHERE, or names columns
/// of one.
#[derive(Debug)]
pub(in crate::sql) struct DirectSearch {
    name: Vec<String>,
    kind: ProbeKind,
    probe: Constant,
    cut: Option<Cut<Constant>>,
    limit: Option<Constant>,
    projection: Projection<SearchColumn>,
}

impl DirectSearch {
    /// The search that `query` is; none where it takes a plan.
    pub(in crate::sql) fn of(query: &Query) -> Option<Self> {
        match selected(query) {
            Some((projection, search)) => Some(Self { projection, ..Self::alone(search)? }),
            None => Self::alone(query),
        }
    }

    /// The search that `query` is when it wants all columns.
    fn alone(query: &Query) -> Option<Self> {
        let select = plain_select(query)?;
        // The marker only stands where the rewriting wrote it, alone behind `SELECT * FROM`.
        let [TableWithJoins { relation, joins }] = select.from.as_slice() else { return None };
        let TableFactor::Table { name, args: Some(args), .. } = relation else { return None };
        if !joins.is_empty() || !is_marker(name) {
            return None;
        }
        let Arguments { name, kind, probe, filter: None, cut, limit } =
            Arguments::read(args.clone()).ok()?
        else {
            return None;
        };
        let cut = match cut {
            None => None,
            Some(Cut { kind, value }) => Some(Cut { kind, value: Constant::of(&value)? }),
        };
        let limit = match limit {
            None => None,
            Some(expr) => Some(Constant::of(&expr)?),
        };
        let probe = Constant::of(&probe)?;
        let projection = Projection { columns: SearchColumn::all(), schema: search_schema() };
        let search = Self { name, kind, probe, cut, limit, projection };
        search.parameters_differ().then_some(search)
    }

    /// The parts of the search that are parameters, and the types they have there.
    fn parameters(&self) -> impl Iterator<Item = (usize, SqlType)> {
        let probe = (&self.probe, probe_type(self.kind));
        let cut = self.cut.iter().map(|cut| (&cut.value, cut_type(cut.kind)));
        let limit = self.limit.iter().map(|limit| (limit, LIMIT_TYPE));
        [probe].into_iter().chain(cut).chain(limit).filter_map(|(part, sql_type)| match part {
            Constant::Parameter(at) => Some((*at, sql_type)),
            Constant::Literal(_) => None,
        })
    }

    /// One parameter in two places is for the planner to accept or refuse.
    fn parameters_differ(&self) -> bool {
        let mut places: Vec<usize> = self.parameters().map(|(at, _)| at).collect();
        let all = places.len();
        places.sort_unstable();
        places.dedup();
        places.len() == all
    }

    /// Types of `$1..` as far as the search decides them.
    ///
    /// # Errors
    /// 42P01 when there is no such collection.
    pub(in crate::sql) fn parameter_types(
        &self,
        catalog: &GalleryCatalog,
        count: usize,
    ) -> Result<Vec<Option<SqlType>>, SqlError> {
        SearchedGallery::new(catalog, &self.name)?;
        let mut types = vec![None; count];
        for (at, sql_type) in self.parameters() {
            if let Some(slot) = types.get_mut(at) {
                *slot = Some(sql_type);
            }
        }
        Ok(types)
    }

    /// Starts the search; it runs when its rows are asked for, and what the engine refuses shows
    /// then.
    ///
    /// # Errors
    /// No such collection; a value that is NULL or not of its type.
    pub(in crate::sql) fn run(
        &self,
        catalog: &GalleryCatalog,
        exactness: Exactness,
        parameters: &[ScalarValue],
    ) -> Result<Outcome, SqlError> {
        let cut = self.cut.as_ref().map(|Cut { kind, value }| {
            Ok::<_, SqlError>(Cut { kind: *kind, value: value.value(parameters)? })
        });
        let limit = self.limit.as_ref().map(|limit| limit.value(parameters));
        let request = Request::new(
            SearchedGallery::new(catalog, &self.name)?,
            self.kind,
            self.probe.value(parameters)?,
            cut.transpose()?,
            limit.transpose()?,
            exactness,
        )?;
        let (columns, schema) = (self.projection.columns.clone(), self.schema());
        let batch = async move {
            let (batch, _) = request.run(None, columns, schema).await?;
            Ok(batch)
        };
        let rows = RecordBatchStreamAdapter::new(self.schema(), stream::once(batch));
        Ok(Outcome::Rows { tag: "SELECT", schema: self.columns(catalog), stream: Box::pin(rows) })
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.projection.schema)
    }

    /// The columns of its rows, and where they come from.
    pub(in crate::sql) fn columns(&self, catalog: &GalleryCatalog) -> SchemaRef {
        let relation = catalog.relation(&self.name);
        let origin = |column: &SearchColumn| match column {
            SearchColumn::Gallery(column) => Origin::of_gallery(relation?, *column),
            SearchColumn::Rank | SearchColumn::Similarity => None,
        };
        with_origins(&self.projection.schema, self.projection.columns.iter().map(origin))
    }
}

/// The columns that `query` names of the query in its FROM, and that one.
fn selected(query: &Query) -> Option<(Projection<SearchColumn>, &Query)> {
    let select = plain_select(query)?;
    let [TableWithJoins { relation, joins }] = select.from.as_slice() else { return None };
    let TableFactor::Derived { lateral: false, subquery, alias, sample: None } = relation else {
        return None;
    };
    if !joins.is_empty() {
        return None;
    }
    let (table, all) = (table_name(alias.as_ref(), "")?, SearchColumn::all());
    let columns = Projection::named(&select.projection, &table, &all, SearchColumn::field)?;
    Some((columns, subquery))
}
