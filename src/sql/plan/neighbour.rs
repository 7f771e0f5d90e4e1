//! Texts in lists, bounds, choices and unions are of the type of what they stand beside, where the
//! planner would take them for texts.

use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::common::{DFSchema, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::expr::{Between, Case, InList, ScalarFunction};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

use super::literal::{text_as, text_of};
use super::rewritten::rewritten;
use super::united::united;
use crate::sql::function::beside::told;
use crate::sql::function::comparing::CHOOSING;
use crate::sql::function::operator::operand;
use crate::sql::function::vector::as_vector;
use crate::sql::grammar::marker::TEXT_BESIDE;
use crate::sql::value::types::SqlType;

/// Reads such texts; comes before all rules that look at types.
#[derive(Debug)]
pub(super) struct NeighbouringTexts;

impl ExprPlanner for NeighbouringTexts {
    fn plan_array_literal(
        &self,
        mut items: Vec<Expr>,
        schema: &DFSchema,
    ) -> Result<PlannerResult<Vec<Expr>>, DataFusionError> {
        let read = read_alike(items.iter_mut().collect(), schema)?;
        let is_single = |field: &Field| SqlType::of(field).item().is_none();
        Ok(match read {
            Some(field) if is_single(&field) && SqlType::of(&field) != SqlType::Uuid => {
                PlannerResult::Planned(make_array(items))
            }
            _ => PlannerResult::Original(items),
        })
    }
}

impl AnalyzerRule for NeighbouringTexts {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(|node| rewritten(node, read_part)?.transform_data(united))
            .data()
    }

    fn name(&self) -> &'static str {
        "neighbouring_texts"
    }
}

fn read_part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>, DataFusionError> {
    Ok(match part {
        Expr::InList(mut list) => {
            let InList { expr, list: items, .. } = &mut list;
            let values = [&mut **expr].into_iter().chain(items).collect();
            let read = read_alike(values, schema)?.is_some();
            Transformed::new_transformed(Expr::InList(list), read)
        }
        Expr::Between(mut between) => {
            let Between { expr, low, high, .. } = &mut between;
            let read = read_alike(vec![expr, low, high], schema)?.is_some();
            Transformed::new_transformed(Expr::Between(between), read)
        }
        Expr::BinaryExpr(mut compared) if is_distinction(compared.op) => {
            let BinaryExpr { left, right, .. } = &mut compared;
            let read = read_alike(vec![left, right], schema)?.is_some();
            Transformed::new_transformed(Expr::BinaryExpr(compared), read)
        }
        Expr::Case(case) => read_case(case, schema)?,
        Expr::ScalarFunction(call) if call.func.name() == TEXT_BESIDE => beside(call, schema)?,
        Expr::ScalarFunction(call) if is_choice_of_vectors(&call, schema) => {
            Transformed::yes(as_vector(Expr::ScalarFunction(call)))
        }
        other => Transformed::no(other),
    })
}

/// A text as what the values beside it are.
fn beside(call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>, DataFusionError> {
    let mut arguments = call.args.into_iter();
    let Some(text) = arguments.next() else {
        return internal_err!("a text and what stands beside it");
    };
    let fields = arguments.filter_map(|value| Some(value.to_field(schema).ok()?.1));
    let field = told(fields.collect::<Vec<_>>().iter().map(AsRef::as_ref));
    let read = match (&field, text_of(&text)) {
        (Some(field), Some(written)) => text_as(written, field)?,
        _ => text,
    };
    Ok(Transformed::yes(read))
}

/// Whether one of several vectors is chosen of which some are texts: the planner forgets that it is
/// more than an array.
fn is_choice_of_vectors(call: &ScalarFunction, schema: &DFSchema) -> bool {
    let is_vector = |value: &Expr| operand(value, schema) == SqlType::Vector;
    CHOOSING.contains(&call.func.name()) && call.args.iter().any(is_vector)
}

const fn is_distinction(op: Operator) -> bool {
    matches!(op, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom)
}

fn read_case(mut case: Case, schema: &DFSchema) -> Result<Transformed<Expr>, DataFusionError> {
    let Case { expr, when_then_expr, else_expr } = &mut case;
    let mut compared = false;
    if let Some(operand) = expr {
        let whens = when_then_expr.iter_mut().map(|(when, _)| &mut **when);
        let values = [&mut **operand].into_iter().chain(whens).collect();
        compared = read_alike(values, schema)?.is_some();
    }
    let results = when_then_expr.iter_mut().map(|(_, then)| &mut **then);
    let results = results.chain(else_expr.as_deref_mut()).collect();
    let chosen = read_alike(results, schema)?;
    let is_vector = chosen.as_ref().is_some_and(|field| SqlType::of(field) == SqlType::Vector);
    let case = Expr::Case(case);
    Ok(if is_vector {
        // The planner forgets that it is more than an array.
        Transformed::yes(as_vector(case))
    } else {
        Transformed::new_transformed(case, compared || chosen.is_some())
    })
}

/// Reads the texts among values that are of one type; what that is, where some were read.
fn read_alike(values: Vec<&mut Expr>, schema: &DFSchema) -> Result<Option<Field>, DataFusionError> {
    if !values.iter().any(|value| text_of(value).is_some()) {
        return Ok(None);
    }
    let Some(field) = values.iter().find_map(|value| told_type(value, schema)) else {
        return Ok(None);
    };
    for value in values {
        if let Some(text) = text_of(value) {
            *value = text_as(text, &field)?;
        }
    }
    Ok(Some(field))
}

/// The type that a value gives texts beside it; none where the planner reads them so itself.
fn told_type(value: &Expr, schema: &DFSchema) -> Option<Field> {
    let sql_type = operand(value, schema);
    let tells =
        matches!(sql_type, SqlType::Vector | SqlType::Interval | SqlType::Bool | SqlType::Uuid)
            || (sql_type.item().is_some() && !sql_type.is_marked());
    let (_, field) = value.to_field(schema).ok().filter(|_| tells)?;
    Some(field.as_ref().clone())
}
