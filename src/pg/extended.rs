//! The extended query protocol: the messages that drive prepared statements and portals.

use std::sync::Arc;
use std::time::SystemTime;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::{NoData, ParameterDescription, RowDescription};
use pgwire::messages::extendedquery::{
    Bind, BindComplete, Close, CloseComplete, Describe, Execute, Parse, ParseComplete,
    PortalSuspended, TARGET_TYPE_BYTE_PORTAL, TARGET_TYPE_BYTE_STATEMENT,
};
use pgwire::messages::response::EmptyQueryResponse;

use super::cancel::cancelable;
use super::column::{Columns, Format, element_of, row_description};
use super::connection::Connection;
use super::error::{Failure, PgError};
use super::parameter;
use super::portal::{Finished, Portal, PortalState};
use super::prepared::{Parameter, Told};
use super::rows::{Progress, Rows};
use crate::sql::{
    Description, Outcome, PreparedStatement, SqlState, SqlType, Statement, VECTOR_OID,
};

impl Connection {
    /// Answers a Parse message: parses and plans, so that errors show here.
    ///
    /// # Errors
    /// What is wrong with the statement, or the connection's own failure.
    pub(super) async fn parse(&mut self, message: Parse) -> Result<(), Failure> {
        let name = message.name.unwrap_or_default();
        self.session.forget_prepared("");
        self.authorize()?;
        self.session.check_new_prepared(&name)?;
        let outputs = outputs(&message.type_oids);
        let mut statements = self.session.parse_call(&message.query, &outputs)?;
        if statements.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(PgError::error(SqlState::SyntaxError, message).into());
        }
        let statement = statements.pop();
        let description = match &statement {
            Some(statement) => self.plan(statement, &message.type_oids).await?,
            None => Description { parameters: Vec::new(), columns: None },
        };
        let open_as_zero = |oid: u32| if is_open(oid) { 0 } else { oid };
        let prepared = PreparedStatement {
            statement: statement.map(|statement| statement.typed(&description.parameters)),
            description,
            chosen: message.type_oids.into_iter().map(open_as_zero).collect(),
            text: message.query.into(),
            from_sql: false,
            at: SystemTime::now(),
        };
        // What cannot be sent is refused here.
        Told::of(&prepared)?;
        self.session.keep_prepared(name, prepared)?;
        Ok(self.wire.send(PgWireBackendMessage::ParseComplete(ParseComplete::new())).await?)
    }

    async fn plan(&mut self, statement: &Statement, oids: &[u32]) -> Result<Description, Failure> {
        let declared = declared_types(oids)?;
        let (canceler, deadline) = (Arc::clone(&self.canceler), self.deadline);
        cancelable(canceler, deadline, async {
            Ok(Box::pin(self.session.describe(statement, &declared)).await?)
        })
        .await
    }

    /// Answers a Bind message: reads the parameters and makes a portal.
    ///
    /// # Errors
    /// When names, counts or values are wrong, or the connection fails.
    pub(super) async fn bind(&mut self, message: &Bind) -> Result<(), Failure> {
        let name = message.portal_name.clone().unwrap_or_default();
        let statement = message.statement_name.as_deref().unwrap_or_default();
        let prepared = self.session.prepared(statement)?;
        let told = self.teller.told_of(&prepared)?;
        self.portals.remove("");
        self.check_new_portal(&name)?;
        let parameters = read_parameters(message, statement, &told.parameters)?;
        let columns = told.columns.as_ref().map_or(0, |columns| columns.list().len());
        let formats = formats("result formats", &message.result_column_format_codes, columns)?;
        let mut portal = Portal::bound(told, formats, parameters);
        self.portals.check_room(&name, &portal)?;
        if !name.is_empty() {
            self.open_cursor(&name, &mut portal, &prepared.text).await?;
        }
        self.portals.insert(name, portal);
        Ok(self.wire.send(PgWireBackendMessage::BindComplete(BindComplete::new())).await?)
    }

    /// # Errors
    /// 42P03 when a portal or a cursor has the name, 54000 when there are too many portals.
    fn check_new_portal(&mut self, name: &str) -> Result<(), PgError> {
        self.forget_closed(name);
        if self.session.cursor_columns(name).is_some() {
            let message = format!("cursor \"{name}\" already exists");
            return Err(PgError::error(SqlState::DuplicateCursor, message));
        }
        self.portals.check_new(name)
    }

    /// Forgets a portal that was closed as a cursor.
    fn forget_closed(&mut self, name: &str) {
        let number = self.portals.cursor(name);
        if number.is_some_and(|number| !self.session.has_cursor(name, number)) {
            self.portals.remove(name);
        }
    }

    /// Makes a portal over the rows of a query a cursor, so that FETCH finds it by its name.
    async fn open_cursor(
        &mut self,
        name: &str,
        portal: &mut Portal,
        text: &str,
    ) -> Result<(), Failure> {
        let Some(statement) = portal.told.statement.clone().filter(Statement::is_query) else {
            return Ok(());
        };
        let PortalState::Bound(parameters) = &mut portal.state else { return Ok(()) };
        let parameters = std::mem::take(parameters);
        self.authorize()?;
        if !self.wire.is_sync_next() {
            // What comes before the next Sync is one transaction with it.
            self.session.begin_implicit();
        }
        let (canceler, deadline) = (Arc::clone(&self.canceler), self.deadline);
        let number = cancelable(canceler, deadline, async {
            let opening = self.session.open_portal(name, text, &statement, parameters);
            Ok(Box::pin(opening).await?)
        })
        .await?;
        portal.state = PortalState::Cursor(number);
        Ok(())
    }

    /// Answers a Describe message.
    ///
    /// # Errors
    /// When there is no such statement or portal, or the connection fails.
    pub(super) async fn describe(&mut self, message: Describe) -> Result<(), Failure> {
        let name = message.name.unwrap_or_default();
        let described = match message.target_type {
            TARGET_TYPE_BYTE_STATEMENT => {
                let told = self.teller.told_of(&self.session.prepared(&name)?)?;
                let oids = told.parameters.iter().map(|parameter| parameter.oid).collect();
                let columns = told.columns.as_deref().map(described);
                let parameters = ParameterDescription::new(oids);
                self.wire.send(PgWireBackendMessage::ParameterDescription(parameters)).await?;
                columns
            }
            TARGET_TYPE_BYTE_PORTAL => {
                self.forget_closed(&name);
                match (self.portals.get(&name), self.session.cursor_columns(&name)) {
                    (Ok(portal), _) => {
                        let columns = portal.told.columns.as_ref();
                        columns.map(|columns| row_description(columns.list(), &portal.formats))
                    }
                    // A cursor is a portal too, whose rows FETCH takes.
                    (Err(_), Some(columns)) => Some(described(&*Columns::new(columns)?)),
                    (Err(missing), None) => return Err(missing.into()),
                }
            }
            _ => return Err(unknown_target().into()),
        };
        let answer = match described {
            Some(columns) => PgWireBackendMessage::RowDescription(columns),
            None => PgWireBackendMessage::NoData(NoData::new()),
        };
        Ok(self.wire.send(answer).await?)
    }

    /// Answers an Execute message: runs a portal, or goes on with one that was suspended.
    ///
    /// # Errors
    /// What the statement says, or the connection's own failure. The portal is gone then.
    pub(super) async fn execute(&mut self, message: Execute) -> Result<(), Failure> {
        let name = message.name.unwrap_or_default();
        // Zero and less mean all rows.
        let limit = u64::try_from(message.max_rows).ok().filter(|limit| *limit > 0);
        self.authorize()?;
        self.forget_closed(&name);
        let mut portal = self.portals.take(&name)?;
        if !self.wire.is_sync_next() {
            // What comes before the next Sync is one transaction with it.
            self.session.begin_implicit();
        }
        if let Some(statement) = &portal.told.statement {
            self.journal.begin(statement.kind());
        }
        let commits = portal.told.statement.as_ref().is_some_and(Statement::ends_transaction);
        let (canceler, deadline) = (Arc::clone(&self.canceler), self.deadline);
        // Boxed: it is moved once more before it runs.
        let work = Box::pin(self.go_on(&name, &mut portal, limit));
        // A commit that has begun cannot be given up.
        let done = if commits { work.await } else { cancelable(canceler, deadline, work).await };
        if let Err(failure) = done {
            self.session.forget_cursor(&name);
            return Err(failure);
        }
        self.deadline = None;
        self.portals.insert(name, portal);
        Ok(())
    }

    /// Runs a portal from where it stands, up to `limit` rows.
    async fn go_on(
        &mut self,
        name: &str,
        portal: &mut Portal,
        limit: Option<u64>,
    ) -> Result<(), Failure> {
        let Portal { told, formats, state, .. } = portal;
        *state = match std::mem::replace(state, PortalState::Done(Finished::Deed)) {
            PortalState::Bound(parameters) => self.start(told, parameters, formats, limit).await?,
            PortalState::Suspended(rows) => self.send_rows(rows, limit).await?,
            PortalState::Cursor(number) => {
                self.send_fetched(name, told, formats, limit).await?;
                PortalState::Cursor(number)
            }
            PortalState::Done(Finished::Rows(tag)) => {
                self.complete(tag, Some(0)).await?;
                PortalState::Done(Finished::Rows(tag))
            }
            PortalState::Done(Finished::Deed) => {
                let message = format!("portal \"{name}\" cannot be run");
                let state = SqlState::ObjectNotInPrerequisiteState;
                return Err(PgError::error(state, message).into());
            }
        };
        Ok(())
    }

    /// Sends the next rows of a portal that is a cursor.
    async fn send_fetched(
        &mut self,
        name: &str,
        told: &Told,
        formats: &[Format],
        limit: Option<u64>,
    ) -> Result<(), Failure> {
        let (schema, stream) = self.session.fetch_portal(name, limit)?;
        let columns = columns_of(told, schema)?.in_style(self.session.interval_style());
        let mut rows = Rows::new("SELECT", columns, formats.to_vec(), stream);
        match rows.send(&mut self.wire, limit).await? {
            Progress::Suspended => self.suspend(limit).await,
            Progress::Exhausted(sent) => self.complete(rows.tag(), Some(sent)).await,
        }
    }

    /// Says that a portal has sent as many rows as were asked for.
    async fn suspend(&mut self, limit: Option<u64>) -> Result<(), Failure> {
        self.journal.done(limit);
        let suspended = PgWireBackendMessage::PortalSuspended(PortalSuspended::new());
        Ok(self.wire.send(suspended).await?)
    }

    async fn start(
        &mut self,
        told: &Told,
        parameters: Vec<ScalarValue>,
        formats: &[Format],
        limit: Option<u64>,
    ) -> Result<PortalState, Failure> {
        let outcome = match &told.statement {
            Some(statement) => Box::pin(self.session.execute(statement, parameters)).await?,
            None => Outcome::Empty,
        };
        match outcome {
            Outcome::Rows { tag, schema, stream } => {
                let columns = columns_of(told, schema)?.in_style(self.session.interval_style());
                let rows = Rows::new(tag, columns, formats.to_vec(), stream);
                return self.send_rows(rows, limit).await;
            }
            Outcome::CopyOut { format, schema, stream } => {
                Box::pin(self.copy_out(&format, schema, stream)).await?;
            }
            Outcome::CopyIn(import) => Box::pin(self.copy_in(*import)).await?,
            Outcome::Done { tag, rows } => self.complete(tag, rows).await?,
            Outcome::TransactionStarted { tag } | Outcome::TransactionEnded { tag } => {
                self.complete(tag, None).await?;
            }
            Outcome::Empty => {
                let empty = PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new());
                self.wire.send(empty).await?;
            }
        }
        Ok(PortalState::Done(Finished::Deed))
    }

    async fn send_rows(
        &mut self,
        mut rows: Rows,
        limit: Option<u64>,
    ) -> Result<PortalState, Failure> {
        match rows.send(&mut self.wire, limit).await? {
            Progress::Suspended => {
                self.suspend(limit).await?;
                Ok(PortalState::Suspended(rows))
            }
            Progress::Exhausted(sent) => {
                self.complete(rows.tag(), Some(sent)).await?;
                Ok(PortalState::Done(Finished::Rows(rows.tag())))
            }
        }
    }

    /// Answers a Close message; closing what is not there is fine.
    ///
    /// # Errors
    /// When the message names neither a statement nor a portal, or the connection fails.
    pub(super) async fn close(&mut self, message: Close) -> Result<(), Failure> {
        let name = message.name.unwrap_or_default();
        match message.target_type {
            TARGET_TYPE_BYTE_STATEMENT => self.session.forget_prepared(&name),
            TARGET_TYPE_BYTE_PORTAL => {
                self.session.forget_cursor(&name);
                self.portals.remove(&name);
            }
            _ => return Err(unknown_target().into()),
        }
        Ok(self.wire.send(PgWireBackendMessage::CloseComplete(CloseComplete::new())).await?)
    }
}

/// What a client is told about columns of which it has not said how it wants them.
fn described(columns: &Columns) -> RowDescription {
    row_description(columns.list(), &vec![Format::Text; columns.list().len()])
}

/// The columns of a result. The client has been told them; a collection may have been replaced
/// since.
fn columns_of(told: &Told, schema: SchemaRef) -> Result<Arc<Columns>, PgError> {
    if let Some(told) = &told.columns {
        if told.are_of(&schema) {
            return Ok(Arc::clone(told));
        }
        let columns = Columns::new(schema)?;
        if columns.have_types_of(told) {
            return Ok(columns);
        }
    }
    let message = "cached plan must not change result type";
    Err(PgError::error(SqlState::FeatureNotSupported, message)
        .with_hint("prepare the statement again"))
}

fn read_parameters(
    message: &Bind,
    statement: &str,
    wanted: &[Parameter],
) -> Result<Vec<ScalarValue>, PgError> {
    let given = &message.parameters;
    if given.len() != wanted.len() {
        let (given, wanted) = (given.len(), wanted.len());
        let message = format!(
            "bind message supplies {given} parameters, but prepared statement \"{statement}\" \
             requires {wanted}"
        );
        return Err(PgError::error(SqlState::ProtocolViolation, message));
    }
    let formats = formats("parameter formats", &message.parameter_format_codes, given.len())?;
    let each = given.iter().zip(wanted).zip(formats).enumerate();
    each.map(|(index, ((bytes, wanted), format))| {
        parameter::decode(index + 1, wanted.sql_type, format, bytes.as_deref())
    })
    .collect()
}

/// Spreads format codes over values: none means text, one is for all, else one each.
fn formats(what: &str, codes: &[i16], values: usize) -> Result<Vec<Format>, PgError> {
    let violation = |message| PgError::error(SqlState::ProtocolViolation, message);
    let read = |code: &i16| {
        Format::from_code(*code).ok_or_else(|| violation(format!("unknown format code {code}")))
    };
    match codes {
        [] => Ok(vec![Format::Text; values]),
        [code] => Ok(vec![read(code)?; values]),
        codes if codes.len() == values => codes.iter().map(read).collect(),
        codes => {
            let given = codes.len();
            Err(violation(format!("bind message has {given} {what} for {values} values")))
        }
    }
}

/// The types a client chose for its parameters.
fn declared_types(oids: &[u32]) -> Result<Vec<Option<SqlType>>, PgError> {
    oids.iter()
        .enumerate()
        .map(|(index, oid)| {
            if is_open(*oid) || *oid == Type::VOID.oid() {
                return Ok(None);
            }
            if *oid == VECTOR_OID {
                return Ok(Some(SqlType::Vector));
            }
            let pg_type = Type::from_oid(*oid);
            let known = pg_type.as_ref().and_then(sql_type);
            known.map(Some).ok_or_else(|| {
                let name = pg_type.map_or_else(|| oid.to_string(), |named| named.name().to_owned());
                let message = format!("parameter ${} cannot have type {name}", index + 1);
                PgError::error(SqlState::FeatureNotSupported, message)
            })
        })
        .collect()
}

/// The places of parameters that JDBC's calls mean for results: those that are `void`.
fn outputs(oids: &[u32]) -> Vec<usize> {
    let numbered = oids.iter().enumerate();
    numbered.filter(|(_, oid)| **oid == Type::VOID.oid()).map(|(at, _)| at).collect()
}

/// Whether a client leaves the type to the server.
fn is_open(oid: u32) -> bool {
    oid == 0 || oid == Type::UNKNOWN.oid()
}

fn sql_type(pg_type: &Type) -> Option<SqlType> {
    Some(match *pg_type {
        Type::BOOL => SqlType::Bool,
        Type::INT2 => SqlType::Int2,
        Type::INT4 => SqlType::Int4,
        Type::INT8 => SqlType::Int8,
        Type::OID => SqlType::Oid,
        Type::FLOAT4 => SqlType::Float4,
        Type::FLOAT8 => SqlType::Float8,
        Type::NUMERIC => SqlType::Numeric,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => SqlType::Text,
        Type::NAME => SqlType::Name,
        Type::CHAR => SqlType::Char,
        Type::BYTEA => SqlType::Bytea,
        Type::JSON | Type::JSONB => SqlType::Jsonb,
        Type::UUID => SqlType::Uuid,
        Type::TIMESTAMPTZ => SqlType::Timestamptz,
        Type::TIMESTAMP => SqlType::Timestamp,
        Type::DATE => SqlType::Date,
        Type::TIME => SqlType::Time,
        Type::INTERVAL => SqlType::Interval,
        Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY | Type::NAME_ARRAY => SqlType::TextArray,
        Type::JSON_ARRAY => SqlType::JsonbArray,
        _ => return sql_type(&element_of(pg_type)?)?.array(),
    })
}

fn unknown_target() -> PgError {
    let message = "a message names neither a statement nor a portal";
    PgError::error(SqlState::ProtocolViolation, message)
}
