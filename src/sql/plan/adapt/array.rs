//! Arrays written as text: `'{a, "b c", NULL}'`, with or without levels.

use datafusion::sql::sqlparser::ast::{Array, DataType, Expr, Value};

use super::syntax::{cast, text};
use crate::sql::SqlError;
use crate::sql::value::array_text::{Item, read};

/// The array that `written` is, each element cast to `element`.
///
/// # Errors
/// Text that is no array: 22P02.
pub(super) fn array(written: &str, element: &DataType) -> Result<Expr, SqlError> {
    Ok(array_of(read(written)?, element))
}

fn array_of(items: Vec<Item>, element: &DataType) -> Expr {
    let value = |item| match item {
        Item::Null => cast(Expr::value(Value::Null), element.clone()),
        Item::Text(item) => cast(text(item), element.clone()),
        Item::Array(items) => array_of(items, element),
    };
    Expr::Array(Array { elem: items.into_iter().map(value).collect(), named: true })
}

/// The items of the array that `written` is, those of all levels one after the other; none for
/// NULL.
///
/// # Errors
/// As for [`array`].
pub(in crate::sql) fn items(written: &str) -> Result<Vec<Option<String>>, SqlError> {
    let mut items = Vec::new();
    push_items(read(written)?, &mut items);
    Ok(items)
}

fn push_items(array: Vec<Item>, items: &mut Vec<Option<String>>) {
    for item in array {
        match item {
            Item::Null => items.push(None),
            Item::Text(text) => items.push(Some(text)),
            Item::Array(array) => push_items(array, items),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::SqlState;

    fn read(written: &str) -> Result<String, SqlError> {
        array(written, &DataType::Text).map(|array| array.to_string().replace("::TEXT", ""))
    }

    #[test]
    fn elements_are_bare_quoted_nested_or_null() {
        let cases = [
            ("{}", "ARRAY[]"),
            (" { a , b c } ", "ARRAY['a', 'b c']"),
            ("{\"a,}\",\"\\\"\",NULL,\"null\"}", "ARRAY['a,}', '\"', NULL, 'null']"),
            ("{a\\,b , \\\", x\\ ,nu\\ll}", "ARRAY['a,b', '\"', 'x ', 'null']"),
            ("{{1,2},{3,4}}", "ARRAY[ARRAY['1', '2'], ARRAY['3', '4']]"),
        ];
        for (written, expected) in cases {
            assert_eq!(read(written).unwrap(), expected, "{written}");
        }
    }

    #[test]
    fn items_of_all_levels_follow_each_other() {
        let read = items("{{a,NULL},{\"null\",\"\"}}").unwrap();
        let read: Vec<Option<&str>> = read.iter().map(Option::as_deref).collect();
        assert_eq!(read, [Some("a"), None, Some("null"), Some("")]);
        assert_eq!(items("{}").unwrap(), []);
    }

    #[test]
    fn what_is_no_array_is_refused() {
        let deep = "{".repeat(10_000);
        for bad in ["", "a", "{", "{a", "{a,}", "{,a}", "{a}b", "{\"a}", "{a\"b\"}", &deep] {
            let error = read(bad).unwrap_err();
            assert_eq!(error.state, SqlState::InvalidTextRepresentation, "{bad}");
        }
    }
}
