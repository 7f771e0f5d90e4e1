//! What can be said of a statement that writes before what is wrong with the rest of it: whether
//! the role allows it, and whether there is the collection that it writes to. As in PostgreSQL both
//! are looked at before anything else but the syntax.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::engine::Action;
use crate::sql::grammar::name::folded_word;
use crate::sql::grammar::position::position;
use crate::sql::grammar::refusal::is;
use crate::sql::{SqlError, SqlState};

/// What the statements begin with that name a collection to write to, and what they are called.
const BEGINNINGS: [(&[&str], &str); 6] = [
    (&["COPY"], "COPY FROM"),
    (&["INSERT", "INTO"], "INSERT"),
    (&["UPDATE", "ONLY"], "UPDATE"),
    (&["UPDATE"], "UPDATE"),
    (&["DELETE", "FROM", "ONLY"], "DELETE"),
    (&["DELETE", "FROM"], "DELETE"),
];

/// A collection that a statement names at its beginning, mostly to write to it.
#[derive(Debug)]
pub(in crate::sql) struct Written {
    /// What the statement is called.
    pub(in crate::sql) by: &'static str,
    /// What the caller's role must allow.
    pub(in crate::sql) action: Action,
    /// The parts of its name.
    pub(in crate::sql) parts: Vec<String>,
    position: Option<u32>,
}

impl Written {
    /// The one of the statement that `text` has at `tokens`.
    pub(in crate::sql) fn of(text: &str, tokens: &[TokenWithSpan]) -> Option<Self> {
        let tokens = behind_with(behind_prepare(tokens));
        let begins = |(words, _): &&(&[&str], _)| {
            let mut tokens = tokens.iter();
            words.iter().all(|word| tokens.next().is_some_and(|token| is(token, word)))
        };
        let (words, by) = BEGINNINGS.iter().find(begins)?;
        let mut name = &tokens[words.len()..];
        let position = position(text, name.first()?.span.start);
        let mut parts = Vec::new();
        while let [first, behind @ ..] = name
            && let Token::Word(word) = &first.token
        {
            parts.push(folded_word(word));
            match behind {
                [point, next @ ..] if point.token == Token::Period => name = next,
                _ => break,
            }
        }
        let is_copied_out = is(tokens.first()?, "COPY") && goes_out(tokens);
        let action = if is_copied_out { Action::Read } else { Action::ChangeFaces };
        (!parts.is_empty()).then_some(Self { by, action, parts, position })
    }

    /// What to say of a statement with this `error`: that the role does not allow it, or that
    /// nothing can be written where it wants to, if `may_write` says so.
    pub(in crate::sql) fn or(
        &self,
        error: SqlError,
        may_write: impl Fn(&Self) -> Result<(), SqlError>,
    ) -> SqlError {
        match may_write(self) {
            Err(refusal) if refusal.state == SqlState::InsufficientPrivilege => {
                let is_read = self.action == Action::Read;
                if is_read { error } else { refusal }
            }
            Err(refusal) if error.state != SqlState::FeatureNotSupported => {
                refusal.at(self.position)
            }
            _ => error,
        }
    }
}

/// Whether a COPY sends rows, and receives none.
fn goes_out(tokens: &[TokenWithSpan]) -> bool {
    let direction = tokens.iter().find(|token| is(token, "FROM") || is(token, "TO"));
    direction.is_some_and(|token| is(token, "TO"))
}

/// The statement that is prepared.
fn behind_prepare(tokens: &[TokenWithSpan]) -> &[TokenWithSpan] {
    let is_prepared = tokens.first().is_some_and(|token| is(token, "PREPARE"));
    let head = tokens.iter().position(|token| is_prepared && is(token, "AS"));
    head.map_or(tokens, |head| &tokens[head + 1..])
}

/// The statement that stands behind the queries of WITH.
fn behind_with(tokens: &[TokenWithSpan]) -> &[TokenWithSpan] {
    if !tokens.first().is_some_and(|token| is(token, "WITH")) {
        return tokens;
    }
    let mut open = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.token {
            Token::LParen => open += 1,
            Token::RParen => open = open.saturating_sub(1),
            _ => continue,
        }
        // Behind the columns of a query stands AS, between two queries a comma.
        if open == 0
            && let Some(next) = tokens.get(at + 1)
            && next.token != Token::Comma
            && !is(next, "AS")
        {
            return &tokens[at + 1..];
        }
    }
    tokens
}
