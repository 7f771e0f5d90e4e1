//! Whole numbers with a unit, as settings have them: `500`, `'1.5 s'`, `'2min'`, `'64MB'`.

/// The units that a setting may be written in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    /// Those that there are, the longest first, and how many of the setting's own each has.
    known: &'static [(&'static str, f64)],
    /// The unit that is meant where none is written.
    pub(super) own: &'static str,
    /// What to call them all.
    pub(super) listed: &'static str,
}

const TIMES: &str = "\"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\"";
const SIZES: &str = "\"B\", \"kB\", \"MB\", \"GB\", and \"TB\"";

/// Of lengths of time that are counted in milliseconds.
pub(super) const MILLISECONDS: Units = Units {
    known: &[
        ("d", 86_400_000.0),
        ("h", 3_600_000.0),
        ("min", 60_000.0),
        ("s", 1_000.0),
        ("ms", 1.0),
        ("us", 0.001),
    ],
    own: "ms",
    listed: TIMES,
};

/// Of lengths of time that are counted in seconds.
pub(super) const SECONDS: Units = Units {
    known: &[
        ("d", 86_400.0),
        ("h", 3_600.0),
        ("min", 60.0),
        ("s", 1.0),
        ("ms", 0.001),
        ("us", 0.000_001),
    ],
    own: "s",
    listed: TIMES,
};

/// Of memory that is counted in kilobytes.
pub(super) const KILOBYTES: Units = Units {
    known: &[
        ("TB", 1_073_741_824.0),
        ("GB", 1_048_576.0),
        ("MB", 1_024.0),
        ("kB", 1.0),
        ("B", 1.0 / 1_024.0),
    ],
    own: "kB",
    listed: SIZES,
};

/// Of memory that is counted in PostgreSQL's blocks.
pub(super) const BLOCKS: Units = Units {
    known: &[
        ("TB", 134_217_728.0),
        ("GB", 131_072.0),
        ("MB", 128.0),
        ("kB", 0.125),
        ("B", 1.0 / 8_192.0),
    ],
    own: "8kB",
    listed: SIZES,
};

/// Of numbers that count nothing.
pub(super) const NO_UNITS: Units = Units { known: &[], own: "", listed: "" };

/// What is wrong with a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuantityError {
    /// It does not begin with a number.
    NoNumber,
    /// What follows the number is no unit.
    UnknownUnit,
    /// More than a setting can hold.
    TooLarge,
}

/// The whole number nearest to a number with an optional unit; the even one from the middle. May be
/// negative.
///
/// # Errors
/// When it is no number with a known unit, or out of the range of an `i32`.
pub(super) fn read(text: &str, units: Units) -> Result<i32, QuantityError> {
    let text = text.trim();
    let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-');
    if !text.starts_with(is_digit) {
        return Err(QuantityError::NoNumber);
    }
    let unit = text.rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |last| last + 1);
    let (number, unit) = text.split_at_checked(unit).unwrap_or((text, ""));
    let number: f64 = number.trim().parse().map_err(|_| QuantityError::NoNumber)?;
    let factor = match unit {
        "" => 1.0,
        _ if units.known.is_empty() => return Err(QuantityError::NoNumber),
        unit => {
            let known = units.known.iter().find(|(name, _)| *name == unit);
            known.ok_or(QuantityError::UnknownUnit)?.1
        }
    };
    let whole = (number * factor).round_ties_even();
    let fits = whole >= f64::from(i32::MIN) && whole <= f64::from(i32::MAX);
    if fits { Ok(whole as i32) } else { Err(QuantityError::TooLarge) }
}

/// So many, in the longest unit that they are whole in.
pub(super) fn text_of(quantity: i32, units: Units) -> String {
    let whole = |unit: &f64| f64::from(quantity) % unit == 0.0;
    match units.known.iter().find(|(_, unit)| quantity > 0 && whole(unit)) {
        Some((name, unit)) => format!("{}{name}", f64::from(quantity) / unit),
        None => quantity.to_string(),
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
            assert_eq!(
                read(given, MILLISECONDS).map(|number| text_of(number, MILLISECONDS)),
                Ok(shown.to_owned()),
                "{given}"
            );
        }
        assert_eq!(read("-1s", MILLISECONDS), Ok(-1000));
    }

    #[test]
    fn sizes_read_and_show_as_postgresql_has_them() {
        for (given, units, shown) in [
            ("64", KILOBYTES, "64kB"),
            ("0.5GB", KILOBYTES, "512MB"),
            ("1500kB", KILOBYTES, "1500kB"),
            ("3", BLOCKS, "24kB"),
            ("100kB", BLOCKS, "96kB"),
            ("4GB", BLOCKS, "4GB"),
            ("1.6", NO_UNITS, "2"),
        ] {
            let read = read(given, units).map(|number| text_of(number, units));
            assert_eq!(read, Ok(shown.to_owned()), "{given}");
        }
        assert_eq!(read("2TB", KILOBYTES), Err(QuantityError::TooLarge));
        assert_eq!(read("64 kb", KILOBYTES), Err(QuantityError::UnknownUnit));
        assert_eq!(read("1s", NO_UNITS), Err(QuantityError::NoNumber));
    }

    #[test]
    fn what_is_no_length_of_time_says_why() {
        for (given, why) in [
            ("", QuantityError::NoNumber),
            ("abc", QuantityError::NoNumber),
            ("off", QuantityError::NoNumber),
            ("nan", QuantityError::NoNumber),
            ("1 2 s", QuantityError::NoNumber),
            ("5 S", QuantityError::UnknownUnit),
            ("5x", QuantityError::UnknownUnit),
            ("30d", QuantityError::TooLarge),
            ("2147483648", QuantityError::TooLarge),
        ] {
            assert_eq!(read(given, MILLISECONDS), Err(why), "{given}");
        }
    }
}
