//! `f(a, VARIADIC array)`: the items of an array as the last arguments of a call.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use super::operator::text_array;
use super::syntax::{call, literal_text, plain_argument, text};
use crate::sql::SqlError;
use crate::sql::answer::undefined::undefined;
use crate::sql::grammar::marker::TO_JSONB;
use crate::sql::grammar::name::{folded, name_parts};

/// What the parser finds before the array.
const NAME: &str = "variadic";

/// Functions that take any number of arguments, and how many of these come before the array.
const VARIADIC: [(&str, usize); 11] = [
    ("concat", 0),
    ("concat_ws", 1),
    ("format", 1),
    ("json_build_array", 0),
    ("json_build_object", 0),
    ("jsonb_build_array", 0),
    ("jsonb_build_object", 0),
    ("jsonb_extract_path", 1),
    ("jsonb_extract_path_text", 1),
    ("num_nonnulls", 0),
    ("num_nulls", 0),
];

/// The array behind `VARIADIC`.
pub(super) fn array(called: &Function) -> Option<&Expr> {
    let FunctionArguments::List(list) = &called.args else { return None };
    match list.args.last()? {
        FunctionArg::Named { name, arg: FunctionArgExpr::Expr(array), .. }
            if folded(name) == NAME =>
        {
            Some(array)
        }
        _ => None,
    }
}

/// Gives a call the items of the array behind `VARIADIC`, or returns what does the same.
///
/// # Errors
/// 42883 for functions that take so many arguments and no more, and 0A000 for arrays whose items
/// are not written out.
pub(super) fn spread(called: &mut Function) -> Result<Option<Expr>, SqlError> {
    let Some(array) = array(called).cloned() else { return Ok(None) };
    let name = name_parts(&called.name).and_then(|mut parts| parts.pop()).unwrap_or_default();
    let FunctionArguments::List(list) = &mut called.args else { return Ok(None) };
    list.args.pop();
    let before: Vec<Expr> = list.args.iter().filter_map(plain_argument).collect();
    if !VARIADIC.contains(&(name.as_str(), before.len())) {
        return Err(undefined(format!("function {name}(VARIADIC) does not exist"), "function"));
    }
    let array = match literal_text(&array) {
        Some(written) => text_array(written)?,
        None => array,
    };
    let mut before = before.into_iter();
    let path = |op: BinaryOperator, document: Expr| Expr::BinaryOp {
        left: Box::new(call(TO_JSONB, [document])),
        op,
        right: Box::new(array.clone()),
    };
    let done = match (name.as_str(), before.next()) {
        ("jsonb_extract_path", Some(document)) => path(BinaryOperator::HashArrow, document),
        ("jsonb_extract_path_text", Some(document)) => {
            path(BinaryOperator::HashLongArrow, document)
        }
        ("concat", None) => call("array_to_string", [array, text("")]),
        ("concat_ws", Some(separator)) => call("array_to_string", [array, separator]),
        _ => {
            let Some(items) = items(&array) else {
                return Err(SqlError::unsupported("VARIADIC of an array that is not written out"));
            };
            let unnamed = |item: &Expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(item.clone()));
            list.args.extend(items.iter().map(unnamed));
            return Ok(None);
        }
    };
    Ok(Some(Expr::Nested(Box::new(done))))
}

fn items(array: &Expr) -> Option<&[Expr]> {
    match array {
        Expr::Array(array) => Some(&array.elem),
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => items(inner),
        _ => None,
    }
}
