//! Documents made of values: `to_jsonb`, `jsonb_build_array`, `jsonb_build_object`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};

use super::value::Map;
use super::{JSONB, Value, column, json, read};
use crate::sql::function::record::column_of;
use crate::sql::value::output::{IntervalStyle, texts};
use crate::sql::value::types::{PG_TYPE_KEY, SqlType};
use crate::sql::{NUMERIC_SCALE, SqlError, SqlState};

pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    [
        ("to_jsonb", What::Value),
        ("to_json", What::Value),
        ("row_to_json", What::Value),
        ("array_to_json", What::Value),
        ("jsonb_build_array", What::Array),
        ("json_build_array", What::Array),
        ("jsonb_build_object", What::Object),
        ("json_build_object", What::Object),
    ]
    .into_iter()
    .map(|(name, what)| function(name, what))
}

fn function(name: &'static str, what: What) -> ScalarUDF {
    let arguments = match what {
        What::Value => TypeSignature::Any(1),
        _ => TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]),
    };
    let signature = Signature::new(arguments, Volatility::Stable);
    ScalarUDF::from(Build { name, what, signature })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Value,
    Array,
    Object,
}

/// Makes a document of its arguments.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Build {
    name: &'static str,
    what: What,
    signature: Signature,
}

impl ScalarUDFImpl for Build {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("{} tells its field", self.name)
    }

    fn return_field_from_args(
        &self,
        _arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        Ok(Arc::new(json().with_name(self.name)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let rows = arguments.number_rows;
        let columns = arguments
            .args
            .into_iter()
            .zip(&arguments.arg_fields)
            .map(|(given, field)| Ok((given.into_array(rows)?, field.as_ref().clone())));
        let columns: Vec<_> = columns.collect::<Result<_, DataFusionError>>()?;
        let documents = (0..rows).map(|row| self.document(&columns, row));
        Ok(ColumnarValue::Array(column(documents.collect::<Result<Vec<_>, _>>()?)))
    }
}

impl Build {
    fn document(
        &self,
        columns: &[(ArrayRef, Field)],
        row: usize,
    ) -> Result<Option<Value>, DataFusionError> {
        let mut values = columns.iter().map(|(column, field)| value(column, field, row));
        Ok(Some(match self.what {
            What::Value => match columns {
                [(column, _)] if is_null(column, row) => return Ok(None),
                _ => values.next().transpose()?.unwrap_or_default(),
            },
            What::Array => Value::Array(values.collect::<Result<_, _>>()?),
            What::Object => Value::Object(members(columns, row)?),
        }))
    }
}

/// Whether there is no value; a column of nothing but NULLs does not say so of its rows.
fn is_null(column: &ArrayRef, row: usize) -> bool {
    column.is_null(row) || column.data_type().is_null()
}

/// Keys and values in turn.
fn members(columns: &[(ArrayRef, Field)], row: usize) -> Result<Map, DataFusionError> {
    let wrong = |message: String| SqlError::new(SqlState::InvalidParameterValue, message);
    let mut members = Map::new();
    for (at, pair) in columns.chunks(2).enumerate() {
        let [(key, field), (column, value_field)] = pair else {
            let message = "argument list must have even number of elements";
            return Err(wrong(message.to_owned()).into());
        };
        if is_null(key, row) {
            return Err(wrong(format!("argument {}: key must not be null", 2 * at + 1)).into());
        }
        let key = match value(key, field, row)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        members.insert(key, value(column, value_field, row)?);
    }
    Ok(members)
}

/// The value in a row of a column as a document; `field` tells whether it is one already.
pub(in crate::sql) fn value(
    column: &ArrayRef,
    field: &Field,
    row: usize,
) -> Result<Value, DataFusionError> {
    if is_null(column, row) {
        return Ok(Value::Null);
    }
    let shown = || {
        let options = FormatOptions::default();
        Ok::<_, DataFusionError>(ArrayFormatter::try_new(column, &options)?.value(row).to_string())
    };
    let printed = || {
        let texts = texts(&column.slice(row, 1), field, IntervalStyle::default())?;
        Ok::<_, DataFusionError>(texts.iter().flatten().collect::<String>())
    };
    Ok(match column.data_type() {
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        number if number.is_numeric() => {
            let shown = shown()?;
            read(written_digits(&shown, number)).unwrap_or(Value::String(shown))
        }
        // There is no JSON of a vector but its text.
        DataType::List(_) if SqlType::of(field) == SqlType::Vector => Value::String(printed()?),
        DataType::List(element) => {
            let marked = SqlType::of(field).item().filter(|item| item.is_marked());
            let element = marked.map_or_else(|| element.as_ref().clone(), SqlType::field);
            let items = column.as_list::<i32>().value(row);
            let items = (0..items.len()).map(|at| value(&items, &element, at));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        DataType::Struct(_) => Value::Object(record(column.as_struct(), row)?),
        DataType::Timestamp(_, zone) => {
            let offset = if zone.is_some() { "+00:00" } else { "" };
            Value::String(match printed()? {
                infinite if infinite.ends_with("infinity") => infinite,
                moment => moment.replacen(' ', "T", 1).replacen("+00", offset, 1),
            })
        }
        DataType::Date32 | DataType::Time64(_) | DataType::Interval(_) => Value::String(printed()?),
        DataType::Binary => {
            Value::String(format!("\\x{}", hex::encode(column.as_binary::<i32>().value(row))))
        }
        _ if field.metadata().get(PG_TYPE_KEY).is_some_and(|name| name == JSONB) => {
            read(&shown()?)?
        }
        _ => Value::String(shown()?),
    })
}

/// The members of a record, of which a document cannot have two of one name.
fn record(records: &StructArray, row: usize) -> Result<Map, DataFusionError> {
    let mut members = Map::new();
    for (field, column) in records.fields().iter().zip(records.columns()) {
        let name = column_of(field);
        if members.insert(name.to_owned(), value(column, field, row)?).is_some() {
            let what = format!("a document of a row with several columns \"{name}\"");
            return Err(SqlError::unsupported(what).into());
        }
    }
    Ok(members)
}

/// The digits of a number that somebody gave it: a fraction has a point only where it needs one,
/// and a number of no particular scale as many places as there is something in.
fn written_digits<'a>(shown: &'a str, number: &DataType) -> &'a str {
    match number {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            shown.strip_suffix(".0").unwrap_or(shown)
        }
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)
            if *scale >= NUMERIC_SCALE =>
        {
            shown.trim_end_matches('0').trim_end_matches('.')
        }
        _ => shown,
    }
}
