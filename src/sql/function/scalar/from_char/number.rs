//! `to_number`: texts as numbers, by the patterns that `to_char` writes them by.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Decimal256Array};
use datafusion::arrow::datatypes::{DataType, i256};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::super::to_char::checked;
use crate::sql::value::numeric::{scaled, too_large, unconstrained_type};
use crate::sql::{SqlError, SqlState};

/// Patterns that are not read here.
const UNKNOWN: [&str; 3] = ["EEEE", "RN", "V"];

pub(in super::super) fn function() -> ScalarUDF {
    let texts = vec![DataType::Utf8, DataType::Utf8];
    ScalarUDF::from(ToNumber { signature: Signature::exact(texts, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToNumber {
    signature: Signature,
}

impl ScalarUDFImpl for ToNumber {
    fn name(&self) -> &'static str {
        "to_number"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Nothing says how many digits the numbers have that are written in texts.
    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(unconstrained_type())
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [texts, templates] = columns.as_slice() else {
            return internal_err!("a text and its template");
        };
        let rows = texts.as_string::<i32>().iter().zip(templates.as_string::<i32>());
        let numbers = rows.map(|row| match row {
            (Some(text), Some(template)) => number(text, template).map(Some),
            _ => Ok(None),
        });
        let DataType::Decimal256(digits, scale) = unconstrained_type() else {
            return internal_err!("numbers of no scale are wide ones");
        };
        let numbers = numbers.collect::<Result<Decimal256Array, SqlError>>()?;
        let numbers = numbers.with_precision_and_scale(digits, scale)?;
        let constant = arguments.args.iter().all(|side| matches!(side, ColumnarValue::Scalar(_)));
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&numbers, 0)?)
        } else {
            ColumnarValue::Array(Arc::new(numbers))
        })
    }
}

/// The number that `text` is by `template`.
fn number(text: &str, template: &str) -> Result<i256, SqlError> {
    let (mut digits, mut negative) = (String::new(), false);
    let (mut rest, mut template) = (text.trim_start(), checked(template)?);
    while let Some(wanted) = template.chars().next() {
        let begins = |word: &str| {
            template.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word))
        };
        if let Some(unknown) = UNKNOWN.iter().find(|word| begins(word)) {
            let message = format!("\"{unknown}\" in a template of to_number");
            return Err(SqlError::unsupported(message));
        }
        let two = ["FM", "TH", "PR", "MI", "SG", "PL"].iter().any(|word| begins(word));
        template = template.get(if two { 2 } else { wanted.len_utf8() }..).unwrap_or_default();
        // A sign may stand before the digits whatever the template says, and behind them where it
        // says so.
        let is_signed = digits.is_empty() || matches!(wanted, 'S' | 's' | 'M' | 'm' | 'P' | 'p');
        if is_signed && let Some(behind) = rest.strip_prefix(['-', '<']) {
            (rest, negative) = (behind, true);
        } else if is_signed && let Some(behind) = rest.strip_prefix(['+', '>']) {
            rest = behind;
        }
        rest = match (wanted, rest.chars().next()) {
            ('9' | '0', Some(digit)) if digit.is_ascii_digit() => {
                digits.push(digit);
                rest.get(1..).unwrap_or_default()
            }
            ('.' | 'D' | 'd', Some('.')) => {
                digits.push('.');
                rest.get(1..).unwrap_or_default()
            }
            (',' | 'G' | 'g', Some(',')) => rest.get(1..).unwrap_or_default(),
            ('9' | '0' | '.' | 'D' | 'd' | ',' | 'G' | 'g', _) => rest,
            _ if two || matches!(wanted, 'S' | 's') => rest,
            // Any other letter stands for one that is no part of a number.
            (_, Some(other)) if !other.is_ascii_digit() && !matches!(other, '.' | ',') => {
                rest.get(other.len_utf8()..).unwrap_or_default()
            }
            _ => rest,
        };
    }
    if !digits.bytes().any(|digit| digit.is_ascii_digit()) {
        let message = format!("invalid input syntax for type numeric: \"{}\"", text.trim());
        return Err(SqlError::new(SqlState::InvalidTextRepresentation, message));
    }
    let signed = if negative { format!("-{digits}") } else { digits };
    scaled(&signed).map_err(|_| too_large())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::value::numeric::units;

    #[test]
    fn numbers_are_read_by_their_template() {
        let cases = [
            ("12,454.8-", "99G999D9S", "-12454.8"),
            ("1234.5", "9999.9", "1234.5"),
            ("-12", "S99", "-12"),
            ("-12", "99", "-12"),
            ("$1,234", "L9,999", "1234"),
            ("<7>", "9PR", "-7"),
            ("5-", "9MI", "-5"),
            ("  42", "99", "42"),
            ("123456", "999", "123"),
            ("0.05", "FM9.99", "0.05"),
        ];
        for (text, template, expected) in cases {
            assert_eq!(number(text, template).unwrap(), units(expected, 20).unwrap(), "{text}");
        }
        assert!(number("x", "9").is_err() && number("1", "RN").is_err());
    }
}
