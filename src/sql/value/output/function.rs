//! The function that prints a value.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Field, Float32Type, Float64Type,
    IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::internal_err;
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::{Interval, IntervalStyle, days, float, interval, moment, time};
use crate::sql::grammar::marker::TO_TEXT;
use crate::sql::value::types::{SqlType, begins_at_zero};
use crate::sql::{SqlError, SqlState};

/// What the planner's setting for spans of time says where they are written by ISO 8601.
pub(in crate::sql) const ISO_8601: &str = "iso8601";

/// Letters for which an item of an array is quoted.
const SPECIAL: &str = "{},\"\\ \t\n\r\u{b}\u{c}";

/// Letters for which a field of a record is.
const SPECIAL_IN_RECORD: &str = "(),\"\\ \t\n\r\u{b}\u{c}";

/// `value` as text.
pub(in crate::sql) fn printed(value: Expr) -> Expr {
    function().call(vec![value])
}

/// The function by itself, for statements that call it.
pub(in crate::sql) fn function() -> ScalarUDF {
    ScalarUDF::from(Printed { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Printed {
    signature: Signature,
}

impl ScalarUDFImpl for Printed {
    fn name(&self) -> &'static str {
        TO_TEXT
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let (Some(value), Some(field)) = (arguments.args.first(), arguments.arg_fields.first())
        else {
            return internal_err!("nothing is printed");
        };
        if !has_form(field.data_type()) {
            return value.cast_to(&DataType::Utf8, None);
        }
        let style = interval_style(&arguments.config_options);
        let texts = texts(&value.to_array(arguments.number_rows)?, field, style)?;
        Ok(ColumnarValue::Array(Arc::new(texts)))
    }
}

/// How a statement's functions write spans of time.
pub(in crate::sql) fn interval_style(options: &ConfigOptions) -> IntervalStyle {
    match options.format.duration_format.as_str() {
        ISO_8601 => IntervalStyle::Iso8601,
        _ => IntervalStyle::Postgres,
    }
}

/// The values of a column as texts.
pub(in crate::sql) fn texts(
    values: &ArrayRef,
    field: &Field,
    style: IntervalStyle,
) -> Result<StringArray, DataFusionError> {
    let values = plain(values)?;
    let mut texts = StringBuilder::new();
    for row in 0..values.len() {
        if values.is_null(row) {
            texts.append_null();
        } else {
            let mut text = String::new();
            print(&values, field, style, row, &mut text)?;
            texts.append_value(text);
        }
    }
    Ok(texts.finish())
}

/// Whether values of a type have another text in PostgreSQL than the planner gives them.
pub(super) fn has_form(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Float32
            | DataType::Float64
            | DataType::Date32
            | DataType::Timestamp(..)
            | DataType::Time64(_)
            | DataType::Duration(_)
            | DataType::Interval(_)
            | DataType::Binary
            | DataType::List(_)
            | DataType::Struct(_)
    )
}

/// Times and spans in the unit of PostgreSQL's.
fn plain(values: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let wanted = match values.data_type() {
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
        DataType::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
        _ => return Ok(Arc::clone(values)),
    };
    Ok(cast(values, &wanted)?)
}

fn print(
    values: &ArrayRef,
    field: &Field,
    style: IntervalStyle,
    row: usize,
    out: &mut String,
) -> Result<(), DataFusionError> {
    let written = match values.data_type() {
        DataType::Float32 => float(values.as_primitive::<Float32Type>().value(row), out),
        DataType::Float64 => float(values.as_primitive::<Float64Type>().value(row), out),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let at = values.as_primitive::<TimestampMicrosecondType>().value(row);
            moment(at, zone.is_some(), out).ok_or_else(|| out_of_range("timestamp"))?
        }
        DataType::Date32 => {
            let day = values.as_primitive::<Date32Type>().value(row);
            days(day, out).ok_or_else(|| out_of_range("date"))?
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            time(values.as_primitive::<Time64MicrosecondType>().value(row), out)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            let span = values.as_primitive::<DurationMicrosecondType>().value(row);
            interval(Interval::between(span), style, out)
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let span = values.as_primitive::<IntervalMonthDayNanoType>().value(row);
            let microseconds = span.nanoseconds / 1000;
            interval(Interval { months: span.months, days: span.days, microseconds }, style, out)
        }
        DataType::Binary => {
            write!(out, "\\x{}", hex::encode(values.as_binary::<i32>().value(row)))
        }
        DataType::List(item) => {
            let items = plain(&values.as_list::<i32>().value(row))?;
            if begins_at_zero(field) {
                let numbers = cast(&items, &DataType::Utf8)?;
                let numbers: Vec<_> = numbers.as_string::<i32>().iter().flatten().collect();
                out.push_str(&numbers.join(" "));
                return Ok(());
            }
            let is_vector = SqlType::of(field) == SqlType::Vector;
            let brackets = if is_vector { ['[', ']'] } else { ['{', '}'] };
            return list(&items, item, style, brackets, out);
        }
        DataType::Struct(_) => return record(values.as_struct(), style, row, out),
        _ => {
            let options = FormatOptions::default();
            write!(out, "{}", ArrayFormatter::try_new(values, &options)?.value(row))
        }
    };
    written.or_else(|_| internal_err!("a text did not grow"))
}

fn out_of_range(what: &str) -> SqlError {
    SqlError::new(SqlState::DatetimeFieldOverflow, format!("{what} out of range"))
}

/// Items between brackets, with quotes where one could be misread.
fn list(
    items: &ArrayRef,
    field: &Field,
    style: IntervalStyle,
    [open, close]: [char; 2],
    out: &mut String,
) -> Result<(), DataFusionError> {
    out.push(open);
    for row in 0..items.len() {
        if row > 0 {
            out.push(',');
        }
        if items.is_null(row) {
            out.push_str("NULL");
            continue;
        }
        match items.data_type() {
            DataType::List(_) => print(items, field, style, row, out)?,
            DataType::Boolean => out.push(if items.as_boolean().value(row) { 't' } else { 'f' }),
            _ => {
                let mut item = String::new();
                print(items, field, style, row, &mut item)?;
                push_item(&item, out);
            }
        }
    }
    out.push(close);
    Ok(())
}

/// Bytes of a field of a record. Quotes double at each level of records in one another.
const FIELD_BYTES_MAX: usize = if cfg!(test) { 1 << 20 } else { 64 << 20 };

/// Fields between parentheses, with quotes where one could be misread; nothing is NULL.
fn record(
    records: &StructArray,
    style: IntervalStyle,
    row: usize,
    out: &mut String,
) -> Result<(), DataFusionError> {
    for (at, (field, column)) in records.fields().iter().zip(records.columns()).enumerate() {
        out.push(if at == 0 { '(' } else { ',' });
        if column.is_null(row) || column.data_type().is_null() {
            continue;
        }
        let column = plain(column)?;
        if column.data_type() == &DataType::Boolean {
            out.push(if column.as_boolean().value(row) { 't' } else { 'f' });
            continue;
        }
        let mut text = String::new();
        print(&column, field, style, row, &mut text)?;
        if text.len() > FIELD_BYTES_MAX {
            let message = format!("a field of a row is longer than {FIELD_BYTES_MAX} bytes");
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message).into());
        }
        if text.is_empty() || text.contains(|letter| SPECIAL_IN_RECORD.contains(letter)) {
            let doubled = text.replace('\\', "\\\\").replace('"', "\"\"");
            text = format!("\"{doubled}\"");
        }
        out.push_str(&text);
    }
    out.push_str(if records.num_columns() == 0 { "()" } else { ")" });
    Ok(())
}

fn push_item(item: &str, out: &mut String) {
    let misread = item.is_empty() || item.eq_ignore_ascii_case("null");
    if !misread && !item.contains(|letter| SPECIAL.contains(letter)) {
        out.push_str(item);
        return;
    }
    out.push('"');
    for letter in item.chars() {
        if matches!(letter, '"' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('"');
}
