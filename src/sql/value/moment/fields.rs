//! The fields that the text of a date and time is made of, in whatever order they stand.

use chrono::NaiveDate;

use super::WrongMoment;
use super::clock::{Half, with_colons, without_colons};
use super::zone::Zone;

pub(in crate::sql) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// Letters that tell a month or a day of the week at least.
const LETTERS_MIN: usize = 3;

/// What has been read so far.
#[derive(Debug, Default)]
pub(super) struct Fields {
    date: Option<Date>,
    /// Of a date that is written in words.
    month: Option<u32>,
    day: Option<u32>,
    year: Option<i32>,
    clock: Option<String>,
    has_colons: bool,
    half: Option<Half>,
    pub(super) zone: Option<Zone>,
    before_christ: bool,
    /// Whether digits alone are a time of day.
    wants_clock: bool,
}

#[derive(Debug, Clone, Copy)]
struct Date {
    year: i32,
    month: u32,
    day: u32,
}

impl Fields {
    pub(super) fn read(text: &str, wants_clock: bool) -> Result<Self, WrongMoment> {
        let mut fields = Self { wants_clock, ..Self::default() };
        // Quotes are between the words too, as PostgreSQL has it.
        let between = |letter: char| letter.is_whitespace() || [',', '\'', '"'].contains(&letter);
        let words = text.split(between);
        for word in words.filter(|word| !word.is_empty()) {
            fields.word(word)?;
        }
        Ok(fields)
    }

    /// The date.
    ///
    /// # Errors
    /// When there is none, or none that a calendar has.
    pub(super) fn date(&self) -> Result<NaiveDate, WrongMoment> {
        let in_words = || Some(Date { year: self.year?, month: self.month?, day: self.day? });
        let Date { year, month, day } = self.date.or_else(in_words).ok_or(WrongMoment::Syntax)?;
        if year == 0 {
            return Err(WrongMoment::Range);
        }
        let year = if self.before_christ { 1 - year } else { year };
        NaiveDate::from_ymd_opt(year, month, day).ok_or(WrongMoment::Range)
    }

    /// Microseconds since midnight, where a time is told.
    ///
    /// # Errors
    /// When no clock shows it.
    pub(super) fn clock(&self) -> Result<Option<i64>, WrongMoment> {
        let read = if self.has_colons { with_colons } else { without_colons };
        match &self.clock {
            Some(clock) => read(clock, self.half).map(Some),
            None if self.half.is_some() => Err(WrongMoment::Syntax),
            None => Ok(None),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), WrongMoment> {
        let is_digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
        if let Some((date, time)) = word.split_once(['T', 't'])
            && is_digit(date.chars().next_back())
            && is_digit(time.chars().next())
        {
            self.word(date)?;
            return self.word(time);
        }
        let number_end = word
            .find(|letter: char| !letter.is_ascii_digit() && letter != ':' && letter != '.')
            .unwrap_or(word.len());
        let (number, rest) = word.split_at(number_end);
        if number.contains(':') {
            self.set_clock(number, true)?;
            return if rest.is_empty() { Ok(()) } else { self.name(rest) };
        }
        if rest.is_empty() {
            return self.digits(word);
        }
        if self.clock.is_none() && self.date.is_none() && word.contains(['-', '/', '.']) {
            return self.parts(word);
        }
        if number.is_empty() {
            return self.name(word);
        }
        if self.has_date() && self.clock.is_none() {
            self.digits(number)?;
            return self.name(rest);
        }
        Err(WrongMoment::Syntax)
    }

    fn has_date(&self) -> bool {
        self.date.is_some() || self.wants_clock
    }

    fn set_clock(&mut self, clock: &str, has_colons: bool) -> Result<(), WrongMoment> {
        self.has_colons = has_colons;
        match self.clock.replace(clock.to_owned()) {
            None => Ok(()),
            Some(_) => Err(WrongMoment::Syntax),
        }
    }

    /// A word of digits, perhaps with a fraction.
    fn digits(&mut self, word: &str) -> Result<(), WrongMoment> {
        let whole = word.find('.').unwrap_or(word.len());
        if self.has_date() && self.clock.is_none() && [4, 6].contains(&whole) {
            return self.set_clock(word, false);
        }
        if word.contains('.') {
            return self.parts(word);
        }
        let number: i32 = word.parse().map_err(|_| WrongMoment::Range)?;
        let small = u32::try_from(number).map_err(|_| WrongMoment::Range)?;
        match word.len() {
            8 | 6 if !self.has_date() && self.month.is_none() => {
                let year = number / 10_000;
                let year = if word.len() == 6 { of_century(year) } else { year };
                self.date = Some(Date { year, month: small / 100 % 100, day: small % 100 });
                Ok(())
            }
            1 | 2 if self.day.is_none() => {
                self.day = Some(small);
                Ok(())
            }
            2.. if self.year.is_none() => {
                self.year = Some(if word.len() == 2 { of_century(number) } else { number });
                Ok(())
            }
            _ => Err(WrongMoment::Syntax),
        }
    }

    /// A date of three parts.
    fn parts(&mut self, word: &str) -> Result<(), WrongMoment> {
        let parts: Vec<&str> = word.split(['-', '/', '.']).collect();
        let [first, second, third] = parts.as_slice() else {
            // What has no date in it may be the name of a zone.
            return if word.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
                self.name(word)
            } else {
                Err(WrongMoment::Syntax)
            };
        };
        let number = |part: &str| {
            let are_digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            if are_digits {
                part.parse::<u32>().map_err(|_| WrongMoment::Range)
            } else {
                Err(WrongMoment::Syntax)
            }
        };
        let year = |part: &str| {
            let year = i32::try_from(number(part)?).map_err(|_| WrongMoment::Range)?;
            Ok(if part.len() < 3 { of_century(year) } else { year })
        };
        let month = |part: &str| month(part).map_or_else(|| number(part), Ok);
        let is_name = |part: &str| part.starts_with(|letter: char| letter.is_ascii_alphabetic());
        let (year, month, day) = if first.len() > 2 && !is_name(first) {
            (year(first)?, month(second)?, number(third)?)
        } else if is_name(second) {
            (year(third)?, month(second)?, number(first)?)
        } else {
            (year(third)?, month(first)?, number(second)?)
        };
        self.date = Some(Date { year, month, day });
        Ok(())
    }

    /// A month, a day of the week, a half of the day, an era, or a zone.
    fn name(&mut self, word: &str) -> Result<(), WrongMoment> {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "am" => self.half = Some(Half::Morning),
            "pm" => self.half = Some(Half::Afternoon),
            "bc" => self.before_christ = true,
            "ad" => {}
            offset if offset.starts_with(['+', '-']) && self.clock.is_some() => {
                self.zone = Some(Zone::offset(offset)?);
            }
            name if self.month.is_none() && month(name).is_some() => self.month = month(name),
            name if begins(&WEEKDAYS, name).is_some() => {}
            _ => self.zone = Some(Zone::named(word).ok_or(WrongMoment::Syntax)?),
        }
        Ok(())
    }
}

/// Years of two digits are those around now.
fn of_century(year: i32) -> i32 {
    if year < 70 { 2000 + year } else { 1900 + year }
}

fn month(name: &str) -> Option<u32> {
    let place = begins(&MONTHS, &name.to_ascii_lowercase())?;
    u32::try_from(place + 1).ok()
}

/// The place of the one name that begins so.
fn begins(names: &[&str], beginning: &str) -> Option<usize> {
    if beginning.len() < LETTERS_MIN {
        return None;
    }
    names.iter().position(|name| name.starts_with(beginning))
}
