//! What type an expression is of by what is written.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::sql::grammar::dialect::Grammar;
use crate::sql::grammar::name::folded_word;
use crate::sql::plan::adapt::parameter_type;
use crate::sql::read::columns::GalleryColumn;
use crate::sql::value::types::SqlType;

/// Functions that have results of one type.
const RESULTS: [(&str, SqlType); 8] = [
    ("concat", SqlType::Text),
    ("count", SqlType::Int8),
    ("current_timestamp", SqlType::Timestamptz),
    ("gen_face_id", SqlType::Text),
    ("gen_random_uuid", SqlType::Uuid),
    ("lower", SqlType::Text),
    ("now", SqlType::Timestamptz),
    ("upper", SqlType::Text),
];

/// The type of an expression that is one literal, column, cast or call; unknown where what stands
/// beside it decides it, and none where more than its tokens does.
pub(super) fn guess(tokens: &[TokenWithSpan]) -> Option<SqlType> {
    let tokens = without_alias(tokens);
    let plain: Vec<&Token> = tokens.iter().map(|token| &token.token).collect();
    match plain.as_slice() {
        [Token::LParen, inner @ .., Token::RParen] if is_closed(inner) => {
            guess(&tokens[1..tokens.len() - 1])
        }
        [Token::Minus | Token::Plus, Token::Number(digits, _)] | [Token::Number(digits, _)] => {
            Some(number(digits))
        }
        [Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_) | Token::Placeholder(_)] => {
            Some(SqlType::Unknown)
        }
        [Token::Word(word)] => column_or_constant(word),
        [Token::Word(_), Token::Period, Token::Word(word)] => column(word),
        [Token::Word(word), Token::SingleQuotedString(_)] => written(&[&Token::Word(word.clone())]),
        [Token::Word(name), Token::LParen, inner @ .., Token::RParen] if is_closed(inner) => {
            called(name, inner)
        }
        [Token::Word(array), Token::LBracket, inner @ .., Token::RBracket]
            if array.keyword == Keyword::ARRAY && is_closed(inner) =>
        {
            let end = inner.iter().position(|token| **token == Token::Comma);
            guess(&tokens[2..2 + end.unwrap_or(inner.len())])?.array()
        }
        _ => cast(&plain),
    }
}

/// Whether a token before an expression is none of it for whoever tells where it stands: what
/// PostgreSQL points at is inside the parentheses, unless these are around a query.
pub(super) fn is_idle(token: &TokenWithSpan, written: &[TokenWithSpan]) -> bool {
    let is_around_query = || {
        let mut behind = written.iter().skip_while(|other| other.token == Token::LParen);
        behind.next().is_some_and(|next| {
            matches!(&next.token, Token::Word(word)
            if matches!(word.keyword, Keyword::SELECT | Keyword::VALUES | Keyword::WITH))
        })
    };
    match &token.token {
        Token::LParen => !is_around_query(),
        Token::Word(word) => matches!(word.keyword, Keyword::ALL | Keyword::DISTINCT),
        _ => false,
    }
}

/// Without `AS name` at the end.
fn without_alias(tokens: &[TokenWithSpan]) -> &[TokenWithSpan] {
    match tokens {
        [expr @ .., alias, name]
            if !expr.is_empty()
                && matches!(&alias.token, Token::Word(word) if word.keyword == Keyword::AS)
                && matches!(name.token, Token::Word(_)) =>
        {
            expr
        }
        other => other,
    }
}

/// Whether what stands between two parentheses closes all that it opens.
fn is_closed(tokens: &[&Token]) -> bool {
    let mut open = 0_usize;
    let is_closed = tokens.iter().all(|token| match token {
        Token::LParen | Token::LBracket => {
            open += 1;
            true
        }
        Token::RParen | Token::RBracket => open.checked_sub(1).map(|left| open = left).is_some(),
        _ => true,
    });
    is_closed && open == 0
}

fn number(digits: &str) -> SqlType {
    if digits.parse::<i32>().is_ok() {
        SqlType::Int4
    } else if digits.parse::<i64>().is_ok() {
        SqlType::Int8
    } else {
        SqlType::Numeric
    }
}

fn column_or_constant(word: &Word) -> Option<SqlType> {
    match word.keyword {
        Keyword::TRUE | Keyword::FALSE => Some(SqlType::Bool),
        Keyword::NULL | Keyword::DEFAULT => Some(SqlType::Unknown),
        _ => column(word).or_else(|| result(word)),
    }
}

/// The type of a column that every collection has.
fn column(word: &Word) -> Option<SqlType> {
    GalleryColumn::named(&folded_word(word)).map(|column| SqlType::of(&column.field()))
}

fn called(name: &Word, arguments: &[&Token]) -> Option<SqlType> {
    if name.keyword != Keyword::CAST {
        return result(name);
    }
    let is_as = |token: &&Token| matches!(token, Token::Word(word) if word.keyword == Keyword::AS);
    let at = arguments.iter().rposition(is_as)?;
    written(&arguments[at + 1..])
}

fn result(name: &Word) -> Option<SqlType> {
    let known = RESULTS.iter().find(|(known, _)| name.value.eq_ignore_ascii_case(known));
    known.map(|(_, sql_type)| *sql_type)
}

/// The type behind the last `::` that stands in no parentheses.
fn cast(tokens: &[&Token]) -> Option<SqlType> {
    let at = tokens.iter().rposition(|token| **token == Token::DoubleColon)?;
    if !is_closed(&tokens[..at]) {
        return None;
    }
    written(&tokens[at + 1..])
}

/// The type that these tokens are, and nothing else.
fn written(tokens: &[&Token]) -> Option<SqlType> {
    let tokens: Vec<Token> = tokens.iter().map(|token| (*token).clone()).collect();
    let grammar = Grammar::of_tokens(tokens.len());
    let mut parser = Parser::new(&grammar).with_tokens(tokens);
    let data_type = parser.parse_data_type().ok()?;
    let ends = parser.peek_token_ref().token == Token::EOF;
    parameter_type(data_type).ok().flatten().filter(|_| ends)
}
