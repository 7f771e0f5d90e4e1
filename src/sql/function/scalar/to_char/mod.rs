//! `to_char`: numbers and moments as text by one of PostgreSQL's patterns.

mod length;
mod moment;
mod number;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType as Moment,
};
use datafusion::common::plan_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::sql::SqlError;
use crate::sql::answer::wording::type_name;
use crate::sql::function::temporal::INTERVAL;

/// Longest pattern; results are not counted by the memory pool.
const PATTERN_BYTES_MAX: usize = 256;

pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(ToChar { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToChar {
    signature: Signature,
}

const UTC: &str = "UTC";

fn moments(zone: Option<&str>) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into))
}

impl ScalarUDFImpl for ToChar {
    fn name(&self) -> &'static str {
        "to_char"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        let [value, pattern] = arguments else {
            return plan_err!("No function matches to_char with these arguments");
        };
        let is_pattern = pattern.is_string() || pattern.is_null();
        let value = match value {
            DataType::Timestamp(_, None) => moments(None),
            // A date is one with a zone, as in PostgreSQL.
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => moments(Some(UTC)),
            DataType::Interval(_) => INTERVAL,
            DataType::Time64(_) | DataType::Time32(_) => DataType::Time64(TimeUnit::Microsecond),
            number if number.is_numeric() => number.clone(),
            DataType::Null => DataType::Float64,
            other => {
                let name = type_name(&other.to_string()).to_owned();
                return plan_err!("No function matches: to_char({name}, text) does not exist");
            }
        };
        if !is_pattern {
            return plan_err!("No function matches to_char with these arguments");
        }
        Ok(vec![value, DataType::Utf8])
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let [values, patterns] = arguments.args.as_slice() else {
            return plan_err!("No function matches to_char with these arguments");
        };
        let constant =
            [values, patterns].iter().all(|side| matches!(side, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let texts = formatted(&values.to_array(rows)?, &patterns.to_array(rows)?)?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&texts, 0)?)
        } else {
            ColumnarValue::Array(texts)
        })
    }
}

fn formatted(values: &ArrayRef, patterns: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let patterns = patterns.as_string::<i32>().iter();
    let has_zone = matches!(values.data_type(), DataType::Timestamp(_, Some(_)));
    let texts: StringArray = if let Some(lengths) = lengths(values) {
        let texts = lengths.into_iter().zip(patterns).map(|(length, pattern)| {
            let (Some(length), Some(pattern)) = (length, pattern) else { return Ok(None) };
            length::formatted(length, checked(pattern)?).map(Some)
        });
        texts.collect::<Result<_, SqlError>>()?
    } else if let Some(moments) = values.as_primitive_opt::<Moment>() {
        let texts = moments.iter().zip(patterns).map(|(moment, pattern)| {
            let (Some(moment), Some(pattern)) = (moment, pattern) else { return Ok(None) };
            moment::formatted(moment, has_zone, checked(pattern)?)
        });
        texts.collect::<Result<_, SqlError>>()?
    } else {
        let digits = cast(values, &DataType::Utf8)?;
        let texts = digits.as_string::<i32>().iter().zip(patterns).map(|(digits, pattern)| {
            let (Some(digits), Some(pattern)) = (digits, pattern) else { return Ok(None) };
            number::formatted(digits, checked(pattern)?).map(Some)
        });
        texts.collect::<Result<_, SqlError>>()?
    };
    Ok(Arc::new(texts))
}

/// Lengths of time, which times of day are as well; none for other values.
fn lengths(values: &ArrayRef) -> Option<Vec<Option<IntervalMonthDayNano>>> {
    if let Some(lengths) = values.as_primitive_opt::<IntervalMonthDayNanoType>() {
        return Some(lengths.iter().collect());
    }
    let times = values.as_primitive_opt::<Time64MicrosecondType>()?.iter();
    let length = |time: i64| IntervalMonthDayNano::new(0, 0, time * 1000);
    Some(times.map(|time| time.map(length)).collect())
}

pub(super) fn checked(pattern: &str) -> Result<&str, SqlError> {
    if pattern.len() <= PATTERN_BYTES_MAX {
        return Ok(pattern);
    }
    Err(SqlError::unsupported(format!("a pattern of more than {PATTERN_BYTES_MAX} bytes")))
}

/// What stands in a pattern and is not known here.
fn unknown(part: &str) -> SqlError {
    SqlError::unsupported(format!("\"{part}\" in a pattern of to_char"))
}

/// The text between the quotes that `rest` begins behind, and what follows them.
pub(super) fn quoted(rest: &str) -> (String, &str) {
    let mut text = String::new();
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => text.extend(letters.next()),
            other => text.push(other),
        }
    }
    (text, letters.as_str())
}
