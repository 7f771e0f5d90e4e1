//! The types of parameters that are arguments of functions, where there is one function that is
//! called so, or one that PostgreSQL prefers.

use crate::sql::value::types::SqlType;

/// Functions by name, and the types of their arguments; more arguments are of the last type.
const ARGUMENTS: [(&str, &[SqlType]); 69] = [
    ("acos", FLOAT),
    ("age", MOMENT),
    ("array_length", &[SqlType::TextArray, SqlType::Int4]),
    ("array_lower", &[SqlType::TextArray, SqlType::Int4]),
    ("array_upper", &[SqlType::TextArray, SqlType::Int4]),
    ("asin", FLOAT),
    ("atan", FLOAT),
    ("atan2", FLOAT),
    ("bool_and", TRUTH),
    ("bool_or", TRUTH),
    ("cbrt", FLOAT),
    ("chr", WHOLE),
    ("cos", FLOAT),
    ("cot", FLOAT),
    ("date_bin", &[SqlType::Interval, SqlType::Timestamptz]),
    ("date_part", &[SqlType::Text, SqlType::Timestamptz]),
    ("date_trunc", &[SqlType::Text, SqlType::Timestamptz, SqlType::Text]),
    ("degrees", FLOAT),
    ("encode", &[SqlType::Bytea, SqlType::Text]),
    ("every", TRUTH),
    ("exp", FLOAT),
    ("jsonb_array_elements", DOCUMENT),
    ("jsonb_array_elements_text", DOCUMENT),
    ("jsonb_array_length", DOCUMENT),
    ("jsonb_each", DOCUMENT),
    ("jsonb_each_text", DOCUMENT),
    ("jsonb_insert", &[SqlType::Jsonb, SqlType::TextArray, SqlType::Jsonb, SqlType::Bool]),
    ("jsonb_object_keys", DOCUMENT),
    ("jsonb_pretty", DOCUMENT),
    ("jsonb_set", &[SqlType::Jsonb, SqlType::TextArray, SqlType::Jsonb, SqlType::Bool]),
    ("jsonb_strip_nulls", DOCUMENT),
    ("jsonb_typeof", DOCUMENT),
    ("justify_days", LENGTH),
    ("justify_hours", LENGTH),
    ("justify_interval", LENGTH),
    ("l2_normalize", VECTOR),
    ("lag", &[SqlType::Text, SqlType::Int4]),
    ("lead", &[SqlType::Text, SqlType::Int4]),
    ("left", COUNTED),
    ("ln", FLOAT),
    ("log", FLOAT),
    ("make_date", WHOLE),
    ("make_interval", CLOCK_WITH_SECONDS_LAST),
    ("make_time", &[SqlType::Int4, SqlType::Int4, SqlType::Float8]),
    ("make_timestamp", MOMENT_WITH_SECONDS),
    ("make_timestamptz", MOMENT_WITH_SECONDS),
    ("nth_value", &[SqlType::Text, SqlType::Int4]),
    ("ntile", WHOLE),
    ("percentile_cont", FLOAT),
    ("percentile_disc", FLOAT),
    ("power", FLOAT),
    ("radians", FLOAT),
    ("repeat", COUNTED),
    ("right", COUNTED),
    ("sign", FLOAT),
    ("sin", FLOAT),
    ("split_part", &[SqlType::Text, SqlType::Text, SqlType::Int4]),
    ("sqrt", FLOAT),
    ("substr", COUNTED),
    ("subvector", &[SqlType::Vector, SqlType::Int4, SqlType::Int4]),
    ("tan", FLOAT),
    ("timezone", &[SqlType::Text, SqlType::Timestamptz]),
    ("to_timestamp", FLOAT),
    ("abs", FLOAT),
    ("ceil", FLOAT),
    ("ceiling", FLOAT),
    ("floor", FLOAT),
    ("round", FLOAT),
    ("trunc", FLOAT),
];

const COUNTED: &[SqlType] = &[SqlType::Text, SqlType::Int4];
const DOCUMENT: &[SqlType] = &[SqlType::Jsonb];
const FLOAT: &[SqlType] = &[SqlType::Float8];
const LENGTH: &[SqlType] = &[SqlType::Interval];
const MOMENT: &[SqlType] = &[SqlType::Timestamptz];
const TRUTH: &[SqlType] = &[SqlType::Bool];
const VECTOR: &[SqlType] = &[SqlType::Vector];
const WHOLE: &[SqlType] = &[SqlType::Int4];
const ROUNDED: &[SqlType] = &[SqlType::Numeric, SqlType::Int4];

const CLOCK_WITH_SECONDS_LAST: &[SqlType] = &[
    SqlType::Int4,
    SqlType::Int4,
    SqlType::Int4,
    SqlType::Int4,
    SqlType::Int4,
    SqlType::Int4,
    SqlType::Float8,
];
const MOMENT_WITH_SECONDS: &[SqlType] = &[
    SqlType::Int4,
    SqlType::Int4,
    SqlType::Int4,
    SqlType::Int4,
    SqlType::Int4,
    SqlType::Float8,
    SqlType::Text,
];

/// The type of the argument at a place of a call with so many; none where anything may stand there.
pub(super) fn argument_type(function: &str, place: usize, count: usize) -> Option<SqlType> {
    let types = match (function, count) {
        ("round" | "trunc", 2) => ROUNDED,
        // Texts by a format.
        ("to_timestamp", 2) => return None,
        _ => ARGUMENTS.iter().find(|(name, _)| *name == function)?.1,
    };
    types.get(place).or(types.last()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_have_types_by_their_place_and_number() {
        assert_eq!(argument_type("substr", 0, 3), Some(SqlType::Text));
        assert_eq!(argument_type("substr", 2, 3), Some(SqlType::Int4));
        assert_eq!(argument_type("round", 0, 1), Some(SqlType::Float8));
        assert_eq!(argument_type("round", 0, 2), Some(SqlType::Numeric));
        assert_eq!(argument_type("to_timestamp", 0, 2), None);
        assert_eq!(argument_type("upper", 0, 1), None);
    }
}
