//! The grammar of COPY, with its options in both syntaxes.

use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::sql::definition::collection::{name, next_is, skip};
use crate::sql::grammar::name::folded;

/// A COPY as it was written.
#[derive(Debug)]
pub(in crate::sql) struct CopyStatement {
    pub(super) what: Copied,
    pub(super) direction: Direction,
    pub(super) options: Vec<CopyOption>,
}

/// What is copied.
#[derive(Debug)]
pub(super) enum Copied {
    Table { name: Vec<String>, columns: Option<Vec<String>> },
    Query(Box<Query>),
}

/// Where from, where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// TO STDOUT.
    Out,
    /// FROM STDIN.
    In,
    /// To or from a file or program of the server.
    Server(&'static str),
}

/// One option, its name in small letters.
#[derive(Debug)]
pub(super) struct CopyOption {
    pub(super) name: String,
    pub(super) value: OptionValue,
}

/// The value of an option.
#[derive(Debug)]
pub(in crate::sql) enum OptionValue {
    None,
    /// A word, a text or a number.
    Text(String),
    Columns(Vec<String>),
    /// `*`
    All,
}

/// Reads a COPY; none when the statement is of another kind.
pub(in crate::sql) fn parse(parser: &mut Parser<'_>) -> Result<Option<CopyStatement>, ParserError> {
    if !next_is(parser, 0, "COPY") {
        return Ok(None);
    }
    skip(parser, 1);
    // The oldest syntax: COPY BINARY name ..
    let binary = next_is(parser, 0, "BINARY")
        && matches!(&parser.peek_nth_token_ref(1).token, Token::Word(next)
            if !["TO", "FROM"].contains(&next.value.to_ascii_uppercase().as_str()));
    if binary {
        skip(parser, 1);
    }
    let what = if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        Copied::Query(query)
    } else {
        let name = name(parser)?;
        let is_list = parser.peek_token_ref().token == Token::LParen;
        let columns = is_list.then(|| column_list(parser)).transpose()?;
        Copied::Table { name, columns }
    };
    let from_query = matches!(what, Copied::Query(_));
    let direction = direction(parser, from_query)?;
    let mut options = options(parser)?;
    if binary {
        options.push(CopyOption { name: "format".to_owned(), value: binary_format() });
    }
    Ok(Some(CopyStatement { what, direction, options }))
}

/// `SELECT columns FROM name`.
pub(super) fn select(
    name: &[String],
    columns: Option<&[String]>,
) -> Result<Box<Query>, ParserError> {
    let quoted = |names: &[String], separator: &str| {
        let quoted = names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
        quoted.collect::<Vec<_>>().join(separator)
    };
    let columns = columns.map_or_else(|| "*".to_owned(), |columns| quoted(columns, ", "));
    let text = format!("SELECT {columns} FROM {}", quoted(name, "."));
    Parser::new(&PostgreSqlDialect {}).try_with_sql(&text)?.parse_query()
}

fn direction(parser: &mut Parser<'_>, from_query: bool) -> Result<Direction, ParserError> {
    let out = from_query || next_is(parser, 0, "TO");
    parser.expect_keyword(if out { Keyword::TO } else { Keyword::FROM })?;
    // PostgreSQL takes either word in either direction.
    if next_is(parser, 0, "STDIN") || next_is(parser, 0, "STDOUT") {
        skip(parser, 1);
        return Ok(if out { Direction::Out } else { Direction::In });
    }
    let program = next_is(parser, 0, "PROGRAM");
    if program {
        skip(parser, 1);
    }
    parser.parse_literal_string()?;
    Ok(Direction::Server(match (out, program) {
        (true, false) => "to a file",
        (false, false) => "from a file",
        (true, true) => "to an external program",
        (false, true) => "from an external program",
    }))
}

/// `[WITH] (name [value], ..)`, or the syntax from before PostgreSQL 9: `[WITH] BINARY | CSV ..`.
fn options(parser: &mut Parser<'_>) -> Result<Vec<CopyOption>, ParserError> {
    let _ = parser.parse_keyword(Keyword::WITH);
    if parser.consume_token(&Token::LParen) {
        let options = parser.parse_comma_separated(|parser| {
            let name = folded(&parser.parse_identifier()?);
            Ok(CopyOption { name, value: value(parser)? })
        })?;
        parser.expect_token(&Token::RParen)?;
        return Ok(options);
    }
    let mut options = Vec::new();
    while let Some(option) = old_option(parser)? {
        options.push(option);
    }
    Ok(options)
}

fn value(parser: &mut Parser<'_>) -> Result<OptionValue, ParserError> {
    let value = match parser.peek_token_ref().token.clone() {
        Token::Comma | Token::RParen => return Ok(OptionValue::None),
        Token::LParen => return Ok(OptionValue::Columns(column_list(parser)?)),
        Token::Mul => OptionValue::All,
        Token::Word(word) => OptionValue::Text(word.value),
        Token::Number(digits, _) => OptionValue::Text(digits),
        _ => return Ok(OptionValue::Text(parser.parse_literal_string()?)),
    };
    skip(parser, 1);
    Ok(value)
}

fn old_option(parser: &mut Parser<'_>) -> Result<Option<CopyOption>, ParserError> {
    let word = match &parser.peek_token_ref().token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_lowercase(),
        _ => return Ok(None),
    };
    let known = [
        "binary",
        "csv",
        "header",
        "freeze",
        "delimiter",
        "null",
        "quote",
        "escape",
        "encoding",
        "force",
    ];
    if !known.contains(&word.as_str()) {
        return Ok(None);
    }
    skip(parser, 1);
    let (name, value) = match word.as_str() {
        "binary" | "csv" => ("format".to_owned(), OptionValue::Text(word)),
        "header" | "freeze" => (word, OptionValue::None),
        "force" => force(parser)?,
        _ => {
            let _ = parser.parse_keyword(Keyword::AS);
            (word, OptionValue::Text(parser.parse_literal_string()?))
        }
    };
    Ok(Some(CopyOption { name, value }))
}

fn force(parser: &mut Parser<'_>) -> Result<(String, OptionValue), ParserError> {
    let name = if next_is(parser, 0, "QUOTE") {
        skip(parser, 1);
        "force_quote"
    } else if parser.parse_keywords(&[Keyword::NOT, Keyword::NULL]) {
        "force_not_null"
    } else {
        parser.expect_keyword(Keyword::NULL)?;
        "force_null"
    };
    if parser.consume_token(&Token::Mul) {
        return Ok((name.to_owned(), OptionValue::All));
    }
    let columns = parser.parse_comma_separated(Parser::parse_identifier)?;
    Ok((name.to_owned(), OptionValue::Columns(columns.iter().map(folded).collect())))
}

fn column_list(parser: &mut Parser<'_>) -> Result<Vec<String>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let columns = parser.parse_comma_separated(Parser::parse_identifier)?;
    parser.expect_token(&Token::RParen)?;
    Ok(columns.iter().map(folded).collect())
}

fn binary_format() -> OptionValue {
    OptionValue::Text("binary".to_owned())
}
