//! Times of day: `03:04:05.6`, `030405`.

use super::WrongMoment;

const SECOND: i64 = 1_000_000;

/// The half of the day that a clock of twelve hours shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Morning,
    Afternoon,
}

/// Microseconds since midnight of `hours:minutes[:seconds]`.
pub(super) fn with_colons(text: &str, half: Option<Half>) -> Result<i64, WrongMoment> {
    let mut parts = text.split(':');
    let (hours, minutes) = (parts.next(), parts.next());
    let seconds = parts.next().unwrap_or("0");
    match (hours, minutes, parts.next()) {
        (Some(hours), Some(minutes), None) => time(hours, minutes, seconds, half),
        _ => Err(WrongMoment::Syntax),
    }
}

/// Microseconds since midnight of `hhmm` or `hhmmss[.f]`.
pub(super) fn without_colons(text: &str, half: Option<Half>) -> Result<i64, WrongMoment> {
    let digits = text.find('.').unwrap_or(text.len());
    let split =
        text.split_at_checked(2).zip(text.get(2..).and_then(|rest| rest.split_at_checked(2)));
    let Some(((hours, _), (minutes, seconds))) = split else { return Err(WrongMoment::Syntax) };
    match digits {
        4 if seconds.is_empty() => time(hours, minutes, "0", half),
        6 => time(hours, minutes, seconds, half),
        _ => Err(WrongMoment::Syntax),
    }
}

fn time(hours: &str, minutes: &str, seconds: &str, half: Option<Half>) -> Result<i64, WrongMoment> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let number = |part: &str| -> Result<i64, WrongMoment> {
        let are_digits = part.bytes().all(|byte| byte.is_ascii_digit());
        if part.is_empty() || part.len() > 2 || !are_digits {
            return Err(WrongMoment::Syntax);
        }
        part.parse().map_err(|_| WrongMoment::Syntax)
    };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WrongMoment::Syntax);
    }
    let (mut hours, minutes, whole) = (number(hours)?, number(minutes)?, number(whole)?);
    match half {
        Some(_) if hours > 12 => return Err(WrongMoment::Range),
        Some(Half::Afternoon) if hours < 12 => hours += 12,
        Some(Half::Morning) if hours == 12 => hours = 0,
        _ => {}
    }
    let fraction: f64 = format!("0.{fraction}0").parse().map_err(|_| WrongMoment::Syntax)?;
    let microseconds = (fraction * SECOND as f64).round_ties_even() as i64;
    let time = ((hours * 60 + minutes) * 60 + whole) * SECOND + microseconds;
    let fits = hours <= 24 && minutes < 60 && whole <= 60 && time <= super::DAY_US;
    if fits { Ok(time) } else { Err(WrongMoment::Range) }
}
