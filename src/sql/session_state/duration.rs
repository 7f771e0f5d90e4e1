//! Lengths of time as settings have them: `500`, `'1.5 s'`, `'2min'`.

/// The units of settings that count milliseconds, the longest first, and how many each has.
const UNITS: [(&str, f64); 6] = [
    ("d", 86_400_000.0),
    ("h", 3_600_000.0),
    ("min", 60_000.0),
    ("s", 1_000.0),
    ("ms", 1.0),
    ("us", 0.001),
];

/// What is wrong with a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DurationError {
    /// It does not begin with a number.
    NoNumber,
    /// What follows the number is no unit.
    UnknownUnit,
    /// More milliseconds than a setting can hold.
    TooLong,
}

/// The whole milliseconds nearest to a number with an optional unit, milliseconds if there is
/// none; the even ones from the middle. May be negative.
///
/// # Errors
/// When it is no number with a known unit, or out of the range of an `i32`.
pub(super) fn milliseconds(text: &str) -> Result<i32, DurationError> {
    let text = text.trim();
    let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-');
    if !text.starts_with(is_digit) {
        return Err(DurationError::NoNumber);
    }
    let unit = text.rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |last| last + 1);
    let (number, unit) = text.split_at_checked(unit).unwrap_or((text, ""));
    let number: f64 = number.trim().parse().map_err(|_| DurationError::NoNumber)?;
    let factor = match unit {
        "" => 1.0,
        unit => {
            let known = UNITS.iter().find(|(name, _)| *name == unit);
            known.ok_or(DurationError::UnknownUnit)?.1
        }
    };
    let milliseconds = (number * factor).round_ties_even();
    let fits = milliseconds >= f64::from(i32::MIN) && milliseconds <= f64::from(i32::MAX);
    if fits { Ok(milliseconds as i32) } else { Err(DurationError::TooLong) }
}

/// So many milliseconds, not negative, in the longest unit that they are whole in.
pub(super) fn text_of(milliseconds: i32) -> String {
    let whole = |unit: &f64| f64::from(milliseconds) % unit == 0.0;
    match UNITS.iter().find(|(_, unit)| milliseconds > 0 && whole(unit)) {
        Some((name, unit)) => format!("{}{name}", f64::from(milliseconds) / unit),
        None => milliseconds.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_and_show_as_postgresql_has_them() {
        for (given, shown) in [
            ("0", "0"),
            ("500", "500ms"),
            ("1.5s", "1500ms"),
            (" 2 min ", "2min"),
            ("90s", "90s"),
            ("25h", "25h"),
            ("24h", "1d"),
            ("100us", "0"),
            ("600us", "1ms"),
            ("1500us", "2ms"),
            ("1.6", "2ms"),
            ("1e3", "1s"),
            ("2147483647", "2147483647ms"),
        ] {
            assert_eq!(milliseconds(given).map(text_of), Ok(shown.to_owned()), "{given}");
        }
        assert_eq!(milliseconds("-1s"), Ok(-1000));
    }

    #[test]
    fn what_is_no_length_of_time_says_why() {
        for (given, why) in [
            ("", DurationError::NoNumber),
            ("abc", DurationError::NoNumber),
            ("off", DurationError::NoNumber),
            ("nan", DurationError::NoNumber),
            ("1 2 s", DurationError::NoNumber),
            ("5 S", DurationError::UnknownUnit),
            ("5x", DurationError::UnknownUnit),
            ("30d", DurationError::TooLong),
            ("2147483648", DurationError::TooLong),
        ] {
            assert_eq!(milliseconds(given), Err(why), "{given}");
        }
    }
}
