//! The rule that puts PostgreSQL's text in place of the planner's, where a value is cast to `text`.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::function::{has_form, printed};
use crate::sql::plan::rewritten::rewritten;

/// Prints what is cast to text; comes behind the rule that casts what stands beside text.
#[derive(Debug)]
pub(in crate::sql) struct PrintedValues;

impl AnalyzerRule for PrintedValues {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(|node| {
            rewritten(node, |part, schema| Ok(printed_part(part, schema)))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "printed_values"
    }
}

fn printed_part(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match part {
        Expr::Cast(Cast { expr, field })
            if field.data_type().is_string()
                && expr.get_type(schema).is_ok_and(|from| has_form(&from)) =>
        {
            let expr = Box::new(printed(*expr));
            Transformed::yes(Expr::Cast(Cast { expr, field }))
        }
        other => Transformed::no(other),
    }
}
