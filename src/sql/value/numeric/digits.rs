//! Decimal digits, as they stand in statements, texts and parameters, as numbers and back.

use std::borrow::Cow;

use datafusion::arrow::array::ArrowNativeTypeOp;
use datafusion::arrow::datatypes::{DataType, i256};
use datafusion::scalar::ScalarValue;

use super::{DIGITS_MAX, DIGITS_MAX_OF_128, PRECISION, SCALE};

/// Largest exponent that is looked at.
const EXPONENT_MAX: i32 = 1000;

/// Why a text is no `numeric`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumericError {
    /// It is no number.
    Syntax,
    /// It has more digits than a number may have.
    Range,
    /// It is NaN, or infinite.
    NotFinite,
}

/// The number in `text` with the digits it is written with.
///
/// # Errors
/// Text that is no number, and more digits than a number may have.
pub(in crate::sql) fn exact(text: &str) -> Result<ScalarValue, NumericError> {
    let number = Written::read(text)?;
    let scale = number.scale.max(0);
    let scale = i8::try_from(scale).map_err(|_| NumericError::Range)?;
    let value = number.at_scale(scale.into())?;
    let scale_digits = usize::from(scale.unsigned_abs());
    let digits = magnitude_digits(value).max(scale_digits).max(1);
    let digits = u8::try_from(digits).map_err(|_| NumericError::Range)?;
    match value.to_i128() {
        Some(value) if digits <= DIGITS_MAX_OF_128 => {
            Ok(ScalarValue::Decimal128(Some(value), digits, scale))
        }
        _ if digits <= DIGITS_MAX => Ok(ScalarValue::Decimal256(Some(value), digits, scale)),
        _ => Err(NumericError::Range),
    }
}

/// The same number without an exponent; none where it is no number, or has too many digits.
pub(in crate::sql) fn plain_digits(text: &str) -> Option<String> {
    exact(text).ok()?.cast_to(&DataType::Utf8).ok()?.try_as_str().flatten().map(str::to_owned)
}

/// The number in `text` as one of no particular scale.
///
/// # Errors
/// Text that is no number, and more digits before the point than a number may have.
pub fn unconstrained(text: &str) -> Result<ScalarValue, NumericError> {
    Ok(ScalarValue::Decimal256(Some(scaled(text)?), PRECISION, SCALE))
}

/// The same in units of its last digit.
pub(in crate::sql) fn scaled(text: &str) -> Result<i256, NumericError> {
    let value = Written::read(text)?.at_scale(SCALE.into())?;
    if magnitude_digits(value) > usize::from(PRECISION) {
        return Err(NumericError::Range);
    }
    Ok(value)
}

/// The number in units of the last of so many digits behind the point; none where it is no number
/// or has too many digits.
pub(in crate::sql) fn units(text: &str, scale: usize) -> Option<i256> {
    Written::read(text).ok()?.at_scale(i32::try_from(scale).ok()?).ok()
}

/// An exact number as the nearest one of an inexact type; none for other values and types.
pub(in crate::sql) fn inexact(value: &ScalarValue, target: &DataType) -> Option<ScalarValue> {
    if !value.data_type().is_decimal() {
        return None;
    }
    let ScalarValue::Utf8(digits) = value.cast_to(&DataType::Utf8).ok()? else { return None };
    match target {
        DataType::Float64 => {
            let number = digits.map(|digits| digits.parse()).transpose().ok()?;
            Some(ScalarValue::Float64(number))
        }
        DataType::Float32 => {
            let number = digits.map(|digits| digits.parse()).transpose().ok()?;
            Some(ScalarValue::Float32(number))
        }
        _ => None,
    }
}

fn magnitude_digits(value: i256) -> usize {
    if value == i256::ZERO { 0 } else { value.to_string().trim_start_matches('-').len() }
}

/// A number as it is written.
#[derive(Debug)]
struct Written<'a> {
    negative: bool,
    /// Without zeros before them.
    digits: Cow<'a, str>,
    /// How many of them stand behind the point; negative where zeros follow them.
    scale: i32,
}

impl<'a> Written<'a> {
    fn read(text: &'a str) -> Result<Self, NumericError> {
        let text = text.trim();
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, read_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut all = whole.bytes().chain(fraction.bytes());
        if whole.len() + fraction.len() == 0 || !all.all(|digit| digit.is_ascii_digit()) {
            return Err(if is_word(unsigned) {
                NumericError::NotFinite
            } else {
                NumericError::Syntax
            });
        }
        let scale = i32::try_from(fraction.len()).map_err(|_| NumericError::Range)? - exponent;
        let whole = whole.trim_start_matches('0');
        let digits = match (whole, fraction) {
            (whole, "") => Cow::Borrowed(whole),
            ("", fraction) => Cow::Borrowed(fraction.trim_start_matches('0')),
            _ => Cow::Owned(format!("{whole}{fraction}")),
        };
        Ok(Self { negative, digits, scale })
    }

    /// The number in units of the last of `scale` digits behind the point, rounded to these away
    /// from zero in the middle.
    fn at_scale(&self, scale: i32) -> Result<i256, NumericError> {
        if self.digits.is_empty() {
            return Ok(i256::ZERO);
        }
        let missing = scale - self.scale;
        let length = i32::try_from(self.digits.len()).map_err(|_| NumericError::Range)? + missing;
        if length > i32::from(DIGITS_MAX) {
            return Err(NumericError::Range);
        }
        let Ok(kept) = usize::try_from(length) else { return Ok(i256::ZERO) };
        let known = self.digits.get(..kept).unwrap_or(&self.digits);
        let text = format!("0{known:0<kept$}");
        let mut value = i256::from_string(&text).ok_or(NumericError::Range)?;
        if self.digits.as_bytes().get(kept).is_some_and(|digit| *digit >= b'5') {
            value = value.add_wrapping(i256::ONE);
        }
        Ok(if self.negative { value.neg_wrapping() } else { value })
    }
}

fn read_exponent(text: &str) -> Result<i32, NumericError> {
    let exponent: i32 = text.parse().map_err(|_| NumericError::Syntax)?;
    if exponent.abs() > EXPONENT_MAX { Err(NumericError::Range) } else { Ok(exponent) }
}

/// Numbers of PostgreSQL that these are not.
fn is_word(text: &str) -> bool {
    ["nan", "inf", "infinity"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_they_are_written_with() {
        let decimal =
            |value, digits, scale| Ok(ScalarValue::Decimal128(Some(value), digits, scale));
        let cases = [
            ("1.5", decimal(15, 2, 1)),
            ("-0.050", decimal(-50, 3, 3)),
            (" +12 ", decimal(12, 2, 0)),
            (".5", decimal(5, 1, 1)),
            ("7.", decimal(7, 1, 0)),
            ("0.0", decimal(0, 1, 1)),
            ("1e3", decimal(1000, 4, 0)),
            ("1.25E-2", decimal(125, 4, 4)),
            ("007", decimal(7, 1, 0)),
            ("", Err(NumericError::Syntax)),
            (".", Err(NumericError::Syntax)),
            ("1.2.3", Err(NumericError::Syntax)),
            ("1e", Err(NumericError::Syntax)),
            ("0x1", Err(NumericError::Syntax)),
            ("NaN", Err(NumericError::NotFinite)),
            ("1e77", Err(NumericError::Range)),
            ("1e-200", Err(NumericError::Range)),
            ("1e9999999999", Err(NumericError::Syntax)),
        ];
        for (text, expected) in cases {
            assert_eq!(exact(text), expected, "{text}");
        }
        let wide = "1".repeat(39);
        let value = i256::from_string(&wide);
        assert_eq!(exact(&wide), Ok(ScalarValue::Decimal256(value, 39, 0)));
    }

    #[test]
    fn numbers_of_no_scale_are_rounded_to_that_of_their_type() {
        let units = |text: &str| i256::from_string(text).unwrap();
        assert_eq!(scaled("1.5"), Ok(units("150000000000000000000")));
        assert_eq!(scaled("0.000000000000000000005"), Ok(i256::ONE));
        assert_eq!(scaled("-0.0000000000000000000049"), Ok(i256::ZERO));
        assert_eq!(scaled("1e-900"), Ok(i256::ZERO));
        assert_eq!(scaled("1e36"), Err(NumericError::Range));
    }

    #[test]
    fn doubles_are_the_nearest_ones() {
        for text in ["0.4", "-12345.6789", "0.12345678901234567", "340282346638528860000"] {
            let expected = ScalarValue::from(text.parse::<f64>().unwrap());
            let exact = exact(text).unwrap();
            assert_eq!(inexact(&exact, &DataType::Float64), Some(expected), "{text}");
        }
        assert_eq!(inexact(&ScalarValue::from(1_i64), &DataType::Float64), None);
    }
}
