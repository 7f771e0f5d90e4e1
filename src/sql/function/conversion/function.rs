//! The function that a cast becomes.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, ListArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Field, IntervalMonthDayNano, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::sql::function::arithmetic::rounded;
use crate::sql::function::scalar::{cast_by_value, is_cast_by_value};
use crate::sql::function::text_column::{is_read, read};
use crate::sql::value::infinity::{days_of, is_infinite, midnight_of};
use crate::sql::value::moment::DAY_US;
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// In a microsecond.
const NANOSECONDS: i64 = 1000;

/// Whether PostgreSQL converts values of a column otherwise than the planner.
pub(super) fn is_converted(from: &Field, to: &DataType) -> bool {
    if SqlType::of(from) == SqlType::Jsonb {
        return is_cast_by_value(to);
    }
    match (from.data_type(), to) {
        (text, to) if text.is_string() => is_read(to),
        (
            DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _),
            DataType::Timestamp(TimeUnit::Microsecond, _),
        ) => from.data_type() != to,
        (DataType::Timestamp(TimeUnit::Microsecond, _), DataType::Date32 | DataType::Time64(_))
        | (DataType::Time64(_), DataType::Interval(_))
        | (DataType::Interval(_), DataType::Time64(_)) => true,
        (DataType::List(from), DataType::List(to)) => {
            is_converted(from, to.data_type()) || is_rounded(from.data_type(), to.data_type())
        }
        _ => false,
    }
}

/// Whether items are fractions that become whole numbers.
fn is_rounded(from: &DataType, to: &DataType) -> bool {
    let fraction = from.is_floating()
        || matches!(from, DataType::Decimal128(_, 1..) | DataType::Decimal256(_, 1..));
    fraction && to.is_signed_integer()
}

/// `value` as one of this type.
pub(super) fn converted(value: Expr, to: &DataType) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::from(Conversion { to: to.clone(), signature }).call(vec![value])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Conversion {
    to: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Conversion {
    fn name(&self) -> &'static str {
        "conversion"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let (Some(value), Some(field)) = (arguments.args.first(), arguments.arg_fields.first())
        else {
            return internal_err!("nothing is converted");
        };
        match value {
            ColumnarValue::Scalar(value) => {
                let converted = convert(&value.to_array()?, field, &self.to)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&converted, 0)?))
            }
            ColumnarValue::Array(values) => {
                Ok(ColumnarValue::Array(convert(values, field, &self.to)?))
            }
        }
    }
}

fn convert(values: &ArrayRef, from: &Field, to: &DataType) -> Result<ArrayRef, DataFusionError> {
    if SqlType::of(from) == SqlType::Jsonb {
        return cast_by_value(values, to);
    }
    match (from.data_type(), to) {
        (text, to) if text.is_string() => {
            read(cast(values, &DataType::Utf8)?.as_string::<i32>(), to)
        }
        (DataType::Date32, DataType::Timestamp(_, zone)) => {
            let moments = values.as_primitive::<Date32Type>().iter().map(|days| {
                days.map(|days| midnight_of(days).ok_or_else(|| out_of_range("timestamp")))
                    .transpose()
            });
            let moments = moments.collect::<Result<TimestampMicrosecondArray, _>>()?;
            Ok(Arc::new(moments.with_timezone_opt(zone.clone())))
        }
        // Clocks without a zone show the time of UTC.
        (DataType::Timestamp(..), DataType::Timestamp(_, zone)) => {
            let moments = values.as_primitive::<TimestampMicrosecondType>().clone();
            Ok(Arc::new(moments.with_timezone_opt(zone.clone())))
        }
        (DataType::Timestamp(..), DataType::Date32) => {
            let moments = values.as_primitive::<TimestampMicrosecondType>().iter();
            let days = moments.map(|moment| moment.map(days_of));
            Ok(Arc::new(days.collect::<Date32Array>()))
        }
        (DataType::Timestamp(..), DataType::Time64(_)) => {
            let moments = values.as_primitive::<TimestampMicrosecondType>().iter();
            // An infinite one has no time of day.
            let times = moments.map(|moment| {
                moment.filter(|it| !is_infinite(*it)).map(|it| it.rem_euclid(DAY_US))
            });
            let times: ArrayRef = Arc::new(times.collect::<Time64MicrosecondArray>());
            Ok(cast(&times, to)?)
        }
        (DataType::Time64(_), DataType::Interval(_)) => {
            let times = cast(values, &DataType::Time64(TimeUnit::Microsecond))?;
            let times = times.as_primitive::<Time64MicrosecondType>();
            let lengths = times.unary::<_, IntervalMonthDayNanoType>(|time| {
                IntervalMonthDayNano::new(0, 0, time * NANOSECONDS)
            });
            Ok(Arc::new(lengths))
        }
        (DataType::Interval(_), DataType::Time64(_)) => {
            let lengths = values.as_primitive::<IntervalMonthDayNanoType>();
            let times = lengths.unary::<_, Time64MicrosecondType>(|length| {
                (length.nanoseconds / NANOSECONDS).rem_euclid(DAY_US)
            });
            Ok(cast(&times, to)?)
        }
        (DataType::List(from), DataType::List(item)) => {
            let lists = values.as_list::<i32>();
            let items = if is_rounded(from.data_type(), item.data_type()) {
                cast(&rounded(lists.values())?, item.data_type())?
            } else {
                convert(lists.values(), from, item.data_type())?
            };
            let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, items, nulls)?))
        }
        (from, to) => internal_err!("a conversion of {from} to {to}"),
    }
}

fn out_of_range(to: &str) -> SqlError {
    let message = format!("date out of range for {to}");
    SqlError::new(SqlState::DatetimeFieldOverflow, message)
}
