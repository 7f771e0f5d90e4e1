//! The one type of values that are to be of one: sides of a union, branches of CASE, cells of a
//! column, arguments of COALESCE.

use super::known::are_comparable;
use super::operand::{Class, unmatched};
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// Types of one class, each converted to those behind it where they stand beside each other.
const WIDER: [SqlType; 21] = [
    SqlType::Char,
    SqlType::Bpchar,
    SqlType::Varchar,
    SqlType::Name,
    SqlType::Text,
    SqlType::Int2,
    SqlType::Int4,
    SqlType::Int8,
    SqlType::Numeric,
    SqlType::Float4,
    SqlType::Float8,
    SqlType::Oid,
    SqlType::Date,
    SqlType::Timestamp,
    SqlType::Timestamptz,
    SqlType::Int2Array,
    SqlType::Int4Array,
    SqlType::Int8Array,
    SqlType::NumericArray,
    SqlType::Float4Array,
    SqlType::Float8Array,
];

/// The type of values of these types that stand beside each other; unknown where none of them says
/// one. `of` is what PostgreSQL calls what they stand in.
///
/// # Errors
/// 42804 and 42846 for types that are not converted to each other.
pub(in crate::sql) fn common_type(
    of: &str,
    types: impl IntoIterator<Item = SqlType>,
) -> Result<SqlType, SqlError> {
    let mut common = SqlType::Unknown;
    for next in types.into_iter().filter(|next| Class::of(*next) != Class::Open) {
        if common == SqlType::Unknown {
            common = next;
        } else if !are_alike(common, next) {
            return Err(unmatched(of, common, next));
        } else if let (Some(item), Some(other)) = (common.item(), next.item())
            && !are_alike(item, other)
        {
            let (from, to) = (next.name(), common.name());
            let message = format!("{of} could not convert type {from} to {to}");
            return Err(SqlError::new(SqlState::CannotCoerce, message));
        } else if width(next) > width(common) {
            common = next;
        }
    }
    Ok(common)
}

/// Whether values of the types may stand beside each other.
fn are_alike(one: SqlType, other: SqlType) -> bool {
    let classes = (Class::of(one), Class::of(other));
    match classes {
        (Class::Time, Class::Interval) | (Class::Interval, Class::Time) => false,
        _ => are_comparable(classes),
    }
}

fn width(sql_type: SqlType) -> Option<usize> {
    WIDER.iter().position(|known| *known == sql_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_type_is_that_of_all() {
        let common = |types: &[SqlType]| common_type("VALUES", types.iter().copied());
        let cases: [(&[SqlType], SqlType); 6] = [
            (&[SqlType::Int4, SqlType::Numeric, SqlType::Int8], SqlType::Numeric),
            (&[SqlType::Numeric, SqlType::Float4, SqlType::Unknown], SqlType::Float4),
            (&[SqlType::Timestamptz, SqlType::Date], SqlType::Timestamptz),
            (&[SqlType::Unknown, SqlType::Jsonb], SqlType::Jsonb),
            (&[SqlType::Int4Array, SqlType::NumericArray], SqlType::NumericArray),
            (&[SqlType::Unknown], SqlType::Unknown),
        ];
        for (types, expected) in cases {
            assert_eq!(common(types), Ok(expected), "{types:?}");
        }
        let faults: [(&[SqlType], &str); 3] = [
            (&[SqlType::Int4, SqlType::Bool], "VALUES types integer and boolean cannot be matched"),
            (
                &[SqlType::Time, SqlType::Interval],
                "VALUES types time without time zone and interval cannot be matched",
            ),
            (
                &[SqlType::TextArray, SqlType::Int4Array],
                "VALUES could not convert type integer[] to text[]",
            ),
        ];
        for (types, message) in faults {
            assert_eq!(common(types).unwrap_err().message, message);
        }
    }
}
