//! The rule that compares intervals by how long they are; the planner compares months first.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::super::SqlError;
use super::super::comparing::{COMPARING, compares};
use super::span::span;

/// Aggregates that compare what they are given.
const EXTREMES: [&str; 2] = ["max", "min"];

/// Compares spans; comes behind the rule that gives both sides of an operator one type.
#[derive(Debug)]
pub(in super::super) struct ComparedIntervals;

impl AnalyzerRule for ComparedIntervals {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(compared_node).data()
    }

    fn name(&self) -> &'static str {
        "compared_intervals"
    }
}

fn compared_node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let sorts = matches!(plan, LogicalPlan::Sort(_));
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let compared = expr.transform_up(|part| compared_part(part, &schema))?;
        if sorts && is_interval(&compared.data, &schema) {
            return Ok(Transformed::yes(span(compared.data)));
        }
        Ok(compared.update_data(|expr| name.restore(expr)))
    })
}

fn compared_part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>, DataFusionError> {
    Ok(match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if compares(op) && is_interval(&left, schema) && is_interval(&right, schema) =>
        {
            let (left, right) = (Box::new(span(*left)), Box::new(span(*right)));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::Between(Between { expr, negated, low, high })
            if [&expr, &low, &high].into_iter().all(|part| is_interval(part, schema)) =>
        {
            let key = |part: Box<Expr>| Box::new(span(*part));
            let between = Between::new(key(expr), negated, key(low), key(high));
            Transformed::yes(Expr::Between(between))
        }
        Expr::InList(InList { expr, list, negated }) if is_interval(&expr, schema) => {
            let list = list.into_iter().map(span).collect();
            Transformed::yes(Expr::InList(InList::new(Box::new(span(*expr)), list, negated)))
        }
        Expr::ScalarFunction(call)
            if COMPARING.contains(&call.func.name())
                && call.args.iter().any(|part| is_interval(part, schema)) =>
        {
            return Err(SqlError::unsupported(format!("{} of intervals", call.func.name())).into());
        }
        Expr::AggregateFunction(call)
            if EXTREMES.contains(&call.func.name())
                && call.params.args.iter().any(|part| is_interval(part, schema)) =>
        {
            let what = format!("{} of intervals", call.func.name());
            return Err(SqlError::unsupported(what).into());
        }
        other => Transformed::no(other),
    })
}

fn is_interval(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Interval(_)))
}
