//! `coalesce`, which the planner's own makes a `CASE` that has each argument twice: nested ones
//! would double with each level.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::{is_not_null, kernels::zip::zip};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::internal_err;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::functions::core::coalesce::CoalesceFunc;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::sql::SqlError;

/// Parts of arguments that may stand twice in a plan.
const DOUBLED_MAX: usize = 256;

/// Makes it known to a session, in place of the planner's.
pub(in crate::sql) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    state.register_udf(Arc::new(ScalarUDF::from(Coalesce::default())))?;
    Ok(())
}

/// The first of its arguments that is not NULL. Those behind it are not computed, unless they
/// cannot fail, or what stands before them is very large.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Coalesce {
    planned: CoalesceFunc,
}

impl ScalarUDFImpl for Coalesce {
    fn name(&self) -> &str {
        self.planned.name()
    }

    fn signature(&self) -> &Signature {
        self.planned.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        self.planned.return_type(arguments)
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        self.planned.return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        self.planned.coerce_types(arguments)
    }

    fn conditional_arguments<'a>(
        &self,
        arguments: &'a [Expr],
    ) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.planned.conditional_arguments(arguments)
    }

    fn short_circuits(&self) -> bool {
        self.planned.short_circuits()
    }

    /// A `CASE`, where an argument is not to be computed for each row.
    fn simplify(
        &self,
        arguments: Vec<Expr>,
        context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult, DataFusionError> {
        let others = arguments.get(1..).unwrap_or_default();
        let doubled = arguments.iter().take(others.len());
        if !others.is_empty() && (others.iter().all(cannot_fail) || !is_small(doubled)) {
            return Ok(ExprSimplifyResult::Original(arguments));
        }
        self.planned.simplify(arguments, context)
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let mut arguments = arguments.args.into_iter();
        let Some(first) = arguments.next() else { return internal_err!("nothing to choose from") };
        arguments.try_fold(first, |found, next| match found {
            ColumnarValue::Scalar(value) if value.is_null() => Ok(next),
            ColumnarValue::Scalar(value) => Ok(ColumnarValue::Scalar(value)),
            ColumnarValue::Array(found) => or_else(found, next, rows).map(ColumnarValue::Array),
        })
    }
}

/// `found`, with what is NULL in it taken from `next`.
fn or_else(found: ArrayRef, next: ColumnarValue, rows: usize) -> Result<ArrayRef, DataFusionError> {
    if found.null_count() == 0 {
        return Ok(found);
    }
    let is_there = is_not_null(&found)?;
    Ok(match next {
        ColumnarValue::Scalar(value) => zip(&is_there, &found, &value.to_scalar()?)?,
        ColumnarValue::Array(_) => zip(&is_there, &found, &next.into_array(rows)?)?,
    })
}

fn cannot_fail(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(..) | Expr::Column(_))
}

/// Whether all of these together are small enough to stand twice.
fn is_small<'a>(exprs: impl Iterator<Item = &'a Expr>) -> bool {
    let mut parts = 0;
    for expr in exprs {
        let counted = expr.apply(|_| {
            parts += 1;
            Ok(if parts > DOUBLED_MAX {
                TreeNodeRecursion::Stop
            } else {
                TreeNodeRecursion::Continue
            })
        });
        if counted.is_err() || parts > DOUBLED_MAX {
            return false;
        }
    }
    true
}
