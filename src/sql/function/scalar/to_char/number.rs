//! Numbers as text, by the patterns that PostgreSQL has for them.

use datafusion::arrow::datatypes::i256;

use super::{quoted, unknown};
use crate::sql::value::numeric::units;
use crate::sql::{SqlError, SqlState};

/// Patterns of numbers that are not written here.
const UNKNOWN: [&str; 7] = ["EEEE", "PR", "RN", "TH", "V", "L", "PL"];

/// One part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// A place for a digit; whether a zero is shown there.
    Digit(bool),
    Point,
    Comma,
    /// A sign that stands beside the digits, plus or minus.
    Sign,
    /// A minus or nothing at this place.
    Minus,
    /// A plus or a minus at this place.
    PlusMinus,
    Text(String),
}

/// A pattern as it is read.
#[derive(Debug, Default)]
struct Pattern {
    parts: Vec<Part>,
    /// Without spaces before, and zeros behind, the digits.
    bare: bool,
}

/// The number that has these `digits` by `pattern`.
pub(super) fn formatted(digits: &str, pattern: &str) -> Result<String, SqlError> {
    let pattern = Pattern::read(pattern)?;
    let (before, behind) = pattern.places();
    let negative = digits.starts_with('-');
    let units = units(digits, behind).ok_or_else(|| {
        let message = "the number has too many digits for to_char";
        SqlError::new(SqlState::NumericValueOutOfRange, message)
    })?;
    let units = if units < i256::ZERO { units.wrapping_neg() } else { units };
    let mut all = format!("{:0>width$}", units.to_string(), width = behind + 1);
    let fraction = all.split_off(all.len() - behind);
    let whole = all.trim_start_matches('0');
    let whole = if whole.is_empty() && behind == 0 { "0" } else { whole };
    let (whole, fraction) = if whole.len() > before {
        ("#".repeat(before), "#".repeat(behind))
    } else {
        (whole.to_owned(), fraction)
    };
    Ok(pattern.write(negative, &whole, &fraction))
}

impl Pattern {
    fn read(pattern: &str) -> Result<Self, SqlError> {
        let (mut read, mut rest) = (Self::default(), pattern);
        while let Some(letter) = rest.chars().next() {
            let begins = |word: &str| {
                rest.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word))
            };
            if let Some(word) = UNKNOWN.iter().find(|word| begins(word)) {
                return Err(unknown(word));
            }
            let (part, length) = match letter {
                _ if begins("FM") => (None, 2),
                _ if begins("MI") => (Some(Part::Minus), 2),
                _ if begins("SG") => (Some(Part::PlusMinus), 2),
                '9' => (Some(Part::Digit(false)), 1),
                '0' => (Some(Part::Digit(true)), 1),
                '.' | 'D' | 'd' => (Some(Part::Point), 1),
                ',' | 'G' | 'g' => (Some(Part::Comma), 1),
                'S' | 's' => (Some(Part::Sign), 1),
                '"' => {
                    let (text, behind) = quoted(rest.get(1..).unwrap_or_default());
                    (Some(Part::Text(text)), rest.len() - behind.len())
                }
                other => (Some(Part::Text(other.to_string())), other.len_utf8()),
            };
            read.bare |= part.is_none();
            read.parts.extend(part);
            rest = rest.get(length..).unwrap_or_default();
        }
        let points = read.parts.iter().filter(|part| **part == Part::Point).count();
        if points > 1 {
            let message = "multiple decimal points";
            return Err(SqlError::new(SqlState::SyntaxError, message));
        }
        Ok(read)
    }

    /// How many digits it has before the point and behind it.
    fn places(&self) -> (usize, usize) {
        let mut halves = self.parts.split(|part| *part == Part::Point);
        let mut count = || {
            let half = halves.next().unwrap_or_default();
            half.iter().filter(|part| matches!(part, Part::Digit(_))).count()
        };
        (count(), count())
    }

    fn write(&self, negative: bool, whole: &str, fraction: &str) -> String {
        let mut output = String::new();
        let (before, _) = self.places();
        let zeros = self.parts.iter().filter(|part| matches!(part, Part::Digit(_)));
        let first_zero = zeros.clone().position(|part| *part == Part::Digit(true));
        let shown_from = (before - whole.len()).min(first_zero.unwrap_or(before)).min(before);
        let explicit = self
            .parts
            .iter()
            .any(|part| matches!(part, Part::Sign | Part::Minus | Part::PlusMinus));
        let leading = self.parts.iter().position(|part| *part == Part::Sign).is_some_and(|at| {
            self.parts.iter().take(at).all(|part| !matches!(part, Part::Digit(_)))
        });
        let mut sign = match (explicit, leading, negative) {
            (false, _, true) | (_, true, true) => Some("-"),
            (false, _, false) => Some(if self.bare { "" } else { " " }),
            (_, true, false) => Some("+"),
            _ => Some(""),
        };
        let kept = self.kept_fraction(fraction);
        let (mut place, mut behind) = (0, None);
        for part in &self.parts {
            match (part, behind) {
                (Part::Digit(_), None) => {
                    if place >= shown_from {
                        output.push_str(sign.take().unwrap_or_default());
                        let at = place + whole.len();
                        let digit = at.checked_sub(before).and_then(|at| whole.get(at..=at));
                        output.push_str(digit.unwrap_or("0"));
                    } else if !self.bare {
                        output.push(' ');
                    }
                    place += 1;
                }
                (Part::Digit(_), Some(at)) => {
                    output.push_str(kept.get(at..=at).unwrap_or_default());
                    behind = Some(at + 1);
                }
                (Part::Point, _) => {
                    output.push_str(sign.take().unwrap_or_default());
                    output.push('.');
                    behind = Some(0);
                }
                (Part::Comma, _) if place > shown_from => output.push(','),
                (Part::Sign, _) if leading => {}
                (Part::Sign | Part::PlusMinus, _) => output.push(if negative { '-' } else { '+' }),
                (Part::Minus, _) if negative => output.push('-'),
                (Part::Comma | Part::Minus, _) if self.bare => {}
                (Part::Comma | Part::Minus, _) => output.push(' '),
                (Part::Text(text), _) => output.push_str(text),
            }
        }
        output
    }

    /// Digits behind the point, without zeros that a bare pattern does not ask for.
    fn kept_fraction<'a>(&self, fraction: &'a str) -> &'a str {
        if !self.bare {
            return fraction;
        }
        let half = self.parts.split(|part| *part == Part::Point).nth(1).unwrap_or_default();
        let digits = half.iter().filter(|part| matches!(part, Part::Digit(_)));
        let asked = digits.enumerate().filter(|(_, part)| **part == Part::Digit(true));
        let asked = asked.last().map_or(0, |(at, _)| at + 1);
        let kept = fraction.trim_end_matches('0').len().max(asked);
        fraction.get(..kept).unwrap_or(fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_in_postgresql() {
        let cases = [
            ("485", "999", " 485"),
            ("-485", "999", "-485"),
            ("12", "9999", "   12"),
            ("-12", "9999", "  -12"),
            ("485", "9 9 9", " 4 8 5"),
            ("1485", "9,999", " 1,485"),
            ("485", "9,999", "   485"),
            ("1234567.891", "FM999,999,990.00", "1,234,567.89"),
            ("0.5", "FM999,999,990.00", "0.50"),
            ("148.5", "999.999", " 148.500"),
            ("148.5", "FM999.999", "148.5"),
            ("148.5", "FM999.990", "148.500"),
            ("-0.1", "99.99", "  -.10"),
            ("0.1", "0.9", " 0.1"),
            ("-0.1", "FM90.99", "-0.1"),
            ("12", "9990999.9", "    0012.0"),
            ("12", "FM9990999.9", "0012."),
            ("0", "999", "   0"),
            ("7", "FM000", "007"),
            ("1234", "999", " ###"),
            ("-485", "999S", "485-"),
            ("485", "S999", "+485"),
            ("-485", "999MI", "485-"),
            ("485", "999MI", "485 "),
            ("485", "FM999MI", "485"),
            ("485", "SG999", "+485"),
            ("12.345", "\"about\" 99D9", "about  12.3"),
            ("99.5", "FM990%", "100%"),
        ];
        for (digits, pattern, expected) in cases {
            assert_eq!(formatted(digits, pattern).unwrap(), expected, "{digits} by {pattern}");
        }
        let state = |pattern| formatted("1", pattern).unwrap_err().state;
        assert_eq!(state("9.9EEEE"), SqlState::FeatureNotSupported);
        assert_eq!(state("RN"), SqlState::FeatureNotSupported);
        assert_eq!(state("9.9.9"), SqlState::SyntaxError);
    }
}
