//! What the system catalogs are made from.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::engine::{Role, TenantSnapshot};
use crate::sql::Backends;
use crate::sql::backends::Asker;
use crate::sql::session_state::holdings::Holdings;
use crate::sql::session_state::settings::{SearchPath, Settings};

pub(in crate::sql) use crate::sql::grammar::schema::SCHEMA;

/// One tenant's database as one session sees it in one snapshot.
#[derive(Debug, Clone)]
pub(in crate::sql) struct SystemView {
    /// The name of the tenant.
    pub(in crate::sql) database: Arc<str>,
    /// The collections.
    pub(in crate::sql) snapshot: TenantSnapshot,
    pub(in crate::sql) session: SessionView,
}

/// What a statement may learn about its session.
#[derive(Debug, Clone)]
pub(in crate::sql) struct SessionView {
    /// The name of the session's key.
    pub(in crate::sql) user: Arc<str>,
    /// What the key may do.
    pub(in crate::sql) role: Role,
    pub(in crate::sql) backend: Backend,
    /// Other sessions of the server; each sees its own tenant's only.
    pub(in crate::sql) others: Backends,
    pub(in crate::sql) holdings: Holdings,
    /// Where names are looked for that stand alone.
    pub(in crate::sql) path: SearchPath,
    /// Whether the statement is a transaction of its own.
    pub(in crate::sql) is_autocommit: bool,
    /// Whether its transaction may not write.
    pub(in crate::sql) is_read_only: bool,
    /// Whether its transaction has changed anything before it.
    pub(in crate::sql) has_changes: bool,
    pub(in crate::sql) transaction_began: SystemTime,
    pub(in crate::sql) statement_began: SystemTime,
}

/// The session among those of the server.
#[derive(Debug, Clone, Copy)]
pub(in crate::sql) struct Backend {
    /// The number by which its client may cancel what it runs.
    pub(in crate::sql) process: i32,
    pub(in crate::sql) server_started: SystemTime,
    /// Whether nobody can listen on the way.
    pub(in crate::sql) is_encrypted: bool,
    pub(in crate::sql) addresses: Option<Addresses>,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Where the client is.
    pub client: SocketAddr,
    /// Where it was received.
    pub server: SocketAddr,
}

impl Default for Backend {
    /// A session that no client reaches by a number.
    fn default() -> Self {
        let server_started = SystemTime::now();
        Self { process: 0, server_started, is_encrypted: false, addresses: None }
    }
}

impl SystemView {
    pub(super) fn user(&self) -> &str {
        &self.session.user
    }

    pub(super) fn role(&self) -> Role {
        self.session.role
    }

    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// Who asks about other sessions.
    pub(super) fn asker(&self) -> Asker<'_> {
        Asker { tenant: &self.database, user: &self.session.user, role: self.session.role }
    }

    pub(super) fn settings(&self) -> Settings {
        let settings = self.session.holdings.settings().lock();
        settings.of_transaction(self.session.is_read_only)
    }

    pub(super) fn path(&self) -> &SearchPath {
        &self.session.path
    }

    pub(super) fn snapshot(&self) -> &TenantSnapshot {
        &self.snapshot
    }
}

/// A moment as precisely as PostgreSQL tells it.
pub(in crate::sql) fn to_the_microsecond(at: SystemTime) -> SystemTime {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + since - Duration::from_nanos(u64::from(since.subsec_nanos() % 1_000))
}

/// A moment as a cell of the catalogs has it: microseconds since the epoch.
pub(super) fn moment(at: SystemTime) -> String {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros().to_string()
}
