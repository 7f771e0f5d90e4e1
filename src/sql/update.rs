//! UPDATE: grammar and execution. New values are found by the query that finds the faces.

use std::collections::HashSet;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    self, Assignment, AssignmentTarget, Expr, Ident, ObjectName, Query, SelectItem,
    UpdateTableFromKind, Value,
};
use futures::TryStreamExt;
use likeness_storage::Lsn;
use likeness_storage::limits::BATCH_OPERATIONS_MAX;

use super::columns::GalleryColumn;
use super::constant::{text, without_text_casts};
use super::name::{folded, name_parts, parameter_index};
use super::query::QueryContext;
use super::returning::Returning;
use super::search::face_ids;
use super::target::Target;
use super::transaction::Writer;
use super::types::SqlType;
use super::{Outcome, SqlError, SqlState};
use crate::biometric::FaceId;
use crate::engine::{FaceField, FaceUpdate};

/// Bytes of embeddings that one statement may rewrite: changed faces are kept whole.
const EMBEDDING_BYTES_MAX: usize = 1 << 30;

/// `UPDATE c [AS alias] SET column = value, .. [FROM ..] [WHERE predicate] [RETURNING ..]`.
#[derive(Debug)]
pub(super) struct Update {
    name: Vec<String>,
    fields: Vec<FaceField>,
    /// `SELECT c.face_id, new values FROM c [, ..] [WHERE predicate]`.
    query: Query,
    /// Parameters that are a whole new value, by their place in the list.
    parameters: Vec<(usize, SqlType)>,
    returning: Option<Returning>,
}

impl Update {
    /// # Errors
    /// Clauses that are not supported; unknown columns, and those that cannot be changed.
    pub(super) fn parse(update: ast::Update) -> Result<Self, SqlError> {
        let ast::Update {
            update_token: _,
            optimizer_hints: _,
            table,
            assignments,
            from,
            selection,
            returning,
            output: None,
            or: None,
            order_by,
            limit: None,
        } = update
        else {
            return Err(SqlError::unsupported("UPDATE with OUTPUT or LIMIT"));
        };
        let others = match from {
            None => Vec::new(),
            Some(UpdateTableFromKind::AfterSet(others)) => others,
            Some(UpdateTableFromKind::BeforeSet(_)) => {
                return Err(SqlError::unsupported("FROM before SET"));
            }
        };
        let Some(target) = Target::of(table).filter(|_| order_by.is_empty()) else {
            return Err(SqlError::unsupported("UPDATE of anything but one collection"));
        };
        let (mut fields, mut parameters, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (column, value) in assigned(assignments)? {
            let (field, sql_type) = field(&column)?;
            if fields.contains(&field) {
                let message = format!("multiple assignments to same column \"{column}\"");
                return Err(SqlError::new(SqlState::SyntaxError, message));
            }
            fields.push(field);
            let expr = new_value(&value);
            parameters.extend(parameter(&expr).map(|at| (at, sql_type)));
            let alias = Ident::with_quote('"', format!("new {column}"));
            values.push(SelectItem::ExprWithAlias { expr, alias });
        }
        let query = target.query(values, others, selection)?;
        let returning = returning.map(|items| Returning::parse(&items)).transpose()?;
        Ok(Self { name: target.name, fields, query, parameters, returning })
    }

    /// The query for the ids of the faces to change, and their new values.
    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// Parameters that are a whole new value have the type of their column.
    pub(super) fn parameter_types(&self, mut types: Vec<Option<SqlType>>) -> Vec<Option<SqlType>> {
        for &(at, sql_type) in &self.parameters {
            if let Some(slot) = types.get_mut(at) {
                slot.get_or_insert(sql_type);
            }
        }
        types
    }

    /// The columns of RETURNING.
    pub(super) fn schema(&self) -> Option<SchemaRef> {
        self.returning.as_ref().map(Returning::schema)
    }

    /// Changes the faces that satisfy the predicate now, all or none.
    pub(super) async fn run(
        &self,
        context: &QueryContext,
        writer: &Writer,
        parameters: Vec<ScalarValue>,
    ) -> Result<Outcome, SqlError> {
        let catalog = context.catalog();
        let (name, at) = (catalog.gallery_name(&self.name)?, catalog.snapshot());
        let row_bytes = at.descriptor(name)?.dim.get() * size_of::<f32>();
        let most = (EMBEDDING_BYTES_MAX / row_bytes).min(BATCH_OPERATIONS_MAX / 2);
        let plan = context.plan(&self.query).await?;
        let mut batches = context.stream(plan, parameters).await?;
        let (mut updates, mut seen) = (Vec::new(), HashSet::new());
        while let Some(batch) = batches.try_next().await? {
            for (row, face_id) in face_ids(&batch)?.into_iter().enumerate() {
                // As in PostgreSQL, of several rows that FROM brings for a face one counts.
                if seen.insert(face_id) {
                    updates.push(self.update(face_id, &batch, row)?);
                }
            }
            if updates.len() > most {
                return Err(too_many(most));
            }
        }
        let changes = catalog.tenant().update(at, name, updates).await?;
        let returned = self.returning.as_ref().map(|returning| {
            let rows: Vec<_> = changes.rows().map(|row| row.as_ref(Lsn::default())).collect();
            returning.batch(&rows)
        });
        let returned = returned.transpose()?;
        let written = writer.apply(changes).await?;
        Ok(match returned {
            Some(batch) => Outcome::of_batch("UPDATE", batch),
            None => Outcome::Done { tag: "UPDATE", rows: Some(written.enrolled) },
        })
    }

    fn update(
        &self,
        face_id: FaceId,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<FaceUpdate, SqlError> {
        let columns = batch.columns().iter().skip(1);
        let values = self.fields.iter().zip(columns).map(|(&field, column)| {
            let value = ScalarValue::try_from_array(column, row)?;
            Ok((field, text(field.name(), &value)?))
        });
        Ok(FaceUpdate { face_id, values: values.collect::<Result<_, SqlError>>()? })
    }
}

fn too_many(most: usize) -> SqlError {
    let message = format!(
        "UPDATE would change more than {most} faces, which is the limit of one statement in this \
         collection; nothing was changed"
    );
    SqlError::new(SqlState::ProgramLimitExceeded, message)
        .with_hint("Update in several statements.")
}

/// The columns on the left and the values on the right: `a = x` or `(a, b) = (x, y)`.
fn assigned(assignments: Vec<Assignment>) -> Result<Vec<(String, Expr)>, SqlError> {
    let mut assigned = Vec::new();
    for Assignment { target, value } in assignments {
        match (target, value) {
            (AssignmentTarget::ColumnName(name), value) => assigned.push((column(&name)?, value)),
            (AssignmentTarget::Tuple(names), Expr::Tuple(values))
                if names.len() == values.len() =>
            {
                for (name, value) in names.iter().zip(values) {
                    assigned.push((column(name)?, value));
                }
            }
            (AssignmentTarget::Tuple(_), _) => {
                let message = "number of columns does not match number of values";
                return Err(SqlError::new(SqlState::SyntaxError, message));
            }
        }
    }
    Ok(assigned)
}

fn column(name: &ObjectName) -> Result<String, SqlError> {
    match name_parts(name).as_deref() {
        Some([column]) => Ok(column.clone()),
        _ => Err(SqlError::undefined_column(&name.to_string())),
    }
}

fn field(column: &str) -> Result<(FaceField, SqlType), SqlError> {
    match GalleryColumn::named(column) {
        Some(GalleryColumn::ExternalFaceId) => Ok((FaceField::ExternalFaceId, SqlType::Text)),
        Some(GalleryColumn::ExternalImageId) => Ok((FaceField::ExternalImageId, SqlType::Text)),
        Some(GalleryColumn::Metadata) => Ok((FaceField::Metadata, SqlType::Jsonb)),
        Some(GalleryColumn::Embedding) => Err(SqlError::unsupported("UPDATE of an embedding")
            .with_hint("Enrol the face anew and delete the old one.")),
        Some(_) => {
            let message = format!("column \"{column}\" is set by the server");
            Err(SqlError::new(SqlState::GeneratedAlways, message))
        }
        None => Err(SqlError::undefined_column(column)),
    }
}

/// DEFAULT is NULL in all columns that can be changed; casts of text that we read ourselves go.
fn new_value(value: &Expr) -> Expr {
    match value {
        Expr::Identifier(word) if word.quote_style.is_none() && folded(word) == "default" => {
            Expr::Value(Value::Null.into())
        }
        _ => without_text_casts(value).clone(),
    }
}

fn parameter(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => parameter_index(name),
            _ => None,
        },
        _ => None,
    }
}
