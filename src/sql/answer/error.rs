//! Why a statement failed, ready for the wire: one sentence, a SQLSTATE, perhaps a way out.
//!
//! Errors of the layers below are translated here and nowhere else.

use std::error::Error;

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

use super::wording;
use crate::causes::{TaskError, with_causes, without_values};
use crate::engine::{EngineError, ImageError};
use crate::sql::SqlState;

/// A failed statement. Unless the message says otherwise nothing of it has happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// The class of the failure.
    pub state: SqlState,
    /// What went wrong, in one sentence that names the thing.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// The way out.
    pub hint: Option<String>,
    /// Where in the statement's text, counted in characters from 1.
    pub position: Option<u32>,
    /// What of the catalog it is about, where PostgreSQL says so.
    pub object: Option<Box<ErrorObject>>,
}

/// What of the catalog an error is about, for clients that do not want to read it from the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorObject {
    /// A collection.
    pub table: String,
    /// A column of it.
    pub column: Option<String>,
    /// A constraint of it.
    pub constraint: Option<String>,
}

impl SqlError {
    /// An error that says nothing but this.
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        let (message, detail, hint, position) = (message.into(), None, None, None);
        Self { state, message, detail, hint, position, object: None }
    }

    /// A face of `collection` has the key already that another was to get.
    pub(in crate::sql) fn duplicate_key(self, collection: &str) -> Self {
        let constraint = format!("{collection}_pkey");
        let message = format!("duplicate key value violates unique constraint \"{constraint}\"");
        let (table, column) = (collection.to_owned(), None);
        let object = ErrorObject { table, column, constraint: Some(constraint) };
        Self { message, object: Some(Box::new(object)), ..self }
    }

    /// A face of `collection` cannot be without a value in `column`.
    pub(in crate::sql) fn not_null(collection: &str, column: &str) -> Self {
        let message = format!(
            "null value in column \"{column}\" of relation \"{collection}\" violates not-null \
             constraint"
        );
        let (table, column) = (collection.to_owned(), Some(column.to_owned()));
        let object = ErrorObject { table, column, constraint: None };
        let error = Self::new(SqlState::NotNullViolation, message);
        Self { object: Some(Box::new(object)), ..error }
    }

    /// `what` is SQL, but not supported here.
    pub(in crate::sql) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::new(SqlState::FeatureNotSupported, format!("{what} is not supported"))
    }

    /// There is no relation `name`, or it belongs to someone else; the two look the same.
    pub(in crate::sql) fn undefined_table(name: &str) -> Self {
        let message = format!("collection \"{name}\" does not exist");
        Self::new(SqlState::UndefinedTable, message)
    }

    pub(in crate::sql) fn undefined_column(name: &str) -> Self {
        Self::new(SqlState::UndefinedColumn, format!("column \"{name}\" does not exist"))
    }

    /// The same, saying of which collection an unknown column is.
    #[must_use]
    pub(in crate::sql) fn of_relation(mut self, collection: &str) -> Self {
        if self.state == SqlState::UndefinedColumn
            && let Some(column) = self.message.strip_suffix(" does not exist")
        {
            self.message = format!("{column} of relation \"{collection}\" does not exist");
        }
        self
    }

    #[must_use]
    pub(in crate::sql) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(in crate::sql) fn at(mut self, position: Option<u32>) -> Self {
        self.position = position;
        self
    }
}

/// Carries an [`SqlError`] through DataFusion, which hands it back as the cause of its own error.
impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<EngineError> for SqlError {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::GalleryNotFound(name) => Self::undefined_table(&name),
            EngineError::GalleryExists(_) => Self::new(SqlState::DuplicateTable, message),
            EngineError::FaceExists(face_id) => Self::new(SqlState::UniqueViolation, message)
                .with_detail(format!("Key (face_id)=({face_id}) already exists.")),
            EngineError::InvalidValue { what: "external_id", why } => {
                Self::new(SqlState::InvalidName, format!("collection name {why}"))
            }
            EngineError::FaceNotFound(_)
            | EngineError::NoFaceNamed(_)
            | EngineError::DimensionMismatch { .. }
            | EngineError::NoFace
            | EngineError::NoFaceInSource
            | EngineError::NoFaceInTarget
            | EngineError::InvalidValue { .. } => {
                Self::new(SqlState::InvalidParameterValue, message)
            }
            EngineError::SeveralFacesNamed(_) => Self::new(SqlState::CardinalityViolation, message)
                .with_hint("Select their face ids, and search for one of these."),
            EngineError::ModelMismatch { .. } => {
                Self::new(SqlState::ObjectNotInPrerequisiteState, message)
                    .with_hint("Search and enrol with embeddings made by the collection's model.")
            }
            EngineError::Image(image) => Self::from(&image),
            EngineError::ModelUnavailable(reason) => {
                // The reason may name files and tell what the package client said.
                tracing::warn!(reason, "a statement needs a model pack");
                let message = "no model pack is available: images cannot be read";
                Self::new(SqlState::SystemError, message).with_hint(
                    "Run \"likeness models install\" on the server, or use embeddings of your \
                     own in a collection created WITH (dimensions = N).",
                )
            }
            EngineError::ReadOnly(cause) => {
                tracing::warn!(error = &cause as &dyn Error, "a statement cannot write");
                Self::new(SqlState::ReadOnlySqlTransaction, message)
            }
            EngineError::Conflict => Self::new(SqlState::SerializationFailure, message)
                .with_hint("The transaction might succeed if retried."),
            EngineError::TooLarge(_) => Self::new(SqlState::ProgramLimitExceeded, message),
            EngineError::TooMuchUncommitted(_) => Self::new(SqlState::OutOfMemory, message)
                .with_hint("Try again when other transactions have ended, or commit earlier."),
            EngineError::Cancelled => Self::new(SqlState::QueryCanceled, message),
            EngineError::Damaged(cause) => {
                tracing::error!(error = &cause as &dyn Error, "statement met damaged data");
                Self::new(SqlState::DataCorrupted, message)
            }
            EngineError::Unrecorded(cause) => {
                tracing::error!(error = &cause as &dyn Error, "an audit record cannot be written");
                Self::new(SqlState::IoError, message)
            }
            EngineError::Internal(cause) => {
                tracing::error!(error = &*cause as &dyn Error, "statement failed");
                Self::new(SqlState::InternalError, message)
            }
        }
    }
}

impl From<&ImageError> for SqlError {
    fn from(error: &ImageError) -> Self {
        let state = match error {
            ImageError::TooLarge { .. }
            | ImageError::TooManyPixels { .. }
            | ImageError::TooDeep { .. } => SqlState::ProgramLimitExceeded,
            _ => SqlState::InvalidParameterValue,
        };
        Self::new(state, error.to_string())
    }
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        Self::from(&error)
    }
}

impl From<&DataFusionError> for SqlError {
    fn from(error: &DataFusionError) -> Self {
        match error {
            // The words of the rule that reads regular expressions.
            DataFusionError::Context(words, cause) if words == "Invalid regex" => {
                wording::regular_expression(&cause.to_string())
            }
            DataFusionError::Context(_, cause) | DataFusionError::Diagnostic(_, cause) => {
                Self::from(&**cause)
            }
            DataFusionError::Shared(cause) => Self::from(&**cause),
            DataFusionError::Collection(causes) => match causes.first() {
                Some(cause) => Self::from(cause),
                None => Self::new(SqlState::InternalError, "internal error"),
            },
            DataFusionError::External(cause) => from_external(&**cause),
            DataFusionError::SchemaError(cause, _) => Self::from(&**cause),
            DataFusionError::ArrowError(cause, _) => Self::from(&**cause),
            DataFusionError::SQL(cause, _) => Self::from(&**cause),
            DataFusionError::Plan(text) => wording::planning(text),
            // Its own words for an error in the statement.
            DataFusionError::Internal(text) if text.starts_with("Failed to coerce types") => {
                wording::planning(text)
            }
            DataFusionError::NotImplemented(text) => wording::not_implemented(text),
            DataFusionError::Execution(text) => wording::execution(text),
            DataFusionError::Configuration(text) => {
                Self::new(SqlState::DataException, wording::plain(text))
            }
            DataFusionError::ResourcesExhausted(text) => Self::new(
                SqlState::OutOfMemory,
                "the statement needs more memory than queries may use",
            )
            .with_detail(wording::plain(text)),
            DataFusionError::ExecutionJoin(ended) => {
                tracing::error!(error = %TaskError::from(&**ended), "statement failed");
                Self::new(SqlState::InternalError, "internal error")
            }
            malfunction => {
                let told = without_values(&with_causes(malfunction));
                tracing::error!(error = told, "statement failed");
                Self::new(SqlState::InternalError, "internal error").with_detail(told)
            }
        }
    }
}

impl SqlError {
    #[must_use]
    pub(in crate::sql) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl From<&SchemaError> for SqlError {
    fn from(error: &SchemaError) -> Self {
        match error {
            SchemaError::FieldNotFound { field, valid_fields } => match &field.relation {
                Some(table)
                    if valid_fields.iter().all(|known| known.relation != field.relation) =>
                {
                    let message = format!("missing FROM-clause entry for table \"{table}\"");
                    Self::new(SqlState::UndefinedTable, message)
                }
                _ => Self::undefined_column(&field.flat_name()),
            },
            SchemaError::AmbiguousReference { field } => Self::new(
                SqlState::AmbiguousColumn,
                format!("column reference \"{}\" is ambiguous", field.flat_name()),
            ),
            SchemaError::DuplicateQualifiedField { qualifier, name } => Self::new(
                SqlState::DuplicateAlias,
                format!("column \"{qualifier}.{name}\" is specified more than once"),
            ),
            SchemaError::DuplicateUnqualifiedField { name } => Self::new(
                SqlState::DuplicateColumn,
                format!("column \"{name}\" is specified more than once"),
            ),
        }
    }
}

impl From<&ArrowError> for SqlError {
    fn from(error: &ArrowError) -> Self {
        let text = error.to_string();
        if let Some(error) = wording::cast(&text) {
            return error;
        }
        let state = match error {
            ArrowError::ComputeError(_) => return wording::execution(&text),
            ArrowError::ExternalError(cause) => return from_external(&**cause),
            ArrowError::DivideByZero => {
                return Self::new(SqlState::DivisionByZero, "division by zero");
            }
            ArrowError::ArithmeticOverflow(_) => {
                return Self::new(SqlState::NumericValueOutOfRange, "value out of range");
            }
            ArrowError::CastError(_) | ArrowError::ParseError(_) | ArrowError::JsonError(_) => {
                SqlState::InvalidTextRepresentation
            }
            ArrowError::OffsetOverflowError(_) => SqlState::NumericValueOutOfRange,
            ArrowError::MemoryError(_) => SqlState::OutOfMemory,
            ArrowError::NotYetImplemented(text) => return wording::not_implemented(text),
            _ => SqlState::DataException,
        };
        Self::new(state, wording::plain(&text))
    }
}

impl From<&ParserError> for SqlError {
    /// The parser writes what it found into its text; [`crate::sql::grammar::parser`] puts position
    /// and PostgreSQL's wording to it where it knows the statement.
    fn from(error: &ParserError) -> Self {
        match error {
            ParserError::RecursionLimitExceeded => {
                Self::new(SqlState::StatementTooComplex, "the statement is nested too deeply")
            }
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
                Self::new(SqlState::SyntaxError, text)
            }
        }
    }
}

fn from_external(cause: &(dyn Error + Send + Sync + 'static)) -> SqlError {
    if let Some(error) = cause.downcast_ref::<SqlError>() {
        return error.clone();
    }
    if let Some(error) = cause.downcast_ref::<DataFusionError>() {
        return SqlError::from(error);
    }
    if let Some(error) = cause.downcast_ref::<ArrowError>() {
        return SqlError::from(error);
    }
    let text = cause.to_string();
    if text.starts_with("regex parse error") {
        return wording::regular_expression(&text);
    }
    tracing::error!(error = without_values(&with_causes(cause)), "statement failed");
    SqlError::new(SqlState::InternalError, "internal error")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn our_own_errors_come_back_from_wherever_they_were_wrapped() {
        let own = SqlError::undefined_table("people").with_hint("look again");
        let wrapped = DataFusionError::Shared(Arc::new(
            DataFusionError::from(own.clone()).context("while planning"),
        ));
        assert_eq!(SqlError::from(wrapped), own);
        let through_arrow = ArrowError::ExternalError(Box::new(DataFusionError::from(own.clone())));
        assert_eq!(SqlError::from(&through_arrow), own);
    }

    #[test]
    fn images_over_a_limit_differ_from_images_that_are_none() {
        let state = |error: ImageError| SqlError::from(EngineError::Image(error)).state;
        assert_eq!(state(ImageError::TooLarge { bytes: 1 }), SqlState::ProgramLimitExceeded);
        assert_eq!(state(ImageError::Unsupported), SqlState::InvalidParameterValue);
    }

    #[test]
    fn malfunctions_show_no_inner_text() {
        let error = SqlError::from(EngineError::Internal("secret path".into()));
        assert_eq!(
            (error.state, error.message.as_str()),
            (SqlState::InternalError, "internal error")
        );
        assert_eq!(error.detail, None);
    }

    #[test]
    fn a_missing_model_names_both_ways_out_and_not_the_servers_files() {
        let error = SqlError::from(EngineError::ModelUnavailable("/home/x: offline".into()));
        assert_eq!(error.state, SqlState::SystemError);
        assert_eq!(error.message, "no model pack is available: images cannot be read");
        assert_eq!(error.detail, None);
        let hint = error.hint.unwrap();
        assert!(hint.contains("models install") && hint.contains("dimensions"), "{hint}");
    }
}
