//! The rule that puts conversions in place of the planner's casts.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::function::{converted, is_converted};
use crate::sql::grammar::marker::TO_NUMERIC;
use crate::sql::plan::rewritten::rewritten;
use crate::sql::value::types::SqlType;

/// Converts what is cast; comes behind the rule that casts what stands beside another type.
#[derive(Debug)]
pub(in crate::sql) struct ConvertedValues;

impl AnalyzerRule for ConvertedValues {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(|node| {
            rewritten(node, |part, schema| Ok(converted_part(part, schema)))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "converted_values"
    }
}

fn converted_part(part: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match part {
        Expr::Cast(Cast { expr, field })
            if expr
                .to_field(schema)
                .is_ok_and(|(_, from)| is_converted(&from, field.data_type())) =>
        {
            Transformed::yes(converted(*expr, field.data_type()))
        }
        Expr::ScalarFunction(mut call)
            if call.func.name() == TO_NUMERIC
                && call.args.iter().all(|document| is_document(document, schema)) =>
        {
            let document = call.args.pop().unwrap_or_default();
            Transformed::yes(converted(document, &SqlType::Numeric.arrow_type()))
        }
        other => Transformed::no(other),
    }
}

fn is_document(expr: &Expr, schema: &DFSchema) -> bool {
    expr.to_field(schema).is_ok_and(|(_, field)| SqlType::of(&field) == SqlType::Jsonb)
}
