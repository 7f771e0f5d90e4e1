//! Lengths of time as PostgreSQL writes and reads them: `1 year 2 mons 3 days 04:05:06`, `P1DT2H`.

use datafusion::arrow::datatypes::IntervalMonthDayNano;

/// Numbers are counted in billionths.
const ONE: i128 = 1_000_000_000;
/// Digits of a number before its point.
const DIGITS_MAX: usize = 12;
const DAYS_A_MONTH: i128 = 30;
const SECONDS_A_DAY: i128 = 86_400;
const HOUR: i128 = 3600 * ONE;
const MINUTE: i128 = 60 * ONE;
const SECOND: i128 = ONE;

/// What a number counts.
#[derive(Debug, Clone, Copy)]
enum Unit {
    /// So many months.
    Months(i128),
    /// So many days.
    Days(i128),
    /// So many nanoseconds.
    Nanoseconds(i128),
}

/// A sum of numbers of units.
#[derive(Debug, Default)]
struct Length {
    months: i128,
    days: i128,
    nanoseconds: i128,
}

/// The length that `text` is, in whole microseconds; none where it is none, or too long.
pub fn interval(text: &str) -> Option<IntervalMonthDayNano> {
    let text = text.trim().to_ascii_lowercase();
    let length = match text.strip_prefix('p') {
        Some(designated) => by_designators(designated)?,
        None => in_words(&text)?,
    };
    let microseconds = i64::try_from(length.nanoseconds / 1000).ok()?;
    Some(IntervalMonthDayNano {
        months: length.months.try_into().ok()?,
        days: length.days.try_into().ok()?,
        nanoseconds: microseconds.checked_mul(1000)?,
    })
}

impl Length {
    /// What is left of a month are days, and of a day hours.
    fn add(&mut self, number: i128, unit: Unit) -> Option<()> {
        match unit {
            Unit::Months(1) => {
                self.months = self.months.checked_add(number / ONE)?;
                self.add((number % ONE) * DAYS_A_MONTH, Unit::Days(1))?;
            }
            Unit::Months(many) => {
                let months = number.checked_mul(many)?;
                self.months = self.months.checked_add(months / ONE)?;
            }
            Unit::Days(many) => {
                let days = number.checked_mul(many)?;
                self.days = self.days.checked_add(days / ONE)?;
                let rest = (days % ONE) * SECONDS_A_DAY;
                self.nanoseconds = self.nanoseconds.checked_add(rest)?;
            }
            Unit::Nanoseconds(many) => {
                let nanoseconds = number.checked_mul(many)? / ONE;
                self.nanoseconds = self.nanoseconds.checked_add(nanoseconds)?;
            }
        }
        Some(())
    }

    fn negated(self) -> Self {
        let Self { months, days, nanoseconds } = self;
        Self { months: -months, days: -days, nanoseconds: -nanoseconds }
    }
}

/// `[@] 1 day 2 hours [ago]`, `1 day 02:03:04`; a number without a unit at the end is in seconds.
fn in_words(text: &str) -> Option<Length> {
    let (text, is_ago) = match text.strip_suffix(" ago") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let text = text.strip_prefix('@').unwrap_or(text);
    let words = text.split([' ', ',', '\t', '\n']).filter(|word| !word.is_empty());
    let (mut length, mut pending, mut empty) = (Length::default(), None, true);
    for word in words {
        empty = false;
        if word.contains(':') {
            // A number before a clock is one of days.
            if let Some(days) = pending.take() {
                length.add(days, Unit::Days(1))?;
            }
            length.add(clock(word)?, Unit::Nanoseconds(SECOND))?;
            continue;
        }
        if let Some(months) = years_and_months(word) {
            length.add(months, Unit::Months(1))?;
            continue;
        }
        // `1 day` or `1day`.
        let letters = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
        let (digits, name) = word.split_at(letters);
        if !digits.is_empty() {
            if pending.is_some() {
                return None;
            }
            pending = Some(number(digits)?);
        }
        if !name.is_empty() {
            length.add(pending.take()?, unit(name)?)?;
        }
    }
    if let Some(seconds) = pending {
        length.add(seconds, Unit::Nanoseconds(SECOND))?;
    }
    if empty {
        return None;
    }
    Some(if is_ago { length.negated() } else { length })
}

/// The rest of `P1Y2M3DT4H5M6S`, in small letters.
fn by_designators(text: &str) -> Option<Length> {
    let (date, time) = text.split_once('t').unwrap_or((text, ""));
    let mut length = Length::default();
    let months = |designator| {
        Some(match designator {
            'y' => Unit::Months(12),
            'm' => Unit::Months(1),
            'w' => Unit::Days(7),
            'd' => Unit::Days(1),
            _ => return None,
        })
    };
    let seconds = |designator| {
        Some(Unit::Nanoseconds(match designator {
            'h' => HOUR,
            'm' => MINUTE,
            's' => SECOND,
            _ => return None,
        }))
    };
    designated(date, &mut length, months)?;
    designated(time, &mut length, seconds)?;
    (text.len() > 1).then_some(length)
}

fn designated(
    mut text: &str,
    length: &mut Length,
    unit: impl Fn(char) -> Option<Unit>,
) -> Option<()> {
    while !text.is_empty() {
        let (digits, rest) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
        let mut rest = rest.chars();
        length.add(number(digits)?, unit(rest.next()?)?)?;
        text = rest.as_str();
    }
    Some(())
}

/// `[-]years-months` in months.
fn years_and_months(word: &str) -> Option<i128> {
    let (sign, unsigned) = match word.strip_prefix('-') {
        Some(unsigned) => (-1, unsigned),
        None => (1, word.strip_prefix('+').unwrap_or(word)),
    };
    let (years, months) = unsigned.split_once('-')?;
    let whole = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !whole(years) || !whole(months) {
        return None;
    }
    let (years, months) = (number(years)?, number(months)?);
    (months < 12 * ONE).then_some(sign * (years * 12 + months))
}

/// `[-]hours:minutes[:seconds]` in seconds.
fn clock(word: &str) -> Option<i128> {
    let (sign, unsigned) = match word.strip_prefix('-') {
        Some(unsigned) => (-1, unsigned),
        None => (1, word.strip_prefix('+').unwrap_or(word)),
    };
    let mut parts = unsigned.split(':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let seconds = parts.next().unwrap_or("0");
    let whole = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let under_60 = |number: i128| (0..60 * ONE).contains(&number).then_some(number);
    if parts.next().is_some() || !whole(hours) || !whole(minutes) {
        return None;
    }
    let minutes = under_60(number(minutes)?)? * 60;
    let seconds = under_60(number(seconds)?)?;
    Some(sign * (number(hours)? * 3600 + minutes + seconds))
}

/// A decimal number in billionths; further digits are dropped.
fn number(digits: &str) -> Option<i128> {
    let (sign, unsigned) = match digits.strip_prefix('-') {
        Some(unsigned) => (-1, unsigned),
        None => (1, digits.strip_prefix('+').unwrap_or(digits)),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let are_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    if !are_digits || whole.len() + fraction.len() == 0 || whole.len() > DIGITS_MAX {
        return None;
    }
    let fraction = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let all = whole.bytes().chain(fraction);
    Some(sign * all.fold(0, |number, digit| number * 10 + i128::from(digit - b'0')))
}

fn unit(name: &str) -> Option<Unit> {
    Some(match name {
        "millennium" | "millennia" => Unit::Months(12_000),
        "century" | "centuries" => Unit::Months(1200),
        "decade" | "decades" => Unit::Months(120),
        "year" | "years" | "yr" | "yrs" | "y" => Unit::Months(12),
        "month" | "months" | "mon" | "mons" => Unit::Months(1),
        "week" | "weeks" | "w" => Unit::Days(7),
        "day" | "days" | "d" => Unit::Days(1),
        "hour" | "hours" | "hr" | "hrs" | "h" => Unit::Nanoseconds(HOUR),
        "minute" | "minutes" | "min" | "mins" | "m" => Unit::Nanoseconds(MINUTE),
        "second" | "seconds" | "sec" | "secs" | "s" => Unit::Nanoseconds(SECOND),
        "millisecond" | "milliseconds" | "msec" | "msecs" | "ms" => {
            Unit::Nanoseconds(SECOND / 1000)
        }
        "microsecond" | "microseconds" | "usec" | "usecs" | "us" => {
            Unit::Nanoseconds(SECOND / 1_000_000)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_every_form_that_clients_write() {
        let microseconds = |hours: i64, minutes: i64, seconds: i64, micros: i64| {
            (((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros) * 1000
        };
        let cases = [
            ("1 day 02:03:04", (0, 1, microseconds(2, 3, 4, 0))),
            ("1 year 2 mons 3 days 04:05:06.789", (14, 3, microseconds(4, 5, 6, 789_000))),
            ("-1 day, 23:59:59.5", (0, -1, microseconds(23, 59, 59, 500_000))),
            ("30 days, 0:00:00", (0, 30, 0)),
            ("1 days 3600.000000 seconds", (0, 1, microseconds(1, 0, 0, 0))),
            ("-00:00:01", (0, 0, microseconds(0, 0, -1, 0))),
            ("1 2:03:04", (0, 1, microseconds(2, 3, 4, 0))),
            ("1-2", (14, 0, 0)),
            ("-1-2 3 days", (-14, 3, 0)),
            ("1.5 hours", (0, 0, microseconds(1, 30, 0, 0))),
            ("1.5 months", (1, 15, 0)),
            ("1 day ago", (0, -1, 0)),
            ("@ 2 h 30m", (0, 0, microseconds(2, 30, 0, 0))),
            ("90", (0, 0, microseconds(0, 1, 30, 0))),
            ("P1Y2M3DT4H5M6.5S", (14, 3, microseconds(4, 5, 6, 500_000))),
            ("PT36H", (0, 0, microseconds(36, 0, 0, 0))),
        ];
        for (text, (months, days, nanoseconds)) in cases {
            let expected = IntervalMonthDayNano { months, days, nanoseconds };
            assert_eq!(interval(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_length_is_none() {
        let huge = "9".repeat(40);
        let wrong = [
            "",
            "day",
            "1 2 days",
            "1 fortnight",
            "1:2:3:4",
            "1:60",
            "1-12",
            "P",
            "P1H",
            "1e3 s",
            &huge,
        ];
        for text in wrong {
            assert_eq!(interval(text), None, "{text}");
        }
    }
}
