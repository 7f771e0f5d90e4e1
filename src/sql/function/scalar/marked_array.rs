//! Arrays of identifiers and of documents: arrays of texts to Arrow, marked by their fields.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;

use super::jsonb::{read_document, written_document};
use super::uuid::{malformed, shown};
use super::{Function, arity};
use crate::sql::SqlError;
use crate::sql::grammar::marker::{TO_JSONB_ARRAY, TO_UUID_ARRAY};
use crate::sql::value::types::SqlType;

/// What `expr::uuid[]` and `expr::jsonb[]` become.
pub(super) fn functions() -> [Function; 2] {
    let (uuids, documents) = (SqlType::UuidArray.field(), SqlType::JsonbArray.field());
    [
        Function::any(TO_UUID_ARRAY, 1, uuids, |arguments| {
            let [texts] = arguments else { return Err(arity(TO_UUID_ARRAY)) };
            mapped(texts, |text| shown(text).ok_or_else(|| malformed(text)))
        }),
        Function::any(TO_JSONB_ARRAY, 1, documents, |arguments| {
            let [texts] = arguments else { return Err(arity(TO_JSONB_ARRAY)) };
            mapped(texts, |text| Ok(written_document(&read_document(text)?)))
        }),
    ]
}

/// Arrays of texts with each text as it is shown.
fn mapped(
    lists: &ArrayRef,
    shown: fn(&str) -> Result<String, SqlError>,
) -> Result<ArrayRef, DataFusionError> {
    let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
    let lists = cast(lists, &DataType::List(Arc::clone(&item)))?;
    let lists = lists.as_list::<i32>();
    let texts = lists.values().as_string::<i32>().iter();
    let texts: StringArray =
        texts.map(|text| text.map(shown).transpose()).collect::<Result<_, _>>()?;
    let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(texts), nulls)?))
}
