//! RETURNING of statements that write faces: names of columns, with or without alias, and `*`.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{Expr, Ident, SelectItem, SelectItemQualifiedWildcardKind};
use likeness_storage::RowRef;

use super::SqlError;
use super::columns::{GalleryColumn, schema_of};
use super::name::{folded, name_parts};

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
    /// `qualifier` is what may stand before a column: the collection's alias, or its name.
    ///
    /// # Errors
    /// Unknown columns, and anything but columns.
    pub(super) fn parse(items: &[SelectItem], qualifier: &Ident) -> Result<Self, SqlError> {
        let mut returned = Vec::new();
        for item in items {
            match item {
                SelectItem::Wildcard(_) => returned.extend(Returned::all()),
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) if is_qualifier(&name_parts(name).unwrap_or_default(), qualifier) => {
                    returned.extend(Returned::all());
                }
                SelectItem::UnnamedExpr(expr) => {
                    returned.push(Returned::new(column_name(expr, qualifier)?, None)?);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    returned.push(Returned::new(column_name(expr, qualifier)?, Some(alias))?);
                }
                SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => {
                    return Err(only_columns());
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
    fn all() -> impl Iterator<Item = Self> {
        GalleryColumn::ALL.into_iter().map(|column| Self { column, name: column.name().to_owned() })
    }

    fn new(name: String, alias: Option<&Ident>) -> Result<Self, SqlError> {
        let column =
            GalleryColumn::named(&name).ok_or_else(|| SqlError::undefined_column(&name))?;
        Ok(Self { column, name: alias.map_or(name, folded) })
    }
}

/// The name of the column that `expr` is: `column`, or `c.column` with what may stand before it.
fn column_name(expr: &Expr, qualifier: &Ident) -> Result<String, SqlError> {
    match expr {
        Expr::Identifier(name) => Ok(folded(name)),
        Expr::CompoundIdentifier(parts) => match parts.split_last() {
            Some((name, before)) => {
                let before: Vec<String> = before.iter().map(folded).collect();
                if is_qualifier(&before, qualifier) {
                    Ok(folded(name))
                } else {
                    Err(only_columns())
                }
            }
            None => Err(only_columns()),
        },
        _ => Err(only_columns()),
    }
}

/// Whether the parts of a name mean the collection.
fn is_qualifier(parts: &[String], qualifier: &Ident) -> bool {
    parts.last() == Some(&folded(qualifier))
}

fn only_columns() -> SqlError {
    SqlError::unsupported("RETURNING anything but columns of the collection")
}
