//! Errors as one line of text, for logs, the command line and listings.

use std::error::Error;
use std::iter;

use tokio::task::JoinError;

/// The error and all its causes, outermost first: `cannot open x: permission denied`.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let chain = iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// `text`, which others wrote, for the log: what stands in quotes and what is a number may be a
/// value of a user's and is left out.
pub(crate) fn without_values(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            quote @ ('"' | '\'' | '`') => {
                told.extend([quote, '.', '.', quote]);
                // A quote without an end takes all that follows.
                while let Some(inside) = letters.next().filter(|inside| *inside != quote) {
                    if inside == '\\' {
                        letters.next();
                    }
                }
            }
            '0'..='9' => {
                told.push('#');
                while letters.next_if(char::is_ascii_digit).is_some() {}
            }
            other => told.push(other),
        }
    }
    told
}

/// A task that did not come to its end. What a panic says may quote a value of a user's, so it is
/// left out; where it happened is told when it happens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    #[error("a task panicked")]
    Panicked,
    #[error("a task was given up")]
    Cancelled,
}

impl From<&JoinError> for TaskError {
    fn from(error: &JoinError) -> Self {
        if error.is_panic() { Self::Panicked } else { Self::Cancelled }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open x")]
    struct Outer(#[source] std::fmt::Error);

    #[test]
    fn causes_follow_the_error_they_caused() {
        let inner = std::fmt::Error.to_string();
        assert_eq!(with_causes(&Outer(std::fmt::Error)), format!("cannot open x: {inner}"));
        assert_eq!(with_causes(&std::fmt::Error), inner);
    }

    #[test]
    fn what_may_be_a_value_is_left_out() {
        let cases = [
            ("Cannot cast string 'Ann' to Int64", "Cannot cast string '..' to Int#"),
            (r#"Utf8("A \"B\" C") at 12.50"#, r#"Utf#("..") at #.#"#),
            ("column \"x", "column \"..\""),
            ("no values", "no values"),
        ];
        for (text, told) in cases {
            assert_eq!(without_values(text), told);
        }
    }

    #[tokio::test]
    async fn a_task_that_panicked_does_not_repeat_what_it_said() {
        let ended = tokio::spawn(async { panic!("Ann") }).await;
        let error = TaskError::from(&ended.unwrap_err());
        assert_eq!(with_causes(&error), "a task panicked");
        let stuck = tokio::spawn(std::future::pending::<()>());
        stuck.abort();
        assert!(matches!(TaskError::from(&stuck.await.unwrap_err()), TaskError::Cancelled));
    }
}
