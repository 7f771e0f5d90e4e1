//! Statements that write where a query may stand: behind WITH, or in a query.

use datafusion::sql::sqlparser::ast::{Query, SetExpr};

use crate::sql::SqlError;

/// Whether `query` is no query but `WITH .. INSERT`, `UPDATE`, `DELETE` or `MERGE`.
pub(super) fn changes(query: &Query) -> bool {
    changing(&query.body).is_some()
}

/// The statement that `body` is, where it is one that changes faces.
pub(in crate::sql) fn changing(body: &SetExpr) -> Option<&'static str> {
    match body {
        SetExpr::Insert(_) => Some("INSERT"),
        SetExpr::Update(_) => Some("UPDATE"),
        SetExpr::Delete(_) => Some("DELETE"),
        SetExpr::Merge(_) => Some("MERGE"),
        SetExpr::Query(query) => changing(&query.body),
        SetExpr::Select(_)
        | SetExpr::SetOperation { .. }
        | SetExpr::Values(_)
        | SetExpr::Table(_) => None,
    }
}

/// The refusal of a statement of this name that stands in a query.
pub(in crate::sql) fn inside_a_query(name: &str) -> SqlError {
    SqlError::unsupported(format!("{name} inside a query")).with_hint(
        "Write two statements; BEGIN and COMMIT around them make them one. WITH may stand before \
         INSERT, UPDATE and DELETE.",
    )
}
