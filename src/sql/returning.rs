//! RETURNING of statements that write faces: names of columns, with or without alias, and `*`.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{Expr, Ident, SelectItem};
use likeness_storage::RowRef;

use super::SqlError;
use super::columns::{GalleryColumn, schema_of};
use super::name::folded;

/// The columns that come back.
#[derive(Debug)]
pub(super) struct Returning(Vec<Returned>);

/// A column and the name it goes by.
#[derive(Debug)]
struct Returned {
    column: GalleryColumn,
    name: String,
}

impl Returning {
    /// # Errors
    /// Unknown columns, and anything but columns.
    pub(super) fn parse(items: &[SelectItem]) -> Result<Self, SqlError> {
        let mut returned = Vec::new();
        for item in items {
            match item {
                SelectItem::Wildcard(_) => {
                    let all = GalleryColumn::ALL.into_iter();
                    let named = |column: GalleryColumn| (column, column.name().to_owned());
                    returned.extend(all.map(named).map(|(column, name)| Returned { column, name }));
                }
                SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                    returned.push(Returned::new(name, None)?);
                }
                SelectItem::ExprWithAlias { expr: Expr::Identifier(name), alias } => {
                    returned.push(Returned::new(name, Some(alias))?);
                }
                SelectItem::QualifiedWildcard(..)
                | SelectItem::UnnamedExpr(_)
                | SelectItem::ExprWithAlias { .. }
                | SelectItem::ExprWithAliases { .. } => {
                    return Err(SqlError::unsupported("RETURNING anything but columns and *"));
                }
            }
        }
        Ok(Self(returned))
    }

    /// The columns as Arrow describes them.
    pub(super) fn schema(&self) -> SchemaRef {
        schema_of(self.0.iter().map(|item| item.column.field().with_name(&item.name)))
    }

    /// These columns of `rows`.
    pub(super) fn batch(&self, rows: &[RowRef<'_>]) -> Result<RecordBatch, SqlError> {
        let arrays = self.0.iter().map(|item| item.column.array(rows)).collect();
        let batch = RecordBatch::try_new(self.schema(), arrays);
        batch.map_err(|error| DataFusionError::from(error).into())
    }
}

impl Returned {
    fn new(name: &Ident, alias: Option<&Ident>) -> Result<Self, SqlError> {
        let name = folded(name);
        let column =
            GalleryColumn::named(&name).ok_or_else(|| SqlError::undefined_column(&name))?;
        Ok(Self { column, name: alias.map_or(name, folded) })
    }
}
