//! Which operators and casts PostgreSQL has.

use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::operand::Class;
use crate::sql::value::types::SqlType;

/// Whether there may be an operator `op` between these types; what is not known here is left to
/// whoever plans it.
pub(super) fn exists(op: &BinaryOperator, left: SqlType, right: SqlType) -> bool {
    let classes = (Class::of(left), Class::of(right));
    match op {
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq => are_comparable(classes),
        BinaryOperator::Plus => has_sum(left, right),
        BinaryOperator::Minus => has_difference(left, right),
        BinaryOperator::Multiply => has_product(classes),
        BinaryOperator::Divide => matches!(
            classes,
            (Class::Number | Class::Interval | Class::Open, Class::Number | Class::Open)
        ),
        BinaryOperator::Modulo => is_exact(left) && is_exact(right),
        BinaryOperator::PGExp => is_number(classes.0) && is_number(classes.1),
        BinaryOperator::BitwiseAnd
        | BinaryOperator::BitwiseOr
        | BinaryOperator::PGBitwiseXor
        | BinaryOperator::PGBitwiseShiftLeft
        | BinaryOperator::PGBitwiseShiftRight => is_whole(left) && is_whole(right),
        BinaryOperator::StringConcat => are_joined(classes),
        BinaryOperator::PGRegexMatch
        | BinaryOperator::PGRegexIMatch
        | BinaryOperator::PGRegexNotMatch
        | BinaryOperator::PGRegexNotIMatch
        | BinaryOperator::PGLikeMatch
        | BinaryOperator::PGILikeMatch
        | BinaryOperator::PGNotLikeMatch
        | BinaryOperator::PGNotILikeMatch => is_text(classes.0) && is_text(classes.1),
        BinaryOperator::AtAt => false,
        _ => true,
    }
}

/// Whether values of such classes are compared with each other.
pub(super) fn are_comparable((left, right): (Class, Class)) -> bool {
    match (left, right) {
        (Class::Open, _)
        | (_, Class::Open)
        | (Class::Number | Class::Oid, Class::Number | Class::Oid)
        | (Class::Time | Class::Interval, Class::Time | Class::Interval)
        | (Class::Array | Class::Vector, Class::Array | Class::Vector) => true,
        (one, other) => one == other,
    }
}

/// Whether PostgreSQL casts values of the one type to the other where a statement says so.
pub(super) fn is_cast(from: SqlType, to: SqlType) -> bool {
    let (source, target) = (Class::of(from), Class::of(to));
    if source == target || [source, target].iter().any(|side| is_text(*side)) {
        return true;
    }
    match (source, target) {
        (Class::Number, Class::Oid) | (Class::Oid, Class::Number) => is_whole(from) || is_whole(to),
        (Class::Number, Class::Bool) => from == SqlType::Int4,
        (Class::Bool, Class::Number) => to == SqlType::Int4,
        (Class::Moment, Class::Time) => from != SqlType::Date,
        (Class::Time, Class::Interval)
        | (Class::Interval, Class::Time)
        | (Class::Document, Class::Number | Class::Bool)
        | (Class::Array, Class::Vector)
        | (Class::Vector, Class::Array) => true,
        _ => false,
    }
}

fn has_sum(left: SqlType, right: SqlType) -> bool {
    let sides = (Class::of(left), Class::of(right));
    match sides {
        (Class::Number, Class::Moment) => is_whole(left) && right == SqlType::Date,
        (Class::Moment, Class::Number) => is_whole(right) && left == SqlType::Date,
        (Class::Open, other) | (other, Class::Open) => !matches!(
            other,
            Class::Text | Class::Bool | Class::Uuid | Class::Bytea | Class::Document | Class::Oid
        ),
        (Class::Moment | Class::Time, Class::Interval)
        | (Class::Interval, Class::Moment | Class::Time | Class::Interval)
        | (Class::Number, Class::Number)
        | (Class::Vector, Class::Vector) => true,
        (Class::Moment, Class::Time) => left == SqlType::Date,
        (Class::Time, Class::Moment) => right == SqlType::Date,
        _ => false,
    }
}

fn has_product((left, right): (Class, Class)) -> bool {
    match (left, right) {
        (Class::Interval, other) | (other, Class::Interval) => is_number(other),
        (Class::Vector, other) | (other, Class::Vector) => {
            matches!(other, Class::Vector | Class::Open)
        }
        (left, right) => is_number(left) && is_number(right),
    }
}

fn has_difference(left: SqlType, right: SqlType) -> bool {
    match (Class::of(left), Class::of(right)) {
        (Class::Moment, Class::Number) => is_whole(right) && left == SqlType::Date,
        (Class::Document, of) => is_text(of) || is_whole(right) || right == SqlType::TextArray,
        (Class::Open, Class::Document) => false,
        (Class::Open, other) | (other, Class::Open) => {
            !matches!(other, Class::Text | Class::Bool | Class::Uuid | Class::Bytea | Class::Oid)
        }
        (Class::Moment, Class::Moment | Class::Interval)
        | (Class::Time, Class::Time | Class::Interval)
        | (Class::Interval, Class::Interval)
        | (Class::Number, Class::Number)
        | (Class::Vector, Class::Vector) => true,
        _ => false,
    }
}

/// Whether `||` joins such values: a text takes everything but an array as its text.
fn are_joined((left, right): (Class, Class)) -> bool {
    let takes_all = |side| matches!(side, Class::Array | Class::Text | Class::Open);
    let alike = left == right && matches!(left, Class::Bytea | Class::Document | Class::Vector);
    takes_all(left) || takes_all(right) || alike
}

const fn is_number(class: Class) -> bool {
    matches!(class, Class::Number | Class::Open)
}

const fn is_text(class: Class) -> bool {
    matches!(class, Class::Text | Class::Open)
}

const fn is_whole(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Int2 | SqlType::Int4 | SqlType::Int8 | SqlType::Unknown)
}

const fn is_exact(sql_type: SqlType) -> bool {
    is_whole(sql_type) || matches!(sql_type, SqlType::Numeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_exist_for_the_types_that_postgresql_has_them_for() {
        use BinaryOperator as Op;
        let known = [
            (Op::Plus, SqlType::Int4, SqlType::Numeric),
            (Op::Plus, SqlType::Date, SqlType::Int4),
            (Op::Minus, SqlType::Jsonb, SqlType::Text),
            (Op::Multiply, SqlType::Interval, SqlType::Float8),
            (Op::StringConcat, SqlType::Text, SqlType::Int4),
            (Op::Eq, SqlType::Date, SqlType::Timestamptz),
            (Op::Eq, SqlType::Oid, SqlType::Int4),
            (Op::Multiply, SqlType::Vector, SqlType::Unknown),
            (Op::StringConcat, SqlType::Vector, SqlType::Vector),
            (Op::PGRegexMatch, SqlType::Name, SqlType::Unknown),
        ];
        for (op, left, right) in known {
            assert!(exists(&op, left, right), "{left:?} {op} {right:?}");
        }
        let unknown = [
            (Op::Plus, SqlType::Text, SqlType::Int4),
            (Op::Plus, SqlType::Timestamptz, SqlType::Int4),
            (Op::Minus, SqlType::Jsonb, SqlType::Numeric),
            (Op::Modulo, SqlType::Float8, SqlType::Float8),
            (Op::StringConcat, SqlType::Int4, SqlType::Int4),
            (Op::Eq, SqlType::Text, SqlType::Int4),
            (Op::Plus, SqlType::Int4Array, SqlType::Int4Array),
            (Op::Minus, SqlType::Vector, SqlType::Float4Array),
            (Op::Lt, SqlType::Uuid, SqlType::Text),
            (Op::PGRegexMatch, SqlType::Int4, SqlType::Unknown),
        ];
        for (op, left, right) in unknown {
            assert!(!exists(&op, left, right), "{left:?} {op} {right:?}");
        }
    }

    #[test]
    fn casts_are_those_of_postgresql() {
        assert!(is_cast(SqlType::Bool, SqlType::Int4) && !is_cast(SqlType::Bool, SqlType::Int8));
        assert!(
            is_cast(SqlType::Timestamp, SqlType::Time) && !is_cast(SqlType::Date, SqlType::Time)
        );
        assert!(
            is_cast(SqlType::Jsonb, SqlType::Numeric) && !is_cast(SqlType::Int4, SqlType::Date)
        );
        assert!(is_cast(SqlType::Int4, SqlType::Text) && is_cast(SqlType::Text, SqlType::Uuid));
    }
}
