//! What a client can do about a statement that takes too long.

use std::future::Future;
use std::sync::Arc;

use pgwire::api::ConnectionHandle;

use super::error::{Failure, PgError};
use crate::sql::SqlState;

/// Runs work until it is done or the client asks to cancel it.
pub(super) async fn cancelable<T>(
    cancel: Arc<ConnectionHandle>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let canceled = cancel.start_query().await;
    tokio::select! {
        biased;
        Ok(()) = canceled => {
            let message = "canceling statement due to user request";
            Err(PgError::error(SqlState::QueryCanceled, message).into())
        }
        outcome = work => outcome,
    }
}
