//! Texts as the literals and names that a statement may have.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};

use super::{Function, arity};
use crate::sql::pg_catalog::quoted_identifier;

pub(super) fn functions() -> [Function; 3] {
    let text = || Field::new("", DataType::Utf8, true);
    [
        Function::exact("quote_ident", [DataType::Utf8], text(), |columns| {
            let [names] = columns else { return Err(arity("quote_ident")) };
            Ok(mapped(names, |name| name.map(quoted_identifier)))
        }),
        Function::exact("quote_literal", [DataType::Utf8], text(), |columns| {
            let [texts] = columns else { return Err(arity("quote_literal")) };
            Ok(mapped(texts, |text| text.map(literal)))
        }),
        Function::exact("quote_nullable", [DataType::Utf8], text(), |columns| {
            let [texts] = columns else { return Err(arity("quote_nullable")) };
            Ok(mapped(texts, |text| Some(text.map_or_else(|| "NULL".to_owned(), literal))))
        }),
    ]
}

fn mapped(texts: &ArrayRef, quoted: fn(Option<&str>) -> Option<String>) -> ArrayRef {
    Arc::new(texts.as_string::<i32>().iter().map(quoted).collect::<StringArray>())
}

/// `text` in quotes; with backslashes it is an escaped literal.
pub(super) fn literal(text: &str) -> String {
    let sign = if text.contains('\\') { "E" } else { "" };
    format!("{sign}'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_mean_their_texts() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b'"), "E'a\\\\b'''");
    }
}
