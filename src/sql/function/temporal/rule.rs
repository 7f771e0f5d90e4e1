//! The rule that compares intervals by how long they are; the planner compares months first.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::{Case, InList, InSubquery, ScalarFunction, SetComparison};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Expr, ExprSchemable, LogicalPlan, WindowFunctionDefinition,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::aggregate::interval_extreme;
use super::function::INTERVAL;
use super::span::{span, spans};
use crate::sql::function::comparing::{COMPARING, compares};
use crate::sql::function::extreme::extreme;
use crate::sql::plan::rewritten::keyed;

/// Aggregates that compare what they are given.
const EXTREMES: [&str; 2] = ["max", "min"];

/// Compares spans; comes behind the rule that gives both sides of an operator one type.
#[derive(Debug)]
pub(in crate::sql) struct ComparedIntervals;

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
    let boxed = |part: Box<Expr>| Box::new(span(*part));
    Ok(match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if compares(op) && is_interval(&left, schema) && is_interval(&right, schema) =>
        {
            let (left, right) = (boxed(left), boxed(right));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::Between(Between { expr, negated, low, high })
            if [&expr, &low, &high].into_iter().all(|part| is_interval(part, schema)) =>
        {
            let between = Between::new(boxed(expr), negated, boxed(low), boxed(high));
            Transformed::yes(Expr::Between(between))
        }
        Expr::InList(InList { expr, list, negated }) if is_interval(&expr, schema) => {
            let list = list.into_iter().map(span).collect();
            Transformed::yes(Expr::InList(InList::new(boxed(expr), list, negated)))
        }
        Expr::ScalarFunction(call)
            if COMPARING.contains(&call.func.name())
                && call.args.iter().any(|part| is_interval(part, schema)) =>
        {
            Transformed::yes(chosen(call))
        }
        Expr::AggregateFunction(mut call)
            if EXTREMES.contains(&call.func.name())
                && call.params.args.iter().any(|part| is_interval(part, schema)) =>
        {
            call.func = interval_extreme(call.func.name());
            Transformed::yes(Expr::AggregateFunction(call))
        }
        Expr::WindowFunction(mut call)
            if EXTREMES.contains(&call.fun.name())
                && call.params.args.iter().any(|part| is_interval(part, schema)) =>
        {
            call.fun = WindowFunctionDefinition::AggregateUDF(interval_extreme(call.fun.name()));
            Transformed::yes(Expr::WindowFunction(call))
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) if is_interval(&expr, schema) => {
            let subquery = keyed(subquery, |row, _| span(row))?;
            Transformed::yes(Expr::InSubquery(InSubquery::new(boxed(expr), subquery, negated)))
        }
        Expr::SetComparison(test) if is_interval(&test.expr, schema) => {
            let (expr, subquery) = (boxed(test.expr), keyed(test.subquery, |row, _| span(row))?);
            Transformed::yes(Expr::SetComparison(SetComparison { expr, subquery, ..test }))
        }
        Expr::Case(Case { expr: Some(operand), when_then_expr, else_expr })
            if is_interval(&operand, schema) =>
        {
            let branches = when_then_expr.into_iter().map(|(when, then)| (boxed(when), then));
            let case = Case::new(Some(boxed(operand)), branches.collect(), else_expr);
            Transformed::yes(Expr::Case(case))
        }
        other => Transformed::no(other),
    })
}

/// `greatest`, `least` or `nullif` of intervals.
fn chosen(call: ScalarFunction) -> Expr {
    let name = call.func.name().to_owned();
    match <[Expr; 2]>::try_from(call.args) {
        Ok([interval, other]) if name == "nullif" => {
            let same = span(interval.clone()).eq(span(other));
            let null = Expr::Literal(ScalarValue::IntervalMonthDayNano(None), None);
            let branch = (Box::new(same), Box::new(null));
            Expr::Case(Case::new(None, vec![branch], Some(Box::new(interval))))
        }
        Ok(two) => extreme(&name, INTERVAL, spans, two.into()),
        Err(all) => extreme(&name, INTERVAL, spans, all),
    }
}

fn is_interval(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Interval(_)))
}
