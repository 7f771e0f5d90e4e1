//! Operators of distances between vectors, as the functions of pgvector that they are.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, DataType, Expr, Function, Value,
};

use super::Adapter;
use super::syntax::{call, cast, literal_text, plain_arguments};
use crate::sql::SqlError;
use crate::sql::grammar::marker::TO_VECTOR;
use crate::sql::grammar::name::name_parts;
use crate::sql::value::constant::real_array;
use crate::sql::value::types::SqlType;

/// Functions of pgvector whose arguments are vectors.
const DISTANCES: [&str; 3] = ["cosine_distance", "inner_product", "l2_distance"];

impl Adapter {
    /// The call of such a function with its arguments as vectors; none for other functions.
    pub(super) fn called_distance(&mut self, called: &Function) -> Result<Option<Expr>, SqlError> {
        let name = name_parts(&called.name).and_then(|mut parts| parts.pop()).unwrap_or_default();
        let arguments = plain_arguments(&called.args).unwrap_or_default();
        let [left, right] = arguments.as_slice() else { return Ok(None) };
        if !DISTANCES.contains(&name.as_str()) {
            return Ok(None);
        }
        Ok(Some(call(&name, [self.vector(left)?, self.vector(right)?])))
    }

    /// The distance that an operator means; none for other operators.
    pub(super) fn distance(&mut self, expr: &Expr) -> Result<Option<Expr>, SqlError> {
        let Expr::BinaryOp { left, op: BinaryOperator::Custom(op), right } = expr else {
            return Ok(None);
        };
        let function = match op.as_str() {
            "<->" => "l2_distance",
            "<#>" => "vector_negative_inner_product",
            "<=>" => "cosine_distance",
            _ => return Ok(None),
        };
        Ok(Some(call(function, [self.vector(left)?, self.vector(right)?])))
    }

    /// A side of the operator: text is read as a vector, and a parameter is one.
    fn vector(&mut self, side: &Expr) -> Result<Expr, SqlError> {
        if let Some(text) = literal_text(side) {
            real_array("type vector", text)?;
            return Ok(call(TO_VECTOR, [side.clone()]));
        }
        let is_parameter = matches!(side,
            Expr::Value(value) if matches!(value.value, Value::Placeholder(_)));
        if is_parameter {
            self.note(side, SqlType::Vector);
            let numbers = ArrayElemTypeDef::SquareBracket(Box::new(DataType::Real), None);
            let numbers = DataType::Array(numbers);
            return Ok(cast(side.clone(), numbers));
        }
        Ok(side.clone())
    }
}
