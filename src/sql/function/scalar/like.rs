//! `LIKE ANY`, `LIKE ALL`, and the same of regular expressions: a text beside the patterns of an
//! array.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, UInt32Array};
use datafusion::arrow::compute::kernels::comparison::{ilike, like, regexp_is_match};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use super::Function;
use crate::sql::grammar::marker::{
    ILIKE_ALL, ILIKE_ANY, IMATCHES_ALL, IMATCHES_ANY, LIKE_ALL, LIKE_ANY, MATCHES_ALL, MATCHES_ANY,
};

pub(super) fn functions() -> [Function; 8] {
    let result = || Field::new("", DataType::Boolean, true);
    [
        Function::any(LIKE_ANY, 2, result(), |columns| matching(columns, like_texts, true)),
        Function::any(LIKE_ALL, 2, result(), |columns| matching(columns, like_texts, false)),
        Function::any(ILIKE_ANY, 2, result(), |columns| matching(columns, ilike_texts, true)),
        Function::any(ILIKE_ALL, 2, result(), |columns| matching(columns, ilike_texts, false)),
        Function::any(MATCHES_ANY, 2, result(), |columns| matching(columns, regular, true)),
        Function::any(MATCHES_ALL, 2, result(), |columns| matching(columns, regular, false)),
        Function::any(IMATCHES_ANY, 2, result(), |columns| matching(columns, iregular, true)),
        Function::any(IMATCHES_ALL, 2, result(), |columns| matching(columns, iregular, false)),
    ]
}

/// Whether each text matches the pattern beside it.
type Compare = fn(&ArrayRef, &ArrayRef) -> Result<BooleanArray, ArrowError>;

/// Whether each text matches `any` of its patterns, or all of them.
fn matching(
    columns: &[ArrayRef],
    compare: Compare,
    any: bool,
) -> Result<ArrayRef, DataFusionError> {
    let [texts, patterns] = columns else { return Err(super::arity(LIKE_ANY)) };
    let texts = cast(texts, &DataType::Utf8)?;
    let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
    let lists = cast(patterns, &DataType::List(item))?;
    let lists = lists.as_list::<i32>();
    let rows = |row: usize| std::iter::repeat_n(row as u32, lists.value(row).len());
    // A list that is NULL may hide values behind it.
    let seen: Vec<u32> =
        (0..lists.len()).filter(|row| !lists.is_null(*row)).flat_map(rows).collect();
    let patterns = (0..lists.len()).filter(|row| !lists.is_null(*row)).map(|row| lists.value(row));
    let patterns: Vec<ArrayRef> = patterns.collect();
    let patterns: Vec<&dyn Array> = patterns.iter().map(AsRef::as_ref).collect();
    if patterns.is_empty() {
        return Ok(Arc::new(BooleanArray::new_null(lists.len())));
    }
    let patterns = datafusion::arrow::compute::concat(&patterns)?;
    let texts = take(&texts, &UInt32Array::from(seen), None)?;
    let matched = compare(&texts, &patterns)?;
    let mut matched = matched.iter();
    let folded = (0..lists.len()).map(|row| {
        if lists.is_null(row) {
            return None;
        }
        let each = matched.by_ref().take(lists.value_length(row) as usize);
        let each: Vec<Option<bool>> = each.collect();
        // One pattern may decide; else nothing is known where one of them is NULL.
        if each.contains(&Some(any)) {
            return Some(any);
        }
        (!each.contains(&None)).then_some(!any)
    });
    Ok(Arc::new(folded.collect::<BooleanArray>()))
}

fn like_texts(texts: &ArrayRef, patterns: &ArrayRef) -> Result<BooleanArray, ArrowError> {
    like(texts, patterns)
}

fn ilike_texts(texts: &ArrayRef, patterns: &ArrayRef) -> Result<BooleanArray, ArrowError> {
    ilike(texts, patterns)
}

fn regular(texts: &ArrayRef, patterns: &ArrayRef) -> Result<BooleanArray, ArrowError> {
    regexp_is_match(texts.as_string::<i32>(), patterns.as_string::<i32>(), None::<&StringArray>)
}

fn iregular(texts: &ArrayRef, patterns: &ArrayRef) -> Result<BooleanArray, ArrowError> {
    let flags = StringArray::from(vec!["i"; texts.len()]);
    regexp_is_match(texts.as_string::<i32>(), patterns.as_string::<i32>(), Some(&flags))
}
