//! Exact numbers beside others: beside `real` and `double precision` they are `double precision`,
//! as in PostgreSQL, and a quotient of theirs has digits enough.
//!
//! The planner would compare both as decimals, which changes what is compared and is slow. What a
//! statement writes is decided where an operator is planned; parameters, and values that are to be
//! of one type, where the plan is analyzed, before both sides get their type.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator,
    ScalarUDF, Union, Values, cast,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::quotient::Quotient;
use super::{digits, digits_of};
use crate::sql::function::comparing::{ARITHMETIC, CHOOSING, COMPARISONS};

/// Gives exact numbers beside others their type.
#[derive(Debug)]
pub(in crate::sql) struct NumericOperands;

impl ExprPlanner for NumericOperands {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        let RawBinaryExpr { op, left, right } = expr;
        if !concerns(&op) {
            return Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }));
        }
        let (left, right) = match beside(left, right, schema) {
            Sides::Exact(left, right) if op == BinaryOperator::Divide => {
                return Ok(PlannerResult::Planned(quotient(left, right)));
            }
            Sides::Exact(left, right) | Sides::Doubled(left, right) | Sides::Other(left, right) => {
                (left, right)
            }
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

impl AnalyzerRule for NumericOperands {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(typed_node).data()
    }

    fn name(&self) -> &'static str {
        "numeric_operands"
    }
}

/// An expression that stands alone, as the rule leaves it.
pub(in crate::sql) fn typed(expr: Expr, schema: &DFSchema) -> Result<Expr, DataFusionError> {
    expr.transform_up(|part| Ok(typed_part(part, schema))).data()
}

fn concerns(op: &BinaryOperator) -> bool {
    COMPARISONS.contains(op) || ARITHMETIC.contains(op)
}

/// Both sides of an operator.
enum Sides {
    /// One is `numeric`, and the other is exact too.
    Exact(Expr, Expr),
    /// One was `numeric` and is `double precision` now, because the other is no exact number.
    Doubled(Expr, Expr),
    Other(Expr, Expr),
}

fn beside(left: Expr, right: Expr, schema: &dyn ExprSchema) -> Sides {
    let (Ok(left_type), Ok(right_type)) = (left.get_type(schema), right.get_type(schema)) else {
        return Sides::Other(left, right);
    };
    if left_type.is_decimal() && right_type.is_floating() {
        Sides::Doubled(inexact(left, &DataType::Float64), right)
    } else if left_type.is_floating() && right_type.is_decimal() {
        Sides::Doubled(left, inexact(right, &DataType::Float64))
    } else if (left_type.is_decimal() || right_type.is_decimal())
        && [&left_type, &right_type].into_iter().all(|side| digits_of(side).is_some())
    {
        Sides::Exact(left, right)
    } else {
        Sides::Other(left, right)
    }
}

/// An exact number as one of another type.
fn inexact(expr: Expr, target: &DataType) -> Expr {
    let constant = match &expr {
        Expr::Literal(value, None) => digits::inexact(value, target),
        _ => None,
    };
    constant.map_or_else(|| cast(expr, target.clone()), |value| Expr::Literal(value, None))
}

fn quotient(dividend: Expr, divisor: Expr) -> Expr {
    ScalarUDF::from(Quotient::default()).call(vec![dividend, divisor])
}

fn typed_node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    if let LogicalPlan::Union(union) = plan {
        return typed_union(union);
    }
    // What its columns are is decided when it is planned.
    let columns = match &plan {
        LogicalPlan::Values(Values { schema, .. }) => Some(Arc::clone(schema)),
        _ => None,
    };
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let mut column = 0;
    let typed = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let typed = expr.transform_up(|part| Ok(typed_part(part, &schema)))?;
        let typed = typed.update_data(|expr| name.restore(expr));
        let Some(columns) = &columns else { return Ok(typed) };
        let wanted = columns.field(column % columns.fields().len().max(1)).data_type().clone();
        column += 1;
        if !typed.transformed || typed.data.get_type(&schema)? == wanted {
            return Ok(typed);
        }
        Ok(typed.update_data(|expr| cast(expr, wanted)))
    })?;
    if !typed.transformed {
        return Ok(typed);
    }
    Ok(Transformed::yes(typed.data.recompute_schema()?))
}

fn typed_part(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_of_numbers(op) => {
            let operation = |left, right| {
                Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
            };
            match beside(*left, *right, schema) {
                Sides::Exact(left, right) if op == Operator::Divide => {
                    Transformed::yes(quotient(left, right))
                }
                Sides::Doubled(left, right) => Transformed::yes(operation(left, right)),
                Sides::Exact(left, right) | Sides::Other(left, right) => {
                    Transformed::no(operation(left, right))
                }
            }
        }
        Expr::Cast(Cast { expr, field }) if field.data_type().is_floating() => {
            match inexact(*expr, field.data_type()) {
                Expr::Cast(cast) => Transformed::no(Expr::Cast(cast)),
                constant => Transformed::yes(constant),
            }
        }
        Expr::Between(mut between) => {
            let Between { expr, low, high, .. } = &mut between;
            let changed = make_one_type([&mut **expr, low, high], true, schema);
            Transformed::new_transformed(Expr::Between(between), changed)
        }
        Expr::InList(mut list) => {
            let values = [&mut *list.expr].into_iter().chain(&mut list.list);
            let changed = make_one_type(values, true, schema);
            Transformed::new_transformed(Expr::InList(list), changed)
        }
        Expr::Case(mut case) => {
            let results = case.when_then_expr.iter_mut().map(|(_, then)| &mut **then);
            let results = results.chain(case.else_expr.as_deref_mut());
            let changed = make_one_type(results, false, schema);
            Transformed::new_transformed(Expr::Case(case), changed)
        }
        Expr::ScalarFunction(mut call) if CHOOSING.contains(&call.func.name()) => {
            let changed = make_one_type(&mut call.args, false, schema);
            Transformed::new_transformed(Expr::ScalarFunction(call), changed)
        }
        Expr::ScalarFunction(mut call) if call.func.name() == "round" => {
            let digits = call.args.get_mut(1);
            let changed = digits.is_some_and(make_plain);
            Transformed::new_transformed(Expr::ScalarFunction(call), changed)
        }
        other => Transformed::no(other),
    }
}

/// Makes a whole number the literal that a function takes: with a cast around it, which goes later,
/// the function would return one type now and another one then.
fn make_plain(number: &mut Expr) -> bool {
    let plain = match number {
        Expr::Literal(ScalarValue::Int64(Some(number)), None) => i32::try_from(*number).ok(),
        Expr::Negative(inner) => match inner.as_ref() {
            Expr::Literal(ScalarValue::Int64(Some(number)), None) => i32::try_from(-*number).ok(),
            _ => None,
        },
        _ => None,
    };
    if let Some(plain) = plain {
        *number = Expr::Literal(ScalarValue::from(plain), None);
    }
    plain.is_some()
}

fn is_of_numbers(op: Operator) -> bool {
    matches!(
        op,
        Operator::Plus
            | Operator::Minus
            | Operator::Multiply
            | Operator::Divide
            | Operator::Modulo
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
            | Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
    )
}

/// Makes exact numbers inexact where some values are; compared are `double precision` only.
fn make_one_type<'a>(
    values: impl IntoIterator<Item = &'a mut Expr>,
    compared: bool,
    schema: &DFSchema,
) -> bool {
    let values = values.into_iter().map(|value| (value.get_type(schema).ok(), value));
    let values: Vec<_> = values.collect();
    let types = || values.iter().filter_map(|(data_type, _)| data_type.as_ref());
    let exact = types().any(DataType::is_decimal);
    let inexact_types = types().filter(|data_type| data_type.is_floating());
    let Some(widest) = widest(inexact_types).filter(|_| exact) else { return false };
    let target = if compared { DataType::Float64 } else { widest };
    for (data_type, value) in values {
        if data_type.is_some_and(|data_type| data_type.is_decimal()) {
            *value = inexact(std::mem::take(value), &target);
        }
    }
    true
}

fn widest<'a>(mut types: impl Iterator<Item = &'a DataType>) -> Option<DataType> {
    let first = types.next()?.clone();
    let wide = first == DataType::Float64 || types.any(|other| *other == DataType::Float64);
    Some(if wide { DataType::Float64 } else { first })
}

/// A union whose columns are exact in one query and not in another: all are inexact.
fn typed_union(union: Union) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let Union { inputs, schema } = union;
    let targets: Vec<Option<DataType>> = (0..schema.fields().len())
        .map(|at| {
            let types = || inputs.iter().map(|input| input.schema().field(at).data_type());
            let mixed = types().any(DataType::is_decimal);
            widest(types().filter(|data_type| data_type.is_floating())).filter(|_| mixed)
        })
        .collect();
    if targets.iter().all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Union(Union { inputs, schema })));
    }
    let inputs = inputs.into_iter().map(|input| {
        let columns = input.schema().iter().zip(&targets).map(|((table, field), target)| {
            let column = Expr::from((table, field));
            match target {
                Some(target) if field.data_type().is_decimal() => {
                    cast(column, target.clone()).alias_qualified(table.cloned(), field.name())
                }
                _ => column,
            }
        });
        let columns: Vec<Expr> = columns.collect();
        Ok(Arc::new(LogicalPlanBuilder::from(input).project(columns)?.build()?))
    });
    let inputs = inputs.collect::<Result<Vec<_>, DataFusionError>>()?;
    Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?)))
}
