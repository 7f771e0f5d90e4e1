//! Columns that UNION unites: a text that a branch writes out is of the type of the others there,
//! where the planner would take all of them for texts.

use std::sync::Arc;

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::Transformed;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Projection, Union};

use super::literal::{text_as, text_of};
use crate::sql::function::operator::{common_type, operand};
use crate::sql::value::types::SqlType;

/// Reads the texts that branches of a union write out.
///
/// # Errors
/// Those of texts that are no values of the others' type, and of types that do not match.
pub(super) fn united(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let LogicalPlan::Union(Union { mut inputs, schema }) = plan else {
        return Ok(Transformed::no(plan));
    };
    for at in 0..schema.fields().len() {
        let types: Vec<SqlType> = inputs.iter().map(|branch| type_of(branch, at)).collect();
        let common = common_type("UNION", types.iter().copied())?;
        let Some(of_common) = types.iter().position(|sql_type| *sql_type == common) else {
            continue;
        };
        let field = inputs[of_common].schema().field(at).clone();
        for branch in &mut inputs {
            if let Some(read) = reading(branch, at, &field)? {
                *branch = Arc::new(read);
            }
        }
    }
    Ok(Transformed::yes(LogicalPlan::Union(Union { inputs, schema })))
}

/// The type of a column of a branch; unknown where the others say what it is.
fn type_of(branch: &LogicalPlan, at: usize) -> SqlType {
    match branch {
        LogicalPlan::Projection(Projection { expr, input, .. })
            if let Some(value) = expr.get(at) =>
        {
            operand(value, input.schema())
        }
        other => SqlType::of(other.schema().field(at)),
    }
}

/// `branch` with the text that it writes out in a column read as one of this type; none where it
/// writes none.
fn reading(
    branch: &LogicalPlan,
    at: usize,
    field: &Field,
) -> Result<Option<LogicalPlan>, DataFusionError> {
    let LogicalPlan::Projection(Projection { expr, input, .. }) = branch else { return Ok(None) };
    let mut all = expr.clone();
    let Some(column) = all.get_mut(at) else { return Ok(None) };
    let written = match &*column {
        Expr::Alias(alias) => text_of(&alias.expr),
        other => text_of(other),
    };
    let Some(text) = written else { return Ok(None) };
    let (relation, named) = column.to_field(input.schema())?;
    *column = text_as(text, field)?.alias_qualified(relation, named.name());
    Ok(Some(LogicalPlan::Projection(Projection::try_new(all, Arc::clone(input))?)))
}
