//! Columns of rows that stand in the statement: text beside a value of a type is one of the type.

use datafusion::sql::sqlparser::ast::{DataType, Expr, TypedString, Values};

use super::syntax::{cast, literal_text};

/// Casts bare texts to the type that another cell of their column is cast to.
pub(super) fn unite(values: &mut Values) {
    let columns = values.rows.first().map_or(0, |row| row.content.len());
    for column in 0..columns {
        let cells = || values.rows.iter().filter_map(|row| row.content.get(column));
        let open = cells().any(|cell| literal_text(cell).is_some());
        let Some(data_type) = cells().find_map(declared).filter(|_| open).cloned() else {
            continue;
        };
        for row in &mut values.rows {
            if let Some(cell) = row.content.get_mut(column)
                && literal_text(cell).is_some()
            {
                *cell = cast(cell.clone(), data_type.clone());
            }
        }
    }
}

/// The type that a cell says it is of.
fn declared(cell: &Expr) -> Option<&DataType> {
    match cell {
        Expr::Nested(inner) => declared(inner),
        Expr::Cast { data_type, .. } | Expr::TypedString(TypedString { data_type, .. }) => {
            Some(data_type)
        }
        _ => None,
    }
}
