//! CREATE COLLECTION, DROP COLLECTION, SHOW COLLECTIONS: grammar and execution.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int32Array, Int64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{Ident, Value};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use super::collection_options::{self as options, Options, boolean};
use crate::engine::{Changes, GalleryModel, GalleryRequest, Precision, TenantSnapshot};
use crate::sql::grammar::name::{folded, name_parts};
pub(in crate::sql) use crate::sql::grammar::words::{next_is, skip};
use crate::sql::read::catalog::{GalleryCatalog, SCHEMA};
use crate::sql::read::columns::{schema_of, timestamp_field, timestamps};
use crate::sql::write::transaction::Writer;
use crate::sql::{Notice, Outcome, SqlError, SqlState};

/// What there is to choose from.
const HINT: &str = "Options are model, dimensions, precision, thumbnails and description.";

/// A statement about collections.
#[derive(Debug)]
pub(in crate::sql) enum CollectionCommand {
    /// CREATE COLLECTION.
    Create(CreateCollection),
    /// DROP COLLECTION.
    Drop(DropCollection),
    /// SHOW COLLECTIONS.
    Show,
}

/// `CREATE COLLECTION [IF NOT EXISTS] name [IF NOT EXISTS] [WITH (option = value, ..)]`.
#[derive(Debug)]
pub(in crate::sql) struct CreateCollection {
    name: Vec<String>,
    if_not_exists: bool,
    options: Options,
}

/// `DROP COLLECTION [IF EXISTS] name`.
#[derive(Debug)]
pub(in crate::sql) struct DropCollection {
    name: Vec<String>,
    if_exists: bool,
}

/// Reads a statement about collections; none when the statement is of another kind.
pub(in crate::sql) fn parse(
    parser: &mut Parser<'_>,
) -> Result<Option<CollectionCommand>, ParserError> {
    let command = if next_is(parser, 0, "CREATE") && next_is(parser, 1, "COLLECTION") {
        skip(parser, 2);
        CollectionCommand::Create(create(parser)?)
    } else if next_is(parser, 0, "DROP") && next_is(parser, 1, "COLLECTION") {
        skip(parser, 2);
        let if_exists = if_exists(parser, false);
        CollectionCommand::Drop(DropCollection { name: name(parser)?, if_exists })
    } else if next_is(parser, 0, "SHOW") && next_is(parser, 1, "COLLECTIONS") {
        skip(parser, 2);
        CollectionCommand::Show
    } else {
        return Ok(None);
    };
    Ok(Some(command))
}

/// `IF [NOT] EXISTS`.
fn if_exists(parser: &mut Parser<'_>, not: bool) -> bool {
    if not {
        parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS])
    } else {
        parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS])
    }
}

pub(in crate::sql) fn name(parser: &mut Parser<'_>) -> Result<Vec<String>, ParserError> {
    let name = parser.parse_object_name(false)?;
    name_parts(&name).ok_or_else(|| ParserError::ParserError("Expected: a name".to_owned()))
}

fn create(parser: &mut Parser<'_>) -> Result<CreateCollection, ParserError> {
    let before = if_exists(parser, true);
    let name = name(parser)?;
    let if_not_exists = if_exists(parser, true) || before;
    let has_options = parser.parse_keyword(Keyword::WITH);
    let options = if has_options { options::parse(parser)? } else { Options::new() };
    Ok(CreateCollection { name, if_not_exists, options })
}

impl CreateCollection {
    /// Creates the collection, or tells that it is there.
    pub(in crate::sql) async fn run(
        &self,
        catalog: &GalleryCatalog,
        writer: &Writer,
    ) -> Result<(Outcome, Option<Notice>), SqlError> {
        let changes = catalog.tenant().creation(catalog.snapshot(), self.request(catalog)?)?;
        let notice = match writer.apply(changes).await {
            Ok(_) => None,
            Err(error) if self.if_not_exists && error.state == SqlState::DuplicateTable => {
                Some(skipping(SqlState::DuplicateTable, &error))
            }
            Err(error) => return Err(error),
        };
        Ok((Outcome::Done { tag: "CREATE COLLECTION", rows: None }, notice))
    }

    fn request(&self, catalog: &GalleryCatalog) -> Result<GalleryRequest, SqlError> {
        let name = catalog.gallery_name(&self.name).map_err(|_| {
            let message = match self.name.as_slice() {
                [_] => "no schema has been selected to create in".to_owned(),
                _ => format!("collections are created in schema \"{SCHEMA}\" only"),
            };
            SqlError::new(SqlState::InvalidSchemaName, message)
        })?;
        let (mut model, mut precision, mut description) = (None, None, None);
        let mut thumbnails = None;
        for (option, value) in &self.options {
            let repeated = match folded(option).as_str() {
                "model" => model.replace(default_model(value)?).is_some(),
                "dimensions" => model.replace(dimensions(value)?).is_some(),
                "precision" => precision.replace(precision_of(value)?).is_some(),
                "description" => description.replace(string(option, value)?).is_some(),
                "thumbnails" => thumbnails.replace(boolean(option, value)?).is_some(),
                unknown => {
                    let message = format!("unrecognized collection option \"{unknown}\"");
                    return Err(
                        SqlError::new(SqlState::InvalidParameterValue, message).with_hint(HINT)
                    );
                }
            };
            if repeated {
                let message =
                    "conflicting options: give each once, and model or dimensions, not both";
                return Err(SqlError::new(SqlState::SyntaxError, message));
            }
        }
        let model = model.unwrap_or(GalleryModel::Default);
        let (precision, thumbnails) = (precision.unwrap_or_default(), thumbnails.unwrap_or(false));
        Ok(GalleryRequest { name: name.to_owned(), description, model, precision, thumbnails })
    }
}

fn default_model(value: &Value) -> Result<GalleryModel, SqlError> {
    match value {
        Value::SingleQuotedString(model) if model == "default" => Ok(GalleryModel::Default),
        other => {
            let message = format!("model {other} is not available; the choice is 'default'");
            Err(SqlError::new(SqlState::InvalidParameterValue, message))
        }
    }
}

fn dimensions(value: &Value) -> Result<GalleryModel, SqlError> {
    let count = match value {
        Value::Number(digits, false) => digits.parse::<usize>().ok(),
        _ => None,
    };
    count.map(GalleryModel::External).ok_or_else(|| {
        let message = format!("dimensions must be a whole number, got {value}");
        SqlError::new(SqlState::InvalidParameterValue, message)
    })
}

fn precision_of(value: &Value) -> Result<Precision, SqlError> {
    let named = match value {
        Value::SingleQuotedString(name) => name.parse().ok(),
        _ => None,
    };
    named.ok_or_else(|| {
        let message = format!("precision {value} is not available; the choice is 'f32' or 'f16'");
        SqlError::new(SqlState::InvalidParameterValue, message)
    })
}

fn string(option: &Ident, value: &Value) -> Result<String, SqlError> {
    match value {
        Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Ok(text.clone()),
        other => {
            let message = format!("option {option} takes a string, got {other}");
            Err(SqlError::new(SqlState::InvalidParameterValue, message))
        }
    }
}

/// What is told where an error was foreseen, with PostgreSQL's codes.
fn skipping(state: SqlState, error: &SqlError) -> Notice {
    Notice::skipping(state, format!("{error}, skipping"))
}

/// Applies what is to happen to a collection. That it is not there is told and no error where the
/// statement says IF EXISTS.
pub(super) async fn apply_if_there(
    changes: Result<Changes, SqlError>,
    if_exists: bool,
    writer: &Writer,
) -> Result<Option<Notice>, SqlError> {
    match changes {
        Ok(changes) => {
            writer.apply(changes).await?;
            Ok(None)
        }
        Err(error) if if_exists && error.state == SqlState::UndefinedTable => {
            Ok(Some(skipping(SqlState::SuccessfulCompletion, &error)))
        }
        Err(error) => Err(error),
    }
}

impl DropCollection {
    /// Drops the collection, or tells that it is not there.
    pub(in crate::sql) async fn run(
        &self,
        catalog: &GalleryCatalog,
        writer: &Writer,
    ) -> Result<(Outcome, Option<Notice>), SqlError> {
        let changes = match catalog.written(&self.name) {
            Ok(name) => catalog.snapshot().drop_of(name).map_err(SqlError::from),
            Err(error) => Err(error),
        };
        let notice = apply_if_there(changes, self.if_exists, writer).await?;
        Ok((Outcome::Done { tag: "DROP COLLECTION", rows: None }, notice))
    }
}

/// The columns of SHOW COLLECTIONS.
pub(in crate::sql) fn collections_schema() -> SchemaRef {
    schema_of([
        Field::new("name", DataType::Utf8, false),
        Field::new("faces", DataType::Int64, false),
        Field::new("model", DataType::Utf8, false),
        Field::new("dimensions", DataType::Int32, false),
        Field::new("precision", DataType::Utf8, false),
        Field::new("description", DataType::Utf8, true),
        timestamp_field("created_at"),
        Field::new("thumbnails", DataType::Boolean, false),
    ])
}

/// The collections of a tenant in name order.
pub(in crate::sql) fn collections(snapshot: &TenantSnapshot) -> Result<RecordBatch, SqlError> {
    let galleries = snapshot.galleries(None, usize::MAX);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(galleries.iter().map(|g| &g.name))),
        Arc::new(
            galleries.iter().map(|g| i64::try_from(g.face_count).ok()).collect::<Int64Array>(),
        ),
        Arc::new(StringArray::from_iter_values(galleries.iter().map(|g| &g.model))),
        Arc::new(
            galleries.iter().map(|g| i32::try_from(g.dimensions).ok()).collect::<Int32Array>(),
        ),
        Arc::new(StringArray::from_iter_values(galleries.iter().map(|g| g.precision.name()))),
        Arc::new(galleries.iter().map(|g| g.description.as_deref()).collect::<StringArray>()),
        timestamps(galleries.iter().map(|g| g.created_at_us)),
        Arc::new(galleries.iter().map(|g| Some(g.thumbnails)).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(collections_schema(), arrays)
        .map_err(|error| DataFusionError::from(error).into())
}
