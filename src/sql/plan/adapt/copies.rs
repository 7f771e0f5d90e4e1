//! `EXCEPT ALL` and `INTERSECT ALL`, which count how often a row is there. The planner tells rows
//! that are there from rows that are not: numbered among its copies, each row is one of its own.

use datafusion::sql::sqlparser::ast::{Expr, Ident, SetExpr, SetOperator, SetQuantifier};

use super::columns::Known;
use super::syntax::{derived, no_values, over, select_from};
use crate::sql::SqlError;
use crate::sql::grammar::name::SEPARATOR;

/// Writes such operations in `body` by those that the planner knows.
///
/// # Errors
/// 0A000 where the columns of a side are not told by the text.
pub(super) fn number(body: &mut SetExpr, known: &Known) -> Result<(), SqlError> {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { return Ok(()) };
    number(left, known)?;
    number(right, known)?;
    if *op == SetOperator::Union || *set_quantifier != SetQuantifier::All {
        return Ok(());
    }
    let (Some(names), Some(others)) = (known.of_body(left), known.of_body(right)) else {
        return Err(SqlError::unsupported(format!("{op} ALL of columns with no names here")));
    };
    *set_quantifier = SetQuantifier::None;
    // Where sides do not fit, the planner says so.
    if names.len() != others.len() {
        return Ok(());
    }
    let columns: Vec<Ident> = (0..names.len()).map(column).collect();
    numbered(left, &columns);
    numbered(right, &columns);
    let numbered = std::mem::replace(body, SetExpr::Values(no_values()));
    let copy = column(columns.len());
    let all: Vec<Ident> = columns.iter().cloned().chain([copy]).collect();
    let named = names.into_iter().map(|name| Ident::with_quote('"', name));
    let shown = columns.into_iter().map(Expr::Identifier).zip(named).collect();
    *body = *select_from(shown, vec![derived(numbered, rows(), &all)]).body;
    Ok(())
}

/// Makes the number among its copies a column of each row of `side`.
fn numbered(side: &mut SetExpr, columns: &[Ident]) {
    let body = std::mem::replace(side, SetExpr::Values(no_values()));
    let values: Vec<Expr> = columns.iter().cloned().map(Expr::Identifier).collect();
    let copy = (over("row_number", values.clone(), Vec::new()), column(columns.len()));
    let items = values.into_iter().zip(columns.iter().cloned()).chain([copy]).collect();
    *side = *select_from(items, vec![derived(body, rows(), columns)]).body;
}

fn column(at: usize) -> Ident {
    Ident::with_quote('"', format!("column{SEPARATOR}{at}"))
}

fn rows() -> Ident {
    Ident::with_quote('"', format!("rows{SEPARATOR}"))
}
