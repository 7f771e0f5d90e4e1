//! Whether there is the collection that a statement writes to: as in PostgreSQL that is looked at
//! before anything else that is wrong with the statement, but for its syntax.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::sql::grammar::name::folded_word;
use crate::sql::grammar::position::position;
use crate::sql::grammar::refusal::is;
use crate::sql::{SqlError, SqlState};

/// What the statements begin with that name a collection to write to.
const BEGINNINGS: [&[&str]; 4] = [&["COPY"], &["INSERT", "INTO"], &["UPDATE", "ONLY"], &["UPDATE"]];

/// A collection that a statement writes to.
pub(in crate::sql) struct Written {
    /// The parts of its name.
    parts: Vec<String>,
    position: Option<u32>,
}

impl Written {
    /// The one of the statement that `text` has at `tokens`.
    pub(in crate::sql) fn of(text: &str, tokens: &[TokenWithSpan]) -> Option<Self> {
        let begins = |words: &&&[&str]| {
            let mut tokens = tokens.iter();
            words.iter().all(|word| tokens.next().is_some_and(|token| is(token, word)))
        };
        let mut name = &tokens[BEGINNINGS.iter().find(begins)?.len()..];
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
        (!parts.is_empty()).then_some(Self { parts, position })
    }

    /// What to say of a statement with this `error`: that there is no such collection, if so.
    pub(in crate::sql) fn or(
        self,
        error: SqlError,
        exists: impl Fn(&[String]) -> bool,
    ) -> SqlError {
        let is_of_syntax =
            error.state == SqlState::SyntaxError && error.message.starts_with("syntax error");
        if is_of_syntax || error.state == SqlState::FeatureNotSupported || exists(&self.parts) {
            return error;
        }
        SqlError::undefined_table(&self.parts.join(".")).at(self.position)
    }
}
