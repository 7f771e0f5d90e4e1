//! `format`: texts with values at places, as C's `sprintf` has them.

use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

use datafusion::arrow::array::{Array, StringArray, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::concat::shown;
use super::quote::literal;
use crate::sql::function::allowance::Made;
use crate::sql::pg_catalog::quoted_identifier;
use crate::sql::value::output::interval_style;
use crate::sql::{SqlError, SqlState};

pub(super) fn function() -> ScalarUDF {
    let signature = Signature::variadic_any(Volatility::Stable);
    ScalarUDF::from(Format { signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Format {
    signature: Signature,
}

impl ScalarUDFImpl for Format {
    fn name(&self) -> &'static str {
        "format"
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
        let rows = arguments.number_rows;
        let columns = arguments.args.iter().zip(&arguments.arg_fields);
        let style = interval_style(&arguments.config_options);
        let columns = columns.map(|(column, field)| shown(&column.to_array(rows)?, field, style));
        let columns = columns.collect::<Result<Vec<_>, DataFusionError>>()?;
        let (mut texts, mut made) = (StringBuilder::new(), Made::by("format"));
        for row in 0..rows {
            let values: Vec<_> = columns.iter().map(|column| value(column, row)).collect();
            match values.split_first() {
                Some((Some(template), values)) => {
                    texts.append_value(formatted(template, values, &mut made)?);
                }
                _ => texts.append_null(),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(texts.finish())))
    }
}

fn value(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

/// The template with the values in it.
fn formatted(template: &str, values: &[Option<&str>], made: &mut Made) -> Result<String, SqlError> {
    made.add(template.len())?;
    let mut output = String::with_capacity(template.len());
    let mut letters = template.chars().peekable();
    let mut given = Given { values, next: 0 };
    while let Some(letter) = letters.next() {
        if letter != '%' {
            output.push(letter);
        } else if letters.next_if_eq(&'%').is_some() {
            output.push('%');
        } else {
            let place = Place::read(&mut letters, &mut given)?;
            place.fill(&mut output, &mut given, made)?;
        }
    }
    Ok(output)
}

/// The values, and the number of the one whose turn it is.
struct Given<'a> {
    values: &'a [Option<&'a str>],
    next: usize,
}

impl<'a> Given<'a> {
    /// The value of this number, or the next; the turn is behind it then.
    fn take(&mut self, number: Option<usize>) -> Result<Option<&'a str>, SqlError> {
        let at = number.map_or(self.next, |number| number - 1);
        self.next = at + 1;
        self.values.get(at).copied().ok_or_else(|| wrong("too few arguments for format()"))
    }
}

/// One place in a template.
struct Place {
    /// The number of its value.
    number: Option<usize>,
    to_the_left: bool,
    width: usize,
    kind: char,
}

impl Place {
    fn read(letters: &mut Peekable<Chars<'_>>, given: &mut Given<'_>) -> Result<Self, SqlError> {
        let mut place = Self { number: None, to_the_left: false, width: 0, kind: 's' };
        let digits = number(letters)?;
        if digits.is_some() && letters.next_if_eq(&'$').is_some() {
            place.number = counted(digits)?;
        } else {
            place.width = digits.unwrap_or(0);
        }
        if digits.is_none() || place.number.is_some() {
            while letters.next_if_eq(&'-').is_some() {
                place.to_the_left = true;
            }
            if letters.next_if_eq(&'*').is_some() {
                place.take_width(letters, given)?;
            } else {
                place.width = number(letters)?.unwrap_or(0);
            }
        }
        let unterminated = "unterminated format() type specifier";
        place.kind = letters
            .next()
            .ok_or_else(|| wrong(unterminated).with_hint("For a single \"%\" use \"%%\"."))?;
        Ok(place)
    }

    /// The width as one of the values; what is below zero fills to the left.
    fn take_width(
        &mut self,
        letters: &mut Peekable<Chars<'_>>,
        given: &mut Given<'_>,
    ) -> Result<(), SqlError> {
        let digits = number(letters)?;
        if digits.is_some() && letters.next_if_eq(&'$').is_none() {
            return Err(wrong("width argument position must be ended by \"$\""));
        }
        let Some(text) = given.take(counted(digits)?)? else { return Ok(()) };
        let width: i32 = text.trim().parse().map_err(|_| {
            let message = format!("invalid input syntax for type integer: \"{text}\"");
            SqlError::new(SqlState::InvalidTextRepresentation, message)
        })?;
        self.to_the_left |= width < 0;
        self.width = usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(())
    }

    fn fill(
        &self,
        output: &mut String,
        given: &mut Given<'_>,
        made: &mut Made,
    ) -> Result<(), SqlError> {
        if !['s', 'I', 'L'].contains(&self.kind) {
            let message = format!("unrecognized format() type specifier \"{}\"", self.kind);
            return Err(wrong(&message).with_hint("For a single \"%\" use \"%%\"."));
        }
        let value = given.take(self.number)?;
        let text = match (self.kind, value) {
            ('I', None) => {
                let message = "null values cannot be formatted as an SQL identifier";
                return Err(SqlError::new(SqlState::NullValueNotAllowed, message));
            }
            ('I', Some(name)) => quoted_identifier(name),
            ('L', None) => "NULL".to_owned(),
            ('L', Some(text)) => literal(text),
            (_, text) => text.unwrap_or_default().to_owned(),
        };
        let missing = self.width.saturating_sub(text.chars().count());
        made.add(text.len().saturating_add(missing))?;
        let padding = " ".repeat(missing);
        output.extend(if self.to_the_left { [text, padding] } else { [padding, text] });
        Ok(())
    }
}

/// The number of a value, which is none of zero.
fn counted(number: Option<usize>) -> Result<Option<usize>, SqlError> {
    if number == Some(0) {
        let message = "format specifies argument 0, but arguments are numbered from 1";
        return Err(wrong(message));
    }
    Ok(number)
}

/// The number that is next, if one is.
fn number(letters: &mut Peekable<Chars<'_>>) -> Result<Option<usize>, SqlError> {
    let digits: String = std::iter::from_fn(|| letters.next_if(char::is_ascii_digit)).collect();
    if digits.is_empty() {
        return Ok(None);
    }
    let number = digits.parse::<i32>().ok().and_then(|number| usize::try_from(number).ok());
    let out_of_range = || SqlError::new(SqlState::NumericValueOutOfRange, "number is out of range");
    number.map(Some).ok_or_else(out_of_range)
}

fn wrong(message: &str) -> SqlError {
    SqlError::new(SqlState::InvalidParameterValue, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_with_values() {
        let texts = |template, values: &[Option<&str>]| {
            formatted(template, values, &mut Made::by("format")).map_err(|error| error.state.code())
        };
        let cases = [
            ("%s %I %L%%", vec![Some("a"), Some("b c"), Some("d'")], "a \"b c\" 'd'''%"),
            ("%2$s %1$s %s", vec![Some("a"), Some("b")], "b a b"),
            ("%-3s|%3s|", vec![Some("a"), Some("b")], "a  |  b|"),
            ("%*s|%-*s|", vec![Some("2"), Some("a"), Some("2"), Some("b")], " a|b |"),
            ("%1$*2$s|", vec![Some("a"), Some("-3")], "a  |"),
            ("%L%s", vec![None, None], "NULL"),
        ];
        for (template, values, expected) in cases {
            assert_eq!(texts(template, &values).as_deref(), Ok(expected), "{template}");
        }
        let refused = [
            ("%I", vec![None], "22004"),
            ("%s", vec![], "22023"),
            ("%", vec![], "22023"),
            ("%d", vec![Some("1")], "22023"),
            ("%0$s", vec![Some("1")], "22023"),
            ("%9999999999s", vec![Some("1")], "22003"),
            ("%2000000000s", vec![Some("1")], "54000"),
        ];
        for (template, values, state) in refused {
            assert_eq!(texts(template, &values), Err(state), "{template}");
        }
    }
}
