//! `POST /api/likeness/v1/sql`: one SQL statement with the rights of the caller's key.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, SchemaType, Type};

use crate::pg::{Answer, AnswerColumn, AnswerError, AnswerLimits, answer};
use crate::rest::{ApiError, Caller, ErrorCode, JsonBody, RestState, integer_schema};
use crate::sql::{SqlSession, SqlTraffic};

/// Rows of an answer unless the caller says otherwise.
const ROWS: usize = 1000;
/// Most rows of an answer.
const ROWS_MAX: usize = 10_000;
/// Most bytes of all cells of an answer together.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Time for a statement; shorter than that of a whole request, so that it is what is told.
const TIME_MAX: Duration = Duration::from_secs(30);

/// A statement to be run.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct StatementRequest {
    /// One statement of the SQL dialect.
    statement: String,
    /// The texts of `$1`, `$2`, ..., null for NULL.
    #[serde(default)]
    parameters: Vec<Option<String>>,
    /// Most rows of the answer.
    #[schema(schema_with = rows_wanted, required = false)]
    max_rows: Option<usize>,
}

fn rows_wanted() -> Object {
    let mut rows = integer_schema(&(1..=ROWS_MAX), ROWS);
    rows.schema_type = SchemaType::from_iter([Type::Integer, Type::Null]);
    rows
}

/// What came of it. Cells are PostgreSQL's texts: no number loses digits on its way through
/// JavaScript.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementAnswer)]
pub(super) struct AnswerBody {
    /// As in the tag of PostgreSQL's answer, without counts.
    command: String,
    columns: Vec<ColumnBody>,
    rows: Vec<Vec<Option<String>>>,
    /// Whether there were more rows.
    truncated: bool,
    /// Of statements that change rows.
    #[schema(required = true)]
    rows_changed: Option<u64>,
    notices: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementColumn)]
struct ColumnBody {
    name: String,
    #[serde(rename = "type")]
    type_name: String,
}

impl From<AnswerColumn> for ColumnBody {
    fn from(column: AnswerColumn) -> Self {
        let AnswerColumn { name, type_name } = column;
        Self { name, type_name }
    }
}

impl From<Answer> for AnswerBody {
    fn from(answer: Answer) -> Self {
        let Answer { command, columns, rows, truncated, changed, notices } = answer;
        let columns = columns.into_iter().map(Into::into).collect();
        Self { command, columns, rows, truncated, rows_changed: changed, notices }
    }
}

/// What the envelope tells of a failed statement beside code and message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatementErrorDetail)]
pub(super) struct FailureBody {
    /// The code that PostgreSQL's clients would see.
    #[schema(required = false)]
    sqlstate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    explanation: Option<String>,
    /// The way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<String>,
    /// Where in the statement, in characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    position: Option<u32>,
}

/// Run one SQL statement with the rights of the key
///
/// Any role may, because the session asks for what the statement needs.
#[utoipa::path(
    post,
    path = "/api/likeness/v1/sql",
    operation_id = "run_statement",
    tag = "likeness",
    request_body(content = StatementRequest, content_type = "application/json"),
    responses((status = 200, description = "What came of it", body = AnswerBody))
)]
pub(super) async fn run(
    State(state): State<RestState>,
    Extension(traffic): Extension<Arc<SqlTraffic>>,
    caller: Caller,
    JsonBody(request): JsonBody<StatementRequest>,
) -> Result<Json<AnswerBody>, ApiError> {
    let StatementRequest { statement, parameters, max_rows } = request;
    let rows = max_rows.unwrap_or(ROWS);
    if !(1..=ROWS_MAX).contains(&rows) {
        return Err(ApiError::invalid("max_rows", format!("must be within 1..{ROWS_MAX}")));
    }
    let limits = AnswerLimits { rows, bytes: BYTES_MAX, time: TIME_MAX };
    let key = caller.key();
    let session = SqlSession::new(caller.tenant().clone(), key.role, &key.name)
        .with_keyring(Arc::clone(state.keyring()));
    match answer(&session, &statement, &parameters, limits, traffic).await {
        Ok(answer) => Ok(Json(answer.into())),
        Err(error) => Err(refusal(error)),
    }
}

/// The envelope of a failed statement: the code says what kind of trouble it is, `sqlstate` which.
fn refusal(error: AnswerError) -> ApiError {
    let code = match error.code {
        "42501" => ErrorCode::Forbidden,
        "40001" | "53200" => ErrorCode::Overloaded,
        "25006" => ErrorCode::ReadOnly,
        "58000" => ErrorCode::ModelUnavailable,
        "58030" => ErrorCode::AuditUnavailable,
        "XX000" | "XX001" => ErrorCode::InternalError,
        _ => ErrorCode::StatementFailed,
    };
    let AnswerError { code: sqlstate, detail: explanation, hint, position, .. } = error;
    let failure = FailureBody { sqlstate, explanation, hint, position };
    let more = match serde_json::to_value(failure) {
        Ok(Value::Object(more)) => more,
        _ => Map::new(),
    };
    ApiError::new(code, error.message).with_more(more)
}
