//! Errors as one line of text, for logs, the command line and listings.

use std::error::Error;
use std::iter;

/// The error and all its causes, outermost first: `cannot open x: permission denied`.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let chain = iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
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
}
