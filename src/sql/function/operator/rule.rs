//! The rule that checks what the planner makes no binary operator of: conditions, lists, patterns,
//! branches and casts. It looks at a plan as the statement wrote it, and changes nothing.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, JoinType, NullEquality};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::{AggregateFunction, InList, InSubquery, ScalarFunction};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, Case, Cast, Distinct, Expr, Like, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::common::common_type;
use super::known::{are_comparable, is_cast};
use super::operand::{Class, no_condition, no_operator, operand};
use crate::sql::answer::undefined::refusal;
use crate::sql::answer::wording::no_value;
use crate::sql::grammar::marker::{TO_JSONB, TO_UUID};
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// Functions whose arguments are to be of one type, and what PostgreSQL calls them.
const OF_ONE_TYPE: [(&str, &str); 4] = [
    ("coalesce", "COALESCE"),
    ("greatest", "GREATEST"),
    ("least", "LEAST"),
    ("make_array", "ARRAY"),
];

/// Refuses operands of types that PostgreSQL has no operator for.
#[derive(Debug)]
pub(in crate::sql) struct CheckedOperands;

impl AnalyzerRule for CheckedOperands {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.apply_with_subqueries(|node| {
            check_node(node)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(plan)
    }

    fn name(&self) -> &'static str {
        "checked_operands"
    }
}

fn check_node(node: &LogicalPlan) -> Result<(), DataFusionError> {
    match node {
        LogicalPlan::Union(union) => {
            let inputs: Vec<&LogicalPlan> = union.inputs.iter().map(AsRef::as_ref).collect();
            check_columns("UNION", union.schema.fields().len(), &inputs)?;
        }
        // No statement writes such a join: NULL is equal to NULL.
        LogicalPlan::Join(join) if join.null_equality == NullEquality::NullEqualsNull => {
            let of = if join.join_type == JoinType::LeftSemi { "INTERSECT" } else { "EXCEPT" };
            check_columns(of, join.schema.fields().len(), &[&*join.left, &*join.right])?;
        }
        _ => {}
    }
    let schema = merge_schema(&node.inputs());
    node.apply_expressions(|expr| {
        expr.apply(|part| {
            check(part, &schema)?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(())
}

fn check(part: &Expr, schema: &DFSchema) -> Result<(), SqlError> {
    match part {
        Expr::Like(like) => check_like(like, schema),
        Expr::Between(Between { expr, negated, low, high }) => {
            let ops = if *negated { ["<", ">"] } else { [">=", "<="] };
            check_compared(expr, ops[0], low, schema)?;
            check_compared(expr, ops[1], high, schema)
        }
        Expr::InList(InList { expr, list, negated }) => {
            let op = if *negated { "<>" } else { "=" };
            list.iter().try_for_each(|item| check_compared(expr, op, item, schema))
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            let Some(column) = subquery.subquery.schema().fields().first() else { return Ok(()) };
            let op = if *negated { "<>" } else { "=" };
            compared(operand(expr, schema), op, SqlType::of(column))
        }
        Expr::Case(case) => check_case(case, schema),
        Expr::Not(condition) => check_condition("NOT", condition, schema),
        Expr::IsTrue(condition) => check_condition("IS TRUE", condition, schema),
        Expr::IsFalse(condition) => check_condition("IS FALSE", condition, schema),
        Expr::IsNotTrue(condition) => check_condition("IS NOT TRUE", condition, schema),
        Expr::IsNotFalse(condition) => check_condition("IS NOT FALSE", condition, schema),
        Expr::AggregateFunction(call) => check_aggregate(call, schema),
        Expr::ScalarFunction(call) => check_call(call, schema),
        Expr::Cast(Cast { expr, field }) => check_cast(operand(expr, schema), SqlType::of(field)),
        _ => Ok(()),
    }
}

fn check_like(like: &Like, schema: &DFSchema) -> Result<(), SqlError> {
    let (left, right) = (operand(&like.expr, schema), operand(&like.pattern, schema));
    let is_text = |of| matches!(Class::of(of), Class::Text | Class::Open | Class::Bytea);
    if is_text(left) && is_text(right) {
        return Ok(());
    }
    let not = if like.negated { "!" } else { "" };
    let cases = if like.case_insensitive { "*" } else { "" };
    Err(no_operator(left, &format!("{not}~~{cases}"), right))
}

fn check_compared(left: &Expr, op: &str, right: &Expr, schema: &DFSchema) -> Result<(), SqlError> {
    compared(operand(left, schema), op, operand(right, schema))
}

/// That values of these types are compared with each other.
///
/// # Errors
/// 42883 where they are not.
pub(in crate::sql) fn compared(left: SqlType, op: &str, right: SqlType) -> Result<(), SqlError> {
    if are_comparable((Class::of(left), Class::of(right))) {
        return Ok(());
    }
    Err(no_operator(left, op, right))
}

/// A condition of an aggregate, and arguments that the planner would pass over.
fn check_aggregate(call: &AggregateFunction, schema: &DFSchema) -> Result<(), SqlError> {
    let params = &call.params;
    params.filter.iter().try_for_each(|filter| check_condition("FILTER", filter, schema))?;
    let types: Vec<SqlType> =
        params.args.iter().map(|argument| operand(argument, schema)).collect();
    let name = call.func.name();
    let unknown = match (name, types.as_slice()) {
        ("count", [_, _, ..]) => true,
        ("string_agg", [_, separator]) => {
            !matches!(Class::of(*separator), Class::Text | Class::Open | Class::Bytea)
        }
        _ => false,
    };
    if unknown {
        let names: Vec<&str> = types.into_iter().map(SqlType::name).collect();
        return Err(refusal(name, &names));
    }
    Ok(())
}

/// Arguments that are to be of one type, and a cast that is the call of a function.
fn check_call(call: &ScalarFunction, schema: &DFSchema) -> Result<(), SqlError> {
    let name = call.func.name();
    if let Some((_, written)) = OF_ONE_TYPE.iter().find(|(planned, _)| *planned == name) {
        let types = call.args.iter().map(|argument| operand(argument, schema));
        return common_type(written, types).map(|_| ());
    }
    if let ("nullif", [left, right]) = (name, call.args.as_slice()) {
        return check_compared(left, "=", right, schema);
    }
    let to = match name {
        TO_JSONB => SqlType::Jsonb,
        TO_UUID => SqlType::Uuid,
        _ => return Ok(()),
    };
    call.args.first().map_or(Ok(()), |from| check_cast(operand(from, schema), to))
}

fn check_condition(of: &str, condition: &Expr, schema: &DFSchema) -> Result<(), SqlError> {
    if let Expr::Literal(value, _) = condition
        && let Some(Some(text)) = value.try_as_str()
    {
        let read = ScalarValue::from(text.trim()).cast_to(&SqlType::Bool.arrow_type());
        return read.map_or_else(|_| Err(no_value(text, "Boolean")), |_| Ok(()));
    }
    let sql_type = operand(condition, schema);
    match Class::of(sql_type) {
        Class::Bool | Class::Open => Ok(()),
        _ => Err(no_condition(of, sql_type)),
    }
}

fn check_case(case: &Case, schema: &DFSchema) -> Result<(), SqlError> {
    for (when, _) in &case.when_then_expr {
        match &case.expr {
            Some(base) => check_compared(base, "=", when, schema)?,
            None => check_condition("CASE/WHEN", when, schema)?,
        }
    }
    let branches = case.when_then_expr.iter().map(|(_, then)| then);
    let types = case.else_expr.iter().chain(branches).map(|branch| operand(branch, schema));
    common_type("CASE", types).map(|_| ())
}

/// That the columns of queries beside each other are of one type.
fn check_columns(of: &str, count: usize, queries: &[&LogicalPlan]) -> Result<(), SqlError> {
    for at in 0..count {
        common_type(of, queries.iter().map(|query| column(query, at)))?;
    }
    Ok(())
}

/// The type of a column of a query; a text that a query writes there is of any.
fn column(query: &LogicalPlan, at: usize) -> SqlType {
    match query {
        LogicalPlan::Projection(projection) => projection
            .expr
            .get(at)
            .map_or(SqlType::Unknown, |expr| operand(expr, projection.input.schema())),
        LogicalPlan::Distinct(Distinct::All(input)) => column(input, at),
        LogicalPlan::SubqueryAlias(alias) => column(&alias.input, at),
        other => other.schema().fields().get(at).map_or(SqlType::Unknown, |of| SqlType::of(of)),
    }
}

fn check_cast(from: SqlType, to: SqlType) -> Result<(), SqlError> {
    if is_cast(from, to) {
        return Ok(());
    }
    let message = format!("cannot cast type {} to {}", from.name(), to.name());
    Err(SqlError::new(SqlState::CannotCoerce, message))
}
