//! Errors as one line of text, for logs, the command line and listings.

use std::error::Error;
use std::iter;

use tokio::task::JoinError;

/// The error and all its causes, outermost first: `cannot open x: permission denied`.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let chain = iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
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
