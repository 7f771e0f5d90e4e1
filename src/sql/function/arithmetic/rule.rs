//! The rule that puts checked functions in place of operators and casts of numbers.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator, ScalarUDF, cast, lit,
};
use datafusion::optimizer::AnalyzerRule;

use super::function::{Checked, Narrowed, Rounded};
use crate::sql::plan::rewritten::rewritten;

/// Checks arithmetic; comes behind the rule that gives both sides of an operator one type.
#[derive(Debug)]
pub(in crate::sql) struct CheckedArithmetic;

impl AnalyzerRule for CheckedArithmetic {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(|node| {
            rewritten(node, |part, schema| Ok(checked(part, schema)))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "checked_arithmetic"
    }
}

fn checked(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if is_checked(op, &left, &right, schema) =>
        {
            let operator = ScalarUDF::from(Checked::new(op));
            Transformed::yes(operator.call(vec![*left, *right]))
        }
        // What is not a number has no sign.
        Expr::Negative(number) => match number.get_type(schema) {
            Ok(DataType::Float64) => Transformed::yes(product(*number, lit(-1.0_f64))),
            Ok(DataType::Float32) => Transformed::yes(product(*number, lit(-1.0_f32))),
            _ => Transformed::no(Expr::Negative(number)),
        },
        Expr::Cast(Cast { expr, field }) if is_whole(field.data_type()) => {
            let (expr, changed) = rounded(*expr, schema);
            let cast = Expr::Cast(Cast { expr: Box::new(expr), field });
            if changed { Transformed::yes(cast) } else { Transformed::no(cast) }
        }
        Expr::Cast(Cast { expr, field }) if *field.data_type() == DataType::Float32 => {
            let wide = expr.get_type(schema).is_ok_and(|from| from == DataType::Float64);
            if wide {
                return Transformed::yes(ScalarUDF::from(Narrowed::default()).call(vec![*expr]));
            }
            Transformed::no(Expr::Cast(Cast { expr, field }))
        }
        Expr::ScalarFunction(call) if rounds_fraction(&call, schema) => {
            Transformed::yes(ScalarUDF::from(Rounded::default()).call(call.args))
        }
        other => Transformed::no(other),
    }
}

fn product(left: Expr, right: Expr) -> Expr {
    ScalarUDF::from(Checked::new(Operator::Multiply)).call(vec![left, right])
}

/// Whether `call` is `round` of a `real` or `double precision`.
fn rounds_fraction(call: &ScalarFunction, schema: &DFSchema) -> bool {
    let [number] = call.args.as_slice() else { return false };
    call.func.name() == "round" && number.get_type(schema).is_ok_and(|of| of.is_floating())
}

fn is_whole(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int16 | DataType::Int32 | DataType::Int64)
}

/// Whether an operator between such operands can leave what their type holds.
fn is_checked(op: Operator, left: &Expr, right: &Expr, schema: &DFSchema) -> bool {
    if !matches!(
        op,
        Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide | Operator::Modulo
    ) {
        return false;
    }
    let (Ok(left), Ok(right)) = (type_of(left, schema), type_of(right, schema)) else {
        return false;
    };
    let fraction = matches!(left, DataType::Float32 | DataType::Float64);
    left == right && (is_whole(&left) || fraction)
}

/// The type of an operand. Both sides of a checked operator have its type, so that a long chain of
/// them need not be walked for each of its parts.
fn type_of(expr: &Expr, schema: &DFSchema) -> Result<DataType, DataFusionError> {
    let mut operand = expr;
    while let Expr::ScalarFunction(call) = operand
        && Checked::NAMES.contains(&call.func.name())
        && let [_, right] = call.args.as_slice()
    {
        operand = right;
    }
    operand.get_type(schema)
}

/// What is cast to a whole number, rounded before, and whether that changed it.
fn rounded(expr: Expr, schema: &DFSchema) -> (Expr, bool) {
    match expr.get_type(schema) {
        // The cast to fewer digits rounds away from zero in the middle, as PostgreSQL does.
        Ok(DataType::Decimal128(digits, 1..)) => {
            (cast(expr, DataType::Decimal128(digits, 0)), true)
        }
        Ok(DataType::Decimal256(digits, 1..)) => {
            (cast(expr, DataType::Decimal256(digits, 0)), true)
        }
        Ok(DataType::Float32 | DataType::Float64) => {
            (ScalarUDF::from(Rounded::default()).call(vec![expr]), true)
        }
        _ => (expr, false),
    }
}
