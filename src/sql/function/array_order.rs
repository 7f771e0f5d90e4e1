//! Arrays as PostgreSQL compares them: NULL is the greatest item, and in no other array. The
//! planner takes it for the least, and NULL as a whole for an array of nothing.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, ListArray};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::DFSchema;
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::SetComparison;
use datafusion::logical_expr::{
    Between, BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use super::comparing::orders;
use super::emptied::{ADDING, emptied};
use super::extreme::extreme;
use crate::sql::plan::rewritten::{keyed, rewritten};

/// The planner's functions behind `@>` and `&&`.
const HAS_ALL: &str = "array_has_all";
const HAS_ANY: &str = "array_has_any";

/// Compares arrays; comes behind the rule that gives both sides of an operator one type.
#[derive(Debug)]
pub(in crate::sql) struct ComparedArrays;

impl AnalyzerRule for ComparedArrays {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(|node| rewritten(node, compared)).data()
    }

    fn name(&self) -> &'static str {
        "compared_arrays"
    }
}

fn compared(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>, DataFusionError> {
    let is_array = |expr: &Expr| matches!(expr.get_type(schema), Ok(DataType::List(_)));
    Ok(match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if orders(op) && is_array(&left) && is_array(&right) =>
        {
            let (left, right) = (Box::new(place(*left)), Box::new(place(*right)));
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right }))
        }
        Expr::Between(Between { expr, negated, low, high })
            if [&expr, &low, &high].into_iter().all(|part| is_array(part)) =>
        {
            let place = |part: Box<Expr>| Box::new(place(*part));
            let between = Between::new(place(expr), negated, place(low), place(high));
            Transformed::yes(Expr::Between(between))
        }
        Expr::ScalarFunction(call)
            if ["greatest", "least"].contains(&call.func.name())
                && call.args.iter().all(is_array) =>
        {
            match call.args.first().map(|first| first.get_type(schema)) {
                Some(Ok(data_type)) => {
                    Transformed::yes(extreme(call.func.name(), data_type, places, call.args))
                }
                _ => Transformed::no(Expr::ScalarFunction(call)),
            }
        }
        Expr::ScalarFunction(call)
            if [HAS_ALL, HAS_ANY].contains(&call.func.name()) && call.args.iter().all(is_array) =>
        {
            let function = ArrayFunction::new(if call.func.name() == HAS_ALL {
                What::HasAll
            } else {
                What::HasAny
            });
            Transformed::yes(ScalarUDF::from(function).call(call.args))
        }
        Expr::ScalarFunction(mut call) if ADDING.contains(&call.func.name()) => {
            let emptied = |arg: Expr| if is_array(&arg) { emptied(arg) } else { arg };
            call.args = call.args.into_iter().map(emptied).collect();
            Transformed::yes(Expr::ScalarFunction(call))
        }
        Expr::SetComparison(test) if orders(test.op) && is_array(&test.expr) => {
            let subquery = keyed(test.subquery, |row, _| place(row))?;
            let expr = Box::new(place(*test.expr));
            Transformed::yes(Expr::SetComparison(SetComparison { expr, subquery, ..test }))
        }
        other => Transformed::no(other),
    })
}

/// Where `array` comes among others, as bytes.
pub(super) fn place(array: Expr) -> Expr {
    ScalarUDF::from(ArrayFunction::new(What::Place)).call(vec![array])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Place,
    HasAll,
    HasAny,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ArrayFunction {
    what: What,
    signature: Signature,
}

impl ArrayFunction {
    fn new(what: What) -> Self {
        let arguments = if what == What::Place { 1 } else { 2 };
        Self { what, signature: Signature::any(arguments, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ArrayFunction {
    fn name(&self) -> &'static str {
        match self.what {
            What::Place => "place of array",
            What::HasAll => "array has all",
            What::HasAny => "array has any",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(if self.what == What::Place { DataType::Binary } else { DataType::Boolean })
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let columns = arguments.args.into_iter().map(|argument| argument.into_array(rows));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        Ok(ColumnarValue::Array(match columns.as_slice() {
            [arrays] => places(arrays)?,
            [arrays, others] => has(arrays.as_list(), others.as_list(), self.what)?,
            _ => return internal_err!("an array, or two of them"),
        }))
    }
}

/// Bytes that are ordered as these arrays are; NULL where an array is.
fn places(arrays: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let nulls_last = SortOptions { descending: false, nulls_first: false };
    let field = SortField::new_with_options(arrays.data_type().clone(), nulls_last);
    let rows = RowConverter::new(vec![field])?.convert_columns(&[Arc::clone(arrays)])?;
    let places = (0..arrays.len()).map(|row| arrays.is_valid(row).then(|| rows.row(row).data()));
    Ok(Arc::new(places.collect::<BinaryArray>()))
}

/// Whether each of `arrays` has all items of the other beside it, or any.
fn has(arrays: &ListArray, others: &ListArray, what: What) -> Result<ArrayRef, DataFusionError> {
    let (left, right) = (items(arrays), items(others));
    let converter = RowConverter::new(vec![SortField::new(left.data_type().clone())])?;
    let left_rows = converter.convert_columns(&[Arc::clone(&left)])?;
    let right_rows = converter.convert_columns(&[Arc::clone(&right)])?;
    let answers = (0..arrays.len()).map(|row| {
        if arrays.is_null(row) || others.is_null(row) {
            return None;
        }
        let values = items_of(arrays, row).filter(|at| left.is_valid(*at));
        let values: HashSet<_> = values.map(|at| left_rows.row(at)).collect();
        let mut asked = items_of(others, row);
        let found = |at: usize| right.is_valid(at) && values.contains(&right_rows.row(at));
        Some(if what == What::HasAll { asked.all(found) } else { asked.any(found) })
    });
    Ok(Arc::new(answers.collect::<BooleanArray>()))
}

/// The items of all arrays, of those in them where there are several dimensions.
fn items(arrays: &ListArray) -> ArrayRef {
    match arrays.values().as_list_opt::<i32>() {
        Some(inner) => items(inner),
        None => Arc::clone(arrays.values()),
    }
}

/// Where the items of one array are.
fn items_of(arrays: &ListArray, row: usize) -> Range<usize> {
    fn within(arrays: &ListArray, rows: Range<usize>) -> Range<usize> {
        let offset = |row: usize| usize::try_from(arrays.value_offsets()[row]).unwrap_or_default();
        let items = offset(rows.start)..offset(rows.end);
        match arrays.values().as_list_opt::<i32>() {
            Some(inner) => within(inner, items),
            None => items,
        }
    }
    within(arrays, row..row + 1)
}
