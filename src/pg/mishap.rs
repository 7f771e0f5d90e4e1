//! A panic is a defect, which costs the statement in which it happens and nothing else: not the
//! connection, nor what else its client has open there.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures::FutureExt;

use super::error::{Failure, PgError};
use crate::sql::SqlState;

/// Does work that may panic, which is an error of the work then. Where it happened is in the log
/// already; what it says may quote a value of the statement and is dropped.
///
/// Whatever the work shares with others is behind locks that are let go, and holds nothing that is
/// half done across them; the transaction it belongs to has failed, as with any error. The work is
/// taken where it is: it is large, and there is some for each message.
///
/// # Errors
/// Those of the work, and XX000.
pub(super) async fn contained<T>(
    work: Pin<&mut impl Future<Output = Result<T, Failure>>>,
) -> Result<T, Failure> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_said| {
        tracing::error!("a statement panicked");
        Err(PgError::error(SqlState::InternalError, "internal error")
            .with_hint("the server's log has the details")
            .into())
    })
}
