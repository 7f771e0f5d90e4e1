//! Operators that the planner lacks or reads differently, as functions and other operators.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Array, ArrayElemTypeDef, BinaryOperator, DataType, Expr, ObjectName,
    ObjectNamePart, Subscript, UnaryOperator, Value, ValueWithSpan,
};

use super::SYSTEM_SCHEMA;
use super::array::array;
use super::syntax::{call, cast, is_parameter, literal_text, number, text};
use crate::sql::function::comparing::COMPARISONS;
use crate::sql::grammar::marker::{
    FIELD, LIKE_ESCAPE, SIMILAR_PATTERN, TO_CHARACTERS, beside_any, of_any,
};
use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::{SqlError, SqlState};

/// Collations that order by code points, as everything here does, and the one that means any.
const COLLATIONS: [&str; 5] = ["default", "C", "POSIX", "ucs_basic", "C.UTF-8"];

/// Operators behind which text is an array of texts.
const TEXTS_BEHIND: [BinaryOperator; 5] = [
    BinaryOperator::HashArrow,
    BinaryOperator::HashLongArrow,
    BinaryOperator::HashMinus,
    BinaryOperator::QuestionPipe,
    BinaryOperator::QuestionAnd,
];

/// What an operator and its operands become; none where they stay.
pub(super) fn operator(expr: &mut Expr) -> Result<Option<Expr>, SqlError> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::PGOverlap, right } => {
            for side in [&mut *left, &mut *right] {
                if let Some(written) = literal_text(side) {
                    **side = text_array(written)?;
                }
            }
            Ok(Some(call("array_has_any", [(**left).clone(), (**right).clone()])))
        }
        Expr::BinaryOp { left, op: BinaryOperator::PGStartsWith, right } => {
            Ok(Some(call("starts_with", [(**left).clone(), (**right).clone()])))
        }
        Expr::UnaryOp { op, expr } => Ok(unary(*op, expr)),
        Expr::BinaryOp { left, op, right } => {
            unqualified(op)?;
            if *op == BinaryOperator::StringConcat || COMPARISONS.contains(op) {
                without_padding(left);
                without_padding(right);
            }
            if TEXTS_BEHIND.contains(op) {
                read_texts(right)?;
            }
            Ok(None)
        }
        Expr::AnyOp { left, compare_op, .. } | Expr::AllOp { left, compare_op, .. } => {
            unqualified(compare_op)?;
            without_padding(left);
            Ok(any(expr))
        }
        Expr::InList { expr: compared, list, .. } => {
            [&mut **compared].into_iter().chain(list).for_each(without_padding);
            Ok(None)
        }
        Expr::CompoundFieldAccess { access_chain, .. } => {
            for access in access_chain {
                name_field(access);
                close_slice(access);
            }
            Ok(None)
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            Ok(Some(call("timezone", [(**time_zone).clone(), (**timestamp).clone()])))
        }
        Expr::Collate { expr, collation } => {
            check_collation(collation)?;
            Ok(Some((**expr).clone()))
        }
        Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            Ok(Some(similar(*negated, expr, pattern, escape_char.as_ref())))
        }
        // Of a regular expression, the part in parentheses, else all of it.
        Expr::Substring { expr, substring_from: Some(from), substring_for: None, .. }
            if literal_text(from).is_some() =>
        {
            let found = call("regexp_match", [(**expr).clone(), (**from).clone()]);
            Ok(Some(call("array_element", [found, number(&1)])))
        }
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            escape_char.take().iter().for_each(|escape| escaped(pattern, escape));
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// The field of a record by a text, which is no key of a document.
fn name_field(access: &mut AccessExpr) {
    if let AccessExpr::Dot(field) = access
        && let Expr::Identifier(name) = field
    {
        *field = text(format!("{FIELD}{}", folded(name)));
    }
}

/// `expr SIMILAR TO pattern` by the regular expression that the pattern is.
fn similar(negated: bool, expr: &Expr, pattern: &Expr, escape: Option<&ValueWithSpan>) -> Expr {
    let escape = escape.map(|escape| text(letter(escape)));
    let pattern = call(SIMILAR_PATTERN, [pattern.clone()].into_iter().chain(escape));
    let op = if negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
    let nested = |side| Box::new(Expr::Nested(Box::new(side)));
    let (left, right) = (nested(expr.clone()), nested(pattern));
    Expr::Nested(Box::new(Expr::BinaryOp { left, op, right }))
}

/// `x > ANY (array)` as an operator between the two, whose types decide how it is planned, and
/// `x > ALL (array)` as `NOT x <= ANY (array)`; none for anything else.
fn any(expr: &Expr) -> Option<Expr> {
    let (left, op, right, all) = match expr {
        Expr::AnyOp { left, compare_op, right, .. } => (left, compare_op.clone(), right, false),
        Expr::AllOp { left, compare_op, right } => (left, opposite(compare_op)?, right, true),
        _ => return None,
    };
    if matches!(**right, Expr::Subquery(_)) || !COMPARISONS.contains(&op) {
        return None;
    }
    let (left, op, right) = (left.clone(), beside_any(&op), right.clone());
    let compared = Expr::Nested(Box::new(Expr::BinaryOp { left, op, right }));
    if !all {
        return Some(compared);
    }
    let negated = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(compared) };
    Some(Expr::Nested(Box::new(negated)))
}

/// The operator that is true where this one is false.
fn opposite(op: &BinaryOperator) -> Option<BinaryOperator> {
    Some(match op {
        BinaryOperator::Eq => BinaryOperator::NotEq,
        BinaryOperator::NotEq => BinaryOperator::Eq,
        BinaryOperator::Gt => BinaryOperator::LtEq,
        BinaryOperator::GtEq => BinaryOperator::Lt,
        BinaryOperator::Lt => BinaryOperator::GtEq,
        BinaryOperator::LtEq => BinaryOperator::Gt,
        _ => return None,
    })
}

/// A `char(n)` beside an operator is the text without the spaces it is filled with.
fn without_padding(side: &mut Expr) {
    let Expr::Function(called) = side else { return };
    if name_parts(&called.name).is_some_and(|name| name == [TO_CHARACTERS]) {
        *side = call("rtrim", [side.clone(), text(" ")]);
    }
}

/// `- a ^ b` with the sign at `a`, to which it is closer in PostgreSQL; none for anything else.
pub(super) fn signed_power(expr: &Expr) -> Option<Expr> {
    let Expr::UnaryOp { op: op @ (UnaryOperator::Minus | UnaryOperator::Plus), expr: inner } = expr
    else {
        return None;
    };
    let mut power = (**inner).clone();
    let mut base = &mut power;
    while let Expr::BinaryOp { left, op: BinaryOperator::PGExp, .. } = base {
        base = left;
    }
    if *base == **inner {
        return None;
    }
    *base = Expr::UnaryOp { op: *op, expr: Box::new(base.clone()) };
    Some(power)
}

/// What an operator before a value is as a function, or as another operator.
fn unary(op: UnaryOperator, expr: &Expr) -> Option<Expr> {
    let function = match op {
        UnaryOperator::PGSquareRoot => "sqrt",
        UnaryOperator::PGCubeRoot => "cbrt",
        UnaryOperator::PGAbs => "abs",
        // All bits but those of the value.
        UnaryOperator::BitwiseNot => {
            let left = Box::new(Expr::Nested(Box::new(expr.clone())));
            let ones = Box::new(cast(number(&-1), DataType::Int(None)));
            let flipped = Expr::BinaryOp { left, op: BinaryOperator::PGBitwiseXor, right: ones };
            return Some(Expr::Nested(Box::new(flipped)));
        }
        _ => return None,
    };
    Some(call(function, [expr.clone()]))
}

/// `[:2]` begins with the first item, `[2:]` ends with the last.
fn close_slice(access: &mut AccessExpr) {
    if let AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, .. }) = access {
        let bound = |place: i32| cast(number(&place), DataType::Int(None));
        lower_bound.get_or_insert_with(|| bound(1));
        upper_bound.get_or_insert_with(|| bound(i32::MAX));
    }
}

/// `OPERATOR(pg_catalog.=)` is `=`.
fn unqualified(op: &mut BinaryOperator) -> Result<(), SqlError> {
    if of_any(op).is_some() {
        return Ok(());
    }
    let BinaryOperator::PGCustomBinaryOperator(parts) = op else { return Ok(()) };
    let named = match parts.as_slice() {
        [name] => named(name),
        [schema, name] if schema == SYSTEM_SCHEMA => named(name),
        _ => None,
    };
    let Some(known) = named else {
        let message = format!("operator does not exist: {}", parts.join("."));
        return Err(SqlError::new(SqlState::UndefinedFunction, message));
    };
    *op = known;
    Ok(())
}

fn named(name: &str) -> Option<BinaryOperator> {
    Some(match name {
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "%" => BinaryOperator::Modulo,
        "&" => BinaryOperator::BitwiseAnd,
        "|" => BinaryOperator::BitwiseOr,
        "#" => BinaryOperator::PGBitwiseXor,
        "<<" => BinaryOperator::PGBitwiseShiftLeft,
        ">>" => BinaryOperator::PGBitwiseShiftRight,
        "^" => BinaryOperator::PGExp,
        "?" => BinaryOperator::Question,
        "?|" => BinaryOperator::QuestionPipe,
        "?&" => BinaryOperator::QuestionAnd,
        "||" => BinaryOperator::StringConcat,
        "->" => BinaryOperator::Arrow,
        "->>" => BinaryOperator::LongArrow,
        "@>" => BinaryOperator::AtArrow,
        "<@" => BinaryOperator::ArrowAt,
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "~~*" => BinaryOperator::PGILikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "!~~*" => BinaryOperator::PGNotILikeMatch,
        _ => return None,
    })
}

/// What stands where an array of texts does: one that is written as a text, or one of parameters.
fn read_texts(array: &mut Expr) -> Result<(), SqlError> {
    if let Some(written) = literal_text(array) {
        *array = text_array(written)?;
    }
    if let Expr::Array(Array { elem, .. }) = array {
        for item in elem.iter_mut().filter(|item| is_parameter(item)) {
            *item = cast(item.clone(), DataType::Text);
        }
    }
    Ok(())
}

/// An array of texts from `'{a,b}'`; elements are compared as what they are compared with.
pub(super) fn text_array(written: &str) -> Result<Expr, SqlError> {
    let texts = ArrayElemTypeDef::SquareBracket(Box::new(DataType::Text), None);
    Ok(cast(array(written, &DataType::Text)?, DataType::Array(texts)))
}

fn check_collation(collation: &ObjectName) -> Result<(), SqlError> {
    let name = match collation.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => folded(ident),
        _ => String::new(),
    };
    if COLLATIONS.contains(&name.as_str()) {
        return Ok(());
    }
    let message = format!("collation \"{name}\" for encoding \"UTF8\" does not exist");
    Err(SqlError::new(SqlState::UndefinedObject, message))
}

/// What escapes in a pattern.
fn letter(escape: &ValueWithSpan) -> &str {
    match &escape.value {
        Value::SingleQuotedString(letter) | Value::EscapedStringLiteral(letter) => letter,
        _ => "\\",
    }
}

/// Writes the escapes of a LIKE pattern as backslashes, which is all that the planner knows.
fn escaped(pattern: &mut Expr, escape: &ValueWithSpan) {
    let letter = letter(escape);
    if letter != "\\" {
        let inner = std::mem::replace(pattern, Expr::value(Value::Null));
        *pattern = call(LIKE_ESCAPE, [inner, text(letter)]);
    }
}
