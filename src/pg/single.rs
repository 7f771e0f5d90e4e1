//! One statement of a caller that has no connection: run within bounds, its rows as the texts that
//! psql shows.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use datafusion::arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::scalar::ScalarValue;
use futures::StreamExt;
use tokio::time::Instant;

use super::cancel::cancelable;
use super::column::{Column, Columns, Format};
use super::encode::cell_text;
use super::error::{Failure, PgError, WireState};
use super::journal::Journal;
use super::parameter;
use crate::sql::{Outcome, SqlError, SqlSession, SqlState, SqlTraffic, Statement};

/// What one answer may hold, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct AnswerLimits {
    /// Most rows; further ones are left out.
    pub rows: usize,
    /// Most bytes of all cells together; a row that would go beyond is left out, as are those
    /// behind it.
    pub bytes: usize,
    /// Time until the statement is given up.
    pub time: Duration,
}

/// What came of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The command tag without its count: `SELECT`, `CREATE COLLECTION`; empty for no statement.
    pub command: String,
    /// The columns of its rows; none for a statement that returns no rows.
    pub columns: Vec<AnswerColumn>,
    /// Its rows, with one cell per column. NULL is none.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether rows were left out.
    pub truncated: bool,
    /// How many rows it changed, for commands that count them.
    pub changed: Option<u64>,
    /// What the caller should know beside.
    pub notices: Vec<String>,
}

/// One column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerColumn {
    /// Its name.
    pub name: String,
    /// PostgreSQL's short name of its type: `int8`, `text`, `float4[]`.
    pub type_name: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AnswerError {
    /// The SQLSTATE.
    pub code: &'static str,
    /// What went wrong.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// The way out.
    pub hint: Option<String>,
    /// Where in the statement, counted in characters from 1.
    pub position: Option<u32>,
}

/// Runs the only statement of `text` in `session`, which should be a new one, and counts it in
/// `traffic`. `parameters` are the texts of `$1`, `$2`, ...
///
/// # Errors
/// Why nothing happened; 57014 where its time was over.
pub async fn answer(
    session: &SqlSession,
    text: &str,
    parameters: &[Option<String>],
    limits: AnswerLimits,
    traffic: Arc<SqlTraffic>,
) -> Result<Answer, AnswerError> {
    let mut journal = Journal::of_request(traffic);
    let deadline = Instant::now().checked_add(limits.time);
    // Boxed: the future that runs a statement is large, and every caller would carry it.
    let work = Box::pin(run(session, text, parameters, limits, &mut journal));
    let error = match cancelable(Arc::default(), deadline, work).await {
        Ok(answer) => {
            journal.done(answer.count());
            return Ok(answer);
        }
        Err(Failure::Client(error)) => error,
        Err(Failure::Wire(error)) => {
            tracing::error!(%error, "a statement without a connection failed at one");
            PgError::error(SqlState::InternalError, "internal error")
        }
    };
    journal.failed(error.code.as_str());
    Err(error.into())
}

impl Answer {
    /// How many rows it has, or how many were changed.
    fn count(&self) -> Option<u64> {
        if self.columns.is_empty() { self.changed } else { Some(self.rows.len() as u64) }
    }
}

async fn run(
    session: &SqlSession,
    text: &str,
    parameters: &[Option<String>],
    limits: AnswerLimits,
    journal: &mut Journal,
) -> Result<Answer, Failure> {
    // None comes through the wire, where statements end at one.
    if text.contains('\0') {
        let message = "invalid byte sequence for encoding \"UTF8\": 0x00";
        return Err(PgError::error(WireState::CharacterNotInRepertoire, message).into());
    }
    let statements = session.parse(text)?;
    let [statement] = statements.as_slice() else {
        if statements.is_empty() {
            return Ok(Answer::default());
        }
        let message = "only one statement at a time can be run here";
        return Err(PgError::error(SqlState::SyntaxError, message).into());
    };
    journal.begin(statement.kind());
    if statement.is_for_later() {
        return Err(needs_connection().into());
    }
    let parameters = values(session, statement, parameters).await?;
    let mut answer = match session.execute(statement, parameters).await? {
        Outcome::Rows { tag, schema, stream } => {
            let columns = Columns::new(schema)?;
            table(tag, &columns, stream, limits).await?
        }
        Outcome::Done { tag, rows } => {
            Answer { command: without_oid(tag), changed: rows, ..Answer::default() }
        }
        Outcome::Empty => Answer::default(),
        // Whatever else there is belongs to a conversation: blocks, the data of COPY.
        _ => return Err(needs_connection().into()),
    };
    answer.notices = session.take_notices().into_iter().map(|notice| notice.message).collect();
    Ok(answer)
}

fn needs_connection() -> PgError {
    let message = "this statement needs a connection that lasts longer than itself";
    PgError::error(SqlState::FeatureNotSupported, message)
        .with_hint("run it over the PostgreSQL wire")
}

/// The parameters as values of the types that the statement takes.
async fn values(
    session: &SqlSession,
    statement: &Statement,
    texts: &[Option<String>],
) -> Result<Vec<ScalarValue>, Failure> {
    let wanted = statement.parameter_count();
    if texts.len() != wanted {
        let given = texts.len();
        let message = format!("{given} parameters were given, the statement needs {wanted}");
        return Err(PgError::error(SqlState::ProtocolViolation, message).into());
    }
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let types = session.describe(statement, &[]).await?.parameters;
    let numbered = types.into_iter().zip(texts).enumerate();
    let value = |(at, (sql_type, text)): (usize, (_, &Option<String>))| {
        let bytes = text.as_deref().map(str::as_bytes);
        parameter::decode(at + 1, sql_type, Format::Text, bytes)
    };
    Ok(numbered.map(value).collect::<Result<_, _>>()?)
}

async fn table(
    tag: &str,
    columns: &Columns,
    mut stream: SendableRecordBatchStream,
    limits: AnswerLimits,
) -> Result<Answer, Failure> {
    let described = columns.list().iter().map(|column| AnswerColumn {
        name: column.name.clone(),
        type_name: type_name(column.pg_type.name()),
    });
    let mut answer =
        Answer { command: without_oid(tag), columns: described.collect(), ..Answer::default() };
    let mut bytes_left = limits.bytes;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(SqlError::from)?;
        for row in 0..batch.num_rows() {
            let cells = row_texts(&batch, row, columns.list())?;
            let bytes = cells.iter().flatten().map(String::len).sum();
            let fits = bytes_left.checked_sub(bytes).filter(|_| answer.rows.len() < limits.rows);
            let Some(left) = fits else {
                answer.truncated = true;
                return Ok(answer);
            };
            bytes_left = left;
            answer.rows.push(cells);
        }
    }
    Ok(answer)
}

fn row_texts(
    batch: &RecordBatch,
    row: usize,
    columns: &[Column],
) -> Result<Vec<Option<String>>, PgError> {
    let mut scratch = BytesMut::new();
    let cells = columns.iter().zip(batch.columns()).map(|(column, array)| {
        let there = cell_text(array.as_ref(), row, column, &mut scratch)?;
        let text = scratch.split();
        // What is shown is text; anything else shows where it is not.
        Ok(there.then(|| String::from_utf8_lossy(&text).into_owned()))
    });
    cells.collect()
}

/// `INSERT 0` is `INSERT`: the number was an object id once.
fn without_oid(tag: &str) -> String {
    tag.trim_end_matches(" 0").to_owned()
}

/// Array types are named after their elements, with an underscore in front.
fn type_name(name: &str) -> String {
    name.strip_prefix('_').map_or_else(|| name.to_owned(), |element| format!("{element}[]"))
}

impl From<PgError> for AnswerError {
    fn from(error: PgError) -> Self {
        let PgError { code, message, detail, hint, position, .. } = error;
        let detail = detail.map(String::from);
        Self { code: code.as_str(), message, detail, hint, position }
    }
}
