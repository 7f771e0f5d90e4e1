//! `LIKE ANY (array)`, `NOT ILIKE ALL (array)`, `~ ANY (array)` and their like as functions.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

use super::operator::text_array;
use super::syntax::{call, literal_text, plain_arguments};
use crate::sql::SqlError;
use crate::sql::grammar::marker::{
    ARRAY_SUBQUERY, ILIKE_ALL, ILIKE_ANY, IMATCHES_ALL, IMATCHES_ANY, LIKE_ALL, LIKE_ANY,
    MATCHES_ALL, MATCHES_ANY,
};
use crate::sql::grammar::name::name_parts;

/// What an expression says of a text and several patterns.
struct Likeness {
    any: bool,
    negated: bool,
    by: By,
}

/// How a text is matched with a pattern.
#[derive(Clone, Copy)]
enum By {
    Like,
    ILike,
    Matches,
    IMatches,
}

/// The function that `expr` is, if it matches a text with an array of patterns.
///
/// # Errors
/// A literal that is no array.
pub(super) fn like_each(expr: &Expr) -> Result<Option<Expr>, SqlError> {
    let Some((likeness, text, patterns)) = read(expr) else { return Ok(None) };
    let patterns = match literal_text(&patterns) {
        Some(written) => text_array(written)?,
        None if matches!(patterns, Expr::Subquery(_)) => call(ARRAY_SUBQUERY, [patterns]),
        None => patterns,
    };
    Ok(Some(likeness.of(text, patterns)))
}

/// The array of patterns of `expr`, where it is one of these.
pub(super) fn patterns(expr: &Expr) -> Option<Expr> {
    read(expr).map(|(_, _, patterns)| patterns)
}

fn read(expr: &Expr) -> Option<(Likeness, Expr, Expr)> {
    let by = if matches!(expr, Expr::ILike { .. }) { By::ILike } else { By::Like };
    match expr {
        Expr::Like { negated, any, expr, pattern, escape_char: None }
        | Expr::ILike { negated, any, expr, pattern, escape_char: None } => {
            let (negated, text) = (*negated, (**expr).clone());
            if *any {
                let likeness = Likeness { any: true, negated, by };
                return Some((likeness, text, (**pattern).clone()));
            }
            let patterns = all_of(pattern)?;
            let likeness = Likeness { any: false, negated, by };
            Some((likeness, text, patterns))
        }
        Expr::AnyOp { left, compare_op, right, .. } => {
            let likeness = operator(compare_op, true)?;
            Some((likeness, (**left).clone(), (**right).clone()))
        }
        Expr::AllOp { left, compare_op, right } => {
            let likeness = operator(compare_op, false)?;
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

/// What an operator says of a text and any pattern, or all of them.
fn operator(op: &BinaryOperator, any: bool) -> Option<Likeness> {
    let (negated, by) = match op {
        BinaryOperator::PGLikeMatch => (false, By::Like),
        BinaryOperator::PGNotLikeMatch => (true, By::Like),
        BinaryOperator::PGILikeMatch => (false, By::ILike),
        BinaryOperator::PGNotILikeMatch => (true, By::ILike),
        BinaryOperator::PGRegexMatch => (false, By::Matches),
        BinaryOperator::PGRegexNotMatch => (true, By::Matches),
        BinaryOperator::PGRegexIMatch => (false, By::IMatches),
        BinaryOperator::PGRegexNotIMatch => (true, By::IMatches),
        _ => return None,
    };
    Some(Likeness { any, negated, by })
}

impl Likeness {
    fn of(&self, text: Expr, patterns: Expr) -> Expr {
        // Not like one of them is not: like all of them.
        let function = match (self.any != self.negated, self.by) {
            (true, By::Like) => LIKE_ANY,
            (false, By::Like) => LIKE_ALL,
            (true, By::ILike) => ILIKE_ANY,
            (false, By::ILike) => ILIKE_ALL,
            (true, By::Matches) => MATCHES_ANY,
            (false, By::Matches) => MATCHES_ALL,
            (true, By::IMatches) => IMATCHES_ANY,
            (false, By::IMatches) => IMATCHES_ALL,
        };
        let matched = call(function, [text, patterns]);
        if !self.negated {
            return matched;
        }
        let negated = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(matched) };
        Expr::Nested(Box::new(negated))
    }
}
