//! Statements that are refused by their names, with what to write instead.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::position::position;
use crate::sql::{SqlError, SqlState};

/// What PostgreSQL's CREATE, ALTER, DROP and COMMENT ON are of, the longer names before those that
/// begin them.
const OBJECTS: [&str; 43] = [
    "ACCESS METHOD",
    "AGGREGATE",
    "CAST",
    "COLLATION",
    "COLUMN",
    "CONSTRAINT",
    "CONVERSION",
    "DATABASE",
    "DEFAULT PRIVILEGES",
    "DOMAIN",
    "EVENT TRIGGER",
    "EXTENSION",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "FUNCTION",
    "GROUP",
    "INDEX",
    "LANGUAGE",
    "LARGE OBJECT",
    "MATERIALIZED VIEW",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "OPERATOR",
    "OWNED",
    "POLICY",
    "PROCEDURE",
    "PUBLICATION",
    "ROLE",
    "ROUTINE",
    "RULE",
    "SCHEMA",
    "SEQUENCE",
    "SERVER",
    "STATISTICS",
    "SUBSCRIPTION",
    "SYSTEM",
    "TABLESPACE",
    "TEXT SEARCH",
    "TRANSFORM",
    "TRIGGER",
    "TYPE",
    "USER",
    "VIEW",
];

/// Words that may stand between CREATE and what is created.
const BEFORE_OBJECTS: [&str; 12] = [
    "CONSTRAINT",
    "GLOBAL",
    "LOCAL",
    "OR",
    "PROCEDURAL",
    "RECURSIVE",
    "REPLACE",
    "TEMP",
    "TEMPORARY",
    "TRUSTED",
    "UNIQUE",
    "UNLOGGED",
];

/// Statements by their first word.
const ONE_WORD: [&str; 9] =
    ["CHECKPOINT", "CLUSTER", "DO", "GRANT", "LOCK", "REASSIGN", "REFRESH", "REINDEX", "REVOKE"];

/// Statements whose first word begins others too.
const TWO_WORDS: [[&str; 2]; 6] = [
    ["COMMIT", "PREPARED"],
    ["IMPORT", "FOREIGN"],
    ["PREPARE", "TRANSACTION"],
    ["ROLLBACK", "PREPARED"],
    ["SECURITY", "LABEL"],
    ["SET", "CONSTRAINTS"],
];

/// What may stand behind VACUUM in PostgreSQL.
const VACUUM_OPTIONS: [&str; 4] = ["ANALYZE", "FREEZE", "FULL", "VERBOSE"];

/// Refuses what stands in PostgreSQL's grammar and not in the parser's: `WHERE CURRENT OF cursor`,
/// `CREATE TABLE .. AS EXECUTE`, and whole statements.
pub(super) fn check(text: &str, tokens: &[TokenWithSpan], name: &str) -> Result<(), SqlError> {
    if let Some(at) = find(tokens, &["WHERE", "CURRENT", "OF"]) {
        return Err(SqlError::unsupported("WHERE CURRENT OF")
            .with_hint("Fetch the face_id of the row as well, and write WHERE face_id = ..")
            .at(position(text, tokens[at + 1].span.start)));
    }
    if let Some(second) = second_text(tokens) {
        let message = format!("syntax error at or near \"{}\"", second.token);
        return Err(
            SqlError::new(SqlState::SyntaxError, message).at(position(text, second.span.start))
        );
    }
    if name == "CREATE TABLE" && find(tokens, &["AS", "EXECUTE"]).is_some() {
        return Err(unsupported(name));
    }
    if let Some(at) = find(tokens, &["EXCLUDE", "CURRENT", "ROW"])
        .or_else(|| find(tokens, &["EXCLUDE", "GROUP"]))
        .or_else(|| find(tokens, &["EXCLUDE", "TIES"]))
    {
        let place = position(text, tokens[at].span.start);
        return Err(SqlError::unsupported("EXCLUDE in a window frame").at(place));
    }
    let is_word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| is(token, word));
    if let Some(name) = ONE_WORD.iter().find(|word| is_word(0, word)) {
        return Err(SqlError::unsupported(name));
    }
    let two = TWO_WORDS.iter().find(|[first, second]| is_word(0, first) && is_word(1, second));
    if let Some(name) = two
        && !(name[1] == "CONSTRAINTS" && is_word(2, "ALL"))
    {
        return Err(SqlError::unsupported(name.join(" ")));
    }
    if name == "CREATE EXTENSION" {
        return Ok(());
    }
    if OBJECTS.iter().any(|object| name.strip_suffix(object).is_some_and(is_of_object)) {
        return Err(unsupported(name));
    }
    if is_word(0, "VACUUM") {
        check_vacuum(tokens)?;
    }
    if is_word(0, "COPY")
        && let Some(place) = outside_parentheses(tokens, "WHERE")
    {
        return Err(SqlError::unsupported("COPY .. WHERE").at(position(text, place.span.start)));
    }
    Ok(())
}

/// A text behind another on the same line, which the parser would take for a name.
fn second_text(tokens: &[TokenWithSpan]) -> Option<&TokenWithSpan> {
    let is_text = |token: &TokenWithSpan| {
        matches!(token.token, Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_))
    };
    let pair = tokens.windows(2).find(|pair| {
        pair.iter().all(is_text) && pair[0].span.end.line == pair[1].span.start.line
    })?;
    pair.last()
}

/// Whether these are the words before the object of a statement.
fn is_of_object(words: &str) -> bool {
    ["ALTER ", "COMMENT ON ", "CREATE ", "DROP "].contains(&words)
}

fn check_vacuum(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let Some(next) = tokens.get(1) else { return Ok(()) };
    let in_parentheses = next.token == Token::LParen;
    if !in_parentheses && !VACUUM_OPTIONS.iter().any(|option| is(next, option)) {
        return Ok(());
    }
    let option = tokens.get(if in_parentheses { 2 } else { 1 });
    let option = option.map_or_else(String::new, |option| option.token.to_string());
    let option = option.to_ascii_uppercase();
    let name =
        if in_parentheses { format!("VACUUM ({option})") } else { format!("VACUUM {option}") };
    Err(SqlError::unsupported(name)
        .with_hint("Write VACUUM or VACUUM ERASE, and perhaps the name of a collection."))
}

/// The first `word` that stands in no parentheses.
fn outside_parentheses<'a>(tokens: &'a [TokenWithSpan], word: &str) -> Option<&'a TokenWithSpan> {
    let mut open = 0_usize;
    tokens.iter().find(|token| {
        match token.token {
            Token::LParen => open += 1,
            Token::RParen => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0 && is(token, word)
    })
}

/// Whether a token is `word`, not in quotes.
pub(in crate::sql) fn is(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(found)
        if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

/// Where these words stand one behind the other.
fn find(tokens: &[TokenWithSpan], words: &[&str]) -> Option<usize> {
    tokens
        .windows(words.len())
        .position(|window| window.iter().zip(words).all(|(token, word)| is(token, word)))
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
        "ALTER ROLE" | "ALTER USER" | "CREATE ROLE" | "CREATE USER" | "DROP ROLE" | "DROP USER" => {
            error.with_hint(
                "A user is an API key, which is its own password: CREATE KEY name ROLE .. makes \
                 one, DROP KEY name ends it.",
            )
        }
        "MERGE" => {
            error.with_hint("Write INSERT .. ON CONFLICT (face_id) DO UPDATE SET column = ..")
        }
        _ => error,
    }
}

/// What to call a statement that is not supported.
pub(super) fn name_of(tokens: &[TokenWithSpan]) -> String {
    let words: Vec<String> = tokens.iter().map_while(word).take(8).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["COMMENT", "ON", of @ ..] => format!("COMMENT ON {}", object(of)),
        ["CREATE", of @ ..] => {
            let first = of.iter().position(|word| !BEFORE_OBJECTS.contains(word));
            format!("CREATE {}", object(&of[first.unwrap_or(0)..]))
        }
        [first @ ("ALTER" | "DROP"), of @ ..] => format!("{first} {}", object(of)),
        ["SHOW", second, ..] => format!("SHOW {second}"),
        [first, ..] => (*first).to_owned(),
        [] => String::new(),
    }
}

/// A word in capitals; none where a token is something else.
fn word(token: &TokenWithSpan) -> Option<String> {
    match &token.token {
        Token::Word(word) => Some(word.value.to_ascii_uppercase()),
        _ => None,
    }
}

/// The object that `words` begin with, as far as it is known.
fn object<'a>(words: &[&'a str]) -> &'a str {
    let begins = |object: &&str| {
        let parts = object.split(' ');
        parts.clone().count() <= words.len() && parts.zip(words).all(|(part, word)| part == *word)
    };
    OBJECTS.into_iter().find(begins).or(words.first().copied()).unwrap_or_default()
}
