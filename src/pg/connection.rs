//! One client's conversation after log-in: which message goes where, and what an error does.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use pgwire::error::ErrorInfo;
use pgwire::messages::response::{CommandComplete, ReadyForQuery, TransactionStatus as WireStatus};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use super::auth::Gatekeeper;
use super::cancel::{Canceler, deadline_from_now, terminated};
use super::error::{Failure, PgError, WireState, from_wire};
use super::frame::FrameError;
use super::greeting;
use super::journal::Journal;
use super::mishap::contained;
use super::portal::Portals;
use super::prepared::Teller;
use super::wire::{Wire, WireError};
use crate::sql::{SqlSession, SqlState, TransactionStatus};

/// A client that has logged in.
pub(super) struct Connection {
    pub(super) wire: Wire,
    pub(super) session: SqlSession,
    pub(super) portals: Portals,
    pub(super) teller: Teller,
    pub(super) canceler: Arc<Canceler>,
    pub(super) journal: Journal,
    gatekeeper: Arc<Gatekeeper>,
    key_id: String,
    /// After an error in the extended protocol nothing is answered until the next Sync.
    skipping: bool,
    /// When the statement that is being prepared, bound and executed must be done.
    pub(super) deadline: Option<Instant>,
    /// When the client must have said something after it was told that it may.
    patience: Option<Instant>,
}

/// What the wire brought: a message, the end of the conversation, or neither.
type Received = Result<Option<PgWireFrontendMessage>, WireError>;

/// Tags that tell no number of rows, although there are rows.
const UNCOUNTED: [&str; 3] = ["EXPLAIN", "SHOW", "VACUUM"];

impl Connection {
    pub(super) fn new(
        wire: Wire,
        session: SqlSession,
        canceler: Arc<Canceler>,
        journal: Journal,
        gatekeeper: Arc<Gatekeeper>,
        key_id: String,
    ) -> Self {
        Self {
            wire,
            session,
            portals: Portals::default(),
            teller: Teller::default(),
            canceler,
            journal,
            gatekeeper,
            key_id,
            skipping: false,
            deadline: None,
            patience: None,
        }
    }

    /// Answers messages until the client leaves or the server stops. A message that is being
    /// answered when the server stops is answered to its end.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let told = match self.converse(&mut stopping).await {
            Ok(()) => return,
            Err(Failure::Client(error)) => Some(error),
            Err(Failure::Wire(error)) => {
                tracing::debug!(%error, "conversation broken off");
                from_wire(&error)
            }
        };
        if let Some(error) = told {
            self.journal.broken_off(error.code.as_str());
            farewell(&mut self.wire, error).await;
        }
    }

    async fn converse(&mut self, stopping: &mut watch::Receiver<bool>) -> Result<(), Failure> {
        self.ready().await?;
        loop {
            let message = tokio::select! {
                biased;
                () = stopped(stopping) => return Err(shutting_down().into()),
                () = self.canceler.terminated() => return Err(terminated().into()),
                message = self.wire.next() => message,
                () = self.canceler.asked_early() => {
                    self.canceler.forget_early();
                    continue;
                }
                () = passed(self.patience) => {
                    self.patience = None;
                    // Whoever is still sending is not silent.
                    if self.wire.has_input() {
                        continue;
                    }
                    return Err(self.silent().into());
                }
            };
            let span = self.journal.span();
            if !self.take(message).instrument(span).await? {
                return Ok(());
            }
        }
    }

    /// Answers what was received, and what has come with it of the same query, as far as that does
    /// not take long: looking around for each message costs more than most answers. False when the
    /// client leaves.
    async fn take(&mut self, first: Received) -> Result<bool, Failure> {
        let mut received = first;
        loop {
            let ends = matches!(&received, Ok(Some(message)) if ends_query(message));
            let is_quick = matches!(&received, Ok(Some(message)) if is_quick(message));
            match received {
                Ok(None | Some(PgWireFrontendMessage::Terminate(_))) => return Ok(false),
                Ok(Some(message)) => self.answer(message).await?,
                Err(WireError::Frame(error @ FrameError::Encoding { extended })) => {
                    if !self.skipping {
                        let error =
                            PgError::error(WireState::CharacterNotInRepertoire, error.to_string());
                        self.report(error, extended).await?;
                    }
                }
                Err(error) => return Err(error.into()),
            }
            let goes_on = is_quick || self.wire.is_sync_next();
            if ends || !(goes_on && self.wire.has_short_message()) {
                return Ok(true);
            }
            received = self.wire.next().await;
        }
    }

    /// Answers one message; an error comes back only when the connection must end.
    async fn answer(&mut self, message: PgWireFrontendMessage) -> Result<(), Failure> {
        if self.skipping && !matches!(message, PgWireFrontendMessage::Sync(_)) {
            return Ok(());
        }
        let extended = message.is_extended_query();
        self.patience = None;
        self.keep_time(&message);
        let outcome = contained(pin!(self.dispatch(message))).await;
        match outcome {
            Ok(()) => Ok(()),
            Err(Failure::Client(error)) if !error.fatal => self.report(error, extended).await,
            Err(Failure::Wire(error @ WireError::Encode(_))) => {
                let told = PgError::error(SqlState::ProgramLimitExceeded, error.to_string());
                self.report(told, extended).await
            }
            Err(ending) => Err(ending),
        }
    }

    /// The time of a statement runs from its first message on, and ends with its execution or the
    /// next Sync. A Flush belongs to what was before it.
    fn keep_time(&mut self, message: &PgWireFrontendMessage) {
        let is_flush = matches!(message, PgWireFrontendMessage::Flush(_));
        if matches!(message, PgWireFrontendMessage::Sync(_)) {
            self.deadline = None;
        } else if self.deadline.is_none() && message.is_extended_query() && !is_flush {
            self.deadline = deadline_from_now(&self.session);
        }
    }

    async fn dispatch(&mut self, message: PgWireFrontendMessage) -> Result<(), Failure> {
        match message {
            PgWireFrontendMessage::Query(query) => Box::pin(self.simple_query(&query.query)).await,
            PgWireFrontendMessage::Parse(parse) => Box::pin(self.parse(parse)).await,
            PgWireFrontendMessage::Bind(bind) => self.bind(&bind).await,
            PgWireFrontendMessage::Describe(describe) => self.describe(describe).await,
            PgWireFrontendMessage::Execute(execute) => self.execute(execute).await,
            PgWireFrontendMessage::Close(close) => self.close(close).await,
            PgWireFrontendMessage::Flush(_) => self.flush().await,
            PgWireFrontendMessage::Sync(_) => {
                self.skipping = false;
                if let Err(error) = self.session.end_implicit().await {
                    self.tell(error.into()).await?;
                }
                self.ready().await
            }
            // A client may still be sending rows for a COPY that was refused.
            PgWireFrontendMessage::CopyData(_)
            | PgWireFrontendMessage::CopyDone(_)
            | PgWireFrontendMessage::CopyFail(_) => Ok(()),
            PgWireFrontendMessage::PasswordMessageFamily(_)
            | PgWireFrontendMessage::Startup(_)
            | PgWireFrontendMessage::CancelRequest(_)
            | PgWireFrontendMessage::SslNegotiation(_)
            | PgWireFrontendMessage::PortalSuspended(_)
            | PgWireFrontendMessage::Terminate(_) => {
                let message = "this message has no place after log-in";
                Err(PgError::fatal(SqlState::ProtocolViolation, message).into())
            }
        }
    }

    /// Sends the answers so far, although the query is not at its end.
    async fn flush(&mut self) -> Result<(), Failure> {
        self.wire.flush().await?;
        self.journal.write();
        Ok(())
    }

    /// Tells an error and gets ready for what comes after it.
    async fn report(&mut self, error: PgError, extended: bool) -> Result<(), Failure> {
        self.send_notices().await?;
        self.session.fail_transaction();
        self.tell(error).await?;
        if extended {
            self.skipping = true;
            return self.flush().await;
        }
        self.ready().await
    }

    async fn tell(&mut self, error: PgError) -> Result<(), Failure> {
        self.journal.failed(error.code.as_str());
        let error = PgWireBackendMessage::ErrorResponse(ErrorInfo::from(error).into());
        Ok(self.wire.send(error).await?)
    }

    /// Says that the next statement may come, and where the session stands.
    pub(super) async fn ready(&mut self) -> Result<(), Failure> {
        self.canceler.forget_early();
        let status = match self.session.transaction_status() {
            TransactionStatus::Idle => WireStatus::Idle,
            TransactionStatus::Active => WireStatus::Transaction,
            TransactionStatus::Failed => WireStatus::Error,
        };
        if status != WireStatus::Transaction {
            self.portals.clear();
            self.session.forget_portals();
        }
        self.session.rest();
        greeting::report(&mut self.wire, &self.session).await?;
        self.wire.send(PgWireBackendMessage::ReadyForQuery(ReadyForQuery::new(status))).await?;
        self.wire.flush().await?;
        self.journal.next_query();
        self.patience =
            self.session.idle_timeout().and_then(|time| Instant::now().checked_add(time));
        Ok(())
    }

    /// What a client is told that said nothing for as long as it allowed itself.
    fn silent(&self) -> PgError {
        if self.session.transaction_status() == TransactionStatus::Idle {
            let message = "terminating connection due to idle-session timeout";
            return PgError::fatal(WireState::IdleSession, message);
        }
        let message = "terminating connection due to idle-in-transaction timeout";
        PgError::fatal(WireState::IdleInTransaction, message)
    }

    /// Whether the key that opened this connection still may; asked before every statement.
    ///
    /// # Errors
    /// A fatal error when it may not.
    pub(super) fn authorize(&self) -> Result<(), PgError> {
        self.gatekeeper.still_open(&self.key_id)
    }

    /// Says that a statement is done; `rows` for tags that carry a count.
    pub(super) async fn complete(&mut self, tag: &str, rows: Option<u64>) -> Result<(), Failure> {
        self.journal.done(rows);
        self.send_notices().await?;
        let rows = rows.filter(|_| !UNCOUNTED.contains(&tag));
        let tag = rows.map_or_else(|| tag.to_owned(), |rows| format!("{tag} {rows}"));
        let complete = PgWireBackendMessage::CommandComplete(CommandComplete::new(tag));
        Ok(self.wire.send(complete).await?)
    }
}

impl Connection {
    /// Tells what a statement left to be told beside its answer.
    async fn send_notices(&mut self) -> Result<(), Failure> {
        Ok(greeting::notify(&mut self.wire, &self.session).await?)
    }
}

/// Whether another query begins behind the answer to this message.
fn ends_query(message: &PgWireFrontendMessage) -> bool {
    matches!(message, PgWireFrontendMessage::Query(_) | PgWireFrontendMessage::Sync(_))
}

/// Whether the answer to this message hardly ever takes long. A Bind that opens a cursor may; it is
/// given up like whatever runs.
fn is_quick(message: &PgWireFrontendMessage) -> bool {
    use PgWireFrontendMessage::{Bind, Close, Describe};
    matches!(message, Bind(_) | Close(_) | Describe(_))
}

/// Tells the error that ends a connection, as far as the client still listens.
pub(super) async fn farewell(wire: &mut Wire, error: PgError) {
    let error = PgWireBackendMessage::ErrorResponse(ErrorInfo::from(error).into());
    if wire.send(error).await.is_ok() {
        wire.close().await;
    }
}

/// Resolves at that time; never where there is none.
async fn passed(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// Resolves once the server stops.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server is gone already.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// What clients are told when the server stops.
pub(super) fn shutting_down() -> PgError {
    let message = "terminating connection because the server is stopping";
    PgError::fatal(WireState::AdminShutdown, message)
}
