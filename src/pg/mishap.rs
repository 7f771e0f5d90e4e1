//! A panic is a defect, which costs the statement in which it happens and nothing else: not the
//! connection, nor what else its client has open there.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use super::error::{Failure, PgError};
use crate::sql::SqlState;

/// Does work that may panic, which is an error of the work then.
///
/// Whatever the work shares with others is behind locks that are let go, and holds nothing that is
/// half done across them; the transaction it belongs to has failed, as with any error.
///
/// # Errors
/// Those of the work, and XX000.
pub(super) async fn contained<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => {
            tracing::error!(reason = reason(&*panic), "a statement panicked");
            Err(PgError::error(SqlState::InternalError, "internal error")
                .with_hint("the server's log has the details")
                .into())
        }
    }
}

fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
