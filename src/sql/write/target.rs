//! The faces that a statement changes, found by an ordinary query planned here.
//!
//! DataFusion's own hooks for deleting and updating are never used: they hand over filters taken
//! from the optimised plan and drop those that became something else, after which "no filters
//! left" reads as "all rows".

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, SelectItem, SetExpr, TableFactor, TableWithJoins,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::sql::grammar::name::name_parts;
use crate::sql::read::columns::GalleryColumn;
use crate::sql::{SqlError, SqlState};

/// The name that the first column of a target's query goes by; no column of a statement can.
const ID: &str = "changed face";

/// The collection that a statement changes, as it stands there: `c` or `c AS alias`.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: Vec<String>,
    table: TableWithJoins,
    /// What its columns are qualified by.
    qualifier: Ident,
}

impl Target {
    /// The one plain collection that `table` is.
    pub(super) fn of(table: TableWithJoins) -> Option<Self> {
        let TableFactor::Table {
            name: written,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } = &table.relation
        else {
            return None;
        };
        let plain = with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty();
        if !plain || !table.joins.is_empty() {
            return None;
        }
        let name = name_parts(written)?;
        let qualifier = match alias {
            Some(alias) => alias.name.clone(),
            None => Ident::with_quote('"', name.last()?),
        };
        Some(Self { name, table, qualifier })
    }

    /// What its columns are qualified by.
    pub(super) fn qualifier(&self) -> &Ident {
        &self.qualifier
    }

    /// `SELECT c.face_id, values FROM c [, others] [WHERE predicate]`.
    ///
    /// # Errors
    /// None in practice.
    pub(super) fn query(
        &self,
        values: impl IntoIterator<Item = SelectItem>,
        others: Vec<TableWithJoins>,
        selection: Option<Expr>,
    ) -> Result<Query, SqlError> {
        let dialect = PostgreSqlDialect {};
        let template = Parser::new(&dialect)
            .try_with_sql("SELECT 1")
            .and_then(|mut parser| parser.parse_query())
            .map_err(|error| SqlError::from(&error))?;
        let mut query = *template;
        let SetExpr::Select(select) = &mut *query.body else {
            return Err(SqlError::new(SqlState::InternalError, "internal error"));
        };
        let face_id = Ident::new(GalleryColumn::FaceId.name());
        let id = SelectItem::ExprWithAlias {
            expr: Expr::CompoundIdentifier(vec![self.qualifier.clone(), face_id]),
            alias: Ident::with_quote('"', ID),
        };
        select.projection = [id].into_iter().chain(values).collect();
        select.from = [self.table.clone()].into_iter().chain(others).collect();
        select.selection = selection;
        Ok(query)
    }
}
