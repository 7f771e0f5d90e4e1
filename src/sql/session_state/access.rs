//! What transactions may do, as BEGIN and SET TRANSACTION say it.

use datafusion::sql::sqlparser::ast::{
    TransactionAccessMode, TransactionIsolationLevel, TransactionMode,
};

use crate::sql::SqlError;

/// READ ONLY or READ WRITE, where a statement says so.
pub(in crate::sql) type Access = Option<TransactionAccessMode>;

/// What modes say about writing. A block reads one snapshot and commits only where nobody came
/// first, which satisfies the standard isolation levels but the serializable one's promise about
/// rows that were only read.
///
/// # Errors
/// 0A000 for a level that is no standard one.
pub(in crate::sql) fn access(modes: &[TransactionMode]) -> Result<Access, SqlError> {
    let mut access = None;
    for mode in modes {
        match mode {
            TransactionMode::IsolationLevel(TransactionIsolationLevel::Snapshot) => {
                return Err(SqlError::unsupported("ISOLATION LEVEL SNAPSHOT"));
            }
            TransactionMode::IsolationLevel(_) => {}
            TransactionMode::AccessMode(mode) => access = Some(*mode),
        }
    }
    Ok(access)
}
