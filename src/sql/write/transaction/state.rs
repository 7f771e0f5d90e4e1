//! Where a session stands with respect to transaction blocks.

use std::time::SystemTime;

use crate::engine::{Tenant, TenantSnapshot, Transaction};
use crate::sql::session_state::holdings::Mark;
use crate::sql::{SqlError, SqlState, TransactionStatus};

/// Most savepoints of a block at a time.
const SAVEPOINTS_MAX: usize = 10_000;

/// The transaction block of a session, if any.
#[derive(Debug, Default)]
pub(in crate::sql) enum State {
    /// Each statement is its own transaction.
    #[default]
    Idle,
    /// The statements of one text, or of one pipeline, are a transaction although nobody said so.
    Implicit(Block),
    /// Inside a block.
    Active(Block),
    /// Inside a block in which a statement failed.
    Failed(Block),
}

/// What a block has done so far.
#[derive(Debug, Default)]
pub(in crate::sql) struct Block {
    /// Begins with the first statement that reads or writes.
    work: Option<Transaction>,
    read_only: bool,
    /// What the session held when it began.
    before: Mark,
    began: Option<SystemTime>,
    /// The newest last; names may repeat.
    savepoints: Vec<Savepoint>,
}

#[derive(Debug)]
struct Savepoint {
    name: String,
    work: Transaction,
    read_only: bool,
    held: Mark,
}

/// What the end of a block leaves to do.
#[derive(Debug, Default)]
pub(in crate::sql) struct Ending {
    pub(in crate::sql) of: Ended,
    /// What a whole block has done and a COMMIT commits.
    pub(in crate::sql) work: Option<Transaction>,
    pub(in crate::sql) read_only: bool,
    /// What the session held when it began; nothing where there was none.
    pub(in crate::sql) before: Option<Mark>,
}

/// What has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::sql) enum Ended {
    /// A block that nobody had opened by BEGIN, or none at all.
    #[default]
    NoBlock,
    /// A block.
    Whole,
    /// A block in which a statement had failed: its changes are gone.
    Failed,
}

impl State {
    pub(in crate::sql) fn status(&self) -> TransactionStatus {
        match self {
            Self::Idle | Self::Implicit(_) => TransactionStatus::Idle,
            Self::Active(_) => TransactionStatus::Active,
            Self::Failed(_) => TransactionStatus::Failed,
        }
    }

    /// Whether each statement is its own transaction.
    pub(in crate::sql) fn is_autocommit(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// Enters a block, with what an implicit one has done; false inside one, which goes on. `held`
    /// is what the session holds.
    pub(in crate::sql) fn begin(&mut self, read_only: bool, held: Mark) -> bool {
        match std::mem::take(self) {
            Self::Idle => *self = Self::Active(Block { read_only, ..Block::holding(held) }),
            Self::Implicit(block) => *self = Self::Active(Block { read_only, ..block }),
            inside => {
                *self = inside;
                return false;
            }
        }
        true
    }

    /// From now on statements are one transaction, up to [`State::end_implicit`].
    pub(in crate::sql) fn begin_implicit(&mut self, held: impl FnOnce() -> Mark) {
        if let Self::Idle = self {
            *self = Self::Implicit(Block::holding(held()));
        }
    }

    /// Leaves an implicit block; none where there is none.
    pub(in crate::sql) fn end_implicit(&mut self) -> Option<Ending> {
        matches!(self, Self::Implicit(_)).then(|| self.end())
    }

    /// Leaves the block.
    pub(in crate::sql) fn end(&mut self) -> Ending {
        let (of, block) = match std::mem::take(self) {
            Self::Idle => return Ending::default(),
            Self::Implicit(block) => (Ended::NoBlock, block),
            Self::Active(block) => (Ended::Whole, block),
            Self::Failed(block) => (Ended::Failed, block),
        };
        Ending { of, work: block.work, read_only: block.read_only, before: Some(block.before) }
    }

    /// A statement failed: a block is of no use after that, but for its savepoints. Returns what
    /// the session held before an implicit block, which ends.
    pub(in crate::sql) fn fail(&mut self) -> Option<Mark> {
        let (next, before) = match std::mem::take(self) {
            Self::Idle => (Self::Idle, None),
            Self::Implicit(block) => (Self::Idle, Some(block.before)),
            Self::Active(block) | Self::Failed(block) => {
                (Self::Failed(Block { work: None, ..block }), None)
            }
        };
        *self = next;
        before
    }

    /// When the block began; none outside of one.
    pub(in crate::sql) fn began(&self) -> Option<SystemTime> {
        match self {
            Self::Idle => None,
            Self::Implicit(block) | Self::Active(block) | Self::Failed(block) => block.began,
        }
    }

    /// What the next statement reads.
    pub(in crate::sql) fn snapshot(&mut self, tenant: &Tenant) -> TenantSnapshot {
        self.work(tenant).map_or_else(|| tenant.snapshot(), |work| work.snapshot().clone())
    }

    /// The transaction that the next statement is part of; none where it is its own.
    pub(in crate::sql) fn work(&mut self, tenant: &Tenant) -> Option<&mut Transaction> {
        match self {
            Self::Idle | Self::Failed(_) => None,
            Self::Implicit(block) | Self::Active(block) => Some(block.work(tenant)),
        }
    }

    /// Whether a block has changed anything yet.
    pub(in crate::sql) fn has_changes(&self) -> bool {
        match self {
            Self::Idle => false,
            Self::Implicit(block) | Self::Active(block) | Self::Failed(block) => {
                block.work.as_ref().is_some_and(|work| !work.is_empty())
            }
        }
    }

    /// # Errors
    /// 25P02 in a failed block.
    pub(in crate::sql) fn check_usable(&self) -> Result<(), SqlError> {
        match self {
            Self::Idle | Self::Implicit(_) | Self::Active(_) => Ok(()),
            Self::Failed(_) => Err(SqlError::new(
                SqlState::InFailedSqlTransaction,
                "current transaction is aborted, commands ignored until end of transaction block",
            )),
        }
    }

    /// Whether the block only reads; `otherwise` outside of one.
    pub(in crate::sql) fn read_only(&self, otherwise: bool) -> bool {
        match self {
            Self::Idle | Self::Implicit(_) => otherwise,
            Self::Active(block) | Self::Failed(block) => block.read_only,
        }
    }

    /// Makes the block one that only reads, or not; false outside of one.
    ///
    /// # Errors
    /// 25001 where a block that has begun to read is to write.
    pub(in crate::sql) fn set_read_only(&mut self, read_only: bool) -> Result<bool, SqlError> {
        let Self::Active(block) = self else { return Ok(false) };
        if block.read_only && !read_only && block.work.is_some() {
            let message = "transaction read-write mode must be set before any query";
            return Err(SqlError::new(SqlState::ActiveSqlTransaction, message));
        }
        block.read_only = read_only;
        Ok(true)
    }

    /// # Errors
    /// 25P01 outside a block, 54000 when there are too many.
    pub(in crate::sql) fn save(
        &mut self,
        name: String,
        tenant: &Tenant,
        held: Mark,
    ) -> Result<(), SqlError> {
        let Self::Active(block) = self else { return Err(only_in_blocks("SAVEPOINT")) };
        if block.savepoints.len() >= SAVEPOINTS_MAX {
            let message = format!("a transaction has at most {SAVEPOINTS_MAX} savepoints");
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message)
                .with_hint("Release those that are not needed any more."));
        }
        let (work, read_only) = (block.work(tenant).clone(), block.read_only);
        block.savepoints.push(Savepoint { name, work, read_only, held });
        Ok(())
    }

    /// Back to what the newest savepoint of this name had; it stays, later ones go. Returns what
    /// the session held there.
    ///
    /// # Errors
    /// 25P01 outside a block, 3B001 when there is no such savepoint.
    pub(in crate::sql) fn roll_back_to(&mut self, name: &str) -> Result<Mark, SqlError> {
        let (Self::Active(block) | Self::Failed(block)) = self else {
            return Err(only_in_blocks("ROLLBACK TO SAVEPOINT"));
        };
        let at = block.find(name)?;
        block.savepoints.truncate(at + 1);
        let mut there = Mark::default();
        if let Some(Savepoint { work, read_only, held, .. }) = block.savepoints.last() {
            (block.work, block.read_only) = (Some(work.clone()), *read_only);
            there = held.clone();
        }
        *self = Self::Active(std::mem::take(block));
        Ok(there)
    }

    /// Forgets the newest savepoint of this name and those after it, not what was done since.
    ///
    /// # Errors
    /// 25P01 outside a block, 3B001 when there is no such savepoint.
    pub(in crate::sql) fn release(&mut self, name: &str) -> Result<(), SqlError> {
        let Self::Active(block) = self else { return Err(only_in_blocks("RELEASE SAVEPOINT")) };
        let at = block.find(name)?;
        block.savepoints.truncate(at);
        Ok(())
    }
}

impl Block {
    /// A block that begins now, of a session that holds this.
    fn holding(held: Mark) -> Self {
        Self { before: held, began: Some(SystemTime::now()), ..Self::default() }
    }

    fn work(&mut self, tenant: &Tenant) -> &mut Transaction {
        self.work.get_or_insert_with(|| tenant.begin())
    }

    fn find(&self, name: &str) -> Result<usize, SqlError> {
        self.savepoints.iter().rposition(|savepoint| savepoint.name == name).ok_or_else(|| {
            let message = format!("savepoint \"{name}\" does not exist");
            SqlError::new(SqlState::InvalidSavepointSpecification, message)
        })
    }
}

/// # Errors
/// Always: 25P01.
pub(in crate::sql) fn only_in_blocks(command: &str) -> SqlError {
    let message = format!("{command} can only be used in transaction blocks");
    SqlError::new(SqlState::NoActiveSqlTransaction, message)
}
