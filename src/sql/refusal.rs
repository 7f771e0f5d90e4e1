//! Statements that are refused by their names, with what to write instead.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::SqlError;
use super::position::position;

/// Words after which a second word is needed to name a statement.
const TWO_WORD_STATEMENTS: [&str; 5] = ["ALTER", "COMMENT", "CREATE", "DROP", "SHOW"];

/// Refuses what stands in PostgreSQL's grammar and not in the parser's: `WHERE CURRENT OF cursor`
/// and `CREATE TABLE .. AS EXECUTE`.
pub(super) fn check(text: &str, tokens: &[TokenWithSpan], name: &str) -> Result<(), SqlError> {
    if let Some(at) = find(tokens, &["WHERE", "CURRENT", "OF"]) {
        return Err(SqlError::unsupported("WHERE CURRENT OF")
            .with_hint("Fetch the face_id of the row as well, and write WHERE face_id = ..")
            .at(position(text, tokens[at + 1].span.start)));
    }
    if name == "CREATE TABLE" && find(tokens, &["AS", "EXECUTE"]).is_some() {
        return Err(unsupported(name));
    }
    Ok(())
}

/// Where these words stand one behind the other.
fn find(tokens: &[TokenWithSpan], words: &[&str]) -> Option<usize> {
    let is = |(token, word): (&TokenWithSpan, &&str)| {
        matches!(&token.token, Token::Word(found)
            if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
    };
    tokens.windows(words.len()).position(|window| window.iter().zip(words).all(is))
}

/// A statement that this server does not have, and perhaps the one it has instead.
pub(super) fn unsupported(name: &str) -> SqlError {
    let error = SqlError::unsupported(name);
    match name {
        "CREATE TABLE" => error.with_hint(
            "Every collection has the same columns; CREATE COLLECTION name [WITH (dimensions = N)] \
             makes one.",
        ),
        "ALTER TABLE" => error.with_hint(
            "A collection can be renamed and described: ALTER COLLECTION name RENAME TO other, \
             ALTER COLLECTION name SET (description = '..').",
        ),
        // Tools drop a table in order to create it anew, which could not succeed here.
        "DROP TABLE" => error.with_hint("Write DROP COLLECTION name."),
        "MERGE" => {
            error.with_hint("Write INSERT .. ON CONFLICT (face_id) DO UPDATE SET column = ..")
        }
        _ => error,
    }
}

/// What to call a statement that is not supported.
pub(super) fn name_of(tokens: &[TokenWithSpan]) -> String {
    let mut words = tokens.iter().map_while(|token| match &token.token {
        Token::Word(word) => Some(word.value.to_ascii_uppercase()),
        _ => None,
    });
    let first = words.next().unwrap_or_default();
    match words.next() {
        Some(second) if TWO_WORD_STATEMENTS.contains(&first.as_str()) => {
            format!("{first} {second}")
        }
        _ => first,
    }
}
