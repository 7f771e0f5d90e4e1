//! `DataFusion`'s complaints as PostgreSQL words and numbers them.
//!
//! It has one kind of error for most of what is wrong with a statement and tells them apart in
//! words only. This is the one place that reads those words; what it does not know gets the general
//! code of its class, and loses the planner's names of types.

mod execution;
mod plain;
mod planning;
mod value;

pub(super) use execution::{execution, not_implemented, regular_expression};
pub(in crate::sql) use plain::{plain, type_name};
pub(super) use planning::planning;
pub(in crate::sql) use value::{cast, no_value};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_worded_as_in_postgresql() {
        let cases = [
            (
                planning("UNION queries have different number of columns"),
                "42601 each UNION query must have the same number of columns",
            ),
            (
                planning("Order by column out of bounds, specified: 2, max: 1"),
                "42P10 ORDER BY position 2 is not in select list",
            ),
            (
                planning("Unary operator 'NOT' requires a boolean expression, got Int32"),
                "42804 argument of NOT must be type boolean, not type integer",
            ),
            (
                no_value("99999999999", "Int32"),
                "22003 value \"99999999999\" is out of range for type integer",
            ),
            (no_value("x", "Int64"), "22P02 invalid input syntax for type bigint: \"x\""),
            (
                no_value("2024-13-02", "Date32"),
                "22008 date/time field value out of range: \"2024-13-02\"",
            ),
            (no_value("x", "Timestamp"), "22007 invalid input syntax for type timestamp: \"x\""),
            (
                cast("Cannot cast string 'it's' to value of Float64 type").unwrap(),
                "22P02 invalid input syntax for type double precision: \"it's\"",
            ),
            (
                cast("Can't cast value 3000000000 to type Int32").unwrap(),
                "22003 integer out of range",
            ),
            (
                regular_expression("regex parse error:\n    (\n    ^\nerror: unclosed group"),
                "2201B invalid regular expression: unclosed group",
            ),
        ];
        for (error, expected) in cases {
            assert_eq!(format!("{} {}", error.state, error.message), expected);
        }
    }
}
