//! VACUUM, VACUUM ERASE and SHOW STORAGE: grammar and execution.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use likeness_storage::{ErasureReceipt, GallerySize};

use super::collection::name;
use crate::engine::TenantSnapshot;
use crate::sql::grammar::words::{next_is, skip};
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::read::columns::schema_of;
use crate::sql::{Outcome, SqlError};

/// A statement about storage.
#[derive(Debug)]
pub(in crate::sql) enum StorageCommand {
    /// VACUUM.
    Vacuum(Vacuum),
    /// SHOW STORAGE.
    Show,
}

/// `VACUUM [ERASE] [name]`.
#[derive(Debug)]
pub(in crate::sql) struct Vacuum {
    erase: bool,
    collection: Option<Vec<String>>,
}

/// Reads a statement about storage; none when the statement is of another kind.
pub(in crate::sql) fn parse(
    parser: &mut Parser<'_>,
) -> Result<Option<StorageCommand>, ParserError> {
    if next_is(parser, 0, "SHOW") && next_is(parser, 1, "STORAGE") {
        skip(parser, 2);
        return Ok(Some(StorageCommand::Show));
    }
    if !next_is(parser, 0, "VACUUM") {
        return Ok(None);
    }
    skip(parser, 1);
    let erase = next_is(parser, 0, "ERASE");
    skip(parser, usize::from(erase));
    let ends = matches!(parser.peek_token_ref().token, Token::EOF | Token::SemiColon);
    let collection = if ends { None } else { Some(name(parser)?) };
    Ok(Some(StorageCommand::Vacuum(Vacuum { erase, collection })))
}

impl Vacuum {
    /// Purges what was deleted; durable when this returns.
    pub(in crate::sql) async fn run(&self, catalog: &GalleryCatalog) -> Result<Outcome, SqlError> {
        let gallery =
            self.collection.as_ref().map(|name| catalog.gallery_name(name)).transpose()?;
        let receipt = catalog.tenant().erase(gallery).await?;
        if self.erase {
            return Ok(Outcome::of_batch("VACUUM", receipt_row(gallery, &receipt)?));
        }
        Ok(Outcome::Done { tag: "VACUUM", rows: None })
    }

    /// The columns of its receipt; none without ERASE.
    pub(in crate::sql) fn schema(&self) -> Option<SchemaRef> {
        self.erase.then(receipt_schema)
    }
}

fn number(name: &str) -> Field {
    Field::new(name, DataType::Int64, false)
}

fn receipt_schema() -> SchemaRef {
    schema_of([
        Field::new("collection", DataType::Utf8, true),
        number("lsn"),
        number("faces_erased"),
        number("files_rewritten"),
        number("bytes_scanned"),
        number("bytes_written"),
    ])
}

fn receipt_row(gallery: Option<&str>, receipt: &ErasureReceipt) -> Result<RecordBatch, SqlError> {
    let numbers = [
        receipt.lsn.get(),
        receipt.rows_purged,
        receipt.segments_rewritten,
        receipt.bytes_scanned,
        receipt.bytes_written,
    ];
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(StringArray::from(vec![gallery]))];
    arrays.extend(numbers.map(|number| numbers_of([number])));
    batch(receipt_schema(), arrays)
}

/// The columns of SHOW STORAGE.
pub(in crate::sql) fn storage_schema() -> SchemaRef {
    schema_of([
        Field::new("collection", DataType::Utf8, false),
        number("faces"),
        number("faces_deleted"),
        number("faces_in_memory"),
        number("bytes_in_memory"),
        number("segments"),
        number("segment_bytes"),
    ])
}

/// How large the collections of a tenant are, in name order.
pub(in crate::sql) fn storage(snapshot: &TenantSnapshot) -> Result<RecordBatch, SqlError> {
    let sizes = snapshot.sizes();
    let column = |value: fn(&GallerySize) -> u64| numbers_of(sizes.iter().map(|(_, s)| value(s)));
    let arrays = vec![
        Arc::new(StringArray::from_iter_values(sizes.iter().map(|(name, _)| name))) as ArrayRef,
        column(|size| size.rows),
        column(|size| size.rows_deleted),
        column(|size| size.rows_in_memory),
        column(|size| size.bytes_in_memory),
        column(|size| size.segments),
        column(|size| size.segment_bytes),
    ];
    batch(storage_schema(), arrays)
}

fn numbers_of(values: impl IntoIterator<Item = u64>) -> ArrayRef {
    let values = values.into_iter().map(|value| i64::try_from(value).unwrap_or(i64::MAX));
    Arc::new(values.collect::<Int64Array>())
}

fn batch(schema: SchemaRef, arrays: Vec<ArrayRef>) -> Result<RecordBatch, SqlError> {
    RecordBatch::try_new(schema, arrays).map_err(|error| DataFusionError::from(error).into())
}
