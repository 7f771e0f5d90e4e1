//! The parts of a template of `to_date` and `to_timestamp`.

use super::super::to_char::{checked, quoted};
use crate::sql::{SqlError, SqlState};

/// What a part of a template stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Hour12,
    Hour24,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    SecondOfDay,
    Half,
    Year,
    /// A year of so many digits at most, in the century around now.
    PartialYear(usize),
    Era,
    Month,
    MonthName,
    Day,
    DayName,
    DayOfWeek,
    DayOfYear,
    Week,
    WeekOfMonth,
    Quarter,
    Julian,
    ZoneHour,
    ZoneMinute,
}

/// Patterns, how many digits they have, and what they stand for; longer ones before those that they
/// begin with.
const PATTERNS: [(&str, usize, Field); 38] = [
    ("HH24", 2, Field::Hour24),
    ("HH12", 2, Field::Hour12),
    ("HH", 2, Field::Hour12),
    ("MI", 2, Field::Minute),
    ("SSSSS", 5, Field::SecondOfDay),
    ("SSSS", 5, Field::SecondOfDay),
    ("SS", 2, Field::Second),
    ("MS", 3, Field::Millisecond),
    ("US", 6, Field::Microsecond),
    ("FF3", 3, Field::Millisecond),
    ("FF6", 6, Field::Microsecond),
    ("A.M.", 0, Field::Half),
    ("P.M.", 0, Field::Half),
    ("AM", 0, Field::Half),
    ("PM", 0, Field::Half),
    ("YYYY", 4, Field::Year),
    ("YYY", 3, Field::PartialYear(3)),
    ("YY", 2, Field::PartialYear(2)),
    ("Y", 1, Field::PartialYear(1)),
    ("B.C.", 0, Field::Era),
    ("A.D.", 0, Field::Era),
    ("BC", 0, Field::Era),
    ("AD", 0, Field::Era),
    ("MONTH", 0, Field::MonthName),
    ("MON", 0, Field::MonthName),
    ("MM", 2, Field::Month),
    ("DAY", 0, Field::DayName),
    ("DDD", 3, Field::DayOfYear),
    ("DD", 2, Field::Day),
    ("DY", 0, Field::DayName),
    ("D", 1, Field::DayOfWeek),
    ("WW", 2, Field::Week),
    ("W", 1, Field::WeekOfMonth),
    ("Q", 1, Field::Quarter),
    ("J", 0, Field::Julian),
    ("TZH", 2, Field::ZoneHour),
    ("TZM", 2, Field::ZoneMinute),
    ("FF", 6, Field::Microsecond),
];

/// Patterns of PostgreSQL that are not read here.
const UNKNOWN: [&str; 11] = ["FX", "TM", "TZ", "OF", "IDDD", "IYYY", "IW", "ID", "RM", "CC", "SP"];

/// One part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Field {
        field: Field,
        /// As it is written.
        name: String,
        digits: usize,
        /// Whether `TH` follows, for which two letters are passed over.
        ordinal: bool,
        /// Whether all digits that there are belong to it.
        greedy: bool,
    },
    /// A space or a sign between fields.
    Separator,
    /// Another letter, for which one is passed over.
    Letter(char),
}

/// The parts of `template`.
///
/// # Errors
/// 0A000 for patterns that are not read here.
pub(super) fn parts(template: &str) -> Result<Vec<Part>, SqlError> {
    let (mut parts, mut rest, mut fill) = (Vec::new(), checked(template)?, false);
    while let Some(letter) = rest.chars().next() {
        if let Some(behind) = rest.strip_prefix('"') {
            let (text, behind) = quoted(behind);
            parts.extend(text.chars().map(Part::Letter));
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix("FM").or_else(|| rest.strip_prefix("fm")) {
            (rest, fill) = (behind, true);
        } else if let Some((field, name, digits)) = known(rest)? {
            rest = rest.get(name.len()..).unwrap_or_default();
            let ordinal = rest.get(..2).is_some_and(|next| next.eq_ignore_ascii_case("TH"));
            if ordinal {
                rest = rest.get(2..).unwrap_or_default();
            }
            parts.push(Part::Field { field, name, digits, ordinal, greedy: fill || ordinal });
            fill = false;
        } else {
            let separates = letter.is_ascii() && !letter.is_ascii_alphanumeric();
            parts.push(if separates { Part::Separator } else { Part::Letter(letter) });
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
    }
    Ok(told_apart(parts))
}

/// Marks the fields behind which no digits follow.
fn told_apart(mut parts: Vec<Part>) -> Vec<Part> {
    let ends: Vec<bool> = (1..=parts.len()).map(|next| ends_digits(parts.get(next))).collect();
    for (part, ends) in parts.iter_mut().zip(ends) {
        if let Part::Field { greedy, .. } = part {
            *greedy |= ends;
        }
    }
    parts
}

fn ends_digits(next: Option<&Part>) -> bool {
    match next {
        None | Some(Part::Separator) => true,
        Some(Part::Field { digits, .. }) => *digits == 0,
        Some(Part::Letter(letter)) => !letter.is_ascii_digit(),
    }
}

/// The pattern that `rest` begins with.
fn known(rest: &str) -> Result<Option<(Field, String, usize)>, SqlError> {
    let begins = |word: &str| rest.get(..word.len()).filter(|text| text.eq_ignore_ascii_case(word));
    let found = PATTERNS
        .iter()
        .find_map(|(word, digits, field)| Some((*field, begins(word)?.to_owned(), *digits)));
    if let Some(unknown) = UNKNOWN.iter().find_map(|word| begins(word))
        && found.as_ref().is_none_or(|(_, name, _)| name.len() <= unknown.len())
    {
        let message = format!("\"{unknown}\" in a template of to_date or to_timestamp");
        return Err(SqlError::unsupported(message));
    }
    Ok(found)
}

/// What is said of a text that a field does not fit.
pub(super) fn invalid(value: &str, name: &str) -> SqlError {
    let message = format!("invalid value \"{value}\" for \"{name}\"");
    SqlError::new(SqlState::InvalidDatetimeFormat, message)
}
