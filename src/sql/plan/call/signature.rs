//! What a table function is called with, and the arguments of a call put in their places.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArgOperator};

use crate::sql::grammar::name::folded;
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::value::constant::without_text_casts;
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// Makes an operator of what a function is called with.
type Plan = fn(&GalleryCatalog, &[ScalarValue], &dyn Session) -> Planned;

type Planned = Result<Arc<dyn ExecutionPlan>, DataFusionError>;

/// A function whose call stands where a table may.
pub(in crate::sql) struct TableFunction {
    pub(in crate::sql) name: &'static str,
    /// Its parameters in their order, and their types.
    pub(in crate::sql) parameters: &'static [(&'static str, SqlType)],
    /// So many of them must be given.
    pub(in crate::sql) required: usize,
    /// How it is called.
    pub(in crate::sql) usage: &'static str,
    /// Its columns.
    pub(in crate::sql) schema: fn() -> SchemaRef,
    /// Refuses a constant argument that can only be wrong, before parameters are bound.
    pub(in crate::sql) check: fn(&GalleryCatalog, &str, &ScalarValue) -> Result<(), SqlError>,
    /// Its operator, given a value for each parameter; NULL for arguments that are left out.
    pub(in crate::sql) plan: Plan,
}

impl fmt::Debug for TableFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// One for each parameter.
pub(super) type Arguments<T> = Vec<Option<T>>;

impl TableFunction {
    /// How errors call an argument.
    pub(in crate::sql) fn what(&self, parameter: &str) -> String {
        format!("the argument \"{parameter}\" of {}", self.name)
    }

    /// 22004 for an argument that must not be NULL.
    pub(in crate::sql) fn null(&self, parameter: &str) -> SqlError {
        let message = format!("{} must not be NULL", self.what(parameter));
        SqlError::new(SqlState::NullValueNotAllowed, message)
    }

    /// Reads `(a, b => ..)`: by place first, then by name, as PostgreSQL does.
    ///
    /// # Errors
    /// Unknown, doubled, missing and too many arguments.
    pub(super) fn read(&self, args: Vec<FunctionArg>) -> Result<Arguments<ast::Expr>, SqlError> {
        let (function, most) = (self.name, self.parameters.len());
        let mut arguments = vec![None; most];
        let mut named = false;
        for (at, argument) in args.into_iter().enumerate() {
            let (name, value) = self.parts(argument)?;
            let slot = match name {
                Some(name) => {
                    named = true;
                    let known = self.parameters.iter().position(|(known, _)| *known == name);
                    let Some(at) = known else {
                        return Err(
                            self.undefined(format!("{function} has no argument \"{name}\""))
                        );
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
                return Err(self.undefined(format!("{function} takes at most {most} arguments")));
            };
            if slot.replace(without_text_casts(&value).clone()).is_some() {
                let message = format!("an argument of {function} is given twice");
                return Err(SqlError::new(SqlState::SyntaxError, message));
            }
        }
        for ((name, _), argument) in self.parameters.iter().zip(&arguments).take(self.required) {
            if argument.is_none() {
                return Err(self.undefined(format!("{function} needs the argument \"{name}\"")));
            }
        }
        Ok(arguments)
    }

    /// The name of an argument, if it has one, and its value.
    fn parts(&self, argument: FunctionArg) -> Result<(Option<String>, ast::Expr), SqlError> {
        let (name, operator, value) = match argument {
            FunctionArg::Unnamed(value) => (None, FunctionArgOperator::RightArrow, value),
            FunctionArg::Named { name, arg, operator } => (Some(name), operator, arg),
            FunctionArg::ExprNamed { .. } => return Err(self.malformed()),
        };
        match value {
            FunctionArgExpr::Expr(value) if operator == FunctionArgOperator::RightArrow => {
                Ok((name.as_ref().map(folded), value))
            }
            _ => Err(self.malformed()),
        }
    }

    fn malformed(&self) -> SqlError {
        let message = format!("an argument of {} is malformed", self.name);
        SqlError::new(SqlState::SyntaxError, message).with_hint(self.usage)
    }

    fn undefined(&self, message: String) -> SqlError {
        SqlError::new(SqlState::UndefinedFunction, message).with_hint(self.usage)
    }
}
