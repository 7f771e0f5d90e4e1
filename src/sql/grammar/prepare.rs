//! PREPARE and EXECUTE: the grammar.

use datafusion::sql::sqlparser::ast::{DataType, Expr, Statement};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::name::{folded, name_parts};
use super::words::{next_is, skip};

/// What may be prepared, by its first word.
const PREPARABLE: [&str; 6] = ["SELECT", "VALUES", "WITH", "INSERT", "UPDATE", "DELETE"];

/// What stands before the statement that is prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PrepareHead {
    pub(super) name: String,
    /// As far as the statement names the types of its parameters.
    pub(super) types: Vec<DataType>,
}

/// EXECUTE.
#[derive(Debug)]
pub(in crate::sql) struct Execute {
    pub(in crate::sql) name: String,
    pub(in crate::sql) arguments: Vec<Expr>,
}

impl Execute {
    /// The EXECUTE that a statement is, as it stands behind EXPLAIN.
    pub(super) fn of(statement: Statement) -> Option<Self> {
        let Statement::Execute {
            name: Some(name),
            parameters: arguments,
            has_parentheses,
            immediate: false,
            into,
            using,
            output: false,
            default: false,
        } = statement
        else {
            return None;
        };
        let plain = into.is_empty() && using.is_empty() && has_parentheses != arguments.is_empty();
        let [name] = <[String; 1]>::try_from(name_parts(&name)?).ok()?;
        plain.then_some(Self { name, arguments })
    }
}

/// Reads a PREPARE up to its statement; none when the statement is of another kind.
pub(super) fn parse_head(parser: &mut Parser<'_>) -> Result<Option<PrepareHead>, ParserError> {
    // PREPARE TRANSACTION is about two phases, which there are not; it is no name here.
    if !next_is(parser, 0, "PREPARE") || next_is(parser, 1, "TRANSACTION") {
        return Ok(None);
    }
    skip(parser, 1);
    let name = folded(&parser.parse_identifier()?);
    let mut types = Vec::new();
    if parser.consume_token(&Token::LParen) {
        types = parser.parse_comma_separated(Parser::parse_data_type)?;
        parser.expect_token(&Token::RParen)?;
    }
    parser.expect_keyword(Keyword::AS)?;
    let preparable = PREPARABLE.iter().any(|word| next_is(parser, 0, word));
    if !preparable && parser.peek_token_ref().token != Token::LParen {
        return parser.expected_ref("a statement to prepare", parser.peek_token_ref());
    }
    Ok(Some(PrepareHead { name, types }))
}

/// Reads an EXECUTE; none when the statement is of another kind.
pub(super) fn parse_execute(parser: &mut Parser<'_>) -> Result<Option<Execute>, ParserError> {
    if !next_is(parser, 0, "EXECUTE") {
        return Ok(None);
    }
    skip(parser, 1);
    let name = folded(&parser.parse_identifier()?);
    let mut arguments = Vec::new();
    if parser.consume_token(&Token::LParen) {
        arguments = parser.parse_comma_separated(Parser::parse_expr)?;
        parser.expect_token(&Token::RParen)?;
    }
    Ok(Some(Execute { name, arguments }))
}
