//! The types of parameters, as what stands around them decides.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::sql::sqlparser::ast;

use super::name::parameter_index;
use super::query::QueryContext;
use super::{SqlError, SqlType};

/// Notes the types that `expr`, which reads no columns, decides for the parameters in it.
pub(super) fn placeholder_types(
    context: &QueryContext,
    expr: &ast::Expr,
    types: &mut [Option<SqlType>],
) -> Result<(), SqlError> {
    context.constant(expr)?.apply(|part| {
        if let Expr::Placeholder(Placeholder { id, field: Some(field) }) = part {
            decide(types, id, SqlType::of(field));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// Notes the type of `$n` unless it is known.
pub(super) fn decide(types: &mut [Option<SqlType>], name: &str, sql_type: SqlType) {
    if let Some(slot) = parameter_index(name).and_then(|at| types.get_mut(at)) {
        slot.get_or_insert(sql_type);
    }
}
