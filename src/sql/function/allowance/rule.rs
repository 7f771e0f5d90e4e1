//! The rule that has every call of a statement measured.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, ScalarUDF};
use datafusion::optimizer::AnalyzerRule;

use super::call::Measured;
use super::joined;
use super::pool::Pool;
use crate::sql::plan::rewritten::rewritten;

/// Measures all calls; comes behind the rules that put functions in.
#[derive(Debug)]
pub(in crate::sql) struct MeasuredCalls {
    pool: Pool,
}

impl MeasuredCalls {
    /// Large results count towards `pool`.
    pub(in crate::sql) fn new(pool: Arc<dyn MemoryPool>) -> Self {
        Self { pool: Pool(pool) }
    }

    fn measured(&self, function: Arc<ScalarUDF>, arguments: Vec<Expr>) -> Expr {
        let measured = Measured::new(function, self.pool.clone());
        Expr::ScalarFunction(ScalarFunction::new_udf(
            Arc::new(ScalarUDF::from(measured)),
            arguments,
        ))
    }

    fn part(&self, expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
        match expr {
            Expr::ScalarFunction(call) if is_measured(&call) => {
                Transformed::no(Expr::ScalarFunction(call))
            }
            Expr::ScalarFunction(call) => Transformed::yes(self.measured(call.func, call.args)),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
                if is_joined(&left, &right, schema) =>
            {
                let function = Arc::new(joined::function());
                Transformed::yes(self.measured(function, vec![*left, *right]))
            }
            other => Transformed::no(other),
        }
    }
}

impl AnalyzerRule for MeasuredCalls {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(|node| {
            rewritten(node, |part, schema| Ok(self.part(part, schema)))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "measured_calls"
    }
}

/// Whether there is nothing to measure, or it is done already. An array of constants is no larger
/// than the statement, and the planner looks for it; and it looks for what waits.
fn is_measured(call: &ScalarFunction) -> bool {
    let of_constants = || call.args.iter().all(|item| matches!(item, Expr::Literal(..)));
    call.func.inner().is::<Measured>()
        || call.func.as_async().is_some()
        || call.func.name() == "make_array" && of_constants()
}

/// Whether both sides have one type, and it is one of texts or of bytes. The type of a long chain
/// is that of its right-most part.
fn is_joined(left: &Expr, right: &Expr, schema: &DFSchema) -> bool {
    let Ok(right) = right.get_type(schema) else { return false };
    let mut first = left;
    while let Expr::ScalarFunction(call) = first
        && call.func.name() == joined::NAME
        && let [_, right] = call.args.as_slice()
    {
        first = right;
    }
    (right.is_string() || right.is_binary()) && first.get_type(schema).is_ok_and(|it| it == right)
}
