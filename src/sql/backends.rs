//! The sessions that a server has, as those of one tenant may see and end each other.
//!
//! A session sees those that were opened with its own key; an administrator's sees all of its
//! tenant. Of the others it learns nothing: a number that belongs to another tenant is one that
//! nobody has.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::session_state::holdings::Holdings;
use super::{SqlError, SqlState, TransactionStatus};
use crate::engine::Role;

/// What a door can do about a session that somebody wants to end.
pub trait Signals: fmt::Debug + Send + Sync {
    /// Gives up what the session runs, if it runs anything.
    fn cancel(&self);
    /// Ends the session.
    fn terminate(&self);
}

/// The sessions of a server, by their numbers. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Backends(Arc<Mutex<BTreeMap<i32, Arc<Backend>>>>);

/// A session among the others.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) process: i32,
    tenant: Arc<str>,
    pub(super) user: Arc<str>,
    pub(super) client: Option<SocketAddr>,
    pub(super) since: SystemTime,
    pub(super) holdings: Holdings,
    doing: Mutex<Doing>,
    signals: Arc<dyn Signals>,
}

/// What a session does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doing {
    pub(super) state: &'static str,
    /// Since when it does.
    pub(super) since: SystemTime,
    /// When its last statement began.
    pub(super) statement_began: Option<SystemTime>,
    pub(super) transaction_began: Option<SystemTime>,
}

/// Keeps a session among the others until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    all: Backends,
    backend: Arc<Backend>,
}

/// Who asks about other sessions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) tenant: &'a str,
    pub(super) user: &'a str,
    pub(super) role: Role,
}

/// What is to become of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Cancel,
    Terminate,
}

impl Backends {
    /// Adds the session `process` of the key `user`.
    pub(super) fn enter(
        &self,
        process: i32,
        tenant: &str,
        user: &Arc<str>,
        client: Option<SocketAddr>,
        holdings: Holdings,
        signals: Arc<dyn Signals>,
    ) -> Place {
        let since = SystemTime::now();
        let doing = Doing { state: "idle", since, statement_began: None, transaction_began: None };
        let backend = Arc::new(Backend {
            process,
            tenant: tenant.into(),
            user: Arc::clone(user),
            client,
            since,
            holdings,
            doing: Mutex::new(doing),
            signals,
        });
        self.0.lock().insert(process, Arc::clone(&backend));
        Place { all: self.clone(), backend }
    }

    /// The sessions that `asker` sees.
    pub(super) fn seen_by(&self, asker: Asker<'_>) -> Vec<Arc<Backend>> {
        let all = self.0.lock();
        let seen = all.values().filter(|backend| {
            &*backend.tenant == asker.tenant
                && (asker.role == Role::Admin || &*backend.user == asker.user)
        });
        seen.cloned().collect()
    }

    /// Signals the session `process` for `asker`; whether there is one.
    ///
    /// # Errors
    /// 42501 where it is of another key of the tenant, unless an administrator asks.
    pub(super) fn signal(
        &self,
        process: i32,
        signal: Signal,
        asker: Asker<'_>,
    ) -> Result<bool, SqlError> {
        let found = self.0.lock().get(&process).cloned();
        let Some(backend) = found.filter(|backend| &*backend.tenant == asker.tenant) else {
            return Ok(false);
        };
        if asker.role != Role::Admin && &*backend.user != asker.user {
            let what = match signal {
                Signal::Cancel => "query is being canceled",
                Signal::Terminate => "process is being terminated",
            };
            let message =
                format!("must be a member of the role whose {what} or member of pg_signal_backend");
            return Err(SqlError::new(SqlState::InsufficientPrivilege, message));
        }
        match signal {
            Signal::Cancel => backend.signals.cancel(),
            Signal::Terminate => backend.signals.terminate(),
        }
        Ok(true)
    }
}

impl Backend {
    pub(super) fn doing(&self) -> Doing {
        *self.doing.lock()
    }
}

impl Place {
    /// The session runs a statement now, in a transaction that began then.
    pub(super) fn works(&self, transaction_began: Option<SystemTime>) {
        let since = SystemTime::now();
        *self.backend.doing.lock() = Doing {
            state: "active",
            since,
            statement_began: Some(since),
            transaction_began: transaction_began.or(Some(since)),
        };
    }

    /// The session waits for its client now.
    pub(super) fn rests(&self, status: TransactionStatus, transaction_began: Option<SystemTime>) {
        let state = match status {
            TransactionStatus::Idle => "idle",
            TransactionStatus::Active => "idle in transaction",
            TransactionStatus::Failed => "idle in transaction (aborted)",
        };
        let mut doing = self.backend.doing.lock();
        *doing = Doing { state, since: SystemTime::now(), transaction_began, ..*doing };
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.0.lock().remove(&self.backend.process);
    }
}
