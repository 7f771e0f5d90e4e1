//! Which operators and functions compare, and which operators calculate.

use datafusion::logical_expr::Operator;
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Operators that compare.
pub(in crate::sql) const COMPARISONS: [BinaryOperator; 6] = [
    BinaryOperator::Eq,
    BinaryOperator::NotEq,
    BinaryOperator::Lt,
    BinaryOperator::LtEq,
    BinaryOperator::Gt,
    BinaryOperator::GtEq,
];

/// Operators that calculate.
pub(in crate::sql) const ARITHMETIC: [BinaryOperator; 5] = [
    BinaryOperator::Plus,
    BinaryOperator::Minus,
    BinaryOperator::Multiply,
    BinaryOperator::Divide,
    BinaryOperator::Modulo,
];

/// Functions that choose one of their arguments.
pub(in crate::sql) const CHOOSING: [&str; 4] = ["coalesce", "greatest", "least", "nullif"];

/// Functions that compare their arguments.
pub(in crate::sql) const COMPARING: [&str; 3] = ["greatest", "least", "nullif"];

/// Whether an operator tells values apart.
pub(super) fn compares(op: Operator) -> bool {
    let alike =
        [Operator::Eq, Operator::NotEq, Operator::IsDistinctFrom, Operator::IsNotDistinctFrom];
    alike.contains(&op) || orders(op)
}

/// Whether an operator tells which value comes first.
pub(super) fn orders(op: Operator) -> bool {
    [Operator::Lt, Operator::LtEq, Operator::Gt, Operator::GtEq].contains(&op)
}
