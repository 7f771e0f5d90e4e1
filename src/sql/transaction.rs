//! Where a session stands with respect to transaction blocks.
//!
//! A block reads from one snapshot, taken at its first statement. Writes inside a block are not
//! supported yet and fail it before they do anything, so COMMIT and ROLLBACK have nothing to
//! carry out.

use datafusion::sql::sqlparser::ast::{TransactionIsolationLevel, TransactionMode};

use super::{SqlError, SqlState, TransactionStatus};
use crate::engine::{Tenant, TenantSnapshot};

/// The transaction block of a session, if any.
#[derive(Debug)]
pub(super) enum Transaction {
    /// Each statement is its own transaction.
    Idle,
    /// Inside a block; the snapshot is taken when it is first needed.
    Active(Option<TenantSnapshot>),
    /// Inside a block in which a statement failed.
    Failed,
}

impl Transaction {
    pub(super) fn status(&self) -> TransactionStatus {
        match self {
            Self::Idle => TransactionStatus::Idle,
            Self::Active(_) => TransactionStatus::Active,
            Self::Failed => TransactionStatus::Failed,
        }
    }

    /// Enters a block; inside one this changes nothing.
    pub(super) fn begin(&mut self) {
        if let Self::Idle = self {
            *self = Self::Active(None);
        }
    }

    /// Leaves the block, if any, and says whether it was whole.
    pub(super) fn end(&mut self) -> bool {
        !matches!(std::mem::replace(self, Self::Idle), Self::Failed)
    }

    /// A statement failed: a block is of no use after that.
    pub(super) fn fail(&mut self) {
        if let Self::Active(_) = self {
            *self = Self::Failed;
        }
    }

    /// What the next statement reads.
    pub(super) fn snapshot(&mut self, tenant: &Tenant) -> TenantSnapshot {
        match self {
            Self::Idle | Self::Failed => tenant.snapshot(),
            Self::Active(pinned) => pinned.get_or_insert_with(|| tenant.snapshot()).clone(),
        }
    }

    /// # Errors
    /// 25P02 in a failed block.
    pub(super) fn check_usable(&self) -> Result<(), SqlError> {
        match self {
            Self::Idle | Self::Active(_) => Ok(()),
            Self::Failed => Err(SqlError::new(
                SqlState::InFailedSqlTransaction,
                "current transaction is aborted, commands ignored until end of transaction block",
            )),
        }
    }

    /// # Errors
    /// 0A000 inside a block; `command` names the write.
    pub(super) fn check_write(&self, command: &str) -> Result<(), SqlError> {
        match self {
            Self::Idle => Ok(()),
            Self::Active(_) | Self::Failed => {
                let message = format!(
                    "{command} is not supported yet inside a transaction block; run it in \
                     autocommit mode"
                );
                Err(SqlError::new(SqlState::FeatureNotSupported, message))
            }
        }
    }
}

/// A block reads from one snapshot and refuses writes, which satisfies every standard isolation
/// level and access mode.
///
/// # Errors
/// 0A000 for a level that is no standard one.
pub(super) fn check_mode(mode: TransactionMode) -> Result<(), SqlError> {
    match mode {
        TransactionMode::IsolationLevel(TransactionIsolationLevel::Snapshot) => {
            Err(SqlError::unsupported("ISOLATION LEVEL SNAPSHOT"))
        }
        TransactionMode::IsolationLevel(_) | TransactionMode::AccessMode(_) => Ok(()),
    }
}
