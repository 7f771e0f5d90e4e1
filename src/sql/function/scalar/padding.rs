//! Functions whose results are as long as an argument says, up to a bound.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::error::DataFusionError;

use super::{Body, Function, arity};
use crate::sql::function::allowance::Made;

pub(super) fn functions() -> Vec<Function> {
    let text = || Field::new("", DataType::Utf8, true);
    let repeat = Function::exact("repeat", [DataType::Utf8, DataType::Int64], text(), repeated);
    let pad = |name, body: Body| {
        let lists = vec![
            vec![DataType::Utf8, DataType::Int64],
            vec![DataType::Utf8, DataType::Int64, DataType::Utf8],
        ];
        Function::one_of(name, lists, text(), body)
    };
    vec![
        repeat,
        pad("lpad", |columns| padded(columns, |text, padding| format!("{padding}{text}"))),
        pad("rpad", |columns| padded(columns, |text, padding| format!("{text}{padding}"))),
    ]
}

fn repeated(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [texts, counts] = columns else { return Err(arity("repeat")) };
    let counts = counts.as_primitive::<Int64Type>();
    let (mut results, mut made) = (StringBuilder::new(), Made::by("repeat"));
    for (text, count) in texts.as_string::<i32>().iter().zip(counts) {
        let (Some(text), Some(count)) = (text, count) else {
            results.append_null();
            continue;
        };
        let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
        made.add(text.len().saturating_mul(count))?;
        results.append_value(text.repeat(count));
    }
    Ok(Arc::new(results.finish()))
}

fn padded(
    columns: &[ArrayRef],
    join: fn(&str, &str) -> String,
) -> Result<ArrayRef, DataFusionError> {
    let [texts, lengths, fills @ ..] = columns else { return Err(arity("a function that pads")) };
    let (texts, lengths) = (texts.as_string::<i32>(), lengths.as_primitive::<Int64Type>());
    let fills = fills.first().map(AsArray::as_string::<i32>);
    let (mut results, mut made) = (StringBuilder::new(), Made::by("padding"));
    for row in 0..texts.len() {
        let no_fill = fills.is_some_and(|fills| fills.is_null(row));
        if texts.is_null(row) || lengths.is_null(row) || no_fill {
            results.append_null();
            continue;
        }
        let fill = fills.map_or(" ", |fills| fills.value(row));
        let wanted = usize::try_from(lengths.value(row).max(0)).unwrap_or(usize::MAX);
        let text: String = texts.value(row).chars().take(wanted).collect();
        let missing = if fill.is_empty() { 0 } else { wanted - text.chars().count() };
        made.add(text.len().saturating_add(missing.saturating_mul(4)))?;
        let padding: String = fill.chars().cycle().take(missing).collect();
        results.append_value(join(&text, &padding));
    }
    Ok(Arc::new(results.finish()))
}
