//! Calls about times that PostgreSQL writes in ways of their own.

use chrono::Utc;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, TimezoneInfo, Value, ValueWithSpan,
};

use super::called_as;
use super::syntax::{call, cast, function, number, plain_arguments, text};
use crate::sql::SqlError;
use crate::sql::grammar::marker::{EXTRACT, TO_PRECISION};
use crate::sql::grammar::name::folded;
use crate::sql::value::moment::{DAY_US, Moment, WrongMoment, time_of_day};

/// Digits of seconds that a time has.
pub(super) const DIGITS_MAX: u64 = 6;

/// `'text'::date` and its like, in the form that any reader knows.
///
/// # Errors
/// Text that is no date or time.
pub(super) fn literal(written: &str, data_type: &DataType) -> Result<Expr, SqlError> {
    let (now, is_time) = (Utc::now(), matches!(data_type, DataType::Time(..)));
    if let Some(word) = word(written, is_time) {
        return Ok(cast(word, data_type.clone()));
    }
    let in_utc =
        matches!(data_type, DataType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone));
    let name = match data_type {
        DataType::Time(..) => "time",
        DataType::Date => "date",
        _ if in_utc => "timestamp with time zone",
        _ => "timestamp",
    };
    let wrong = |wrong: WrongMoment| wrong.error(written, name);
    let plain = if is_time {
        Some(time_of_day(written, now).map_err(wrong)?).filter(|time| *time < DAY_US).map(clock)
    } else {
        // Moments of other years are read where casts are carried out.
        Moment::read(written, now).map_err(wrong)?.plain(in_utc).ok()
    };
    let plain = plain.map(|plain| match data_type {
        DataType::Date => plain.split('T').next().unwrap_or_default().to_owned(),
        _ => plain,
    });
    Ok(cast(text(plain.as_deref().unwrap_or(written)), data_type.clone()))
}

/// Takes the digits of seconds that a type keeps out of it, where these are not all; the rest of
/// the type is as precise as the planner's.
pub(super) fn without_precision(data_type: &mut DataType) -> Option<u64> {
    let precision = match data_type {
        DataType::Timestamp(Some(digits), _) if *digits > DIGITS_MAX => None,
        DataType::Timestamp(precision, _) => precision.replace(DIGITS_MAX),
        DataType::Time(precision, _) | DataType::Interval { precision, .. } => precision.take(),
        _ => None,
    };
    precision.filter(|digits| *digits < DIGITS_MAX)
}

/// `time` with so many digits of seconds.
pub(super) fn rounded(time: Expr, digits: u64) -> Expr {
    call(TO_PRECISION, [time, number(&digits)])
}

/// A word that means a moment beside that of the transaction; none where `written` is none.
fn word(written: &str, is_time: bool) -> Option<Expr> {
    let now = || call("now", []);
    let local = || cast(now(), DataType::Timestamp(Some(6), TimezoneInfo::None));
    let day = |days: i8| Expr::BinaryOp {
        left: Box::new(cast(now(), DataType::Date)),
        op: BinaryOperator::Plus,
        right: Box::new(cast(number(&days), DataType::Int(None))),
    };
    Some(match written.trim().to_ascii_lowercase().as_str() {
        "now" if is_time => local(),
        "now" => now(),
        "today" if !is_time => day(0),
        "tomorrow" if !is_time => day(1),
        "yesterday" if !is_time => Expr::Nested(Box::new(day(-1))),
        _ => return None,
    })
}

/// A time of day, of microseconds since midnight.
fn clock(microseconds: i64) -> String {
    let (seconds, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
    format!("{:02}:{:02}:{:02}.{rest:06}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The arguments of `make_interval`, all of which may be left out.
const PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];

/// `extract(unit FROM time)` as a function of two arguments.
pub(super) fn extract(field: &DateTimeField, time: &Expr) -> Expr {
    let unit = field.to_string().trim_matches(['\'', '"']).to_ascii_lowercase();
    call(EXTRACT, [text(unit), time.clone()])
}

/// Functions that tell the time with its zone, and those that tell it without.
const CLOCKS: [&str; 2] = ["now", "current_timestamp"];
const LOCAL_CLOCKS: [&str; 3] = ["localtimestamp", "localtime", "current_time"];

/// The digits of seconds that a clock is asked for: `current_timestamp(3)`.
fn asked_digits(called: &Function) -> Option<u64> {
    if called_as(called, "now") {
        return None;
    }
    let [digits] = <[Expr; 1]>::try_from(plain_arguments(&called.args)?).ok()?;
    let Expr::Cast { expr: digits, .. } = digits else { return None };
    match *digits {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => digits.parse().ok(),
        _ => None,
    }
}

/// What a clock shows, as precisely as times are kept, or as it is asked for.
fn clock_of(called: &Function) -> Option<Expr> {
    let is_clock = CLOCKS.iter().any(|name| called_as(called, name));
    if !is_clock && !LOCAL_CLOCKS.iter().any(|name| called_as(called, name)) {
        return None;
    }
    let digits = asked_digits(called);
    if digits.is_none() && plain_arguments(&called.args).is_some_and(|all| !all.is_empty()) {
        return None;
    }
    let zoned = cast(call("now", []), DataType::Timestamp(Some(DIGITS_MAX), TimezoneInfo::Tz));
    let local = || cast(call("now", []), DataType::Timestamp(Some(DIGITS_MAX), TimezoneInfo::None));
    let time = if is_clock {
        zoned
    } else if called_as(called, "localtimestamp") {
        local()
    } else {
        cast(local(), DataType::Time(None, TimezoneInfo::None))
    };
    Some(match digits.filter(|digits| *digits < DIGITS_MAX) {
        Some(digits) => rounded(time, digits),
        None => time,
    })
}

/// What a call becomes; none where it stays.
pub(super) fn adapted(called: &Function) -> Option<Expr> {
    if let Some(clock) = clock_of(called) {
        return Some(clock);
    }
    if called_as(called, "age") {
        let [moment] = <[Expr; 1]>::try_from(plain_arguments(&called.args)?).ok()?;
        let today = function(Ident::new("current_date"), FunctionArguments::None);
        return Some(call("age", [today, moment]));
    }
    if called_as(called, "make_interval") {
        return interval(&called.args);
    }
    None
}

/// `make_interval(days => 1)` with all of its arguments.
fn interval(arguments: &FunctionArguments) -> Option<Expr> {
    let FunctionArguments::List(list) = arguments else { return None };
    let mut parts: [Option<Expr>; PARTS.len()] = [const { None }; PARTS.len()];
    for (place, argument) in list.args.iter().enumerate() {
        let (place, value) = match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (place, value),
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
                let name = folded(name);
                (PARTS.iter().position(|part| *part == name)?, value)
            }
            _ => return None,
        };
        parts.get_mut(place)?.replace(value.clone());
    }
    let integer = |part: Expr| cast(part, DataType::Int(None));
    let [whole @ .., seconds] = parts.map(|part| part.unwrap_or_else(|| number(&0)));
    let seconds = cast(seconds, DataType::DoublePrecision);
    Some(call("make_interval", whole.map(integer).into_iter().chain([seconds])))
}
