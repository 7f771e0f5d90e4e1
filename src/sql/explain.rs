//! EXPLAIN: grammar.

use datafusion::sql::sqlparser::ast::{self, UtilityOption, Value};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::SqlError;
use super::dialect::Grammar;
use super::name::folded;
use super::prepare::Execute;
use super::reading::{RECURSION_MAX, only_reading};
use super::refusal::is;
use super::statement::{Command, Explain, Explained};

/// The command that explains `statement`.
///
/// # Errors
/// Options that there are not, and statements that are no queries.
pub(super) fn command(
    statement: ast::Statement,
    mut analyze: bool,
    options: Vec<UtilityOption>,
) -> Result<Command, SqlError> {
    for option in options {
        let switched_on = is_on(option.arg.as_ref());
        match folded(&option.name).as_str() {
            "analyze" => analyze = switched_on,
            // Of these there is nothing that could be shown.
            "verbose" | "costs" | "timing" | "summary" | "settings" | "buffers" | "wal" => {}
            "format" if is_text(option.arg.as_ref()) => {}
            _ => return Err(SqlError::unsupported(format!("EXPLAIN option {option}"))),
        }
    }
    let explained = match statement {
        ast::Statement::Query(query) => Explained::Query(only_reading(query)?),
        other => match Execute::of(other) {
            Some(execute) => Explained::Prepared(execute),
            None => return Err(SqlError::unsupported("EXPLAIN of anything but a query")),
        },
    };
    Ok(Command::Explain(Explain { analyze, explained }))
}

fn is_on(argument: Option<&ast::Expr>) -> bool {
    match argument {
        None => true,
        Some(ast::Expr::Value(value)) => matches!(value.value, Value::Boolean(true)),
        Some(ast::Expr::Identifier(word)) => folded(word) == "on",
        Some(_) => false,
    }
}

fn is_text(argument: Option<&ast::Expr>) -> bool {
    matches!(argument, Some(ast::Expr::Identifier(format)) if folded(format) == "text")
}

/// What is wrong with the statement behind EXPLAIN, which the parser takes for the name of a table
/// where it cannot read it.
pub(super) fn fault(tokens: &[TokenWithSpan]) -> Option<ParserError> {
    let words = ["EXPLAIN", "ANALYZE", "VERBOSE"];
    let begins = |token: &TokenWithSpan| !words.iter().any(|word| is(token, word));
    let mut behind = &tokens[tokens.iter().position(begins)?..];
    if behind.first().is_some_and(|first| first.token == Token::LParen) {
        let closing = behind.iter().position(|token| token.token == Token::RParen)?;
        behind = &behind[closing + 1..];
    }
    let mut parser = Parser::new(&Grammar)
        .with_recursion_limit(RECURSION_MAX)
        .with_tokens_with_locations(behind.to_vec());
    parser.parse_statement().err()
}
