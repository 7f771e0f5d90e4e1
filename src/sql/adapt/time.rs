//! Calls about times that PostgreSQL writes in ways of their own.

use datafusion::sql::sqlparser::ast::{
    DataType, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, TimezoneInfo,
};

use super::super::marker::EXTRACT;
use super::super::name::folded;
use super::called_as;
use super::syntax::{call, cast, function, number, plain_arguments, text};

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
