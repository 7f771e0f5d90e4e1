//! The rule that compares and orders records by their fields: NULL is equal to NULL there and
//! comes behind everything else. The planner compares them in an order of its own, and by names.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::expr::{AggregateFunction, Between, InList, Sort, WindowFunction};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    BinaryExpr, Distinct, DistinctOn, Expr, ExprSchemable, LogicalPlan, Operator, case, lit,
    logical_plan, when,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::made::values;
use crate::sql::function::array_order::place;
use crate::sql::function::comparing::{COMPARING, compares};
use crate::sql::function::operator::{common_type, operand};
use crate::sql::plan::rewritten::rewritten;
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// Functions whose arguments are of one type.
const ALIKE: [&str; 2] = ["coalesce", "make_array"];

/// How many rows may be denied by NOT of what they are compared by: the planner makes a chain of
/// these comparisons, which is as deep as it is long.
pub(in crate::sql) const DENIED_MAX: usize = 100;

/// Puts fields in place of records that are compared; comes before types are made alike.
#[derive(Debug)]
pub(in crate::sql) struct ComparedRecords;

impl AnalyzerRule for ComparedRecords {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(|node| {
            rewritten(node, compared_part)?.transform_data(ordered_node)
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "compared_records"
    }
}

impl ExprPlanner for ComparedRecords {
    /// The same before the types are looked at, which may differ.
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>, DataFusionError> {
        let op = match expr.op {
            BinaryOperator::Eq => Operator::Eq,
            BinaryOperator::NotEq => Operator::NotEq,
            BinaryOperator::Lt => Operator::Lt,
            BinaryOperator::LtEq => Operator::LtEq,
            BinaryOperator::Gt => Operator::Gt,
            BinaryOperator::GtEq => Operator::GtEq,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let is_record = |side: &Expr| matches!(Record::of(side, schema), Ok(Some(_)));
        if !is_record(&expr.left) || !is_record(&expr.right) {
            return Ok(PlannerResult::Original(expr));
        }
        comparison(expr.left, op, expr.right, schema).map(PlannerResult::Planned)
    }
}

/// A node that orders rows, by the fields of records.
fn ordered_node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    Ok(Transformed::yes(match plan {
        LogicalPlan::Sort(logical_plan::Sort { expr, input, fetch }) => {
            let expr = by_fields(expr, input.schema())?;
            LogicalPlan::Sort(logical_plan::Sort { expr, input, fetch })
        }
        LogicalPlan::Distinct(Distinct::On(on)) => {
            let schema = Arc::clone(on.input.schema());
            let ordered = |key: Expr| {
                let mut order = on.sort_expr.iter().flatten();
                let same = order.find(|other| other.expr == key).cloned();
                same.unwrap_or_else(|| key.sort(true, false))
            };
            let keys = on.on_expr.into_iter().map(ordered).collect();
            let on_expr = once_each(by_fields(keys, &schema)?);
            let on_expr = on_expr.into_iter().map(|key| key.expr).collect();
            let sort_expr = on.sort_expr.map(|keys| by_fields(keys, &schema)).transpose()?;
            let sort_expr = sort_expr.map(once_each);
            LogicalPlan::Distinct(Distinct::On(DistinctOn { on_expr, sort_expr, ..on }))
        }
        LogicalPlan::Union(union) => {
            for at in 0..union.schema.fields().len() {
                let fields = union.inputs.iter().map(|input| input.schema().field(at));
                check_alike("UNION", fields.map(|field| field.data_type().clone()))?;
            }
            return Ok(Transformed::no(LogicalPlan::Union(union)));
        }
        other => return Ok(Transformed::no(other)),
    }))
}

/// That values which become one column are no records of different types: the planner would look
/// for fields of the same name.
fn check_alike(what: &str, types: impl Iterator<Item = DataType>) -> Result<(), DataFusionError> {
    let mut records = types.filter(|it| matches!(it, DataType::Struct(_)));
    let Some(first) = records.next() else { return Ok(()) };
    if records.all(|other| other == first) {
        return Ok(());
    }
    Err(SqlError::unsupported(format!("{what} of rows whose columns differ"))
        .with_hint("Write ROW(..) of their columns.")
        .into())
}

/// Keys, with those of the fields in place of a record. NULL is greater than any value in records,
/// as it is in arrays, wherever NULL as a whole is wanted.
fn by_fields(keys: Vec<Sort>, schema: &DFSchema) -> Result<Vec<Sort>, DataFusionError> {
    let mut all = Vec::with_capacity(keys.len());
    for key in keys {
        let Some(record) = Record::of(&key.expr, schema)? else {
            let is_array = matches!(key.expr.get_type(schema)?, DataType::List(_));
            all.push(if is_array { Sort { expr: place(key.expr), ..key } } else { key });
            continue;
        };
        if !record.is_made {
            all.push(key.expr.is_null().sort(!key.nulls_first, key.nulls_first));
        }
        let fields = record.fields.into_iter().map(|field| field.sort(key.asc, !key.asc));
        all.extend(by_fields(fields.collect(), schema)?);
    }
    Ok(all)
}

/// Keys without those that stand behind one of the same value and so order nothing; the planner's
/// operator of DISTINCT ON cannot tell them apart.
fn once_each(keys: Vec<Sort>) -> Vec<Sort> {
    let mut once: Vec<Sort> = Vec::with_capacity(keys.len());
    for key in keys {
        if once.iter().all(|other| other.expr != key.expr) {
            once.push(key);
        }
    }
    once
}

/// A part of an expression whose own parts are done.
fn compared_part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>, DataFusionError> {
    let is_record = |expr: &Expr| matches!(Record::of(expr, schema), Ok(Some(_)));
    Ok(Transformed::yes(match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if compares(op) && is_record(&left) && is_record(&right) =>
        {
            comparison(*left, op, *right, schema)?
        }
        Expr::IsNull(tested) => match Record::of(&tested, schema)? {
            Some(record) => record.tested(Expr::is_null),
            None => return Ok(Transformed::no(Expr::IsNull(tested))),
        },
        Expr::IsNotNull(tested) => match Record::of(&tested, schema)? {
            Some(record) => record.tested(Expr::is_not_null),
            None => return Ok(Transformed::no(Expr::IsNotNull(tested))),
        },
        Expr::Between(Between { expr, negated, low, high }) if is_record(&expr) => {
            let least = comparison(*expr.clone(), Operator::GtEq, *low, schema)?;
            let most = comparison(*expr, Operator::LtEq, *high, schema)?;
            not_if(negated, least.and(most))
        }
        Expr::InList(InList { expr, list, negated }) if is_record(&expr) => {
            let is_long = list.len() > DENIED_MAX;
            let equal =
                list.into_iter().map(|it| comparison(*expr.clone(), Operator::Eq, it, schema));
            let found = any(equal.collect::<Result<_, _>>()?);
            if negated && is_long { opposite(found)? } else { not_if(negated, found) }
        }
        Expr::SetComparison(test)
            if is_record(&test.expr) && !matches!(test.op, Operator::Eq | Operator::NotEq) =>
        {
            return Err(SqlError::unsupported("an order of rows beside ANY or ALL").into());
        }
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            if ["min", "max"].contains(&func.name()) && params.args.iter().any(is_record) {
                let message = format!("function {}(record) does not exist", func.name());
                return Err(SqlError::new(SqlState::UndefinedFunction, message).into());
            }
            params.order_by = by_fields(params.order_by, schema)?;
            Expr::AggregateFunction(AggregateFunction { func, params })
        }
        Expr::WindowFunction(mut call) => {
            let WindowFunction { params, .. } = &mut *call;
            params.order_by = by_fields(std::mem::take(&mut params.order_by), schema)?;
            Expr::WindowFunction(call)
        }
        Expr::ScalarFunction(call)
            if COMPARING.contains(&call.func.name()) && call.args.iter().any(is_record) =>
        {
            return Err(SqlError::unsupported(format!("{} of rows", call.func.name())).into());
        }
        Expr::Case(case) => {
            if case.expr.as_deref().is_some_and(is_record) {
                return Err(SqlError::unsupported("CASE of a row").into());
            }
            let branches = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
            let branches = branches.chain(case.else_expr.as_deref());
            check_alike("CASE", branches.filter_map(|branch| branch.get_type(schema).ok()))?;
            return Ok(Transformed::no(Expr::Case(case)));
        }
        Expr::ScalarFunction(call) if ALIKE.contains(&call.func.name()) => {
            let arguments = call.args.iter().filter_map(|argument| argument.get_type(schema).ok());
            check_alike(call.func.name(), arguments)?;
            return Ok(Transformed::no(Expr::ScalarFunction(call)));
        }
        other => return Ok(Transformed::no(other)),
    }))
}

/// A record whose fields are told apart.
struct Record {
    fields: Vec<Expr>,
    /// Whether it is made where it stands, and is not NULL.
    is_made: bool,
}

impl Record {
    /// None of a value of another type.
    fn of(expr: &Expr, schema: &DFSchema) -> Result<Option<Self>, DataFusionError> {
        if let Some((fields, may_be_null)) = values(expr) {
            return Ok(Some(Self { fields, is_made: !may_be_null }));
        }
        let DataType::Struct(fields) = expr.get_type(schema)? else { return Ok(None) };
        let fields = fields.iter().map(|field| get_field(expr.clone(), field.name().as_str()));
        Ok(Some(Self { fields: fields.collect(), is_made: false }))
    }

    /// Whether the same is true of all fields, those that are records as one value each.
    fn tested(self, test: fn(Expr) -> Expr) -> Expr {
        self.fields.into_iter().map(test).reduce(Expr::and).unwrap_or_else(|| lit(true))
    }
}

/// What a comparison of records is of their fields.
fn comparison(
    left: Expr,
    op: Operator,
    right: Expr,
    schema: &DFSchema,
) -> Result<Expr, DataFusionError> {
    let (Some(of_left), Some(of_right)) = (Record::of(&left, schema)?, Record::of(&right, schema)?)
    else {
        return Err(SqlError::unsupported("a row beside a value that is none").into());
    };
    if of_left.fields.len() != of_right.fields.len() {
        let message = "cannot compare record types with different numbers of columns";
        return Err(SqlError::new(SqlState::DatatypeMismatch, message).into());
    }
    let made = [(left, of_left.is_made), (right, of_right.is_made)];
    let nulls: Vec<Expr> =
        made.into_iter().filter(|(_, made)| !made).map(|(record, _)| record.is_null()).collect();
    let pairs: Vec<(Expr, Expr)> = of_left.fields.into_iter().zip(of_right.fields).collect();
    for ((left, right), place) in pairs.iter().zip(1..) {
        let types = [left, right].map(|field| operand(field, schema));
        if common_type("record", types).is_err() {
            let [left, right] = types.map(SqlType::name);
            let message = format!(
                "cannot compare dissimilar column types {left} and {right} at record column {place}"
            );
            return Err(SqlError::new(SqlState::DatatypeMismatch, message).into());
        }
    }
    let compared = match op {
        Operator::Eq | Operator::IsNotDistinctFrom => equal(pairs, schema)?,
        Operator::NotEq | Operator::IsDistinctFrom => not_if(true, equal(pairs, schema)?),
        Operator::Lt => before(pairs, false, schema)?,
        Operator::LtEq => before(pairs, true, schema)?,
        Operator::Gt => before(swapped(pairs), false, schema)?,
        _ => before(swapped(pairs), true, schema)?,
    };
    let is_strict = !matches!(op, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom);
    let unknown = nulls.into_iter().reduce(Expr::or).filter(|_| is_strict);
    match unknown {
        Some(unknown) => when(unknown, lit(ScalarValue::Boolean(None))).otherwise(compared),
        None => Ok(compared),
    }
}

fn swapped(pairs: Vec<(Expr, Expr)>) -> Vec<(Expr, Expr)> {
    pairs.into_iter().map(|(left, right)| (right, left)).collect()
}

fn equal(pairs: Vec<(Expr, Expr)>, schema: &DFSchema) -> Result<Expr, DataFusionError> {
    let alike = pairs.into_iter().map(|(left, right)| alike(left, right, schema));
    let alike = alike.collect::<Result<Vec<_>, _>>()?;
    Ok(alike.into_iter().reduce(Expr::and).unwrap_or_else(|| lit(true)))
}

/// Whether the first of fields that differ is less on the left; `or_equal` where none differs.
fn before(
    pairs: Vec<(Expr, Expr)>,
    or_equal: bool,
    schema: &DFSchema,
) -> Result<Expr, DataFusionError> {
    pairs.into_iter().rev().try_fold(lit(or_equal), |rest, (left, right)| {
        let same = alike(left.clone(), right.clone(), schema)?;
        let less = if Record::of(&left, schema)?.is_some() {
            comparison(left.clone(), Operator::Lt, right.clone(), schema)?
        } else {
            left.clone().lt(right.clone())
        };
        when(same, rest)
            .when(left.is_null(), lit(false))
            .when(right.is_null(), lit(true))
            .otherwise(less)
    })
}

/// Whether two fields are the same, NULL being the same as NULL.
fn alike(left: Expr, right: Expr, schema: &DFSchema) -> Result<Expr, DataFusionError> {
    if Record::of(&left, schema)?.is_some() && Record::of(&right, schema)?.is_some() {
        return comparison(left, Operator::IsNotDistinctFrom, right, schema);
    }
    Ok(Expr::BinaryExpr(BinaryExpr {
        left: Box::new(left),
        op: Operator::IsNotDistinctFrom,
        right: Box::new(right),
    }))
}

fn not_if(negated: bool, expr: Expr) -> Expr {
    if negated { Expr::Not(Box::new(expr)) } else { expr }
}

/// NOT, as something that the planner does not take apart.
fn opposite(expr: Expr) -> Result<Expr, DataFusionError> {
    case(expr).when(lit(true), lit(false)).when(lit(false), lit(true)).end()
}

/// Whether any of `parts` is true; joined by halves, so that many of them are no deep expression.
fn any(mut parts: Vec<Expr>) -> Expr {
    if parts.len() < 2 {
        return parts.pop().unwrap_or_else(|| lit(false));
    }
    let rest = parts.split_off(parts.len() / 2);
    any(parts).or(any(rest))
}
