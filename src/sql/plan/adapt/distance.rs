//! Operators of distances between vectors, as the functions of pgvector that they are, and its
//! functions of vectors.

use datafusion::sql::sqlparser::ast::{ArrayElemTypeDef, BinaryOperator, DataType, Expr, Function};

use super::Adapter;
use super::syntax::{call, cast, is_parameter, literal_text, plain_arguments};
use crate::sql::SqlError;
use crate::sql::grammar::marker::TO_VECTOR;
use crate::sql::grammar::name::name_parts;
use crate::sql::value::constant::real_array;
use crate::sql::value::types::SqlType;

/// Functions of pgvector, and how many of their arguments are vectors.
const OF_VECTORS: [(&str, usize); 6] = [
    ("cosine_distance", 2),
    ("inner_product", 2),
    ("l1_distance", 2),
    ("l2_distance", 2),
    ("l2_normalize", 1),
    ("subvector", 1),
];

impl Adapter<'_> {
    /// The call of such a function with its arguments as vectors; none for other functions.
    pub(super) fn called_distance(&mut self, called: &Function) -> Result<Option<Expr>, SqlError> {
        let name = name_parts(&called.name).and_then(|mut parts| parts.pop()).unwrap_or_default();
        let Some((name, vectors)) = OF_VECTORS.iter().find(|(known, _)| *known == name) else {
            return Ok(None);
        };
        let mut arguments = plain_arguments(&called.args).unwrap_or_default();
        for argument in arguments.iter_mut().take(*vectors) {
            *argument = self.vector(argument)?;
        }
        Ok(Some(call(name, arguments)))
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
        if is_parameter(side) {
            self.note(side, SqlType::Vector);
            let numbers = ArrayElemTypeDef::SquareBracket(Box::new(DataType::Real), None);
            let numbers = DataType::Array(numbers);
            return Ok(cast(side.clone(), numbers));
        }
        Ok(side.clone())
    }
}
