//! The rule that compares zeros: `-0` is no less than `0`, and one of those that equal it, where
//! the planner compares bits. Columns of the tables hold no `-0`; arithmetic makes it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::unary;
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::DFSchema;
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{
    Between, BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::comparing::orders;
use crate::sql::plan::rewritten::rewritten;

/// What is never `-0`, and looked for as it is written.
const DISTANCES: [&str; 5] = [
    "cosine_distance",
    "inner_product",
    "l1_distance",
    "l2_distance",
    "vector_negative_inner_product",
];

/// Compares zeros as equal; comes behind the rule that gives both sides of an operator one type.
#[derive(Debug)]
pub(in crate::sql) struct ComparedZeros;

impl AnalyzerRule for ComparedZeros {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(|node| {
            if !compares(&node)? {
                return Ok(Transformed::no(node));
            }
            let inputs: Vec<LogicalPlan> = node.inputs().into_iter().cloned().collect();
            rewritten(node, |part, schema| Ok(compared(part, schema, &inputs)))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "compared_zeros"
    }
}

/// Whether anything in a node tells what is less, or looks for something in a list.
fn compares(node: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut found = false;
    node.apply_expressions(|expr| {
        found = expr.exists(|part| {
            Ok(match part {
                Expr::BinaryExpr(BinaryExpr { op, .. }) => orders(*op),
                Expr::Between(_) | Expr::InList(_) => true,
                _ => false,
            })
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn compared(part: Expr, schema: &DFSchema, inputs: &[LogicalPlan]) -> Transformed<Expr> {
    let is_made = |expr: &Expr| may_be_negative(expr, inputs) && is_fraction(expr, schema);
    let one = |expr: Box<Expr>| if is_made(&expr) { Box::new(one_zero(*expr)) } else { expr };
    match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if orders(op) && (is_made(&left) || is_made(&right)) =>
        {
            let (left, right) = (one(left), one(right));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::Between(Between { expr, negated, low, high })
            if [&expr, &low, &high].into_iter().any(|part| is_made(part)) =>
        {
            let between = Between::new(one(expr), negated, one(low), one(high));
            Transformed::yes(Expr::Between(between))
        }
        Expr::InList(InList { expr, list, negated })
            if is_made(&expr) || list.iter().any(is_made) =>
        {
            let list = list.into_iter().map(|item| *one(Box::new(item))).collect();
            Transformed::yes(Expr::InList(InList::new(one(expr), list, negated)))
        }
        other => Transformed::no(other),
    }
}

/// Whether `expr`, over the columns of `inputs`, may be `-0`: it is no column of a table, and no
/// distance, which is looked for as it is written.
fn may_be_negative<'a>(expr: &Expr, inputs: impl IntoIterator<Item = &'a LogicalPlan>) -> bool {
    match expr {
        Expr::Alias(alias) => may_be_negative(&alias.expr, inputs),
        Expr::Literal(ScalarValue::Float32(Some(number)), _) => number.is_sign_negative(),
        Expr::Literal(ScalarValue::Float64(Some(number)), _) => number.is_sign_negative(),
        Expr::ScalarFunction(call) => !DISTANCES.contains(&call.func.name()),
        Expr::Column(column) => {
            let found =
                |input: &&LogicalPlan| input.schema().maybe_index_of_column(column).is_some();
            let Some(input) = inputs.into_iter().find(found) else { return true };
            match input.schema().maybe_index_of_column(column) {
                Some(at) => column_may_be_negative(input, at),
                None => true,
            }
        }
        _ => true,
    }
}

fn column_may_be_negative(plan: &LogicalPlan, at: usize) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => false,
        LogicalPlan::Projection(projection) => {
            let expr = projection.expr.get(at);
            expr.is_none_or(|expr| may_be_negative(expr, [projection.input.as_ref()]))
        }
        LogicalPlan::SubqueryAlias(alias) => column_may_be_negative(&alias.input, at),
        LogicalPlan::Filter(filter) => column_may_be_negative(&filter.input, at),
        LogicalPlan::Sort(sort) => column_may_be_negative(&sort.input, at),
        LogicalPlan::Limit(limit) => column_may_be_negative(&limit.input, at),
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            let sides = left + join.right.schema().fields().len();
            if join.schema.fields().len() != sides {
                return true;
            }
            match at.checked_sub(left) {
                Some(at) => column_may_be_negative(&join.right, at),
                None => column_may_be_negative(&join.left, at),
            }
        }
        _ => true,
    }
}

fn is_fraction(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr.get_type(schema), Ok(DataType::Float32 | DataType::Float64))
}

/// `fraction` with 0 in place of `-0`.
fn one_zero(fraction: Expr) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::from(OneZero { signature }).call(vec![fraction])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OneZero {
    signature: Signature,
}

impl ScalarUDFImpl for OneZero {
    fn name(&self) -> &'static str {
        "one zero"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let [fraction] = arguments else { return internal_err!("one fraction has one zero") };
        Ok(fraction.clone())
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let Some(fractions) = arguments.args.first() else {
            return internal_err!("no fraction has no zero");
        };
        let fractions = fractions.to_array(arguments.number_rows)?;
        // A sum of both zeros is 0.
        Ok(ColumnarValue::Array(match fractions.data_type() {
            DataType::Float32 => {
                let fractions = fractions.as_primitive::<Float32Type>();
                Arc::new(unary::<_, _, Float32Type>(fractions, |it| it + 0.0)) as ArrayRef
            }
            DataType::Float64 => {
                let fractions = fractions.as_primitive::<Float64Type>();
                Arc::new(unary::<_, _, Float64Type>(fractions, |it| it + 0.0))
            }
            _ => fractions,
        }))
    }
}
