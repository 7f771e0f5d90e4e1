//! Calls about times that PostgreSQL writes in ways of their own.

use chrono::Utc;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, TimezoneInfo,
};

use super::super::SqlError;
use super::super::marker::EXTRACT;
use super::super::moment::{Moment, time_of_day};
use super::super::name::folded;
use super::called_as;
use super::syntax::{call, cast, function, number, plain_arguments, text};

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
    let (name, plain) = match data_type {
        DataType::Time(..) => ("time", time_of_day(written, now).map(clock)),
        DataType::Date => {
            let plain = Moment::read(written, now).and_then(|moment| moment.plain(false));
            let date = |plain: String| plain.split('T').next().unwrap_or_default().to_owned();
            ("date", plain.map(date))
        }
        _ if in_utc => {
            let plain = Moment::read(written, now).and_then(|moment| moment.plain(true));
            ("timestamp with time zone", plain)
        }
        _ => ("timestamp", Moment::read(written, now).and_then(|moment| moment.plain(false))),
    };
    let plain = plain.map_err(|wrong| wrong.error(written, name))?;
    Ok(cast(text(plain), data_type.clone()))
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

/// The time of the transaction without its zone: `localtimestamp`.
fn local(called: &Function) -> Option<Expr> {
    let timestamp = || cast(call("now", []), DataType::Timestamp(Some(6), TimezoneInfo::None));
    if called.args != FunctionArguments::None {
        return None;
    }
    if called_as(called, "localtimestamp") {
        return Some(timestamp());
    }
    let time = || cast(timestamp(), DataType::Time(None, TimezoneInfo::None));
    called_as(called, "localtime").then(time)
}

/// What a call becomes; none where it stays.
pub(super) fn adapted(called: &Function) -> Option<Expr> {
    if let Some(local) = local(called) {
        return Some(local);
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
            FunctionArg::ExprNamed {
                name: Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                ..
            } => {
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
