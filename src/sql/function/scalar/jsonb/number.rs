//! Numbers in documents, with every digit that they were written with.

use std::cmp::Ordering;
use std::fmt;

use crate::sql::{SqlError, SqlState};

/// Most digits that an exponent may stand for.
const EXPONENT_DIGITS_MAX: i64 = 1000;

/// A number as `numeric` shows it: without exponent, with the places behind the point that were
/// written.
///
/// Documents may be millions of them, so that it is kept small.
#[derive(Debug, Clone)]
pub(in crate::sql) struct Number {
    negative: bool,
    /// Those before the point, and then those behind it.
    digits: Box<str>,
    /// How many are before it.
    before: u32,
}

impl Number {
    /// The number that `text`, a number of JSON, is.
    ///
    /// # Errors
    /// 22003 for an exponent beyond reason.
    pub(super) fn read(text: &str) -> Result<Self, SqlError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (digits, exponent) = match digits.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i64>().map_err(|_| overflow())?),
            None => (digits, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let (whole, fraction) = shifted(whole, fraction, exponent)?;
        let whole = whole.trim_start_matches('0');
        let zero = whole.is_empty() && fraction.bytes().all(|digit| digit == b'0');
        Self::of(negative && !zero, whole, &fraction)
    }

    fn of(negative: bool, whole: &str, fraction: &str) -> Result<Self, SqlError> {
        let before = u32::try_from(whole.len()).map_err(|_| overflow())?;
        let mut digits = String::with_capacity(whole.len() + fraction.len());
        digits.push_str(whole);
        digits.push_str(fraction);
        Ok(Self { negative, digits: digits.into_boxed_str(), before })
    }

    /// The digits before the point, and those behind it.
    fn sides(&self) -> (&str, &str) {
        self.digits.split_at_checked(self.before as usize).unwrap_or((&self.digits, ""))
    }

    /// The same number as text that equal numbers share.
    pub(super) fn shortest(&self) -> Self {
        let digits = [self.sides().0, self.sides().1.trim_end_matches('0')].concat();
        Self { negative: self.negative, digits: digits.into_boxed_str(), before: self.before }
    }

    /// Whether it is negative, and its digits before and behind the point, as few as it needs.
    pub(super) fn parts(&self) -> (bool, &str, &str) {
        let (whole, fraction) = self.sides();
        (self.negative, whole, fraction.trim_end_matches('0'))
    }

    fn magnitude(&self) -> (usize, &str, &str) {
        let (_, whole, fraction) = self.parts();
        (whole.len(), whole, fraction)
    }
}

/// The digits before and behind the point after it moved by `exponent`.
fn shifted(whole: &str, fraction: &str, exponent: i64) -> Result<(String, String), SqlError> {
    if exponent == 0 {
        return Ok((whole.to_owned(), fraction.to_owned()));
    }
    if exponent.abs() > EXPONENT_DIGITS_MAX {
        return Err(overflow());
    }
    let digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).map_err(|_| overflow())? + exponent;
    let zeros = |count: usize| "0".repeat(count);
    Ok(match usize::try_from(point) {
        Err(_) => (String::new(), zeros(point.unsigned_abs() as usize) + &digits),
        Ok(point) if point >= digits.len() => {
            let missing = point - digits.len();
            (digits + &zeros(missing), String::new())
        }
        Ok(point) => {
            let (whole, fraction) = digits.split_at(point);
            (whole.to_owned(), fraction.to_owned())
        }
    })
}

fn overflow() -> SqlError {
    SqlError::new(SqlState::NumericValueOutOfRange, "value overflows numeric format")
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.negative { "-" } else { "" })?;
        let (whole, fraction) = self.sides();
        f.write_str(if whole.is_empty() { "0" } else { whole })?;
        if fraction.is_empty() { Ok(()) } else { write!(f, ".{fraction}") }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.magnitude().cmp(&other.magnitude()),
            (true, true) => other.magnitude().cmp(&self.magnitude()),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        let cases = [
            ("12345678901234567890123", "12345678901234567890123"),
            ("1.10", "1.10"),
            ("1e2", "100"),
            ("1.50e1", "15.0"),
            ("1.5E-3", "0.0015"),
            ("100e-2", "1.00"),
            ("12.5e+1", "125"),
            ("0e5", "0"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("-0.5", "-0.5"),
        ];
        for (text, shown) in cases {
            assert_eq!(Number::read(text).unwrap().to_string(), shown, "{text}");
        }
        let huge = Number::read("1E400").unwrap().to_string();
        assert_eq!(huge.len(), 401);
        for text in ["1e1001", "1e-99999999999999999999"] {
            let error = Number::read(text).unwrap_err();
            assert_eq!(error.state, SqlState::NumericValueOutOfRange, "{text}");
        }
    }

    #[test]
    fn numbers_are_compared_by_their_value() {
        let read = |text| Number::read(text).unwrap();
        let ascending = ["-20", "-3", "-0.5", "0", "0.05", "0.5", "1", "9", "10", "10.01", "1e3"];
        for pair in ascending.windows(2) {
            let [left, right] = pair else { panic!("two") };
            assert!(read(left) < read(right), "{left} < {right}");
        }
        assert_eq!(read("1.0"), read("1"));
        assert_eq!(read("-0.0"), read("0"));
    }
}
