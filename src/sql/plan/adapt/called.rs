//! Calls of functions as the planner knows them.

use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, Ident, ObjectName, ObjectNamePart, OrderByExpr,
    OrderByOptions, Value,
};

use super::syntax::{self, call, literal_text, plain_arguments};
use super::{called_as, factor, operator, time, variadic, window, without_system_schema};
use crate::sql::answer::undefined::undefined;
use crate::sql::grammar::marker::{
    ARRAY_SUBQUERY, CUME_DIST_OF, DENSE_RANK_OF, MODE, PERCENT_RANK_OF, PERCENTILE_CONT,
    PERCENTILE_DISC, RANK_OF, REPLACEMENT,
};
use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::value::constant::bytea;
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// Functions that the planner knows by other names.
const RENAMED: [(&str, &str); 3] = [("ceiling", "ceil"), ("every", "bool_and"), ("sign", "signum")];

/// Functions whose rows have several columns, which stand in FROM only.
const ROWS: [&str; 2] = ["jsonb_each", "jsonb_each_text"];

/// Functions whose second argument is a path, which is an array of texts.
const PATHS_SECOND: [&str; 2] = ["jsonb_insert", "jsonb_set"];

/// Functions whose first argument is of bytes, also where it is written as text.
const BYTES_FIRST: [&str; 7] =
    ["convert", "convert_from", "encode", "sha224", "sha256", "sha384", "sha512"];

/// Aggregates of `WITHIN GROUP (ORDER BY ..)`.
const ORDERED_SETS: [&str; 3] = [MODE, PERCENTILE_CONT, PERCENTILE_DISC];

/// Those that tell where a row would stand, and what they are called here.
const PLACES: [(&str, &str); 4] = [
    ("cume_dist", CUME_DIST_OF),
    ("dense_rank", DENSE_RANK_OF),
    ("percent_rank", PERCENT_RANK_OF),
    ("rank", RANK_OF),
];

/// Functions that there are in PostgreSQL, and that somebody may look for here.
const MISSING: [&str; 12] = [
    "json_populate_record",
    "json_to_record",
    "json_to_recordset",
    "jsonb_path_exists",
    "jsonb_path_match",
    "jsonb_path_query",
    "jsonb_path_query_array",
    "jsonb_path_query_first",
    "jsonb_populate_record",
    "jsonb_set_lax",
    "jsonb_to_record",
    "jsonb_to_recordset",
];

/// Functions of `json` that are those of `jsonb` here, where the two are one type.
const JSON_FUNCTIONS: [&str; 11] = [
    "json_array_elements",
    "json_array_elements_text",
    "json_array_length",
    "json_each",
    "json_each_text",
    "json_extract_path",
    "json_extract_path_text",
    "json_object",
    "json_object_keys",
    "json_strip_nulls",
    "json_typeof",
];

/// A call as the planner knows it: without the schema of the system's functions, sets as arrays
/// that are unnested, and `ARRAY(query)` as a function of a query.
pub(super) fn called_function(called: &mut Function) -> Result<Option<Expr>, SqlError> {
    without_system_schema(&mut called.name);
    of_jsonb(&mut called.name);
    check_wildcard(called)?;
    if let Some(spread) = variadic::spread(called)? {
        return Ok(Some(spread));
    }
    if let FunctionArguments::Subquery(query) = &called.args {
        let is_array = name_parts(&called.name).is_some_and(|name| name == ["array"]);
        let subquery = || call(ARRAY_SUBQUERY, [Expr::Subquery(query.clone())]);
        return Ok(is_array.then(subquery));
    }
    if let FunctionArguments::List(list) = &mut called.args
        && let [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(path)), ..] = list.args.as_mut_slice()
        && let Some(written) = literal_text(path)
        && PATHS_SECOND.iter().any(|name| name_parts(&called.name).is_some_and(|it| it == [*name]))
    {
        *path = operator::text_array(written)?;
    }
    if called_as(called, "jsonb_object")
        && let FunctionArguments::List(list) = &mut called.args
    {
        list.args.iter_mut().try_for_each(read_texts)?;
    }
    if let Some(name) = MISSING.iter().find(|name| called_as(called, name)) {
        let refused = SqlError::unsupported(format!("function {name}"));
        return Err(if name.contains("_to_record") {
            refused.with_hint(format!("Write FROM {name}(..) AS row(column type, ..)."))
        } else {
            refused
        });
    }
    read_bytes(called)?;
    order_distinct(called);
    ordered_set(called)?;
    if let Some(of_rows) = window::called(called)? {
        return Ok(Some(of_rows));
    }
    let rewritten = remainder(called)
        .or_else(|| length(called))
        .or_else(|| counted(called))
        .or_else(|| dimensions(called))
        .or_else(|| time::adapted(called))
        .or_else(|| row_as_document(called));
    if let Some(rewritten) = rewritten {
        return Ok(Some(rewritten));
    }
    if let Some(name) = ROWS.iter().find(|name| called_as(called, name)) {
        let refused = SqlError::unsupported(format!("{name} in a select list"));
        return Err(refused.with_hint(format!("Write FROM {name}(..).")));
    }
    if is_of_nothing(called) {
        let name = called.name.to_string().to_lowercase();
        let message = format!("function {name}() does not exist");
        return Err(undefined(message, "function"));
    }
    if called_as(called, "regexp_replace")
        && let FunctionArguments::List(list) = &mut called.args
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(written))) = list.args.get_mut(2)
    {
        *written = call(REPLACEMENT, [written.clone()]);
    }
    let renamed =
        |(theirs, ours): &(&str, &'static str)| called_as(called, theirs).then_some(*ours);
    if let Some(ours) = RENAMED.iter().find_map(renamed) {
        called.name = ObjectName::from(vec![Ident::new(ours)]);
    }
    Ok(factor::set_as_array(called))
}

/// That `*` is given to `count` only, and that it is given something.
fn check_wildcard(called: &Function) -> Result<(), SqlError> {
    let FunctionArguments::List(list) = &called.args else { return Ok(()) };
    let all = |argument: &FunctionArg| {
        matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Wildcard))
    };
    let counts = called_as(called, "count");
    if counts && list.args.is_empty() {
        let message = "count(*) must be used to call a parameterless aggregate function";
        return Err(SqlError::new(SqlState::WrongObjectType, message));
    }
    if !counts && list.args.iter().any(all) {
        let message = format!("function {}() does not exist", called.name);
        return Err(undefined(message, "function"));
    }
    Ok(())
}

/// Whether a window function that looks at a value is called without one.
fn is_of_nothing(called: &Function) -> bool {
    let looks = ["first_value", "last_value"].iter().any(|name| called_as(called, name));
    looks && plain_arguments(&called.args).is_none_or(|arguments| arguments.is_empty())
}

/// `count(1)` is `count(*)`: the planner takes the two for one, but for their names.
pub(super) fn count_rows(called: &mut Function) {
    if !called_as(called, "count") {
        return;
    }
    if let FunctionArguments::List(list) = &mut called.args
        && list.duplicate_treatment.is_none()
        && let [FunctionArg::Unnamed(argument)] = list.args.as_mut_slice()
        && let FunctionArgExpr::Expr(counted) = argument
        && let Expr::Value(value) = counted
        && matches!(value.value, Value::Number(..))
    {
        *argument = FunctionArgExpr::Wildcard;
    }
}

/// That an aggregate of values in order has an order and no window. A window function with an order
/// in `WITHIN GROUP` is one, too.
fn ordered_set(called: &mut Function) -> Result<(), SqlError> {
    let ordered = !called.within_group.is_empty();
    if ordered && let Some((_, place)) = PLACES.iter().find(|(name, _)| called_as(called, name)) {
        called.name = ObjectName::from(vec![Ident::with_quote('"', *place)]);
        return no_window(called, "hypothetical-set");
    }
    let Some(name) = ORDERED_SETS.iter().find(|name| called_as(called, name)) else {
        return Ok(());
    };
    if !ordered {
        let message = format!("function {name} without WITHIN GROUP does not exist");
        return Err(undefined(message, "function"));
    }
    no_window(called, "ordered-set")
}

fn no_window(called: &Function, kind: &str) -> Result<(), SqlError> {
    if called.over.is_none() {
        return Ok(());
    }
    Err(SqlError::unsupported(format!("OVER for {kind} aggregate {}", called.name)))
}

/// Items that differ come in their order, where nothing else is said.
fn order_distinct(called: &mut Function) {
    let ordered = ["array_agg", "string_agg"].iter().any(|name| called_as(called, name));
    if let FunctionArguments::List(list) = &mut called.args
        && ordered
        && list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
        && list.clauses.is_empty()
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(item))) = list.args.first()
    {
        let options = OrderByOptions { asc: None, nulls_first: None };
        let key = OrderByExpr { expr: item.clone(), options, with_fill: None };
        list.clauses.push(FunctionArgumentClause::OrderBy(vec![key]));
    }
}

/// The document of a row whose columns have no names.
fn row_as_document(called: &Function) -> Option<Expr> {
    let names = ["row_to_json", "to_json", "to_jsonb"];
    let arguments = plain_arguments(&called.args).filter(|arguments| arguments.len() == 1)?;
    let values = match arguments.into_iter().next()? {
        Expr::Tuple(values) => values,
        Expr::Function(row) if called_as(&row, "row") => plain_arguments(&row.args)?,
        _ => return None,
    };
    let members = (1..).zip(values).flat_map(|(at, value)| [syntax::text(format!("f{at}")), value]);
    names.iter().any(|name| called_as(called, name)).then(|| call("jsonb_build_object", members))
}

/// Reads the text of a literal where an array of texts is meant.
fn read_texts(argument: &mut FunctionArg) -> Result<(), SqlError> {
    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(texts)) = argument
        && let Some(written) = literal_text(texts)
    {
        *texts = operator::text_array(written)?;
    }
    Ok(())
}

/// Reads the text of a literal where bytes are meant.
fn read_bytes(called: &mut Function) -> Result<(), SqlError> {
    if BYTES_FIRST.iter().any(|name| called_as(called, name))
        && let FunctionArguments::List(list) = &mut called.args
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(bytes))) = list.args.first_mut()
        && let Some(written) = literal_text(bytes)
    {
        *bytes = Expr::value(Value::HexStringLiteral(hex::encode(bytea(written)?)));
    }
    Ok(())
}

/// `mod(a, b)` is `a % b`.
fn remainder(called: &Function) -> Option<Expr> {
    if !called_as(called, "mod") {
        return None;
    }
    let [left, right] = <[Expr; 2]>::try_from(plain_arguments(&called.args)?).ok()?;
    let nested = |side| Box::new(Expr::Nested(Box::new(side)));
    let op = BinaryOperator::Modulo;
    Some(Expr::BinaryOp { left: nested(left), op, right: nested(right) })
}

/// `array_length` of an array without items is NULL, and the first place of one with items is 1.
fn length(called: &Function) -> Option<Expr> {
    let is_lower = called_as(called, "array_lower");
    if !is_lower && !called_as(called, "array_length") && !called_as(called, "array_upper") {
        return None;
    }
    let [array, dimension] = <[Expr; 2]>::try_from(plain_arguments(&called.args)?).ok()?;
    let length = call("array_length", [array, dimension]);
    let integer = |expr| syntax::cast(expr, ast::DataType::Int(None));
    let length = call("nullif", [integer(length), integer(syntax::number(&0))]);
    Some(if is_lower { integer(call("signum", [length])) } else { length })
}

/// What counts items of an array, or tells their places, is an `integer`.
fn counted(called: &Function) -> Option<Expr> {
    let counts = ["array_ndims", "array_position", "cardinality"];
    let data_type = if counts.iter().any(|name| called_as(called, name)) {
        SqlType::Int4.syntax()
    } else if called_as(called, "array_positions") {
        SqlType::Int4Array.syntax()
    } else {
        return None;
    };
    Some(syntax::cast(Expr::Function(called.clone()), data_type))
}

/// `array_dims` as a text of the bounds, `[1:2][1:3]`; NULL of an array without items.
fn dimensions(called: &Function) -> Option<Expr> {
    if !called_as(called, "array_dims") {
        return None;
    }
    let joined = |left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::StringConcat,
        right: Box::new(right),
    };
    let lengths = Expr::Function(called.clone());
    let bounds = call("array_to_string", [lengths, syntax::text("][1:")]);
    let shown = joined(joined(syntax::text("[1:"), bounds), syntax::text("]"));
    Some(call("nullif", [shown, syntax::text("[1:0]")]))
}

/// The function of `jsonb` that a function of `json` is.
pub(super) fn of_jsonb(name: &mut ObjectName) {
    if let [ObjectNamePart::Identifier(ident)] = name.0.as_slice()
        && let known = folded(ident)
        && JSON_FUNCTIONS.contains(&known.as_str())
    {
        *name = ObjectName::from(vec![Ident::new(known.replacen("json", "jsonb", 1))]);
    }
}
