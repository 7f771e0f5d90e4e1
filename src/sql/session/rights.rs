//! What is looked at before a statement itself is: whether the role allows it, and whether it can
//! write now, and where it wants to.

use super::SqlSession;
use crate::engine::Action;
use crate::sql::grammar::faulty::Faulty;
use crate::sql::grammar::statement::Command;
use crate::sql::write::absent::Written;
use crate::sql::{SqlError, SqlState, Statement};

impl SqlSession {
    /// Everything that must hold before a statement is looked at more closely.
    pub(super) fn check(&self, statement: &Statement) -> Result<(), SqlError> {
        if !statement.ends_failure() {
            self.writer.check_usable()?;
        }
        let command = statement.command();
        let name = match command {
            Command::Prepare(prepare) => prepare.statement.command().name(),
            other => other.name(),
        };
        self.check_role(command.action(), name)?;
        match command.write_name().or(command.lock_name()) {
            Some(name) if self.is_read_only() => {
                let message = format!("cannot execute {name} in a read-only transaction");
                Err(SqlError::new(SqlState::ReadOnlySqlTransaction, message))
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// 42501 where the role does not allow an action, which a statement of this name needs.
    fn check_role(&self, action: Action, name: &str) -> Result<(), SqlError> {
        if self.role.allows(action) {
            return Ok(());
        }
        let message = format!("permission denied: a {} key may not run {name}", self.role);
        Err(SqlError::new(SqlState::InsufficientPrivilege, message))
    }

    /// What is wrong with a statement whose turn has come.
    pub(super) fn told(&self, faulty: &Faulty) -> SqlError {
        faulty.told(|written| self.may_write(written))
    }

    /// That a statement may write to the collection that it names, whatever else it says.
    ///
    /// # Errors
    /// 42501 where the role does not allow it and for relations of the system, 42P01.
    fn may_write(&self, written: &Written) -> Result<(), SqlError> {
        self.check_role(written.action, written.by)?;
        let catalog = self.catalog();
        catalog.gallery(catalog.written(&written.parts)?)?;
        Ok(())
    }
}
