//! Options of collections as they are written: `(name = value, ..)`.

use datafusion::sql::sqlparser::ast::{Ident, Value};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::sql::grammar::name::folded;
use crate::sql::grammar::words::{next_is, skip};
use crate::sql::{SqlError, SqlState};

/// Names and values in the order in which they are written.
pub(super) type Options = Vec<(Ident, Value)>;

/// Reads options in parentheses.
pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Options, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let options = parser.parse_comma_separated(|parser| {
        let option = parser.parse_identifier()?;
        parser.expect_token(&Token::Eq)?;
        Ok((option, value(parser)?))
    })?;
    parser.expect_token(&Token::RParen)?;
    Ok(options)
}

/// A value; `on` and `off` may stand without quotes, as in PostgreSQL.
fn value(parser: &mut Parser<'_>) -> Result<Value, ParserError> {
    for (word, means) in [("on", true), ("off", false)] {
        if next_is(parser, 0, word) {
            skip(parser, 1);
            return Ok(Value::Boolean(means));
        }
    }
    Ok(parser.parse_value()?.value)
}

/// What a boolean option says.
///
/// # Errors
/// 22023 where it says neither on nor off.
pub(super) fn boolean(option: &Ident, value: &Value) -> Result<bool, SqlError> {
    let said = match value {
        Value::Boolean(said) => Some(*said),
        Value::SingleQuotedString(text) | Value::Number(text, false) => {
            match text.to_ascii_lowercase().as_str() {
                "on" | "true" | "yes" | "1" => Some(true),
                "off" | "false" | "no" | "0" => Some(false),
                _ => None,
            }
        }
        _ => None,
    };
    said.ok_or_else(|| {
        let message = format!("invalid value for boolean option \"{}\": {value}", folded(option));
        SqlError::new(SqlState::InvalidParameterValue, message)
    })
}
