//! Functions whose results are as long as an argument says, with a bound: results of functions are
//! not counted by the memory pool.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::error::DataFusionError;

use super::{Body, Function, arity};
use crate::sql::{SqlError, SqlState};

/// Most bytes of the results of one batch.
const BYTES_MAX: usize = 16 << 20;

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
    let functions = [
        repeat,
        pad("lpad", |columns| padded(columns, |text, padding| format!("{padding}{text}"))),
        pad("rpad", |columns| padded(columns, |text, padding| format!("{text}{padding}"))),
    ];
    functions.map(Function::for_each_row).into()
}

fn repeated(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [texts, counts] = columns else { return Err(arity("repeat")) };
    let counts = counts.as_primitive::<Int64Type>();
    let mut results = Results::default();
    for (text, count) in texts.as_string::<i32>().iter().zip(counts) {
        let (Some(text), Some(count)) = (text, count) else {
            results.texts.append_null();
            continue;
        };
        let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
        results.reserve(text.len().saturating_mul(count))?;
        results.texts.append_value(text.repeat(count));
    }
    Ok(Arc::new(results.texts.finish()))
}

fn padded(
    columns: &[ArrayRef],
    join: fn(&str, &str) -> String,
) -> Result<ArrayRef, DataFusionError> {
    let [texts, lengths, fills @ ..] = columns else { return Err(arity("a function that pads")) };
    let (texts, lengths) = (texts.as_string::<i32>(), lengths.as_primitive::<Int64Type>());
    let fills = fills.first().map(AsArray::as_string::<i32>);
    let mut results = Results::default();
    for row in 0..texts.len() {
        let no_fill = fills.is_some_and(|fills| fills.is_null(row));
        if texts.is_null(row) || lengths.is_null(row) || no_fill {
            results.texts.append_null();
            continue;
        }
        let fill = fills.map_or(" ", |fills| fills.value(row));
        let wanted = usize::try_from(lengths.value(row).max(0)).unwrap_or(usize::MAX);
        let text: String = texts.value(row).chars().take(wanted).collect();
        let missing = if fill.is_empty() { 0 } else { wanted - text.chars().count() };
        results.reserve(text.len().saturating_add(missing.saturating_mul(4)))?;
        let padding: String = fill.chars().cycle().take(missing).collect();
        results.texts.append_value(join(&text, &padding));
    }
    Ok(Arc::new(results.texts.finish()))
}

/// The results of a batch, and how much they may grow.
#[derive(Default)]
struct Results {
    texts: StringBuilder,
    bytes: usize,
}

impl Results {
    /// Makes room for a text of at most so many bytes.
    fn reserve(&mut self, bytes: usize) -> Result<(), SqlError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > BYTES_MAX {
            let message = "requested length too large";
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
        }
        Ok(())
    }
}
