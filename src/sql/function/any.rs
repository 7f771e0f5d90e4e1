//! Whether a value is equal to any item of an array, or less than one, and so on, as PostgreSQL
//! answers it: a NULL in the array leaves open what no other item decides.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Scalar, new_empty_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::compute::kernels::cmp;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::error::ArrowError;
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::temporal::spans;

/// `item op ANY (array)`; the arguments of the function are in the order of `array_has`.
///
/// # Errors
/// There is no such comparison.
pub(in crate::sql) fn any_of(
    item: Expr,
    op: &BinaryOperator,
    array: Expr,
) -> Result<Expr, DataFusionError> {
    let Some(comparison) = Comparison::of(op) else {
        return internal_err!("{op} beside ANY");
    };
    let signature = Signature::user_defined(Volatility::Immutable);
    Ok(ScalarUDF::from(AnyOf { comparison, signature }).call(vec![array, item]))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Comparison {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
}

impl Comparison {
    fn of(op: &BinaryOperator) -> Option<Self> {
        Some(match op {
            BinaryOperator::Eq => Self::Eq,
            BinaryOperator::NotEq => Self::NotEq,
            BinaryOperator::Lt => Self::Lt,
            BinaryOperator::LtEq => Self::LtEq,
            BinaryOperator::Gt => Self::Gt,
            BinaryOperator::GtEq => Self::GtEq,
            _ => return None,
        })
    }

    /// What the comparison of `item` with each of `items` says.
    fn each(self, item: &Scalar<ArrayRef>, items: &ArrayRef) -> Result<BooleanArray, ArrowError> {
        match self {
            Self::Eq => cmp::eq(item, items),
            Self::NotEq => cmp::neq(item, items),
            Self::Lt => cmp::lt(item, items),
            Self::LtEq => cmp::lt_eq(item, items),
            Self::Gt => cmp::gt(item, items),
            Self::GtEq => cmp::gt_eq(item, items),
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AnyOf {
    comparison: Comparison,
    signature: Signature,
}

impl ScalarUDFImpl for AnyOf {
    fn name(&self) -> &'static str {
        match self.comparison {
            Comparison::Eq => "array_has",
            Comparison::NotEq => "array_has other than",
            Comparison::Lt => "array_has greater than",
            Comparison::LtEq => "array_has at least",
            Comparison::Gt => "array_has less than",
            Comparison::GtEq => "array_has at most",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        let [array, item] = arguments else {
            return internal_err!("an array and an item of it");
        };
        // A parameter has no type before it is known.
        let Some(of_items) = innermost(array) else { return Ok(arguments.to_vec()) };
        let common = match (of_items, item) {
            (same, other) if same == other => same.clone(),
            (DataType::Null, known) | (known, DataType::Null) => known.clone(),
            (exact, inexact) | (inexact, exact) if exact.is_decimal() && inexact.is_floating() => {
                DataType::Float64
            }
            (one, other) => match comparison_coercion(one, other) {
                Some(common) => common,
                None => return internal_err!("{item} beside items of {array}"),
            },
        };
        Ok(vec![with_innermost(array, &common), common])
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Boolean)
    }

    /// Equality with constants is a look-up.
    fn simplify(
        &self,
        mut arguments: Vec<Expr>,
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult, DataFusionError> {
        let [array, item] = arguments.as_mut_slice() else {
            return Ok(ExprSimplifyResult::Original(arguments));
        };
        let Expr::Literal(value, _) = array else {
            return Ok(ExprSimplifyResult::Original(arguments));
        };
        if value.is_null() {
            let unknown = Expr::Literal(ScalarValue::Boolean(None), None);
            return Ok(ExprSimplifyResult::Simplified(unknown));
        }
        let ScalarValue::List(list) = &*value else {
            return Ok(ExprSimplifyResult::Original(arguments));
        };
        let items = leaves(&list.value(0))?;
        if self.comparison != Comparison::Eq || is_measured(items.data_type()) {
            return Ok(ExprSimplifyResult::Original(arguments));
        }
        let list = (0..items.len())
            .map(|at| Ok(Expr::Literal(ScalarValue::try_from_array(&items, at)?, None)));
        let list = list.collect::<Result<Vec<_>, DataFusionError>>()?;
        Ok(ExprSimplifyResult::Simplified(if list.is_empty() {
            Expr::Literal(ScalarValue::from(false), None)
        } else {
            Expr::InList(InList::new(Box::new(std::mem::take(item)), list, false))
        }))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let Ok([array, item]) = <[ColumnarValue; 2]>::try_from(arguments.args) else {
            return internal_err!("an array and an item of it");
        };
        let constant = match (&array, &item) {
            (ColumnarValue::Scalar(array), ColumnarValue::Scalar(_)) => Some(array.clone()),
            _ => None,
        };
        let rows = if constant.is_some() { 1 } else { rows };
        let items = comparable(&item.into_array(rows)?)?;
        let arrays = Arrays::of(array)?;
        let answers = (0..rows).map(|row| {
            let Some(found) = arrays.at(row)? else { return Ok(None) };
            let item = Scalar::new(items.slice(row, 1));
            Ok(any(&self.comparison.each(&item, &found)?))
        });
        let answers = answers.collect::<Result<BooleanArray, DataFusionError>>()?;
        Ok(match constant {
            Some(_) => ColumnarValue::Scalar(ScalarValue::try_from_array(&answers, 0)?),
            None => ColumnarValue::Array(Arc::new(answers)),
        })
    }
}

/// One that is true decides; else nothing is known where one is unknown.
fn any(each: &BooleanArray) -> Option<bool> {
    if each.has_true() {
        return Some(true);
    }
    (each.null_count() == 0).then_some(false)
}

/// The arrays that values are compared with.
enum Arrays {
    /// One for all rows.
    One(Option<ArrayRef>),
    Each(ArrayRef),
}

impl Arrays {
    fn of(array: ColumnarValue) -> Result<Self, DataFusionError> {
        Ok(match array {
            ColumnarValue::Array(arrays) => Self::Each(arrays),
            ColumnarValue::Scalar(value) => Self::One(items_at(&value.to_array()?, 0)?),
        })
    }

    /// The items for a row; none where there is no array.
    fn at(&self, row: usize) -> Result<Option<ArrayRef>, DataFusionError> {
        match self {
            Self::One(items) => Ok(items.clone()),
            Self::Each(arrays) => items_at(arrays, row),
        }
    }
}

fn items_at(arrays: &ArrayRef, row: usize) -> Result<Option<ArrayRef>, DataFusionError> {
    if arrays.is_null(row) {
        return Ok(None);
    }
    match arrays.data_type() {
        DataType::List(_) => Ok(Some(comparable(&leaves(&arrays.as_list::<i32>().value(row))?)?)),
        DataType::Null => Ok(None),
        other => internal_err!("an item of {other}"),
    }
}

/// The items of all levels of an array.
fn leaves(items: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let DataType::List(field) = items.data_type() else { return Ok(Arc::clone(items)) };
    let lists = items.as_list::<i32>();
    let inner = (0..lists.len()).filter(|at| lists.is_valid(*at)).map(|at| lists.value(at));
    let inner: Vec<ArrayRef> = inner.collect();
    let inner: Vec<&dyn Array> = inner.iter().map(AsRef::as_ref).collect();
    let inner = match inner.as_slice() {
        [] => new_empty_array(field.data_type()),
        some => concat(some)?,
    };
    leaves(&inner)
}

/// What values are compared by.
fn comparable(values: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    if is_measured(values.data_type()) { spans(values) } else { Ok(Arc::clone(values)) }
}

/// Whether values are compared by how long they are.
fn is_measured(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}

/// The type of the items of an array of one level or several.
pub(in crate::sql) fn innermost(array: &DataType) -> Option<&DataType> {
    let DataType::List(item) = array else { return None };
    Some(innermost(item.data_type()).unwrap_or(item.data_type()))
}

fn with_innermost(array: &DataType, of_items: &DataType) -> DataType {
    match array {
        DataType::List(item) => {
            let item_type = with_innermost(item.data_type(), of_items);
            DataType::List(Arc::new(Field::new_list_field(item_type, true)))
        }
        _ => of_items.clone(),
    }
}
