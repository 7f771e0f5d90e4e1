//! How long an interval is: a month has 30 days and a day 24 hours, where intervals are compared.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

const DAY_NANOSECONDS: i128 = 86_400_000_000_000;

/// The length of `interval` as a number.
pub(in crate::sql) fn span(interval: Expr) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::from(Span { signature }).call(vec![interval])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Span {
    signature: Signature,
}

impl ScalarUDFImpl for Span {
    fn name(&self) -> &'static str {
        "span of interval"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Decimal128(38, 0))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let Some(intervals) = arguments.args.first() else {
            return internal_err!("a span of nothing");
        };
        Ok(ColumnarValue::Array(spans(&intervals.to_array(arguments.number_rows)?)?))
    }
}

/// How long each of these intervals is.
pub(in crate::sql) fn spans(intervals: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let intervals = cast(intervals, &DataType::Interval(IntervalUnit::MonthDayNano))?;
    let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
    let spans = intervals.iter().map(|interval| interval.map(nanoseconds));
    let spans = spans.collect::<Decimal128Array>().with_precision_and_scale(38, 0)?;
    Ok(Arc::new(spans))
}

/// How long an interval is.
pub(super) fn nanoseconds(interval: IntervalMonthDayNano) -> i128 {
    let days = i128::from(interval.months) * 30 + i128::from(interval.days);
    days * DAY_NANOSECONDS + i128::from(interval.nanoseconds)
}
