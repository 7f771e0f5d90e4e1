//! What a statement is called where it must not be repeated: in the log.

use super::statement::{Command, Statement};
use crate::sql::write::transaction::TransactionCommand;

impl Statement {
    /// The words that a statement of its kind begins with; nothing of what its author chose.
    pub fn kind(&self) -> &'static str {
        let command = self.command();
        command.write_name().unwrap_or_else(|| kind_of_reading(command))
    }
}

fn kind_of_reading(command: &Command) -> &'static str {
    match command {
        Command::Query(_) => "SELECT",
        Command::Search(..) => "SEARCH",
        Command::Explain(_) => "EXPLAIN",
        Command::CopyOut(_) => "COPY TO",
        Command::ShowCollections => "SHOW COLLECTIONS",
        Command::ShowStorage => "SHOW STORAGE",
        Command::Key(_) => "SHOW KEYS",
        Command::VerifyAudit => "VERIFY AUDIT",
        Command::Setting(_) => "SET",
        Command::Faulty(faulty) => faulty.kind(),
        Command::Discard => "DISCARD",
        Command::Declare(_) => "DECLARE",
        Command::Fetch(_) => "FETCH",
        Command::Close(_) => "CLOSE",
        Command::Prepare(_) => "PREPARE",
        Command::Execute(_) => "EXECUTE",
        Command::Deallocate(_) => "DEALLOCATE",
        Command::Nothing(tag) => tag,
        Command::CreateExtension(_) => "CREATE EXTENSION",
        Command::Transaction(command) => match command {
            TransactionCommand::Begin(..) => "BEGIN",
            TransactionCommand::Commit { .. } => "COMMIT",
            TransactionCommand::Rollback { .. } => "ROLLBACK",
            TransactionCommand::Savepoint(_) => "SAVEPOINT",
            TransactionCommand::RollbackTo(_) => "ROLLBACK TO",
            TransactionCommand::Release(_) => "RELEASE",
        },
        // Those that write have a name already.
        Command::CreateCollection(_)
        | Command::AlterCollection(_)
        | Command::DropCollection(_)
        | Command::Truncate(_)
        | Command::Vacuum(_)
        | Command::Insert(_)
        | Command::Update(_)
        | Command::Delete(_)
        | Command::CopyIn(_) => "",
    }
}
