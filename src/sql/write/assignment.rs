//! `SET column = value, ..`: what faces become, in UPDATE and ON CONFLICT.

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    self, AssignmentTarget, Expr, Ident, ObjectName, SelectItem, Value,
};

use crate::biometric::FaceId;
use crate::engine::{FaceField, FaceUpdate};
use crate::sql::function::operator::not_assigned;
use crate::sql::grammar::name::{folded, name_parts, parameter_index};
use crate::sql::plan::adapt::of_type;
use crate::sql::read::columns::{GalleryColumn, stored_document};
use crate::sql::value::constant::{reals, text, without_text_casts};
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// The columns that are set. What they become, a query finds.
#[derive(Debug)]
pub(super) struct Assignments {
    columns: Vec<Settable>,
    /// Parameters that are a whole new value, by their place in the list.
    parameters: Vec<(usize, SqlType)>,
}

/// A column that may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settable {
    Field(FaceField),
    Embedding,
    /// The server sets it. Mappers of objects write every column they know, so it may be set to
    /// what it is; of a query comes whether it is something else.
    Kept(GalleryColumn),
}

impl Assignments {
    /// The assignments, and the items of a select list that are the new values; `qualifier` is what
    /// the columns of the collection are qualified by.
    ///
    /// # Errors
    /// Unknown columns, those that cannot be set, and those set twice.
    pub(super) fn parse(
        assignments: Vec<ast::Assignment>,
        qualifier: &Ident,
    ) -> Result<(Self, Vec<SelectItem>), SqlError> {
        let (mut columns, mut parameters, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in assigned(assignments)? {
            let column = Settable::named(&name)?;
            if columns.contains(&column) {
                let message = format!("multiple assignments to same column \"{name}\"");
                return Err(SqlError::new(SqlState::SyntaxError, message));
            }
            columns.push(column);
            let expr = new_value(&value);
            if let (Settable::Field(FaceField::Metadata), Expr::Value(written)) = (column, &expr)
                && let Value::SingleQuotedString(text) = &written.value
            {
                // What is no document is said before anything runs.
                stored_document(text.clone())?;
            }
            parameters.extend(parameter(&expr).map(|at| (at, column.sql_type())));
            let expr = column.found(expr, qualifier);
            let alias = Ident::with_quote('"', format!("new {name}"));
            values.push(SelectItem::ExprWithAlias { expr, alias });
        }
        Ok((Self { columns, parameters }, values))
    }

    /// Parameters that are a whole new value have the type of their column.
    pub(super) fn decide(&self, types: &mut [Option<SqlType>]) {
        for &(at, sql_type) in &self.parameters {
            if let Some(slot) = types.get_mut(at) {
                slot.get_or_insert(sql_type);
            }
        }
    }

    /// What a row of the query makes of a face of `collection`; its first column is the face's id.
    ///
    /// # Errors
    /// Values of another type, and no embedding.
    pub(super) fn update(
        &self,
        collection: &str,
        face_id: FaceId,
        batch: &RecordBatch,
        row: usize,
    ) -> Result<FaceUpdate, SqlError> {
        let (mut values, mut embedding) = (Vec::new(), None);
        for (column, array) in self.columns.iter().zip(batch.columns().iter().skip(1)) {
            let value = ScalarValue::try_from_array(array, row)?;
            match *column {
                Settable::Field(FaceField::Metadata) => {
                    values.push((FaceField::Metadata, document(&value)?));
                }
                Settable::Field(field) => values.push((field, text(field.name(), &value)?)),
                Settable::Embedding => embedding = Some(template(collection, &value)?),
                Settable::Kept(column) => {
                    if value == ScalarValue::from(true) {
                        return Err(set_by_server(column.name()));
                    }
                }
            }
        }
        Ok(FaceUpdate { face_id, values, embedding })
    }
}

impl Settable {
    fn named(column: &str) -> Result<Self, SqlError> {
        match GalleryColumn::named(column) {
            Some(GalleryColumn::ExternalFaceId) => Ok(Self::Field(FaceField::ExternalFaceId)),
            Some(GalleryColumn::ExternalImageId) => Ok(Self::Field(FaceField::ExternalImageId)),
            Some(GalleryColumn::Metadata) => Ok(Self::Field(FaceField::Metadata)),
            Some(GalleryColumn::Embedding) => Ok(Self::Embedding),
            Some(kept) => Ok(Self::Kept(kept)),
            None if column == "image" => Err(SqlError::unsupported("SET image").with_hint(
                "Write INSERT INTO .. (face_id, image) VALUES (..) ON CONFLICT (face_id) DO UPDATE \
                 SET embedding = excluded.embedding.",
            )),
            None => Err(SqlError::undefined_column(column)),
        }
    }

    fn sql_type(self) -> SqlType {
        match self {
            Self::Field(FaceField::ExternalFaceId | FaceField::ExternalImageId) => SqlType::Text,
            Self::Field(FaceField::Metadata) => SqlType::Jsonb,
            Self::Embedding => SqlType::Vector,
            Self::Kept(column) => SqlType::of(&column.field()),
        }
    }

    /// What the query finds for a column that is set to `value`.
    fn found(self, value: Expr, qualifier: &Ident) -> Expr {
        let Self::Kept(column) = self else { return value };
        let kept = vec![qualifier.clone(), Ident::with_quote('"', column.name())];
        let value = Expr::Nested(Box::new(value));
        let value = match self.sql_type() {
            // Digits are a number of another type, and arrays and documents may be written in many
            // ways.
            own @ (SqlType::Float4 | SqlType::Float4Array | SqlType::Jsonb | SqlType::Text) => {
                of_type(value, own)
            }
            _ => value,
        };
        Expr::IsDistinctFrom(Box::new(value), Box::new(Expr::CompoundIdentifier(kept)))
    }
}

fn set_by_server(column: &str) -> SqlError {
    let message = format!("column \"{column}\" is set by the server");
    SqlError::new(SqlState::GeneratedAlways, message)
        .with_detail("It can be set to what it is only.")
}

/// A new document.
fn document(value: &ScalarValue) -> Result<Option<String>, SqlError> {
    let column = FaceField::Metadata.name();
    let given = value.data_type();
    if !value.is_null() && !given.is_string() {
        return Err(not_assigned(column, SqlType::Jsonb, SqlType::of_arrow(&given)));
    }
    text(column, value)?.map(stored_document).transpose()
}

/// The components of a new template, without which no face is.
fn template(collection: &str, value: &ScalarValue) -> Result<Vec<f32>, SqlError> {
    let column = GalleryColumn::Embedding.name();
    reals(column, value)?.ok_or_else(|| SqlError::not_null(collection, column))
}

/// The columns on the left and the values on the right: `a = x` or `(a, b) = (x, y)`.
fn assigned(assignments: Vec<ast::Assignment>) -> Result<Vec<(String, Expr)>, SqlError> {
    let mut assigned = Vec::new();
    for ast::Assignment { target, value } in assignments {
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

/// DEFAULT is NULL in all columns that can be set; casts of text that we read ourselves go.
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
