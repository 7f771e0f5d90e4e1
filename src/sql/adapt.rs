//! Where PostgreSQL and the planner read the same syntax differently, the parsed statement is
//! rewritten to what PostgreSQL means, and parameter types that only PostgreSQL infers are noted.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, Array, ArrayElemTypeDef, CastKind, DataType, ExactNumberInfo, Expr, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, LimitClause,
    ObjectName, Query, Value, VisitMut, VisitorMut,
};

use super::SqlError;
use super::constant::{bytea, real_array};
use super::marker::{TO_REAL_ARRAY, TO_VECTOR};
use super::name::parameter_index;
use super::types::{SqlType, is_vector, reads_text_itself};

/// Types that the syntax around parameters decides, by their place in the list.
pub(super) type ParameterTypes = BTreeMap<usize, SqlType>;

/// Words that are functions without parentheses in PostgreSQL but columns for the parser.
const BARE_FUNCTIONS: [&str; 2] = ["current_schema", "current_role"];

/// Rewrites `statement`.
///
/// # Errors
/// A literal that is not of the type it is cast to.
pub(super) fn adapt(statement: &mut ast::Statement) -> Result<ParameterTypes, SqlError> {
    let mut adapter = Adapter::default();
    match statement.visit(&mut adapter) {
        ControlFlow::Continue(()) => Ok(adapter.parameter_types),
        ControlFlow::Break(error) => Err(error),
    }
}

#[derive(Default)]
struct Adapter {
    parameter_types: ParameterTypes,
}

impl Adapter {
    fn note(&mut self, expr: &Expr, sql_type: SqlType) {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &value.value
            && let Some(at) = parameter_index(name)
        {
            self.parameter_types.entry(at).or_insert(sql_type);
        }
    }
}

impl VisitorMut for Adapter {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        if let Some(LimitClause::LimitOffset { limit, offset, limit_by: _ }) = &query.limit_clause {
            let bounds = limit.iter().chain(offset.iter().map(|offset| &offset.value));
            bounds.for_each(|bound| self.note(bound, SqlType::Int8));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let adapted = match expr {
            Expr::Cast {
                kind: CastKind::Cast | CastKind::DoubleColon,
                expr: inner,
                data_type,
                ..
            } => {
                if let Some(sql_type) = cast_type(data_type) {
                    self.note(inner, sql_type);
                }
                literal(inner, data_type).map(|value| numbers(value, inner, data_type))
            }
            Expr::Identifier(word)
                if word.quote_style.is_none()
                    && BARE_FUNCTIONS.contains(&word.value.to_ascii_lowercase().as_str()) =>
            {
                Ok(Some(function(word.clone(), FunctionArguments::None)))
            }
            _ => Ok(None),
        };
        match adapted {
            Ok(Some(replacement)) => *expr = replacement,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}

/// What `'text'::data_type` means where the planner would convert the text differently.
fn literal(text: &Expr, data_type: &DataType) -> Result<Option<Expr>, SqlError> {
    let Expr::Value(value) = text else { return Ok(None) };
    let (Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text)) = &value.value else {
        return Ok(None);
    };
    match data_type {
        DataType::Bytea => {
            Ok(Some(Expr::Value(Value::HexStringLiteral(hex::encode(bytea(text)?)).into())))
        }
        DataType::JSON | DataType::JSONB => Ok(None),
        other if reads_text_itself(other) => Ok(Some(array(&real_array("array", text)?, other))),
        _ => Ok(None),
    }
}

/// `expr::vector` and `expr::real[]` as calls of the functions that tell what type they make;
/// `value` is what the cast became already. A parameter cast to `real[]` stays a cast: it is of
/// that type.
fn numbers(value: Option<Expr>, inner: &Expr, data_type: &DataType) -> Option<Expr> {
    if is_vector(data_type) {
        let DataType::Custom(_, modifiers) = data_type else { return value };
        let dimensions =
            modifiers.iter().map(|digits| Expr::Value(Value::Number(digits.clone(), false).into()));
        let numbers = value.unwrap_or_else(|| inner.clone());
        return Some(call(TO_VECTOR, [numbers].into_iter().chain(dimensions)));
    }
    let to_reals = cast_type(data_type) == Some(SqlType::Float4Array);
    if value.is_some() || !to_reals || matches!(inner, Expr::Value(_)) {
        return value;
    }
    Some(call(TO_REAL_ARRAY, [inner.clone()]))
}

fn array(numbers: &[f32], data_type: &DataType) -> Expr {
    let elements = numbers.iter().map(|number| {
        let digits = Expr::Value(Value::Number(number.abs().to_string(), false).into());
        if number.is_sign_negative() {
            Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr: Box::new(digits) }
        } else {
            digits
        }
    });
    let real = ArrayElemTypeDef::SquareBracket(Box::new(DataType::Real), None);
    let data_type = match data_type {
        DataType::Array(_) => data_type.clone(),
        _ => DataType::Array(real),
    };
    Expr::Cast {
        kind: CastKind::DoubleColon,
        expr: Box::new(Expr::Array(Array { elem: elements.collect(), named: true })),
        data_type,
        array: false,
        format: None,
    }
}

/// A call of one of our functions.
fn call(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    let unnamed = |argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument));
    let args = FunctionArguments::List(FunctionArgumentList {
        duplicate_treatment: None,
        args: arguments.into_iter().map(unnamed).collect(),
        clauses: Vec::new(),
    });
    function(Ident::new(name), args)
}

fn function(name: Ident, args: FunctionArguments) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args,
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// The type of the parameter in `$1::data_type`.
fn cast_type(data_type: &DataType) -> Option<SqlType> {
    match data_type {
        DataType::Boolean | DataType::Bool => Some(SqlType::Bool),
        DataType::SmallInt(_) | DataType::Int2(_) => Some(SqlType::Int2),
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => Some(SqlType::Int4),
        DataType::BigInt(_) | DataType::Int8(_) => Some(SqlType::Int8),
        DataType::Real | DataType::Float4 => Some(SqlType::Float4),
        DataType::Float8
        | DataType::DoublePrecision
        | DataType::Double(ExactNumberInfo::None)
        | DataType::Float(ExactNumberInfo::None) => Some(SqlType::Float8),
        DataType::Numeric(_) | DataType::Decimal(_) => Some(SqlType::Numeric),
        DataType::Text | DataType::Varchar(_) | DataType::CharacterVarying(_) => {
            Some(SqlType::Text)
        }
        DataType::Bytea => Some(SqlType::Bytea),
        DataType::JSON | DataType::JSONB => Some(SqlType::Jsonb),
        DataType::Timestamp(..) => Some(SqlType::Timestamptz),
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element),
        ) => match cast_type(element)? {
            SqlType::Float4 => Some(SqlType::Float4Array),
            SqlType::Float8 => Some(SqlType::Float8Array),
            SqlType::Text => Some(SqlType::TextArray),
            _ => None,
        },
        other if is_vector(other) => Some(SqlType::Vector),
        _ => None,
    }
}
