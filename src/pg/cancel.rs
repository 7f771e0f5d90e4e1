//! What a client can do about a statement that takes too long.

use std::future::{Future, pending};
use std::sync::Arc;

use pgwire::api::ConnectionHandle;
use tokio::time::{self, Instant};

use super::error::{Failure, PgError};
use crate::sql::{SqlSession, SqlState};

/// Runs work until it is done, its time is over or the client asks to cancel it. Work that is
/// given up is dropped.
///
/// # Errors
/// Those of the work, and 57014.
pub(super) async fn cancelable<T>(
    cancel: Arc<ConnectionHandle>,
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let canceled = cancel.start_query().await;
    let expired = async {
        match deadline {
            Some(deadline) => time::sleep_until(deadline).await,
            None => pending().await,
        }
    };
    let give_up = |why| {
        let message = format!("canceling statement due to {why}");
        Err(PgError::error(SqlState::QueryCanceled, message).into())
    };
    tokio::select! {
        biased;
        Ok(()) = canceled => give_up("user request"),
        () = expired => give_up("statement timeout"),
        outcome = work => outcome,
    }
}

/// When a statement must be done that begins now; none where it may take its time.
pub(super) fn deadline_from_now(session: &SqlSession) -> Option<Instant> {
    session.statement_timeout().and_then(|timeout| Instant::now().checked_add(timeout))
}
