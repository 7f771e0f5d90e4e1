//! A parsed statement as the server acts on it.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{Query, SelectItem};

use super::faulty::Faulty;
use super::places::Places;
use super::prepare::Execute;
use crate::engine::Action;
use crate::sql::definition::alter::AlterCollection;
use crate::sql::definition::collection::{CreateCollection, DropCollection};
use crate::sql::definition::extension::Extension;
use crate::sql::definition::keys::KeyCommand;
use crate::sql::definition::storage::Vacuum;
use crate::sql::plan::adapt::ParameterTypes;
use crate::sql::plan::fixed::FixedAnswer;
use crate::sql::plan::parameters::Parameters;
use crate::sql::plan::stack::Depth;
use crate::sql::read::locking;
use crate::sql::read::lookup::Lookup;
use crate::sql::read::search::DirectSearch;
use crate::sql::session_state::cursor::{Close, DeclareHead, Fetch};
use crate::sql::session_state::settings::SettingCommand;
use crate::sql::value::types::SqlType;
use crate::sql::write::copy::{CopyIn, CopyOut};
use crate::sql::write::delete::Delete;
use crate::sql::write::insert::Insert;
use crate::sql::write::transaction::TransactionCommand;
use crate::sql::write::truncate::Truncate;
use crate::sql::write::update::Update;

/// What becomes of one token takes at most about so much memory: a syntax tree has fewer nodes than
/// its text has tokens, and the largest that there may be many of are items of a select list.
const TOKEN_BYTES: usize = size_of::<SelectItem>();

/// One parsed statement; cheap to clone.
#[derive(Debug, Clone)]
pub struct Statement {
    parsed: Arc<Parsed>,
    /// As far as it has been described.
    parameters: Parameters,
}

#[derive(Debug)]
struct Parsed {
    command: Command,
    parameter_count: usize,
    parameter_types: ParameterTypes,
    depth: Depth,
    fixed_answer: Option<FixedAnswer>,
    lookup: Option<Lookup>,
    places: Places,
    tokens: usize,
}

impl Statement {
    pub(super) fn new(
        command: Command,
        parameter_count: usize,
        parameter_types: ParameterTypes,
        depth: Depth,
    ) -> Self {
        let (fixed_answer, lookup) = match &command {
            Command::Query(query) => (FixedAnswer::of(query), Lookup::of(query)),
            _ => (None, None),
        };
        let parsed = Parsed {
            command,
            parameter_count,
            parameter_types,
            depth,
            fixed_answer,
            lookup,
            places: Places::default(),
            tokens: 0,
        };
        Self { parsed: Arc::new(parsed), parameters: Parameters::Open }
    }

    /// The same, read from so many tokens.
    pub(super) fn of_tokens(mut self, tokens: usize) -> Self {
        if let Some(parsed) = Arc::get_mut(&mut self.parsed) {
            parsed.tokens = tokens;
        }
        self
    }

    /// About how much memory it takes, its text apart.
    pub fn bytes(&self) -> usize {
        self.parsed.tokens * TOKEN_BYTES
    }

    /// The same, with what is known about where its names stand.
    pub(super) fn with_places(mut self, places: Places) -> Self {
        if let Some(parsed) = Arc::get_mut(&mut self.parsed) {
            parsed.places = places;
        }
        self
    }

    pub(in crate::sql) fn command(&self) -> &Command {
        &self.parsed.command
    }

    /// The highest `$n` of the statement.
    pub fn parameter_count(&self) -> usize {
        self.parsed.parameter_count
    }

    /// How much stack working on it needs.
    pub(in crate::sql) fn depth(&self) -> Depth {
        self.parsed.depth
    }

    /// Types that the syntax around the parameters decides.
    pub(in crate::sql) fn parameter_types(&self) -> &ParameterTypes {
        &self.parsed.parameter_types
    }

    /// The same, whose parameters are of these types.
    #[must_use]
    pub fn typed(self, types: &[SqlType]) -> Self {
        self.with_parameters(Parameters::Known(types.into()))
    }

    pub(in crate::sql) fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// What is known of its parameters.
    pub(in crate::sql) fn parameters(&self) -> Parameters {
        self.parameters.clone()
    }

    /// Whether what it returns depends on what its parameters are.
    pub(in crate::sql) fn is_planned(&self) -> bool {
        match self.command() {
            Command::Query(_) | Command::Insert(_) | Command::Update(_) | Command::Delete(_) => {
                true
            }
            Command::Explain(explain) => matches!(explain.explained, Explained::Query(_)),
            _ => false,
        }
    }

    /// The answer of a query that has the same one every time.
    pub(in crate::sql) fn fixed_answer(&self) -> Option<&FixedAnswer> {
        self.parsed.fixed_answer.as_ref()
    }

    /// Where its names stand.
    pub(in crate::sql) fn places(&self) -> &Places {
        &self.parsed.places
    }

    /// What a query does that only looks up faces by their ids.
    pub(in crate::sql) fn lookup(&self) -> Option<&Lookup> {
        self.parsed.lookup.as_ref()
    }

    /// Whether a failed transaction block still accepts this.
    pub(in crate::sql) fn ends_failure(&self) -> bool {
        matches!(&self.parsed.command, Command::Transaction(command) if command.ends_failure())
    }

    /// The query that it is, if it is one.
    pub(in crate::sql) fn query(&self) -> Option<&Query> {
        match self.command() {
            Command::Query(query) | Command::Search(_, query) => Some(query),
            _ => None,
        }
    }

    /// Whether it is a query, whose rows a cursor may hand out.
    pub fn is_query(&self) -> bool {
        self.query().is_some()
    }

    /// Whether what comes of it is of use only to later statements of the session.
    pub fn is_for_later(&self) -> bool {
        matches!(self.command(), Command::Prepare(_) | Command::Declare(_))
    }

    /// Whether this ends a transaction block: what is being committed cannot be given up.
    pub fn ends_transaction(&self) -> bool {
        matches!(&self.parsed.command, Command::Transaction(command) if command.ends_block())
    }
}

/// Everything this server does on request. What is not here does not exist.
#[derive(Debug)]
pub(in crate::sql) enum Command {
    /// What can be read, and not be done.
    Faulty(Box<Faulty>),
    /// SELECT, VALUES, WITH, and what of SEARCH takes a plan.
    Query(Box<Query>),
    /// SEARCH that takes none, and the query that it is where one is wanted.
    Search(Box<DirectSearch>, Box<Query>),
    /// EXPLAIN.
    Explain(Explain),
    /// CREATE COLLECTION.
    CreateCollection(CreateCollection),
    /// CREATE EXTENSION.
    CreateExtension(Extension),
    /// ALTER COLLECTION, COMMENT.
    AlterCollection(AlterCollection),
    /// DROP COLLECTION.
    DropCollection(DropCollection),
    /// TRUNCATE.
    Truncate(Truncate),
    /// SHOW COLLECTIONS.
    ShowCollections,
    /// SHOW STORAGE.
    ShowStorage,
    /// CREATE KEY, DROP KEY, SHOW KEYS.
    Key(KeyCommand),
    /// VERIFY AUDIT.
    VerifyAudit,
    /// VACUUM.
    Vacuum(Vacuum),
    /// INSERT.
    Insert(Box<Insert>),
    /// UPDATE.
    Update(Box<Update>),
    /// DELETE.
    Delete(Box<Delete>),
    /// COPY .. TO STDOUT.
    CopyOut(Box<CopyOut>),
    /// COPY .. FROM STDIN.
    CopyIn(Box<CopyIn>),
    /// SET, RESET, SHOW.
    Setting(SettingCommand),
    /// DISCARD ALL.
    Discard,
    /// DECLARE.
    Declare(Declare),
    /// FETCH and MOVE.
    Fetch(Fetch),
    /// CLOSE.
    Close(Close),
    /// PREPARE.
    Prepare(Prepare),
    /// EXECUTE.
    Execute(Execute),
    /// DEALLOCATE; which prepared statement, or all.
    Deallocate(Option<String>),
    /// UNLISTEN and DISCARD of what there is none of; the command tag.
    Nothing(&'static str),
    /// BEGIN, COMMIT, ROLLBACK and savepoints.
    Transaction(TransactionCommand),
}

/// DECLARE.
#[derive(Debug)]
pub(in crate::sql) struct Declare {
    pub(in crate::sql) head: DeclareHead,
    pub(in crate::sql) query: Statement,
    /// As it was written.
    pub(in crate::sql) text: Box<str>,
}

/// PREPARE.
#[derive(Debug)]
pub(in crate::sql) struct Prepare {
    pub(in crate::sql) name: String,
    /// Types of the parameters as far as the statement names them.
    pub(in crate::sql) types: Vec<Option<SqlType>>,
    pub(in crate::sql) statement: Statement,
    /// As it was written.
    pub(in crate::sql) text: Box<str>,
}

/// EXPLAIN.
#[derive(Debug)]
pub(in crate::sql) struct Explain {
    pub(in crate::sql) options: ExplainOptions,
    pub(in crate::sql) explained: Explained,
}

/// What EXPLAIN tells, and how.
#[derive(Debug, Clone, Copy)]
pub(in crate::sql) struct ExplainOptions {
    /// Run it and tell what happened.
    pub(in crate::sql) analyze: bool,
    pub(in crate::sql) format: ExplainFormat,
    pub(in crate::sql) figures: Figures,
}

/// How EXPLAIN writes a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum ExplainFormat {
    /// Lines, indented.
    Text,
    Json,
}

/// Which figures of a plan are wanted; those that its text has do not depend on it.
#[derive(Debug, Clone, Copy)]
pub(in crate::sql) struct Figures {
    /// What is expected of the operators.
    pub(in crate::sql) costs: bool,
    /// How long each of them took.
    pub(in crate::sql) timing: bool,
    /// How long planning and running took.
    pub(in crate::sql) summary: bool,
}

/// What EXPLAIN explains.
#[derive(Debug)]
pub(in crate::sql) enum Explained {
    Query(Box<Query>),
    /// The statement that an EXECUTE would run.
    Prepared(Execute),
}

impl Command {
    /// What the caller's role must allow.
    pub(in crate::sql) fn action(&self) -> Action {
        match self {
            Self::Prepare(prepare) => prepare.statement.command().action(),
            // What is locked is about to be changed.
            Self::Query(_) | Self::Declare(_) if self.lock_name().is_some() => Action::ChangeFaces,
            // It does nothing.
            Self::Faulty(_)
            | Self::Query(_)
            | Self::Search(..)
            | Self::Explain(_)
            | Self::CopyOut(_)
            | Self::ShowCollections
            | Self::ShowStorage
            | Self::Setting(_)
            | Self::Discard
            | Self::Declare(_)
            | Self::Fetch(_)
            | Self::Close(_)
            | Self::Execute(_)
            | Self::Deallocate(_)
            | Self::Nothing(_)
            | Self::CreateExtension(_)
            | Self::Transaction(_) => Action::Read,
            Self::Insert(_) | Self::Update(_) | Self::Delete(_) | Self::CopyIn(_) => {
                Action::ChangeFaces
            }
            Self::CreateCollection(_)
            | Self::AlterCollection(_)
            | Self::DropCollection(_)
            | Self::Truncate(_) => Action::ChangeCollections,
            Self::Key(_) => Action::ManageKeys,
            Self::Vacuum(_) | Self::VerifyAudit => Action::Maintain,
        }
    }

    /// What to call it.
    pub(in crate::sql) fn name(&self) -> &'static str {
        match self {
            Self::VerifyAudit => "VERIFY AUDIT",
            Self::Key(KeyCommand::Show) => "SHOW KEYS",
            other => other.write_name().or(other.lock_name()).unwrap_or("this statement"),
        }
    }

    /// The name of a query that locks what it reads; none for all others.
    pub(in crate::sql) fn lock_name(&self) -> Option<&'static str> {
        match self {
            Self::Query(query) => locking::name(query),
            Self::Declare(declare) => declare.query.command().lock_name(),
            _ => None,
        }
    }

    /// The name of a command that writes; none for those that only read.
    pub(in crate::sql) fn write_name(&self) -> Option<&'static str> {
        match self {
            Self::CreateCollection(_) => Some("CREATE COLLECTION"),
            Self::AlterCollection(alter) => Some(alter.tag()),
            Self::DropCollection(_) => Some("DROP COLLECTION"),
            Self::Truncate(_) => Some("TRUNCATE TABLE"),
            Self::CopyIn(_) => Some("COPY FROM"),
            Self::Insert(_) => Some("INSERT"),
            Self::Update(_) => Some("UPDATE"),
            Self::Delete(_) => Some("DELETE"),
            Self::Vacuum(_) => Some("VACUUM"),
            Self::Key(command) => command.write_name(),
            Self::Faulty(_)
            | Self::Query(_)
            | Self::Search(..)
            | Self::Explain(_)
            | Self::CopyOut(_)
            | Self::ShowCollections
            | Self::ShowStorage
            | Self::Setting(_)
            | Self::Discard
            | Self::Prepare(_)
            | Self::Declare(_)
            | Self::Fetch(_)
            | Self::Close(_)
            | Self::Execute(_)
            | Self::Deallocate(_)
            | Self::Nothing(_)
            | Self::CreateExtension(_)
            | Self::VerifyAudit
            | Self::Transaction(_) => None,
        }
    }
}
