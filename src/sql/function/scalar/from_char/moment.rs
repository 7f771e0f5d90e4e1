//! Texts as moments, by the fields of a template.

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta};

use super::template::{Field, Part, invalid};
use crate::sql::value::moment::MONTHS;
use crate::sql::{SqlError, SqlState};

const DAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
/// Letters of short names of months and days.
const SHORT: usize = 3;
const DAY_SECONDS: i64 = 86_400;
/// The Julian day of 1970-01-01.
const JULIAN_1970: i64 = 2_440_588;

/// What has been read.
#[derive(Debug, Default)]
struct Read {
    hour: i64,
    of_twelve: bool,
    afternoon: bool,
    minute: i64,
    second: i64,
    microsecond: i64,
    second_of_day: Option<i64>,
    year: Option<i64>,
    before_christ: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    week: Option<i64>,
    week_of_month: Option<i64>,
    julian: Option<i64>,
    zone_hours: Option<(bool, i64)>,
    zone_minutes: i64,
}

/// The moment that `text` is by `parts`, in UTC.
///
/// # Errors
/// 22007 for texts that the fields do not fit, 22008 for what no calendar has.
pub(super) fn moment(text: &str, parts: &[Part]) -> Result<NaiveDateTime, SqlError> {
    let range = || {
        let message = format!("date/time field value out of range: \"{text}\"");
        SqlError::new(SqlState::DatetimeFieldOverflow, message)
    };
    let read = fields(text, parts)?;
    let clock = read.clock(range)?;
    let date = read.date(range)?;
    let local = date.and_hms_opt(0, 0, 0).and_then(|midnight| midnight.checked_add_signed(clock));
    local.and_then(|local| local.checked_sub_signed(read.offset())).ok_or_else(range)
}

fn fields(text: &str, parts: &[Part]) -> Result<Read, SqlError> {
    let mut read = Read::default();
    // Spaces that were passed over and that the template did not ask for.
    let mut extra = 0_usize;
    let mut rest = text.trim_start();
    for part in parts {
        let Some(next) = rest.chars().next() else { break };
        let behind = rest.get(next.len_utf8()..).unwrap_or_default();
        match part {
            Part::Separator => {
                if next.is_ascii() && !next.is_ascii_alphanumeric() {
                    rest = behind;
                } else {
                    extra = extra.saturating_sub(1);
                }
            }
            Part::Letter(_) if extra > 0 => extra -= 1,
            Part::Letter(_) => rest = behind,
            Part::Field { ordinal, .. } => {
                rest = read.field(part, rest.trim_start())?;
                if *ordinal {
                    rest = rest.get(2..).unwrap_or_default();
                }
                let trimmed = rest.trim_start();
                (extra, rest) = (rest.len() - trimmed.len(), trimmed);
            }
        }
    }
    Ok(read)
}

impl Read {
    /// Reads a field and tells what is behind it.
    fn field<'a>(&mut self, part: &Part, text: &'a str) -> Result<&'a str, SqlError> {
        let Part::Field { field, name, digits, greedy, .. } = part else { return Ok(text) };
        let named = |names: &[&str], short: bool| place(names, text, short, name);
        match field {
            Field::Half => {
                let (which, behind) = marked(text, name, [["AM", "A.M."], ["PM", "P.M."]])?;
                (self.afternoon, self.of_twelve) = (which, true);
                return Ok(behind);
            }
            Field::Era => {
                let (which, behind) = marked(text, name, [["AD", "A.D."], ["BC", "B.C."]])?;
                self.before_christ = which;
                return Ok(behind);
            }
            Field::MonthName => {
                let (place, behind) = named(&MONTHS, name.len() == SHORT)?;
                self.month = i64::try_from(place + 1).ok();
                return Ok(behind);
            }
            // Which day of the week it is, the date says.
            Field::DayName => return Ok(named(&DAYS, name.len() < SHORT)?.1),
            _ => {}
        }
        let (number, count, behind) = number(text, *digits, *greedy, name)?;
        self.set(*field, number, count, text.starts_with('-'));
        Ok(behind)
    }

    fn set(&mut self, field: Field, number: i64, count: usize, negative: bool) {
        match field {
            Field::Hour12 => (self.hour, self.of_twelve) = (number, true),
            Field::Hour24 => self.hour = number,
            Field::Minute => self.minute = number,
            Field::Second => self.second = number,
            Field::Millisecond => self.microsecond += scaled(number, count, 3) * 1000,
            Field::Microsecond => self.microsecond += scaled(number, count, 6),
            Field::SecondOfDay => self.second_of_day = Some(number),
            Field::Year => self.year = Some(number),
            Field::PartialYear(digits) => {
                let is_short = count < 4 && digits < 4;
                self.year = Some(if is_short { around_2020(number) } else { number });
            }
            Field::Month => self.month = Some(number),
            Field::Day => self.day = Some(number),
            Field::DayOfYear => self.day_of_year = Some(number),
            Field::Week => self.week = Some(number),
            Field::WeekOfMonth => self.week_of_month = Some(number),
            Field::Julian => self.julian = Some(number),
            Field::ZoneHour => self.zone_hours = Some((negative, number.abs())),
            Field::ZoneMinute => self.zone_minutes = number,
            Field::Quarter
            | Field::DayOfWeek
            | Field::Half
            | Field::Era
            | Field::MonthName
            | Field::DayName => {}
        }
    }

    fn clock(&self, range: impl Fn() -> SqlError) -> Result<TimeDelta, SqlError> {
        let mut hour = self.hour;
        if self.of_twelve && self.second_of_day.is_none() {
            if !(1..=12).contains(&hour) {
                let message = format!("hour \"{hour}\" is invalid for the 12-hour clock");
                return Err(SqlError::new(SqlState::InvalidDatetimeFormat, message)
                    .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            hour = hour % 12 + if self.afternoon { 12 } else { 0 };
        }
        let fits = (0..24).contains(&hour)
            && (0..60).contains(&self.minute)
            && (0..60).contains(&self.second)
            && (0..1_000_000).contains(&self.microsecond);
        let seconds = self.second_of_day.unwrap_or((hour * 60 + self.minute) * 60 + self.second);
        if !fits || !(0..=DAY_SECONDS).contains(&seconds) {
            return Err(range());
        }
        Ok(TimeDelta::microseconds(seconds * 1_000_000 + self.microsecond))
    }

    fn date(&self, range: impl Fn() -> SqlError) -> Result<NaiveDate, SqlError> {
        if let Some(julian) = self.julian {
            let days = TimeDelta::try_days(julian - JULIAN_1970).ok_or_else(&range)?;
            let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).ok_or_else(&range)?;
            return epoch.checked_add_signed(days).ok_or_else(range);
        }
        // Without a year it is that before year 1.
        let year = match self.year {
            Some(year) if self.before_christ && year > 0 => 1 - year,
            Some(year) if year < 0 => year + 1,
            year => year.unwrap_or_default(),
        };
        let year = i32::try_from(year).map_err(|_| range())?;
        let day_of_year = self.day_of_year.or_else(|| Some((self.week? - 1) * 7 + 1));
        let small = |number: i64| u32::try_from(number).map_err(|_| range());
        if let Some(day) = day_of_year.filter(|_| self.month.is_none()) {
            return NaiveDate::from_yo_opt(year, small(day)?).ok_or_else(range);
        }
        let of_week = self.week_of_month.map(|week| (week - 1) * 7 + 1);
        let day = self.day.or(of_week).unwrap_or(1);
        let date = NaiveDate::from_ymd_opt(year, small(self.month.unwrap_or(1))?, small(day)?);
        date.filter(|date| date.year() == year).ok_or_else(range)
    }

    /// What the clock of the zone is ahead of UTC's.
    fn offset(&self) -> TimeDelta {
        let Some((negative, hours)) = self.zone_hours else { return TimeDelta::zero() };
        let minutes = TimeDelta::minutes(hours.min(24) * 60 + self.zone_minutes.clamp(0, 59));
        if negative { -minutes } else { minutes }
    }
}

/// A number, how many letters it has, and what is behind it.
fn number<'a>(
    text: &'a str,
    digits: usize,
    greedy: bool,
    name: &str,
) -> Result<(i64, usize, &'a str), SqlError> {
    let sign = usize::from(text.starts_with(['-', '+']));
    let all = sign + text.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
    let exact = |text: &'a str| text.char_indices().nth(digits).map_or(text, |(at, _)| &text[..at]);
    let length = if greedy || digits == 0 { all } else { all.min(digits) };
    if !greedy && digits > 0 && text.chars().count() < digits {
        let message = format!("source string too short for \"{name}\" formatting field");
        return Err(SqlError::new(SqlState::InvalidDatetimeFormat, message));
    }
    if length <= sign || (!greedy && digits > 0 && length < digits) {
        return Err(invalid(if greedy { shown(text, digits) } else { exact(text) }, name));
    }
    let (number, behind) = text.split_at(length);
    let number = number.parse().map_err(|_| invalid(number, name))?;
    Ok((number, length - sign, behind))
}

/// As much of a wrong value as its field has digits.
fn shown(text: &str, digits: usize) -> &str {
    text.char_indices().nth(digits.max(1)).map_or(text, |(at, _)| &text[..at])
}

/// The place of the name that `text` begins with, and what is behind it.
fn place<'a>(
    names: &[&str],
    text: &'a str,
    short: bool,
    name: &str,
) -> Result<(usize, &'a str), SqlError> {
    let begins = |known: &&str| {
        let known = if short { known.get(..SHORT).unwrap_or(known) } else { known };
        let length = known.len();
        text.get(..length).filter(|text| text.eq_ignore_ascii_case(known)).map(|_| length)
    };
    let found = names.iter().enumerate().find_map(|(place, known)| Some((place, begins(known)?)));
    let word = || text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    let (place, length) = found.ok_or_else(|| invalid(word(), name))?;
    Ok((place, text.get(length..).unwrap_or_default()))
}

/// Which of two marks `text` begins with, whether it is the second, and what is behind it.
fn marked<'a>(
    text: &'a str,
    name: &str,
    marks: [[&str; 2]; 2],
) -> Result<(bool, &'a str), SqlError> {
    let dotted = usize::from(name.contains('.'));
    for (which, forms) in marks.iter().enumerate() {
        let Some(mark) = forms.get(dotted) else { continue };
        if text.get(..mark.len()).is_some_and(|text| text.eq_ignore_ascii_case(mark)) {
            return Ok((which == 1, text.get(mark.len()..).unwrap_or_default()));
        }
    }
    Err(invalid(shown(text, name.len()), name))
}

/// A fraction of so many digits in units of the last of `places`.
fn scaled(number: i64, count: usize, places: usize) -> i64 {
    let missing = u32::try_from(places.saturating_sub(count)).unwrap_or_default();
    number.saturating_mul(10_i64.pow(missing))
}

/// The year nearest to 2020 that ends so.
fn around_2020(year: i64) -> i64 {
    match year {
        70..100 => year + 1900,
        0..520 => year + 2000,
        520..1000 => year + 1000,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::template::parts;
    use super::*;

    fn read(text: &str, template: &str) -> Result<String, SqlError> {
        moment(text, &parts(template)?).map(|moment| moment.to_string())
    }

    #[test]
    fn texts_are_read_as_postgresql_reads_them() {
        let cases = [
            ("2024-03-05", "YYYY-MM-DD", "2024-03-05 00:00:00"),
            ("05 Mar 2024", "DD Mon YYYY", "2024-03-05 00:00:00"),
            ("20240305", "YYYYMMDD", "2024-03-05 00:00:00"),
            ("2024-060", "YYYY-DDD", "2024-02-29 00:00:00"),
            ("3/5/24", "MM/DD/YY", "2024-03-05 00:00:00"),
            ("3/5/75", "MM/DD/YY", "1975-03-05 00:00:00"),
            ("5th March 2024", "FMDDth FMMonth YYYY", "2024-03-05 00:00:00"),
            ("Tuesday, March 5 2024", "Day, Month DD YYYY", "2024-03-05 00:00:00"),
            ("2024-03-05 14:30:45.5", "YYYY-MM-DD HH24:MI:SS.MS", "2024-03-05 14:30:45.500"),
            ("2024-03-05T14:30", "YYYY-MM-DD\"T\"HH24:MI", "2024-03-05 14:30:00"),
            ("05 Dec 2000 02:30 PM", "DD Mon YYYY HH12:MI AM", "2000-12-05 14:30:00"),
            ("2024-03-05 01:00 +02:30", "YYYY-MM-DD HH24:MI TZH:TZM", "2024-03-04 22:30:00"),
            ("44-03-15 BC", "YYYY-MM-DD BC", "-0043-03-15 00:00:00"),
            ("2460375", "J", "2024-03-05 00:00:00"),
            ("2024 10", "YYYY WW", "2024-03-04 00:00:00"),
            ("2024", "YYYY-MM-DD", "2024-01-01 00:00:00"),
        ];
        for (text, template, expected) in cases {
            assert_eq!(read(text, template).unwrap(), expected, "{text} {template}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_field() {
        let cases = [
            ("x", "YYYY", "22007 invalid value \"x\" for \"YYYY\""),
            ("05 Foo 2024", "DD Mon YYYY", "22007 invalid value \"Foo\" for \"Mon\""),
            ("2024-13", "YYYY-MM", "22008 date/time field value out of range: \"2024-13\""),
            ("13:00 PM", "HH12:MI PM", "22007 hour \"13\" is invalid for the 12-hour clock"),
            ("20", "YYYYMMDD", "22007 source string too short for \"YYYY\" formatting field"),
        ];
        for (text, template, expected) in cases {
            let error = read(text, template).unwrap_err();
            assert_eq!(format!("{} {}", error.state, error.message), expected, "{text}");
        }
    }
}
