//! `regexp_replace`, also from a place on and of one place of many.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Signature, TypeSignature, Volatility};

use super::Function;
use super::arguments::{Arguments, Row, offset};
use super::finder::{Finder, Options};
use crate::sql::SqlError;
use crate::sql::function::allowance::Made;

/// The places of the arguments behind the pattern.
const REPLACEMENT: usize = 2;
const FLAGS: usize = 3;
const START: usize = 3;
const NUMBER: usize = 4;
const FLAGS_BEHIND_NUMBERS: usize = 5;

/// The replacement is written as regular expressions here have it.
pub(super) fn function() -> Function {
    let (text, number) = (DataType::Utf8, DataType::Int64);
    let lists = [
        vec![&text; 3],
        // A number is no text here, where it might be taken for flags.
        vec![&text, &text, &text, &number],
        vec![&text; 4],
        vec![&text, &text, &text, &number, &number],
        vec![&text, &text, &text, &number, &number, &text],
    ];
    let exact = |list: Vec<&DataType>| TypeSignature::Exact(list.into_iter().cloned().collect());
    let signature =
        Signature::one_of(lists.into_iter().map(exact).collect(), Volatility::Immutable);
    let returns = Field::new("", DataType::Utf8, true);
    Function { name: "regexp_replace", signature, returns, body: replaced }
}

fn replaced(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let by_flags = columns.get(FLAGS).is_some_and(|column| column.data_type().is_string());
    let (mut last, mut made) = (None, Made::by("regexp_replace"));
    let texts = Arguments::new(columns).rows().map(|row| {
        let Some(row) = row else { return Ok(None) };
        let wanted = if by_flags { Wanted::by_flags(row)? } else { Wanted::by_numbers(row)? };
        let finder = Finder::new(last.take(), row.text(1), wanted.options)?;
        let text = wanted.replace(&finder, row.text(0), row.text(REPLACEMENT), &mut made)?;
        last = Some(finder);
        Ok::<_, SqlError>(Some(text))
    });
    Ok(Arc::new(texts.collect::<Result<StringArray, _>>()?))
}

/// Which places are replaced.
struct Wanted {
    options: Options,
    start: usize,
    /// The number of the one; none for all.
    number: Option<usize>,
}

impl Wanted {
    fn by_flags(row: Row<'_>) -> Result<Self, SqlError> {
        let options = Options::read(row.text(FLAGS))?;
        Ok(Self { options, start: 1, number: (!options.all).then_some(1) })
    }

    /// The number decides, whatever flags say of it; of none there is one.
    fn by_numbers(row: Row<'_>) -> Result<Self, SqlError> {
        let options = Options::read(row.text(FLAGS_BEHIND_NUMBERS))?;
        let number = if row.has(NUMBER) { row.number(NUMBER, "n", 0)? } else { 1 };
        let start = row.ordinal(START, "start")?;
        Ok(Self { options, start, number: (number > 0).then_some(number) })
    }

    fn replace(
        &self,
        finder: &Finder,
        text: &str,
        replacement: &str,
        made: &mut Made,
    ) -> Result<String, SqlError> {
        made.add(text.len())?;
        let Some(start) = offset(text, self.start) else { return Ok(text.to_owned()) };
        let (mut output, mut copied) = (String::with_capacity(text.len()), 0);
        for (found, number) in finder.places(text, start).zip(1..) {
            let Some(place) = found.get(0) else { break };
            if self.number.is_none_or(|wanted| wanted == number) {
                output.push_str(text.get(copied..place.start()).unwrap_or_default());
                let before = output.len();
                found.expand(replacement, &mut output);
                made.add(output.len() - before)?;
                copied = place.end();
            }
            if self.number.is_some_and(|wanted| wanted <= number) {
                break;
            }
        }
        output.push_str(text.get(copied..).unwrap_or_default());
        Ok(output)
    }
}
