//! `timestamp - timestamp`: days, and what is left of the last one.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::super::{SqlError, SqlState};

const DAY_US: i64 = 86_400_000_000;

/// `later - earlier`.
pub(super) fn difference(later: Expr, earlier: Expr) -> Expr {
    let signature = Signature::any(2, Volatility::Immutable);
    ScalarUDF::from(Difference { signature }).call(vec![later, earlier])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Difference {
    signature: Signature,
}

impl ScalarUDFImpl for Difference {
    fn name(&self) -> &'static str {
        "difference of timestamps"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Interval(IntervalUnit::MonthDayNano))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let moments = arguments.args.iter().map(|argument| {
            let moments = argument.to_array(rows)?;
            Ok(cast(&moments, &DataType::Timestamp(TimeUnit::Microsecond, None))?)
        });
        let moments = moments.collect::<Result<Vec<_>, DataFusionError>>()?;
        let [later, earlier] = moments.as_slice() else { return internal_err!("two moments") };
        let pairs = later
            .as_primitive::<TimestampMicrosecondType>()
            .iter()
            .zip(earlier.as_primitive::<TimestampMicrosecondType>());
        let lengths = pairs.map(|pair| match pair {
            (Some(later), Some(earlier)) => between(later, earlier).map(Some),
            _ => Ok(None),
        });
        let lengths = lengths.collect::<Result<PrimitiveArray<IntervalMonthDayNanoType>, _>>()?;
        Ok(ColumnarValue::Array(Arc::new(lengths)))
    }
}

fn between(later: i64, earlier: i64) -> Result<IntervalMonthDayNano, SqlError> {
    let out_of_range = || SqlError::new(SqlState::DatetimeFieldOverflow, "interval out of range");
    let length = later.checked_sub(earlier).ok_or_else(out_of_range)?;
    let days = i32::try_from(length / DAY_US).map_err(|_| out_of_range())?;
    Ok(IntervalMonthDayNano { months: 0, days, nanoseconds: length % DAY_US * 1000 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_have_the_sign_of_the_whole() {
        let length = between(0, DAY_US + 5).unwrap();
        assert_eq!((length.months, length.days, length.nanoseconds), (0, -1, -5000));
        assert!(between(i64::MAX, i64::MIN).is_err());
    }
}
