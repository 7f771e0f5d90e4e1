//! One client's session: checks each statement and hands it to whoever carries it out.

mod cursor;
mod description;
mod explain;
mod lock;
mod prepared;
mod rights;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use datafusion::execution::SessionState;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;
use futures::future::BoxFuture;
use parking_lot::Mutex;

use super::answer::origin::with_origins;
use super::backends::Place;
use super::definition::collection::collections;
use super::definition::keys::KeyCommand;
use super::definition::storage::storage;
use super::function::{beside, coalesce, record, scalar, sleep, vector};
use super::grammar::parser;
use super::grammar::statement::Command;
use super::pg_catalog::{Backend, SessionView, to_the_microsecond};
use super::plan::apply;
use super::plan::fixed::FixedAnswer;
use super::plan::query::{QueryContext, session_state};
use super::read::audit;
use super::read::catalog::GalleryCatalog;
use super::read::locking::Locking;
use super::session_state::holdings::Holdings;
use super::session_state::report::Reported;
use super::session_state::settings::{SettingCommand, Settings};
use super::value::numeric;
use super::value::output::IntervalStyle;
use super::write::transaction::Writer;
use super::{
    Addresses, Backends, Description, Notice, Outcome, Signals, SqlError, SqlState, SqlType,
    Statement, TransactionStatus, pg_catalog,
};
use crate::engine::keyring::Keyring;
use crate::engine::{Purpose, Role, Tenant};

/// How often a statement that is a transaction of its own is tried where others came first. They
/// come first once in a while only, because those who lost go on one after the other.
const ATTEMPTS_MAX: usize = 100;

/// One connection's view of its tenant's galleries. All methods take `&self`; a door calls them
/// one after the other, as the wire protocol does.
#[derive(Debug)]
pub struct SqlSession {
    role: Role,
    user: Arc<str>,
    /// Functions and rules; an error here is answered to every query.
    state: Result<SessionState, SqlError>,
    holdings: Holdings,
    /// What the client knows of the settings.
    reported: Mutex<Reported>,
    writer: Writer,
    backend: Backend,
    /// What statements are for unless a setting says so.
    purpose: Option<Purpose>,
    /// The keys of all tenants, where the door lets administrators manage their own.
    keyring: Option<Arc<Keyring>>,
    /// Other sessions, and this one among them.
    others: Backends,
    place: Option<Place>,
}

impl SqlSession {
    /// A session of `user` (the key's name) on the galleries of `tenant`, with the rights of
    /// `role`.
    pub fn new(tenant: Tenant, role: Role, user: &str) -> Self {
        let database = tenant.name().as_str();
        let state = session_state(database).and_then(|mut state| {
            vector::register(&mut state)?;
            beside::register(&mut state)?;
            coalesce::register(&mut state)?;
            record::register(&mut state)?;
            scalar::register(&mut state)?;
            numeric::register(&mut state)?;
            sleep::register(&mut state)?;
            pg_catalog::register(&mut state)?;
            apply::register(&mut state)?;
            #[cfg(test)]
            super::function::mishap::register(&mut state)?;
            Ok(state)
        });
        let (holdings, purpose) = (Holdings::of(user), tenant.purpose());
        Self {
            role,
            user: user.into(),
            state,
            holdings: holdings.clone(),
            writer: Writer::new(tenant, holdings),
            backend: Backend::default(),
            purpose,
            keyring: None,
            reported: Mutex::default(),
            others: Backends::default(),
            place: None,
        }
    }

    /// The same session, of a client that knows it by a number, on a server that runs since then,
    /// over a connection that is encrypted or not, between these addresses.
    #[must_use]
    pub fn of_process(
        mut self,
        process: i32,
        server_started: SystemTime,
        is_encrypted: bool,
        addresses: Option<Addresses>,
    ) -> Self {
        self.backend = Backend { process, server_started, is_encrypted, addresses };
        self
    }

    /// The same session among the others of its server, which may end it by `signals`.
    #[must_use]
    pub fn among(mut self, others: &Backends, signals: Arc<dyn Signals>) -> Self {
        let (tenant, client) = (self.writer.tenant().name(), self.backend.addresses);
        self.place = Some(others.enter(
            self.backend.process,
            tenant.as_str(),
            &self.user,
            client.map(|addresses| addresses.client),
            self.holdings.clone(),
            signals,
        ));
        self.others = others.clone();
        self
    }

    /// The client has its answer; nothing is to be done until it says something.
    pub fn rest(&self) {
        if let Some(place) = &self.place {
            place.rests(self.transaction_status(), self.writer.began());
        }
    }

    /// Gives a setting the value that the session begins with, and comes back to after RESET.
    ///
    /// # Errors
    /// 42704 for a name nobody knows; why the value is not accepted.
    pub fn start_with(&self, name: &str, value: &str) -> Result<(), SqlError> {
        let notice = self.settings().lock().start_with(name, value)?;
        self.holdings.notices().lock().extend(notice);
        Ok(())
    }

    /// Settings that clients are kept informed of and whose values this one does not know yet;
    /// each is handed out once.
    pub fn take_reports(&self) -> Vec<(&'static str, String)> {
        self.reported.lock().changes(&self.settings().lock())
    }

    /// The same, able to create and revoke keys of its tenant.
    #[must_use]
    pub fn with_keyring(mut self, keyring: Arc<Keyring>) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// Parses all statements of one message; an empty text holds none. Runs nothing.
    ///
    /// # Errors
    /// Syntax errors; then no statement is returned. A statement with another error fails when it
    /// is described or run.
    pub fn parse(&self, text: &str) -> Result<Vec<Statement>, SqlError> {
        self.parse_call(text, &[])
    }

    /// The same where the parameters at the places in `outputs`, counted from 0, are meant to name
    /// the results of a call, and are no arguments of it.
    ///
    /// # Errors
    /// Those of [`Self::parse`].
    pub fn parse_call(&self, text: &str, outputs: &[usize]) -> Result<Vec<Statement>, SqlError> {
        self.failing_the_block(parser::parse(text, outputs))
    }

    /// What `statement` takes and returns. `declared` holds the parameter types the client chose;
    /// it may be shorter than the list of parameters.
    ///
    /// # Errors
    /// What planning the statement finds wrong with it.
    pub async fn describe(
        &self,
        statement: &Statement,
        declared: &[Option<SqlType>],
    ) -> Result<Description, SqlError> {
        let described = match self.check(statement) {
            Ok(()) => statement.depth().run_async(self.description(statement, declared)).await,
            Err(error) => Err(error),
        };
        self.failing_the_block(described.map_err(|error| statement.places().locate(error)))
    }

    /// Runs `statement`. Parameters are of the types that [`Self::describe`] answers, or NULL.
    ///
    /// # Errors
    /// Why nothing happened.
    pub async fn execute(
        &self,
        statement: &Statement,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, SqlError> {
        if let Some(place) = &self.place {
            place.works(self.writer.began());
        }
        let outcome = match self.check(statement) {
            Ok(()) => {
                let purpose = self.settings().lock().purpose();
                let purpose = purpose.or_else(|| self.purpose.clone());
                self.writer.tenant().set_purpose(purpose);
                statement.depth().run_async(self.run(statement, parameters)).await
            }
            Err(error) => Err(error),
        };
        self.failing_the_block(outcome.map_err(|error| statement.places().locate(error)))
    }

    /// How long a statement may take, where the client set that. Whoever runs statements keeps
    /// the time.
    pub fn statement_timeout(&self) -> Option<Duration> {
        self.settings().lock().statement_timeout()
    }

    /// How spans of time are written to the client.
    pub fn interval_style(&self) -> IntervalStyle {
        self.settings().lock().interval_style()
    }

    /// How long the client may now be silent before its session ends, where it set that.
    pub fn idle_timeout(&self) -> Option<Duration> {
        let in_transaction = self.transaction_status() != TransactionStatus::Idle;
        self.settings().lock().idle_timeout(in_transaction)
    }

    /// Where the session stands; what the end of each reply on the wire tells.
    pub fn transaction_status(&self) -> TransactionStatus {
        self.writer.status()
    }

    /// Makes the statements from here to [`Self::end_implicit`] one transaction, as those of one
    /// text are, or those before a Sync. In a block it changes nothing, and a statement that ends a
    /// block ends this too.
    pub fn begin_implicit(&self) {
        self.writer.begin_implicit();
    }

    /// Commits what statements did since [`Self::begin_implicit`], unless a block is open now.
    ///
    /// # Errors
    /// Why nothing of it happened.
    pub async fn end_implicit(&self) -> Result<(), SqlError> {
        self.writer.end_implicit().await
    }

    /// What the client should be told beside the answers it got, as far as it wants to hear it;
    /// each is handed out once.
    pub fn take_notices(&self) -> Vec<Notice> {
        let mut notices = std::mem::take(&mut *self.holdings.notices().lock());
        notices.retain(|notice| self.settings().lock().tells(notice));
        notices
    }

    /// Marks an open transaction block as failed: for errors found outside this module, such as
    /// an undecodable parameter or an error in the middle of a result. Errors of this module's
    /// methods do it by themselves.
    pub fn fail_transaction(&self) {
        self.writer.fail();
    }

    /// Whether a statement that runs now may not write.
    fn is_read_only(&self) -> bool {
        self.writer.read_only(self.settings().lock().default_read_only())
    }

    fn settings(&self) -> &Mutex<Settings> {
        self.holdings.settings()
    }

    fn failing_the_block<T>(&self, result: Result<T, SqlError>) -> Result<T, SqlError> {
        if result.is_err() {
            self.fail_transaction();
        }
        result
    }

    fn catalog(&self) -> GalleryCatalog {
        let (tenant, snapshot) = (self.writer.tenant().clone(), self.writer.snapshot());
        let now = to_the_microsecond(SystemTime::now());
        let path = self.settings().lock().search_path(&self.user);
        let session = SessionView {
            user: Arc::clone(&self.user),
            role: self.role,
            backend: self.backend,
            others: self.others.clone(),
            path,
            holdings: self.holdings.clone(),
            is_autocommit: self.writer.is_autocommit(),
            is_read_only: self.is_read_only(),
            has_changes: self.writer.has_changes(),
            transaction_began: self.writer.began().map_or(now, to_the_microsecond),
            statement_began: now,
        };
        GalleryCatalog::new(tenant, snapshot, session)
    }

    fn context(&self) -> Result<QueryContext, SqlError> {
        match &self.state {
            Ok(state) => {
                let (exactness, style) = {
                    let settings = self.settings().lock();
                    (settings.exactness(), settings.interval_style())
                };
                QueryContext::new(state, self.catalog(), exactness)
                    .map(|context| context.writing_intervals(style))
            }
            Err(error) => Err(error.clone()),
        }
    }

    /// The same for a statement whose parameters may be known.
    fn context_of(&self, statement: &Statement) -> Result<QueryContext, SqlError> {
        Ok(self.context()?.with_parameters(statement.parameters()))
    }

    /// What takes long, or much room while it waits, is boxed: whatever is quick would carry it.
    async fn run(
        &self,
        statement: &Statement,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, SqlError> {
        if parameters.len() < statement.parameter_count() {
            let (given, wanted) = (parameters.len(), statement.parameter_count());
            if given == 0 {
                let message = "there is no parameter $1";
                return Err(SqlError::new(SqlState::UndefinedParameter, message));
            }
            let message = format!("{given} parameters were given, the statement needs {wanted}");
            return Err(SqlError::new(SqlState::ProtocolViolation, message));
        }
        if statement.command().write_name().is_some() {
            return Box::pin(self.write(statement, &parameters)).await;
        }
        match statement.command() {
            Command::Faulty(faulty) => Err(self.told(faulty)),
            Command::Query(query) => self.query(statement, query, parameters).await,
            Command::Search(search, _) => {
                let exactness = self.settings().lock().exactness();
                search.run(&self.catalog(), exactness, &parameters)
            }
            Command::Explain(explain) => {
                Box::pin(self.explain(statement, explain, parameters)).await
            }
            Command::CopyOut(copy) => {
                Box::pin(copy.run(&self.context()?.exporting(), statement.depth())).await
            }
            Command::ShowCollections => {
                Ok(Outcome::of_batch("SHOW", collections(self.catalog().snapshot())?))
            }
            Command::ShowStorage => {
                Ok(Outcome::of_batch("SHOW", storage(self.catalog().snapshot())?))
            }
            Command::Key(command) => Box::pin(self.manage_keys(command)).await,
            Command::VerifyAudit => Box::pin(audit::verify(self.writer.tenant())).await,
            Command::Setting(command) => self.apply(command),
            Command::Discard => self.discard(),
            Command::CreateExtension(extension) => {
                let done = Outcome::Done { tag: "CREATE EXTENSION", rows: None };
                Ok(self.noted((done, Some(extension.run()?))))
            }
            Command::Nothing(tag) => Ok(Outcome::Done { tag, rows: None }),
            Command::Declare(declare) => {
                Box::pin(self.declare(statement, declare, parameters)).await
            }
            Command::Fetch(fetch) => Box::pin(self.fetch(fetch)).await,
            Command::Close(close) => self.close(close.cursor.as_deref()),
            Command::Prepare(prepare) => Box::pin(self.prepare(prepare)).await,
            Command::Execute(execute) => Box::pin(self.run_prepared(execute, &parameters)).await,
            Command::Deallocate(name) => self.deallocate(name.as_deref()),
            Command::Transaction(command) => {
                let read_only = self.settings().lock().default_read_only();
                Ok(self.noted(Box::pin(self.writer.run(command, read_only)).await?))
            }
            Command::CreateCollection(_)
            | Command::AlterCollection(_)
            | Command::DropCollection(_)
            | Command::Truncate(_)
            | Command::Vacuum(_)
            | Command::CopyIn(_)
            | Command::Insert(_)
            | Command::Update(_)
            | Command::Delete(_) => {
                Err(SqlError::new(SqlState::InternalError, "a write was taken for a read"))
            }
        }
    }

    /// DISCARD ALL: as the session was when it began.
    fn discard(&self) -> Result<Outcome, SqlError> {
        if self.transaction_status() != TransactionStatus::Idle {
            let message = "DISCARD ALL cannot run inside a transaction block";
            return Err(SqlError::new(SqlState::ActiveSqlTransaction, message));
        }
        self.settings().lock().reset_all();
        self.deallocate(None)?;
        self.close(None)?;
        Ok(Outcome::Done { tag: "DISCARD ALL", rows: None })
    }

    /// Runs a statement that stands in another one or has been prepared.
    fn run_inner<'a>(
        &'a self,
        statement: &'a Statement,
        parameters: Vec<ScalarValue>,
    ) -> BoxFuture<'a, Result<Outcome, SqlError>> {
        let running = Box::pin(self.run(statement, parameters));
        Box::pin(statement.depth().run_async(running))
    }

    /// Runs a statement that writes. One that is a transaction of its own and met what others did
    /// is run again, on what is there now.
    async fn write(
        &self,
        statement: &Statement,
        parameters: &[ScalarValue],
    ) -> Result<Outcome, SqlError> {
        let (mut attempts, mut turn) = (1, None);
        loop {
            match self.write_once(statement, parameters).await {
                Err(error)
                    if error.state == SqlState::SerializationFailure
                        && self.writer.is_autocommit()
                        && attempts < ATTEMPTS_MAX =>
                {
                    attempts += 1;
                    if turn.is_none() {
                        turn = Some(self.writer.tenant().turn().await);
                    }
                }
                outcome => return outcome,
            }
        }
    }

    async fn query(
        &self,
        statement: &Statement,
        query: &ast::Query,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, SqlError> {
        if let Some(locking) = Locking::of(query)? {
            Box::pin(self.lock_rows(statement, &locking, parameters.clone())).await?;
        }
        match self.unplanned(statement, &parameters)? {
            Some(outcome) => Ok(outcome),
            None => Box::pin(self.planned(statement, query, parameters)).await,
        }
    }

    /// The answer to a query that needs no plan: it is known already, or looked up by a key.
    fn unplanned(
        &self,
        statement: &Statement,
        parameters: &[ScalarValue],
    ) -> Result<Option<Outcome>, SqlError> {
        if let Some(answer) = statement.fixed_answer().and_then(FixedAnswer::get) {
            return Ok(Some(Outcome::of_batch("SELECT", answer)));
        }
        match statement.lookup() {
            Some(lookup) => lookup.run(&self.catalog(), parameters),
            None => Ok(None),
        }
    }

    async fn planned(
        &self,
        statement: &Statement,
        query: &ast::Query,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, SqlError> {
        let context = self.context_of(statement)?;
        let plan = context.plan(query).await?;
        let origins = context.origins(&plan);
        let stream = context.stream(plan, parameters).await?;
        let stream = statement.depth().stream(stream);
        if let Some(fixed) = statement.fixed_answer() {
            return Ok(Outcome::of_batch("SELECT", fixed.keep(stream).await?));
        }
        let schema = with_origins(&stream.schema(), origins);
        Ok(Outcome::Rows { tag: "SELECT", schema, stream })
    }

    async fn write_once(
        &self,
        statement: &Statement,
        parameters: &[ScalarValue],
    ) -> Result<Outcome, SqlError> {
        let writer = &self.writer;
        match statement.command() {
            Command::CreateCollection(create) => {
                Ok(self.noted(create.run(&self.catalog(), writer).await?))
            }
            Command::AlterCollection(alter) => {
                Ok(self.noted(alter.run(&self.catalog(), writer).await?))
            }
            Command::DropCollection(drop) => {
                Ok(self.noted(drop.run(&self.catalog(), writer).await?))
            }
            Command::Truncate(truncate) => truncate.run(&self.catalog(), writer).await,
            Command::CopyIn(copy) => {
                Ok(Outcome::CopyIn(Box::new(copy.run(&self.catalog(), writer)?)))
            }
            Command::Vacuum(vacuum) => {
                writer.check_outside("VACUUM")?;
                vacuum.run(&self.catalog()).await
            }
            Command::Key(command) => self.manage_keys(command).await,
            Command::Insert(insert) => {
                insert.run(&self.context_of(statement)?, writer, parameters).await
            }
            Command::Update(update) => {
                update.run(&self.context_of(statement)?, writer, parameters.to_vec()).await
            }
            Command::Delete(delete) => {
                delete.run(&self.context_of(statement)?, writer, parameters.to_vec()).await
            }
            _ => Err(SqlError::new(SqlState::InternalError, "a read was taken for a write")),
        }
    }

    /// An outcome whose notice, if any, has been put by for the client.
    fn noted(&self, (outcome, notice): (Outcome, Option<Notice>)) -> Outcome {
        self.holdings.notices().lock().extend(notice);
        outcome
    }

    async fn manage_keys(&self, command: &KeyCommand) -> Result<Outcome, SqlError> {
        if let Some(name) = command.write_name() {
            self.writer.check_outside(name)?;
        }
        let keyring = self.keyring.clone().ok_or_else(|| {
            let message = "keys cannot be managed here";
            SqlError::new(SqlState::ObjectNotInPrerequisiteState, message)
        })?;
        command.run(keyring, self.writer.tenant().name()).await
    }

    fn apply(&self, command: &SettingCommand) -> Result<Outcome, SqlError> {
        let read_only = self.is_read_only();
        let mut settings = self.settings().lock();
        match command {
            SettingCommand::Set(name, value) => settings.set(name, value)?,
            SettingCommand::SetLocal(name, value) if self.writer.is_autocommit() => {
                let value = value.as_deref().map(|value| settings.checked(name, value));
                value.transpose()?;
                let message = "SET LOCAL can only be used in transaction blocks";
                let warning = Notice::warning(SqlState::NoActiveSqlTransaction, message);
                self.holdings.notices().lock().push(warning);
            }
            SettingCommand::SetLocal(name, value) => settings.set_local(name, value.as_deref())?,
            SettingCommand::SetTransaction(access) => {
                self.holdings.notices().lock().extend(self.writer.set_access(*access)?);
            }
            SettingCommand::SetDefault(name) => settings.reset(name)?,
            SettingCommand::Reset(name) => {
                settings.reset(name)?;
                return Ok(Outcome::Done { tag: "RESET", rows: None });
            }
            SettingCommand::ResetAll => {
                settings.reset_all();
                return Ok(Outcome::Done { tag: "RESET", rows: None });
            }
            SettingCommand::Show(name) => {
                let seen = settings.of_transaction(read_only);
                return Ok(Outcome::of_batch("SHOW", seen.show(name)?));
            }
            SettingCommand::ShowAll => {
                let seen = settings.of_transaction(read_only);
                return Ok(Outcome::of_batch("SHOW", seen.show_all()?));
            }
        }
        Ok(Outcome::Done { tag: "SET", rows: None })
    }
}

impl Drop for SqlSession {
    /// A cursor's query may look into the session that holds the cursor; neither would ever go.
    fn drop(&mut self) {
        self.holdings.cursors().lock().close_all();
    }
}
