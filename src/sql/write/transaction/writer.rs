//! The one way from a statement's changes to the store.

use std::sync::Arc;
use std::time::SystemTime;

use datafusion::sql::sqlparser::ast::TransactionAccessMode;
use parking_lot::Mutex;

use super::State;
use super::command::TransactionCommand;
use super::state::{Ended, Ending, only_in_blocks};
use crate::biometric::FaceId;
use crate::engine::{Changes, Tenant, TenantSnapshot, Transaction, Written};
use crate::sql::session_state::access::Access;
use crate::sql::session_state::holdings::{Holdings, Mark};
use crate::sql::{Notice, Outcome, SqlError, SqlState, TransactionStatus};

/// What the statements of a session read from and write to: the store, or the block they are in.
/// Clones are the same.
#[derive(Debug, Clone)]
pub(in crate::sql) struct Writer {
    tenant: Tenant,
    state: Arc<Mutex<State>>,
    /// What is undone together with the changes.
    holdings: Holdings,
}

impl Writer {
    pub(in crate::sql) fn new(tenant: Tenant, holdings: Holdings) -> Self {
        Self { tenant, state: Arc::default(), holdings }
    }

    pub(in crate::sql) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// What a statement reads that begins now: the block's snapshot with its own changes, or the
    /// store as it is.
    pub(in crate::sql) fn snapshot(&self) -> TenantSnapshot {
        self.state.lock().snapshot(&self.tenant)
    }

    /// Hands over what a statement changes, computed from [`Writer::snapshot`]: all of it or
    /// nothing. Outside a block it is durable when this returns; inside one it waits for COMMIT.
    ///
    /// # Errors
    /// 40001 where others came first, and what the store says.
    pub(in crate::sql) async fn apply(&self, changes: Changes) -> Result<Written, SqlError> {
        let work = self.state.lock().work(&self.tenant).cloned();
        let Some(work) = work else { return Ok(self.tenant.write(changes).await?) };
        let (next, written) = work.apply(changes).await?;
        if let Some(work) = self.state.lock().work(&self.tenant) {
            *work = next;
        }
        Ok(written)
    }

    /// Watches faces of a collection that the block has read, up to its COMMIT.
    ///
    /// # Errors
    /// 42P01, and 53200 where too much is watched.
    pub(in crate::sql) fn watch(&self, collection: &str, faces: &[FaceId]) -> Result<(), SqlError> {
        let mut state = self.state.lock();
        let Some(work) = state.work(&self.tenant) else { return Ok(()) };
        let gallery = Arc::clone(work.snapshot().descriptor(collection)?);
        Ok(work.watch(&gallery, faces)?)
    }

    pub(in crate::sql) fn status(&self) -> TransactionStatus {
        self.state.lock().status()
    }

    /// Whether each statement is its own transaction, and may be tried again by itself.
    pub(in crate::sql) fn is_autocommit(&self) -> bool {
        self.state.lock().is_autocommit()
    }

    /// Whether the transaction has changed anything yet.
    pub(in crate::sql) fn has_changes(&self) -> bool {
        self.state.lock().has_changes()
    }

    /// Whether a statement that begins now is all that there is to commit.
    pub(in crate::sql) fn stands_alone(&self) -> bool {
        let state = self.state.lock();
        state.status() == TransactionStatus::Idle && !state.has_changes()
    }

    /// A statement failed, and with it the transaction that it was part of.
    pub(in crate::sql) fn fail(&self) {
        let before = self.state.lock().fail();
        self.go_back(before);
    }

    /// When the block began; none outside of one.
    pub(in crate::sql) fn began(&self) -> Option<SystemTime> {
        self.state.lock().began()
    }

    pub(in crate::sql) fn check_usable(&self) -> Result<(), SqlError> {
        self.state.lock().check_usable()
    }

    /// Whether statements only read now; `otherwise` outside a block.
    pub(in crate::sql) fn read_only(&self, otherwise: bool) -> bool {
        self.state.lock().read_only(otherwise)
    }

    /// # Errors
    /// 25001 for a command that is no part of a transaction, inside one.
    pub(in crate::sql) fn check_outside(&self, command: &str) -> Result<(), SqlError> {
        if self.stands_alone() {
            return Ok(());
        }
        let message = format!("{command} cannot run inside a transaction block");
        Err(SqlError::new(SqlState::ActiveSqlTransaction, message))
    }

    /// Makes the statements up to [`Writer::end_implicit`] one transaction, unless a block is open.
    pub(in crate::sql) fn begin_implicit(&self) {
        self.state.lock().begin_implicit(|| self.holdings.mark());
    }

    /// Commits what the statements since [`Writer::begin_implicit`] did; in a block that was opened
    /// meanwhile they wait for its end.
    ///
    /// # Errors
    /// 40001 where others came first, and what the store says; nothing has happened then.
    pub(in crate::sql) async fn end_implicit(&self) -> Result<(), SqlError> {
        let ending = self.state.lock().end_implicit();
        match ending {
            Some(Ending { work, before, .. }) => Box::pin(self.commit_work(work, before)).await,
            None => Ok(()),
        }
    }

    /// Commits a transaction, or makes undone what it did to the session.
    async fn commit_work(
        &self,
        work: Option<Transaction>,
        before: Option<Mark>,
    ) -> Result<(), SqlError> {
        if let Some(work) = work
            && let Err(error) = work.commit().await
        {
            self.go_back(before);
            return Err(error.into());
        }
        self.holdings.commit();
        Ok(())
    }

    /// Gives the session back what it held before a transaction, if there was one.
    fn go_back(&self, before: Option<Mark>) {
        if let Some(before) = before {
            self.holdings.go_back(before);
        }
    }

    /// SET TRANSACTION.
    ///
    /// # Errors
    /// 25001 where a block that has begun to read is to write.
    pub(in crate::sql) fn set_access(&self, access: Access) -> Result<Option<Notice>, SqlError> {
        let mut state = self.state.lock();
        let is_in_block = match access {
            Some(access) => state.set_read_only(is_read_only(access))?,
            None => state.status() == TransactionStatus::Active,
        };
        Ok((!is_in_block).then(|| {
            let message = "SET TRANSACTION can only be used in transaction blocks";
            Notice::warning(SqlState::NoActiveSqlTransaction, message)
        }))
    }

    /// Carries out a statement about transactions; `read_only` is for blocks that do not say.
    ///
    /// # Errors
    /// Those of the commit, and of statements that have no place here.
    pub(in crate::sql) async fn run(
        &self,
        command: &TransactionCommand,
        read_only: bool,
    ) -> Result<(Outcome, Option<Notice>), SqlError> {
        let tag = match command {
            TransactionCommand::Begin(tag, access) => {
                return self.begin(tag, *access, read_only);
            }
            TransactionCommand::Commit { chain } => return self.commit(*chain).await,
            TransactionCommand::Rollback { chain } => return self.roll_back(*chain),
            TransactionCommand::Savepoint(name) => {
                self.state.lock().save(name.clone(), &self.tenant, self.holdings.mark())?;
                "SAVEPOINT"
            }
            TransactionCommand::RollbackTo(name) => {
                let there = self.state.lock().roll_back_to(name)?;
                self.holdings.go_back(there);
                "ROLLBACK"
            }
            TransactionCommand::Release(name) => {
                self.state.lock().release(name)?;
                "RELEASE"
            }
        };
        Ok((Outcome::Done { tag, rows: None }, None))
    }

    /// BEGIN. In a block, which it leaves as it is, it still says what the block may do.
    fn begin(
        &self,
        tag: &'static str,
        access: Access,
        read_only: bool,
    ) -> Result<(Outcome, Option<Notice>), SqlError> {
        let mut state = self.state.lock();
        let started = Outcome::TransactionStarted { tag };
        if state.begin(access.map_or(read_only, is_read_only), self.holdings.mark()) {
            return Ok((started, None));
        }
        if let Some(access) = access {
            state.set_read_only(is_read_only(access))?;
        }
        let message = "there is already a transaction in progress";
        let notice = Notice::warning(SqlState::ActiveSqlTransaction, message);
        Ok((started, Some(notice)))
    }

    async fn commit(&self, chain: bool) -> Result<(Outcome, Option<Notice>), SqlError> {
        self.check_chain(chain, "COMMIT")?;
        let Ending { of, work, read_only, before } = self.state.lock().end();
        if of == Ended::Failed {
            self.go_back(before);
        } else {
            Box::pin(self.commit_work(work, before)).await?;
        }
        let tag = if of == Ended::Failed { "ROLLBACK" } else { "COMMIT" };
        Ok((self.ended(tag, chain, read_only), warning_after(of)))
    }

    fn roll_back(&self, chain: bool) -> Result<(Outcome, Option<Notice>), SqlError> {
        self.check_chain(chain, "ROLLBACK")?;
        let Ending { of, read_only, before, .. } = self.state.lock().end();
        self.go_back(before);
        Ok((self.ended("ROLLBACK", chain, read_only), warning_after(of)))
    }

    fn check_chain(&self, chain: bool, command: &str) -> Result<(), SqlError> {
        if chain && self.status() == TransactionStatus::Idle {
            return Err(only_in_blocks(&format!("{command} AND CHAIN")));
        }
        Ok(())
    }

    fn ended(&self, tag: &'static str, chain: bool, read_only: bool) -> Outcome {
        if chain {
            self.state.lock().begin(read_only, self.holdings.mark());
            return Outcome::TransactionStarted { tag };
        }
        Outcome::TransactionEnded { tag }
    }
}

/// What to tell whoever ended a block that was not there.
fn warning_after(of: Ended) -> Option<Notice> {
    (of == Ended::NoBlock).then(|| {
        let message = "there is no transaction in progress";
        Notice::warning(SqlState::NoActiveSqlTransaction, message)
    })
}

fn is_read_only(access: TransactionAccessMode) -> bool {
    access == TransactionAccessMode::ReadOnly
}
