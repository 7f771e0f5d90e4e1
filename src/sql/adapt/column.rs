//! Columns of rows that stand in the statement: a bare text or NULL beside a value of a type is one
//! of the type.

use datafusion::sql::sqlparser::ast::{DataType, Expr, TypedString, Value, Values};

use super::syntax::{cast, literal_text};

/// Casts bare texts and NULLs to the type that another cell of their column says it is of.
pub(super) fn unite(values: &mut Values) {
    let columns = values.rows.first().map_or(0, |row| row.content.len());
    for column in 0..columns {
        let cells = || values.rows.iter().filter_map(|row| row.content.get(column));
        let open = cells().any(is_open);
        let Some(data_type) = cells().find_map(declared).filter(|_| open) else {
            continue;
        };
        for row in &mut values.rows {
            if let Some(cell) = row.content.get_mut(column)
                && is_open(cell)
            {
                *cell = cast(cell.clone(), data_type.clone());
            }
        }
    }
}

/// Whether a cell leaves its type to the others.
fn is_open(cell: &Expr) -> bool {
    let is_null = matches!(cell, Expr::Value(value) if value.value == Value::Null);
    is_null || literal_text(cell).is_some()
}

/// The type that a cell says it is of.
fn declared(cell: &Expr) -> Option<DataType> {
    match cell {
        Expr::Nested(inner) => declared(inner),
        Expr::Cast { data_type, .. } | Expr::TypedString(TypedString { data_type, .. }) => {
            Some(data_type.clone())
        }
        Expr::Value(value) if matches!(value.value, Value::Boolean(_)) => Some(DataType::Boolean),
        _ => None,
    }
}
