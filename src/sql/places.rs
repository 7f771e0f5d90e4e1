//! Where names stand in a statement, for errors that are found when it is planned.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::position::Positions;
use super::{SqlError, SqlState};

/// Most names of a statement that are remembered.
const NAMES_MAX: usize = 500;

/// The names in a statement, such as `a` and `a.b`, and where each begins.
#[derive(Debug, Default)]
pub(super) struct Places(Vec<(String, u32)>);

impl Places {
    /// Those of the statement that `text` has at `tokens`.
    pub(super) fn of(text: &str, tokens: &[TokenWithSpan]) -> Self {
        let mut positions = Positions::of(text);
        let mut names: Vec<(String, u32)> = Vec::new();
        let mut behind_point = false;
        for token in tokens {
            match &token.token {
                Token::Word(word) if behind_point => {
                    if let Some((name, _)) = names.last_mut() {
                        name.push('.');
                        name.push_str(&folded(word));
                    }
                }
                Token::Word(word) if names.len() < NAMES_MAX => {
                    let Some(position) = positions.at(token.span.start) else { continue };
                    names.push((folded(word), position));
                }
                _ => {}
            }
            behind_point = token.token == Token::Period;
        }
        Self(names)
    }

    /// `error` with the position of the name that it is about, if that is known.
    pub(super) fn locate(&self, error: SqlError) -> SqlError {
        let is_of_name = matches!(
            error.state,
            SqlState::UndefinedColumn | SqlState::UndefinedTable | SqlState::AmbiguousColumn
        );
        if !is_of_name || error.position.is_some() {
            return error;
        }
        let Some(name) = error.message.split('"').nth(1) else { return error };
        let found = self.0.iter().find(|(known, _)| {
            known == name || known.rsplit_once('.').is_some_and(|(_, last)| last == name)
        });
        let position = found.map(|(_, position)| *position);
        error.at(position)
    }
}

fn folded(word: &Word) -> String {
    match word.quote_style {
        Some(_) => word.value.clone(),
        None => word.value.to_ascii_lowercase(),
    }
}
