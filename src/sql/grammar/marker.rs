//! The names that stand in a rewritten statement for operators and functions of ours.

use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::name::SEPARATOR;
use crate::sql::function::comparing::COMPARISONS;

/// Name of the table function that stands for `SEARCH FACES`. Contains a space, so that no text
/// can spell it without quotes; quoted it is refused.
pub(in crate::sql) const MARKER: &str = "SEARCH FACES";

/// Name of the table function that compares all faces.
pub(in crate::sql) const SIMILAR_FACES: &str = "similar_faces";

/// Name of the table function that finds the faces of an image.
pub(in crate::sql) const DETECT_FACES: &str = "detect_faces";

/// Name of the table function that compares two images.
pub(in crate::sql) const COMPARE_FACES: &str = "compare_faces";

/// The function that `expr::vector` becomes; a second argument is the dimensions in `vector(n)`.
pub(in crate::sql) const TO_VECTOR: &str = "to_vector";

/// What stands before an operator that compares with the items of an array.
const ANY: &str = "any";

/// The operator that `op ANY (array)` becomes between a value and the array.
pub(in crate::sql) fn beside_any(op: &BinaryOperator) -> BinaryOperator {
    BinaryOperator::PGCustomBinaryOperator(vec![ANY.to_owned(), op.to_string()])
}

/// The operator that an item is compared with, where `op` is one of these.
pub(in crate::sql) fn of_any(op: &BinaryOperator) -> Option<BinaryOperator> {
    let BinaryOperator::PGCustomBinaryOperator(parts) = op else { return None };
    match parts.as_slice() {
        [any, op] if any == ANY => COMPARISONS.into_iter().find(|known| known.to_string() == *op),
        _ => None,
    }
}

/// What `LIKE ANY (array)` and its like become.
pub(in crate::sql) const LIKE_ANY: &str = "like any";
pub(in crate::sql) const LIKE_ALL: &str = "like all";
pub(in crate::sql) const ILIKE_ANY: &str = "ilike any";
pub(in crate::sql) const ILIKE_ALL: &str = "ilike all";

/// What `~ ANY (array)` and its like become.
pub(in crate::sql) const MATCHES_ANY: &str = "matches any";
pub(in crate::sql) const MATCHES_ALL: &str = "matches all";
pub(in crate::sql) const IMATCHES_ANY: &str = "imatches any";
pub(in crate::sql) const IMATCHES_ALL: &str = "imatches all";

/// The function that `expr::real[]` becomes.
pub(in crate::sql) const TO_REAL_ARRAY: &str = "to_real_array";

/// The function that `expr::jsonb` becomes.
pub(in crate::sql) const TO_JSONB: &str = "jsonb";

/// The function that marks text as a document without reading it.
pub(in crate::sql) const AS_JSONB: &str = "as jsonb";

/// The elements, keys and values of a document as arrays.
pub(in crate::sql) const JSON_ELEMENTS: &str = "jsonb elements array";
pub(in crate::sql) const JSON_ELEMENTS_TEXT: &str = "jsonb elements text array";
pub(in crate::sql) const JSON_KEYS: &str = "jsonb keys array";
pub(in crate::sql) const JSON_VALUES: &str = "jsonb values array";
pub(in crate::sql) const JSON_VALUES_TEXT: &str = "jsonb values text array";

/// A document whose members become a row, and the documents whose members become rows, as arrays.
pub(in crate::sql) const JSON_RECORD: &str = "jsonb record array";
pub(in crate::sql) const JSON_RECORDS: &str = "jsonb records array";

/// The function that the name of a table becomes where its row is meant.
pub(in crate::sql) const WHOLE_ROW: &str = "whole row";

/// The same where an outer join may have no row of the table.
pub(in crate::sql) const OUTER_ROW: &str = "whole row or none";

/// The function that `ROWS FROM` becomes, with the functions as its arguments.
pub(in crate::sql) const ROWS_FROM: &str = "rows from";

/// What stands before the name of a field of a record, which is no key of a document.
pub(in crate::sql) const FIELD: char = SEPARATOR;

/// The function that `expr::numeric` becomes.
pub(in crate::sql) const TO_NUMERIC: &str = "numeric";

/// The function that `expr::uuid` becomes.
pub(in crate::sql) const TO_UUID: &str = "uuid";

/// The function that marks text as an identifier without reading it.
pub(in crate::sql) const AS_UUID: &str = "as uuid";

/// The functions that `expr::uuid[]` and `expr::jsonb[]` become.
pub(in crate::sql) const TO_UUID_ARRAY: &str = "uuid array";
pub(in crate::sql) const TO_JSONB_ARRAY: &str = "jsonb array";

/// The function that `extract(unit FROM time)` becomes.
pub(in crate::sql) const EXTRACT: &str = "extract";

/// The function that `time::timestamp(2)` and its like become: seconds have fewer digits.
pub(in crate::sql) const TO_PRECISION: &str = "time of precision";

/// The function that stands around an expression that chooses one of several values, beside one of
/// these that tells of which type they are: the planner would forget that they are documents.
pub(in crate::sql) const CHOSEN: &str = "chosen";

/// What a text becomes that may be a vector, with a value that stands beside it and tells.
pub(in crate::sql) const TEXT_BESIDE: &str = "text beside";

/// What a cast to `text` of a value that may be a document becomes: a cast would stay a document.
pub(in crate::sql) const TO_TEXT: &str = "printed";

/// The function that `expr::char(n)` becomes.
/// The function that `expr::varchar` becomes; a second argument is the length in `varchar(n)`.
pub(in crate::sql) const TO_VARCHAR: &str = "varchar";

/// The function that `expr::char(n)` becomes.
pub(in crate::sql) const TO_CHARACTERS: &str = "bpchar";

/// The function that `ARRAY(query)` becomes. It is carried out by planning it.
pub(in crate::sql) const ARRAY_SUBQUERY: &str = "ARRAY subquery";

/// The function that `pattern ESCAPE letter` becomes.
pub(in crate::sql) const LIKE_ESCAPE: &str = "like_escape";

/// The function that a `SIMILAR TO` pattern becomes.
pub(in crate::sql) const SIMILAR_PATTERN: &str = "similar_to_escape";

/// The function that the replacement of `regexp_replace` becomes.
pub(in crate::sql) const REPLACEMENT: &str = "replacement";

/// The whole numbers of `generate_series` as an array.
pub(in crate::sql) const SERIES: &str = "series array";

/// The subscripts of `generate_subscripts` as an array.
pub(in crate::sql) const SUBSCRIPTS: &str = "subscripts array";

/// The items of an array with their numbers, as an array.
pub(in crate::sql) const NUMBERED: &str = "numbered array";

/// The rows of `regexp_matches` as an array of arrays.
pub(in crate::sql) const ALL_MATCHES: &str = "matches array";

/// Aggregates of values in order; the last four tell where a row would stand among others.
pub(in crate::sql) const PERCENTILE_DISC: &str = "percentile_disc";
pub(in crate::sql) const PERCENTILE_CONT: &str = "percentile_cont";
pub(in crate::sql) const MODE: &str = "mode";
pub(in crate::sql) const RANK_OF: &str = "rank of";
pub(in crate::sql) const DENSE_RANK_OF: &str = "dense_rank of";
pub(in crate::sql) const PERCENT_RANK_OF: &str = "percent_rank of";
pub(in crate::sql) const CUME_DIST_OF: &str = "cume_dist of";

/// What `TABLESAMPLE` compares: the share that is taken, and where a row is among all.
pub(in crate::sql) const SAMPLE_SHARE: &str = "sample share";
pub(in crate::sql) const SAMPLE_PLACE: &str = "sample place";
