//! Numbers with fractions, as settings have them: `0.1`, `1e6`.

/// How many digits are shown.
const DIGITS: i32 = 6;

/// The number that a text is; none where it is none, or no finite one.
pub(super) fn read(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// A number with six digits that count, as C's `%g` writes it.
pub(super) fn text_of(number: f64) -> String {
    let scientific = format!("{number:.*e}", (DIGITS - 1) as usize);
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..DIGITS).contains(&exponent) {
        let behind = usize::try_from(DIGITS - 1 - exponent).unwrap_or_default();
        return without_zeros(&format!("{number:.behind$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(digits), exponent.abs())
}

/// A number without the zeros that end its fraction.
fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_postgresql_shows_them() {
        for (given, shown) in [
            ("4", "4"),
            ("1e2", "100"),
            ("0.123456789", "0.123457"),
            ("100000", "100000"),
            ("1000000", "1e+06"),
            ("0.00001", "1e-05"),
            ("-1", "-1"),
            ("0", "0"),
        ] {
            assert_eq!(read(given).map(text_of).as_deref(), Some(shown), "{given}");
        }
        assert_eq!(text_of(f64::MAX), "1.79769e+308");
        assert_eq!((read("x"), read("nan"), read("1e999")), (None, None, None));
    }
}
