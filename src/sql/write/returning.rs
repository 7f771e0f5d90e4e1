//! RETURNING of statements that enrol and change faces: what is told of the faces as they are now.
//!
//! Columns are taken from the rows themselves. Anything else is a query over a table that holds
//! the rows, and is answered before they are written, because its error must leave nothing behind.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Statement, With,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use futures::TryStreamExt;
use likeness_storage::RowRef;

use crate::sql::answer::origin::with_origins;
use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::plan::adapt::{adapt, shown_schema};
use crate::sql::plan::inference::plan_parameters;
use crate::sql::plan::query::QueryContext;
use crate::sql::read::columns::{GalleryColumn, gallery_schema, schema_of};
use crate::sql::{Origin, SqlError, SqlState, SqlType};

/// The table of changed faces; no name of a collection is like it.
const CHANGED: &str = "changed faces";

/// What comes back.
#[derive(Debug)]
pub(super) enum Returning {
    Columns(Vec<Returned>),
    /// `SELECT items FROM changed faces AS c`.
    Query(Box<Query>),
}

/// A column and the name it goes by.
#[derive(Debug)]
pub(super) struct Returned {
    column: GalleryColumn,
    name: String,
}

impl Returning {
    /// `qualifier` is what may stand before a column: the collection's alias, or its name.
    ///
    /// # Errors
    /// Unknown columns.
    pub(super) fn parse(items: Vec<SelectItem>, qualifier: &Ident) -> Result<Self, SqlError> {
        let columns = items.iter().map(|item| columns_of(item, qualifier)).collect();
        match columns {
            Some(columns) => {
                let columns: Vec<Vec<Returned>> = columns;
                Ok(Self::Columns(columns.into_iter().flatten().collect()))
            }
            None => Ok(Self::Query(Box::new(query(items, qualifier)?))),
        }
    }

    /// Lets its subqueries name the queries of WITH.
    pub(super) fn put_behind(&mut self, with: Option<&With>) {
        if let Self::Query(query) = self {
            query.with = with.cloned();
        }
    }

    /// The columns as Arrow describes them, when parameters have these types; `name` is that of the
    /// collection.
    ///
    /// # Errors
    /// What is wrong with the expressions.
    pub(super) async fn schema(
        &self,
        context: &QueryContext,
        name: &[String],
        parameters: &[SqlType],
    ) -> Result<SchemaRef, SqlError> {
        let relation = context.catalog().relation(name);
        match self {
            Self::Columns(columns) => Ok(schema(columns, relation)),
            Self::Query(query) => {
                let context = context.with_tables([(CHANGED, table(&[])?)], relation);
                context.columns(context.plan(query).await?, parameters)
            }
        }
    }

    /// The types of parameters that only stand here.
    ///
    /// # Errors
    /// What is wrong with the expressions.
    pub(super) async fn decide(
        &self,
        context: &QueryContext,
        types: &mut [Option<SqlType>],
    ) -> Result<(), SqlError> {
        let Self::Query(query) = self else { return Ok(()) };
        let context = context.with_tables([(CHANGED, table(&[])?)], None);
        let by_plan = plan_parameters(&context.plan(query).await?, types.len())?;
        for (slot, by_plan) in types.iter_mut().zip(by_plan) {
            *slot = slot.or(by_plan);
        }
        Ok(())
    }

    /// What is told of `rows` of the collection called `name`, and the columns of that.
    ///
    /// # Errors
    /// What the expressions say of a row.
    pub(super) async fn of_rows(
        &self,
        context: &QueryContext,
        name: &[String],
        rows: &[RowRef<'_>],
        parameters: &[ScalarValue],
    ) -> Result<(SchemaRef, Vec<RecordBatch>), SqlError> {
        let relation = context.catalog().relation(name);
        match self {
            Self::Columns(columns) => {
                let (schema, arrays) = (schema(columns, relation), columns.iter());
                let arrays = arrays.map(|item| item.column.array(rows)).collect();
                let batch = RecordBatch::try_new(Arc::clone(&schema), arrays);
                Ok((schema, vec![batch.map_err(DataFusionError::from)?]))
            }
            Self::Query(query) => {
                let context = context.with_tables([(CHANGED, table(rows)?)], relation);
                let plan = context.plan(query).await?;
                let origins = context.origins(&plan);
                let stream = context.stream(plan, parameters.to_vec()).await?;
                Ok((with_origins(&stream.schema(), origins), stream.try_collect().await?))
            }
        }
    }
}

/// A table of faces with all columns of a collection.
pub(super) fn table(rows: &[RowRef<'_>]) -> Result<Arc<dyn TableProvider>, SqlError> {
    let schema = gallery_schema();
    let columns = GalleryColumn::ALL.map(|column| column.array(rows)).into();
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), columns).map_err(DataFusionError::from)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
}

fn schema(columns: &[Returned], relation: Option<u32>) -> SchemaRef {
    let fields = columns.iter().map(|item| item.column.field().with_name(&item.name));
    let origins = columns.iter().map(|item| Origin::of_gallery(relation?, item.column));
    with_origins(&shown_schema(&schema_of(fields)), origins)
}

/// The query that answers `items`.
fn query(items: Vec<SelectItem>, qualifier: &Ident) -> Result<Query, SqlError> {
    let dialect = PostgreSqlDialect {};
    let text = format!("SELECT 1 FROM \"{CHANGED}\" AS {qualifier}");
    let mut template = Parser::new(&dialect)
        .try_with_sql(&text)
        .and_then(|mut parser| parser.parse_query())
        .map_err(|error| SqlError::from(&error))?;
    if let SetExpr::Select(select) = &mut *template.body {
        select.projection = items;
    }
    let mut statement = Statement::Query(template);
    adapt(&mut statement, "")?;
    match statement {
        Statement::Query(query) => Ok(*query),
        _ => Err(SqlError::new(SqlState::InternalError, "internal error")),
    }
}

/// The columns that `item` is; none where it has to be computed, or is unknown.
fn columns_of(item: &SelectItem, qualifier: &Ident) -> Option<Vec<Returned>> {
    match item {
        SelectItem::Wildcard(_) => Some(all()),
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            is_qualifier(&name_parts(name)?, qualifier).then(all)
        }
        SelectItem::UnnamedExpr(expr) => {
            let column = column_of(expr, qualifier)?;
            Some(vec![Returned { column, name: column.name().to_owned() }])
        }
        SelectItem::ExprWithAlias { expr, alias } => {
            let column = column_of(expr, qualifier)?;
            Some(vec![Returned { column, name: folded(alias) }])
        }
        SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => None,
    }
}

fn all() -> Vec<Returned> {
    let column = |column: GalleryColumn| Returned { column, name: column.name().to_owned() };
    GalleryColumn::ALL.map(column).into()
}

/// The column that `expr` is: `column`, or `c.column` with what may stand before it.
fn column_of(expr: &Expr, qualifier: &Ident) -> Option<GalleryColumn> {
    match expr {
        Expr::Identifier(name) => GalleryColumn::named(&folded(name)),
        Expr::CompoundIdentifier(parts) => {
            let (name, before) = parts.split_last()?;
            let before: Vec<String> = before.iter().map(folded).collect();
            GalleryColumn::named(&folded(name)).filter(|_| is_qualifier(&before, qualifier))
        }
        _ => None,
    }
}

/// Whether the parts of a name mean the collection.
fn is_qualifier(parts: &[String], qualifier: &Ident) -> bool {
    parts.last() == Some(&folded(qualifier))
}
