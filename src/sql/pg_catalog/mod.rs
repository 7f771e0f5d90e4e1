//! `pg_catalog` and `information_schema`: what a session's clients may ask about its database.
//!
//! The relations and their columns are those of PostgreSQL 15; the rows are the built-in types and
//! their functions, and what the collections of the session's tenant look like to PostgreSQL. A
//! relation is made when a statement names it, from the statement's own snapshot, so that nothing
//! of another tenant can be in it.

mod builtin;
mod collections;
mod function;
mod identifier;
mod regproc;
mod relation;
mod row;
mod session;
mod standard;
mod view;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;

pub use regproc::function_name;
pub use view::Addresses;

pub(super) use collections::oid_of;
pub(super) use function::{register, register_with};
pub(super) use identifier::quoted as quoted_identifier;
pub(super) use regproc::NamesOfFunctions;

pub(super) use relation::{INFORMATION_SCHEMA, PG_CATALOG};
pub(in crate::sql) use view::{Backend, SCHEMA, SessionView, SystemView, to_the_microsecond};

use self::relation::Relation;
use self::row::Row;
use super::Origin;

/// The relation `schema.name` as `catalog` fills it; none when PostgreSQL has no such relation.
pub(super) fn table(
    schema: &str,
    name: &str,
    catalog: &SystemView,
) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
    let Some(relation) = Relation::named(schema, name) else { return Ok(None) };
    let rows = rows(relation, catalog);
    Ok(Some(Arc::new(row::table(relation, &rows)?)))
}

/// Whether there is a relation `schema.name`.
pub(super) fn exists(schema: &str, name: &str) -> bool {
    Relation::named(schema, name).is_some()
}

/// The column of this name of the relation `schema.name`.
pub(super) fn origin(schema: &str, name: &str, column: &str) -> Option<Origin> {
    let relation = Relation::named(schema, name).filter(|relation| relation.oid > 0)?;
    let at = relation.columns.iter().position(|known| known.name == column)?;
    Some(Origin { relation: relation.oid, column: i16::try_from(at + 1).ok()? })
}

/// The columns of the relation `schema.name`.
pub(super) fn columns(schema: &str, name: &str) -> Option<impl Iterator<Item = &'static str>> {
    Some(Relation::named(schema, name)?.columns.iter().map(|column| column.name))
}

fn rows(relation: &Relation, catalog: &SystemView) -> Vec<Row> {
    if relation.schema == INFORMATION_SCHEMA {
        return standard::rows(relation.name, catalog);
    }
    let mut rows = builtin::rows(relation.name, catalog);
    rows.extend(collections::rows(relation.name, catalog));
    rows.extend(session::rows(relation.name, catalog));
    rows
}
