//! Arrays of columns as calls: within `ARRAY[..]` the planner forgets the queries around it.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Statement, VisitMut, VisitorMut, visit_expressions};

use super::syntax::call;

/// Writes arrays that have columns in them as calls. Whoever looks for an `ARRAY[..]` does so
/// before.
pub(super) fn write_out(statement: &mut Statement) {
    let _ = statement.visit(&mut Calls);
}

struct Calls;

impl VisitorMut for Calls {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if has_columns(expr)
            && let Expr::Array(array) = expr
        {
            *expr = call("make_array", std::mem::take(&mut array.elem));
        }
        ControlFlow::Continue(())
    }
}

/// Whether this is an array in which something is called by a name.
fn has_columns(expr: &Expr) -> bool {
    let Expr::Array(array) = expr else { return false };
    let is_name = |part: &Expr| match part {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    array.elem.iter().any(|item| visit_expressions(item, is_name).is_break())
}
