//! `LIKE ANY (array)`, `NOT ILIKE ALL (array)` and their like as functions.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::operator::text_array;
use super::syntax::{call, literal_text, plain_arguments};
use crate::sql::SqlError;
use crate::sql::grammar::marker::{ILIKE_ALL, ILIKE_ANY, LIKE_ALL, LIKE_ANY};
use crate::sql::grammar::name::name_parts;

/// What an expression says of a text and several patterns.
struct Likeness {
    any: bool,
    negated: bool,
    ignoring_case: bool,
}

/// The function that `expr` is, if it matches a text with an array of patterns.
///
/// # Errors
/// A literal that is no array.
pub(super) fn like_each(expr: &Expr) -> Result<Option<Expr>, SqlError> {
    let Some((likeness, text, patterns)) = read(expr) else { return Ok(None) };
    if matches!(patterns, Expr::Subquery(_)) {
        return Ok(None);
    }
    let patterns = match literal_text(&patterns) {
        Some(written) => text_array(written)?,
        None => patterns,
    };
    Ok(Some(likeness.of(text, patterns)))
}

/// The array of patterns of `expr`, where it is one of these.
pub(super) fn patterns(expr: &Expr) -> Option<Expr> {
    read(expr).map(|(_, _, patterns)| patterns)
}

fn read(expr: &Expr) -> Option<(Likeness, Expr, Expr)> {
    let ignoring_case = matches!(expr, Expr::ILike { .. });
    match expr {
        Expr::Like { negated, any, expr, pattern, escape_char: None }
        | Expr::ILike { negated, any, expr, pattern, escape_char: None } => {
            let (negated, text) = (*negated, (**expr).clone());
            if *any {
                let likeness = Likeness { any: true, negated, ignoring_case };
                return Some((likeness, text, (**pattern).clone()));
            }
            let patterns = all_of(pattern)?;
            Some((Likeness { any: false, negated, ignoring_case }, text, patterns))
        }
        Expr::AnyOp { left, compare_op, right, .. } => {
            let (negated, ignoring_case) = operator(compare_op)?;
            let likeness = Likeness { any: true, negated, ignoring_case };
            Some((likeness, (**left).clone(), (**right).clone()))
        }
        Expr::AllOp { left, compare_op, right } => {
            let (negated, ignoring_case) = operator(compare_op)?;
            let likeness = Likeness { any: false, negated, ignoring_case };
            Some((likeness, (**left).clone(), (**right).clone()))
        }
        _ => None,
    }
}

/// The parser takes `ALL (array)` behind LIKE for a call.
fn all_of(pattern: &Expr) -> Option<Expr> {
    let Expr::Function(called) = pattern else { return None };
    let is_all = name_parts(&called.name).is_some_and(|name| name == ["all"]);
    match plain_arguments(&called.args).filter(|_| is_all)?.as_slice() {
        [patterns] => Some(patterns.clone()),
        _ => None,
    }
}

/// Whether an operator is LIKE: whether it is negated, and ignores case.
fn operator(op: &BinaryOperator) -> Option<(bool, bool)> {
    Some(match op {
        BinaryOperator::PGLikeMatch => (false, false),
        BinaryOperator::PGNotLikeMatch => (true, false),
        BinaryOperator::PGILikeMatch => (false, true),
        BinaryOperator::PGNotILikeMatch => (true, true),
        _ => return None,
    })
}

impl Likeness {
    fn of(&self, text: Expr, patterns: Expr) -> Expr {
        // Not like one of them is not: like all of them.
        let function = match (self.any != self.negated, self.ignoring_case) {
            (true, false) => LIKE_ANY,
            (false, false) => LIKE_ALL,
            (true, true) => ILIKE_ANY,
            (false, true) => ILIKE_ALL,
        };
        let matched = call(function, [text, patterns]);
        if !self.negated {
            return matched;
        }
        let negated = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(matched) };
        Expr::Nested(Box::new(negated))
    }
}
