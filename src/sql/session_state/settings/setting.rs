//! One setting: its name, what it is without SET, and what it accepts, in PostgreSQL's words.

use likeness_storage::FailureProbability;

use super::quantity::{self, NO_UNITS, QuantityError, Units};
use super::real;
use super::search_path::SearchPath;
use super::{probability, purpose};
use crate::sql::session_state::encoding::Encoding;
use crate::sql::{SqlError, SqlState};

/// What a setting accepts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Accepts {
    /// Nothing; it tells about the server.
    Nothing,
    /// Any text.
    Text,
    /// Whole numbers in a range.
    Integer(i32, i32),
    /// Numbers in a range.
    Real(f64, f64),
    /// Whole numbers in a range, with units.
    Quantity(Units, i32, i32),
    /// What searches are for; empty for none.
    Purpose,
    /// A probability that a search may fail with.
    FailureProbability,
    /// on or off.
    Boolean,
    /// The default in other spellings.
    Spellings(&'static [&'static str]),
    /// One of several words; further spellings of some of them.
    Words(&'static [&'static str], &'static [(&'static str, &'static str)]),
    /// The name of one of several things of a kind.
    Name(&'static str, &'static [&'static str]),
    /// Names of schemas.
    SearchPath,
    /// The session's own role, or what stands for it; there are no others.
    Role,
    /// UTF-8, however its name is written.
    Encoding,
}

/// What `on` and `off` may be called among other words.
pub(super) const SWITCHES: &[(&str, &str)] =
    &[("true", "on"), ("yes", "on"), ("1", "on"), ("false", "off"), ("no", "off"), ("0", "off")];

#[derive(Debug)]
pub(in crate::sql::session_state) struct Setting {
    pub(super) name: &'static str,
    pub(super) default: &'static str,
    pub(super) accepts: Accepts,
}

pub(super) const fn setting(
    name: &'static str,
    default: &'static str,
    accepts: Accepts,
) -> Setting {
    Setting { name, default, accepts }
}

impl Setting {
    /// The value as it is kept in a session of `user`, or why it is refused.
    pub(super) fn checked(&self, value: &str, user: &str) -> Result<String, SqlError> {
        match self.accepts {
            Accepts::Nothing => {
                let message = format!("parameter \"{}\" cannot be changed", self.name);
                Err(SqlError::new(SqlState::CantChangeRuntimeParam, message))
            }
            Accepts::Text => Ok(value.to_owned()),
            Accepts::Integer(least, most) => self.quantity(value, NO_UNITS, least, most),
            Accepts::Quantity(units, least, most) => self.quantity(value, units, least, most),
            Accepts::Real(least, most) => match real::read(value) {
                Some(number) if (least..=most).contains(&number) => Ok(real::text_of(number)),
                Some(number) => {
                    let [number, least, most] = [number, least, most].map(real::text_of);
                    Err(self.outside(&number, &least, &most))
                }
                None => Err(self.invalid(value)),
            },
            Accepts::Purpose => match purpose(value) {
                Ok(_) => Ok(value.to_owned()),
                Err(why) => Err(self.invalid(value).with_hint(format!("A purpose {why}."))),
            },
            Accepts::FailureProbability if probability(value).is_some() => Ok(value.to_owned()),
            Accepts::FailureProbability => {
                let least = FailureProbability::LEAST;
                let hint = format!("Numbers from {least:e} to 0.5 are accepted.");
                Err(self.invalid(value).with_hint(hint))
            }
            Accepts::Boolean => boolean(value).map(str::to_owned).ok_or_else(|| {
                let message = format!("parameter \"{}\" requires a Boolean value", self.name);
                SqlError::new(SqlState::InvalidParameterValue, message)
            }),
            Accepts::Words(words, others) => self.word(value, words, others),
            Accepts::Name(_, known) if known.contains(&value) => Ok(value.to_owned()),
            Accepts::Name(kind, _) => {
                let detail = format!("{kind} \"{value}\" does not exist.");
                Err(self.invalid(value).with_detail(detail))
            }
            Accepts::SearchPath if SearchPath::is_one(value) => Ok(value.to_owned()),
            Accepts::SearchPath => Err(self.invalid(value).with_detail("List syntax is invalid.")),
            Accepts::Role if [self.default, user].contains(&value) => Ok(value.to_owned()),
            Accepts::Role => {
                let message = format!("role \"{value}\" does not exist");
                Err(SqlError::new(SqlState::InvalidParameterValue, message))
            }
            Accepts::Spellings(spellings) => {
                let mut known = spellings.iter().chain([&self.default]);
                if known.any(|spelling| spelling.eq_ignore_ascii_case(value)) {
                    return Ok(self.default.to_owned());
                }
                Err(self.only_default(value))
            }
            Accepts::Encoding => match Encoding::named(value) {
                Some(Encoding::Utf8) => Ok(self.default.to_owned()),
                Some(Encoding::Other) => Err(self.only_default(value)),
                None => Err(self.invalid(value)),
            },
        }
    }

    fn quantity(
        &self,
        value: &str,
        units: Units,
        least: i32,
        most: i32,
    ) -> Result<String, SqlError> {
        match quantity::read(value, units) {
            Ok(number) if (least..=most).contains(&number) => Ok(quantity::text_of(number, units)),
            Ok(number) => {
                let number = format!("{number} {}", units.own);
                Err(self.outside(number.trim_end(), &least.to_string(), &most.to_string()))
            }
            Err(QuantityError::NoNumber) => Err(self.invalid(value)),
            Err(QuantityError::UnknownUnit) => {
                let hint = format!("Valid units for this parameter are {}.", units.listed);
                Err(self.invalid(value).with_hint(hint))
            }
            Err(QuantityError::TooLarge) => {
                Err(self.invalid(value).with_hint("Value exceeds integer range."))
            }
        }
    }

    fn word(
        &self,
        value: &str,
        words: &[&str],
        others: &[(&str, &str)],
    ) -> Result<String, SqlError> {
        let other = others.iter().find(|(spelling, _)| spelling.eq_ignore_ascii_case(value));
        let meant = other.map_or(value, |(_, word)| word);
        let word = words.iter().find(|word| word.eq_ignore_ascii_case(meant));
        word.map(|word| (*word).to_owned()).ok_or_else(|| {
            let hint = format!("Available values: {}.", words.join(", "));
            self.invalid(value).with_hint(hint)
        })
    }

    fn invalid(&self, value: &str) -> SqlError {
        let message = format!("invalid value for parameter \"{}\": \"{value}\"", self.name);
        SqlError::new(SqlState::InvalidParameterValue, message)
    }

    fn outside(&self, number: &str, least: &str, most: &str) -> SqlError {
        let name = self.name;
        let message = format!(
            "{number} is outside the valid range for parameter \"{name}\" ({least} .. {most})"
        );
        SqlError::new(SqlState::InvalidParameterValue, message)
    }

    /// A value that PostgreSQL might accept and this server would not do.
    fn only_default(&self, value: &str) -> SqlError {
        let hint = format!("This server supports only \"{}\" here.", self.default);
        let SqlError { message, .. } = self.invalid(value);
        SqlError::new(SqlState::FeatureNotSupported, message).with_hint(hint)
    }
}

/// What `pg_settings` tells of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) struct Terms {
    /// What may be done to it, and by whom.
    pub(in crate::sql) context: &'static str,
    pub(in crate::sql) vartype: &'static str,
    /// What its numbers count, where that is not in them.
    pub(in crate::sql) unit: Option<&'static str>,
    pub(in crate::sql) range: Option<[String; 2]>,
    pub(in crate::sql) words: &'static [&'static str],
}

impl Setting {
    pub(super) fn terms(&self) -> Terms {
        let context = if matches!(self.accepts, Accepts::Nothing) { "internal" } else { "user" };
        let of = |vartype| Terms { context, vartype, unit: None, range: None, words: &[] };
        match self.accepts {
            Accepts::Integer(least, most) => {
                Terms { range: Some([least, most].map(|it| it.to_string())), ..of("integer") }
            }
            Accepts::Quantity(units, least, most) => Terms {
                range: Some([least, most].map(|it| it.to_string())),
                unit: Some(units.own),
                ..of("integer")
            },
            Accepts::Real(least, most) => {
                Terms { range: Some([least, most].map(real::text_of)), ..of("real") }
            }
            Accepts::Boolean => of("bool"),
            Accepts::Words(words, _) => Terms { words, ..of("enum") },
            Accepts::Spellings(_) if ["on", "off"].contains(&self.default) => of("bool"),
            Accepts::Nothing
            | Accepts::Text
            | Accepts::Purpose
            | Accepts::FailureProbability
            | Accepts::Spellings(_)
            | Accepts::Name(..)
            | Accepts::SearchPath
            | Accepts::Role
            | Accepts::Encoding => of("string"),
        }
    }

    /// A value as `pg_settings` has it: a number without its unit.
    pub(super) fn without_unit(&self, value: &str) -> String {
        let number = match self.accepts {
            Accepts::Quantity(units, ..) => quantity::read(value, units).ok(),
            _ => None,
        };
        number.map_or_else(|| value.to_owned(), |number| number.to_string())
    }
}

/// `on` or `off` by any name that PostgreSQL takes for one: a beginning of the words will do.
fn boolean(value: &str) -> Option<&'static str> {
    let value = value.to_ascii_lowercase();
    // "o" alone could be either.
    let begins = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
    if begins("true", 1) || begins("yes", 1) || begins("on", 2) || value == "1" {
        Some("on")
    } else if begins("false", 1) || begins("no", 1) || begins("off", 2) || value == "0" {
        Some("off")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_known_by_their_first_letters() {
        for on in ["on", "TRUE", "t", "tr", "y", "1"] {
            assert_eq!(boolean(on), Some("on"), "{on}");
        }
        for off in ["off", "of", "f", "No", "n", "0"] {
            assert_eq!(boolean(off), Some("off"), "{off}");
        }
        for neither in ["", "o", "onn", "2", "maybe"] {
            assert_eq!(boolean(neither), None, "{neither}");
        }
    }
}
