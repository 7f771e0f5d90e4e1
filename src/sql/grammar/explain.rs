//! EXPLAIN: grammar.

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::{self, UtilityOption, Value};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::dialect::Grammar;
use super::name::folded;
use super::prepare::Execute;
use super::reading::{RECURSION_MAX, only_reading};
use super::refusal::is;
use super::statement::{Command, Explain, ExplainFormat, ExplainOptions, Explained, Figures};
use crate::sql::{SqlError, SqlState};

/// Options that are on or off; there is nothing that most of them could show.
const SWITCHES: [&str; 8] =
    ["analyze", "buffers", "costs", "settings", "summary", "timing", "verbose", "wal"];

/// Those that are about a statement that was run.
const OF_RUNS: [&str; 2] = ["timing", "wal"];

/// Formats that there are in PostgreSQL and not here.
const FORMATS: [&str; 2] = ["xml", "yaml"];

/// The command that explains `statement`.
///
/// # Errors
/// Options that there are not, and statements that are no queries.
pub(super) fn command(
    statement: ast::Statement,
    analyze: bool,
    written: Vec<UtilityOption>,
) -> Result<Command, SqlError> {
    let options = options(analyze, written)?;
    let explained = match statement {
        ast::Statement::Query(query) => Explained::Query(only_reading(query)?),
        other => match Execute::of(other) {
            Some(execute) => Explained::Prepared(execute),
            None => return Err(SqlError::unsupported("EXPLAIN of anything but a query")),
        },
    };
    Ok(Command::Explain(Explain { options, explained }))
}

/// What the options in parentheses say; of those that say the same the last one counts.
fn options(analyze: bool, written: Vec<UtilityOption>) -> Result<ExplainOptions, SqlError> {
    let mut format = ExplainFormat::Text;
    let mut switched = HashMap::from([("analyze", analyze)]);
    for option in written {
        let name = folded(&option.name);
        if name == "format" {
            format = format_of(option.arg.as_ref())?;
        } else if let Some(switch) = SWITCHES.into_iter().find(|switch| *switch == name) {
            let on = is_on(option.arg.as_ref()).ok_or_else(|| {
                let message = format!("{name} requires a Boolean value");
                SqlError::new(SqlState::SyntaxError, message)
            })?;
            switched.insert(switch, on);
        } else {
            let message = format!("unrecognized EXPLAIN option \"{name}\"");
            return Err(SqlError::new(SqlState::SyntaxError, message));
        }
    }
    let is_on = |switch, unsaid| switched.get(switch).copied().unwrap_or(unsaid);
    let analyze = is_on("analyze", false);
    if let Some(option) = OF_RUNS.into_iter().find(|option| !analyze && is_on(option, false)) {
        let message = format!("EXPLAIN option {} requires ANALYZE", option.to_ascii_uppercase());
        return Err(SqlError::new(SqlState::InvalidParameterValue, message));
    }
    let figures = Figures {
        costs: is_on("costs", true),
        timing: is_on("timing", analyze),
        summary: is_on("summary", analyze),
    };
    Ok(ExplainOptions { analyze, format, figures })
}

/// Whether an option is on; none where what is said is neither.
fn is_on(argument: Option<&ast::Expr>) -> Option<bool> {
    let Some(argument) = argument else { return Some(true) };
    if let ast::Expr::Value(value) = argument
        && let Value::Boolean(switched_on) = value.value
    {
        return Some(switched_on);
    }
    match word(argument)?.as_str() {
        "1" | "on" | "true" => Some(true),
        "0" | "off" | "false" => Some(false),
        _ => None,
    }
}

fn format_of(argument: Option<&ast::Expr>) -> Result<ExplainFormat, SqlError> {
    let Some(format) = argument.and_then(word) else {
        let message = "format requires a parameter";
        return Err(SqlError::new(SqlState::SyntaxError, message));
    };
    match format.as_str() {
        "text" => return Ok(ExplainFormat::Text),
        "json" => return Ok(ExplainFormat::Json),
        other if FORMATS.contains(&other) => {
            return Err(SqlError::unsupported(format!("EXPLAIN (FORMAT {format})")));
        }
        _ => {}
    }
    let message = format!("unrecognized value for EXPLAIN option \"format\": \"{format}\"");
    Err(SqlError::new(SqlState::InvalidParameterValue, message))
}

/// What stands behind the name of an option, where it is one word, text or number.
fn word(argument: &ast::Expr) -> Option<String> {
    match argument {
        ast::Expr::Identifier(word) => Some(folded(word)),
        ast::Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => Some(digits.clone()),
            Value::SingleQuotedString(text) => Some(text.to_lowercase()),
            _ => None,
        },
        _ => None,
    }
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
    let grammar = Grammar::of_tokens(behind.len());
    let mut parser = Parser::new(&grammar)
        .with_recursion_limit(RECURSION_MAX)
        .with_tokens_with_locations(behind.to_vec());
    parser.parse_statement().err()
}
