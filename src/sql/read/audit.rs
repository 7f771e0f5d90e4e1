//! `likeness.audit`, the tenant's records as a table, and VERIFY AUDIT.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int64Array, ListBuilder, StringArray, StringBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::sql::sqlparser::parser::Parser;
use futures::stream;

use super::columns::{schema_of, timestamp_field, timestamps};
use crate::engine::{Action, AuditRecord, EngineError, Tenant, TenantName};
use crate::sql::grammar::words::{next_is, skip};
use crate::sql::{Outcome, SqlError, SqlState};

/// The schema of what this server tells about itself.
pub(super) const SCHEMA: &str = "likeness";
/// The table's name in it.
const TABLE: &str = "audit";
/// Records of one batch.
const BATCH_RECORDS: usize = 1024;

/// That the rows of a statement leave as a file; an extension of the session's configuration.
#[derive(Debug)]
pub(in crate::sql) struct Exporting;

/// Whether the statement is `VERIFY AUDIT`; then it is read.
pub(in crate::sql) fn parse(parser: &mut Parser<'_>) -> bool {
    let is_it = next_is(parser, 0, "VERIFY") && next_is(parser, 1, "AUDIT");
    skip(parser, if is_it { 2 } else { 0 });
    is_it
}

/// Whether there is a relation `schema.name` that this is the whole of.
pub(in crate::sql) fn exists(schema: &str, name: &str) -> bool {
    (schema, name) == (SCHEMA, TABLE)
}

/// The table `likeness.name`; none where there is no such table.
///
/// # Errors
/// 42501 for everybody but the tenant's administrators.
pub(super) fn table(
    name: &str,
    tenant: &Tenant,
) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
    if name != TABLE {
        return Ok(None);
    }
    if !tenant.actor().role.allows(Action::Maintain) {
        let message = "permission denied for table audit: it takes a key with role admin";
        return Err(SqlError::new(SqlState::InsufficientPrivilege, message).into());
    }
    let records = Arc::new(Records { tenant: tenant.clone(), schema: records_schema() });
    Ok(Some(Arc::new(StreamingTable::try_new(records_schema(), vec![records])?)))
}

/// The columns of that relation.
pub(in crate::sql) fn records_schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, true);
    schema_of([
        Field::new("id", DataType::Utf8, false),
        timestamp_field("at"),
        text("key_id"),
        text("key_name"),
        Field::new("door", DataType::Utf8, false),
        Field::new("action", DataType::Utf8, false),
        Field::new("failed", DataType::Boolean, false),
        text("collection"),
        text("purpose"),
        text("probe"),
        Field::new("threshold", DataType::Float32, true),
        Field::new("faces", DataType::Int64, true),
        Field::new_list("face_ids", Field::new_list_field(DataType::Utf8, true), false),
    ])
}

/// The records of one tenant, read while they are asked for.
#[derive(Debug)]
struct Records {
    tenant: Tenant,
    schema: SchemaRef,
}

impl PartitionStream for Records {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = self.schema();
        let start = self.tenant.audit_records().map_err(SqlError::from);
        let batches = stream::try_unfold(Some(start), |records| async {
            let Some(records) = records else { return Ok(None) };
            let mut records = records?;
            let read = move || {
                let some = records.by_ref().take(BATCH_RECORDS).collect::<Result<Vec<_>, _>>();
                some.map(|some| (some, records))
            };
            let read = tokio::task::spawn_blocking(read).await;
            let read = read.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?;
            let (some, records) = read.map_err(|error: EngineError| SqlError::from(error))?;
            let rest = (some.len() == BATCH_RECORDS).then_some(Ok(records));
            Ok::<_, DataFusionError>(Some((batch(&some)?, rest)))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), batches))
    }
}

fn batch(records: &[AuditRecord]) -> Result<RecordBatch, DataFusionError> {
    let entries = || records.iter().map(|record| &record.entry);
    let mut face_ids = ListBuilder::new(StringBuilder::new());
    for entry in entries() {
        face_ids.append_value(entry.face_ids.iter().map(Some));
    }
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let arrays: Vec<ArrayRef> = vec![
        texts(records.iter().map(|record| Some(&*record.id))),
        timestamps(records.iter().map(AuditRecord::at_us)),
        texts(entries().map(|entry| entry.key_id.as_deref())),
        texts(entries().map(|entry| entry.key.as_deref())),
        texts(entries().map(|entry| Some(&*entry.door))),
        texts(entries().map(|entry| Some(entry.action.name()))),
        Arc::new(entries().map(|entry| Some(entry.failed)).collect::<BooleanArray>()),
        texts(entries().map(|entry| entry.collection.as_deref())),
        texts(entries().map(|entry| entry.purpose.as_deref())),
        texts(entries().map(|entry| entry.probe.as_deref())),
        Arc::new(entries().map(|entry| entry.threshold).collect::<Float32Array>()),
        Arc::new(entries().map(|entry| entry.faces.map(number)).collect::<Int64Array>()),
        Arc::new(face_ids.finish()),
    ];
    Ok(RecordBatch::try_new(records_schema(), arrays)?)
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// The columns of VERIFY AUDIT.
pub(in crate::sql) fn verification_schema() -> SchemaRef {
    schema_of([
        Field::new("records", DataType::Int64, false),
        Field::new("first", DataType::Int64, false),
        Field::new("last", DataType::Utf8, false),
        Field::new("problem", DataType::Utf8, true),
    ])
}

/// Follows the chain of the whole log: a row for each problem, or one without.
///
/// # Errors
/// 42501 for everybody but the operator, whose log it is.
pub(in crate::sql) async fn verify(tenant: &Tenant) -> Result<Outcome, SqlError> {
    if !tenant.name().is_operator() {
        let operator = TenantName::OPERATOR;
        let message = format!("permission denied: only administrators of {operator} verify audits");
        return Err(SqlError::new(SqlState::InsufficientPrivilege, message));
    }
    let Some(found) = tenant.verify_audit().await? else {
        let message = "this server keeps no audit log";
        return Err(SqlError::new(SqlState::ObjectNotInPrerequisiteState, message));
    };
    let rows = found.problems.len().max(1);
    let problems = (0..rows).map(|row| found.problems.get(row));
    let number = |number: u64| {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        Arc::new(Int64Array::from(vec![number; rows])) as ArrayRef
    };
    let arrays: Vec<ArrayRef> = vec![
        number(found.records),
        number(found.first),
        Arc::new(StringArray::from(vec![found.last.to_string(); rows])),
        Arc::new(problems.collect::<StringArray>()),
    ];
    let batch = RecordBatch::try_new(verification_schema(), arrays);
    Ok(Outcome::of_batch("VERIFY", batch.map_err(DataFusionError::from)?))
}
