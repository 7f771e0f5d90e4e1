//! The arguments of a call, put in their places.

use datafusion::sql::sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArgOperator};

use super::super::constant::without_text_casts;
use super::super::marker::SIMILAR_FACES;
use super::super::name::folded;
use super::super::types::SqlType;
use super::super::{SqlError, SqlState};

/// The parameters of the function in their order, and their types.
pub(super) const PARAMETERS: [(&str, SqlType); 5] = [
    ("collection", SqlType::Text),
    ("threshold", SqlType::Float4),
    ("other", SqlType::Text),
    ("after_face_id", SqlType::Text),
    ("after_other_face_id", SqlType::Text),
];

/// So many of them must be given.
const REQUIRED: usize = 2;

/// One for each of [`PARAMETERS`].
pub(super) type Arguments<T> = [Option<T>; PARAMETERS.len()];

/// Reads `(collection, threshold => ..)`: by place first, then by name, as PostgreSQL does.
///
/// # Errors
/// Unknown, doubled, missing and too many arguments.
pub(super) fn read(args: Vec<FunctionArg>) -> Result<Arguments<ast::Expr>, SqlError> {
    let mut arguments = Arguments::default();
    let mut named = false;
    for (at, argument) in args.into_iter().enumerate() {
        let (name, value) = parts(argument)?;
        let slot = match name {
            Some(name) => {
                named = true;
                let known = PARAMETERS.iter().position(|(known, _)| *known == name);
                let Some(at) = known else {
                    return Err(undefined(format!("{SIMILAR_FACES} has no argument \"{name}\"")));
                };
                arguments.get_mut(at)
            }
            None if named => {
                let message = "positional argument cannot follow named argument";
                return Err(SqlError::new(SqlState::SyntaxError, message));
            }
            None => arguments.get_mut(at),
        };
        let Some(slot) = slot else {
            let most = PARAMETERS.len();
            return Err(undefined(format!("{SIMILAR_FACES} takes at most {most} arguments")));
        };
        if slot.replace(without_text_casts(&value).clone()).is_some() {
            let message = format!("an argument of {SIMILAR_FACES} is given twice");
            return Err(SqlError::new(SqlState::SyntaxError, message));
        }
    }
    for ((name, _), argument) in PARAMETERS.iter().zip(&arguments).take(REQUIRED) {
        if argument.is_none() {
            return Err(undefined(format!("{SIMILAR_FACES} needs the argument \"{name}\"")));
        }
    }
    Ok(arguments)
}

/// The name of an argument, if it has one, and its value.
fn parts(argument: FunctionArg) -> Result<(Option<String>, ast::Expr), SqlError> {
    let (name, operator, value) = match argument {
        FunctionArg::Unnamed(value) => (None, FunctionArgOperator::RightArrow, value),
        FunctionArg::Named { name, arg, operator } => (Some(name), operator, arg),
        FunctionArg::ExprNamed { name: ast::Expr::Identifier(name), arg, operator } => {
            (Some(name), operator, arg)
        }
        FunctionArg::ExprNamed { .. } => return Err(malformed()),
    };
    match value {
        FunctionArgExpr::Expr(value) if operator == FunctionArgOperator::RightArrow => {
            Ok((name.as_ref().map(folded), value))
        }
        _ => Err(malformed()),
    }
}

fn malformed() -> SqlError {
    let message = format!("an argument of {SIMILAR_FACES} is malformed");
    SqlError::new(SqlState::SyntaxError, message).with_hint(usage())
}

fn undefined(message: String) -> SqlError {
    SqlError::new(SqlState::UndefinedFunction, message).with_hint(usage())
}

fn usage() -> String {
    format!(
        "{SIMILAR_FACES}('collection', threshold => 0.8 [, other => 'collection'] \
         [, after_face_id => 'f_..' [, after_other_face_id => 'f_..']])"
    )
}
