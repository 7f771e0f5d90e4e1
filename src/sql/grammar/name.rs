//! The names in a statement, as they are looked up.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Word};

/// Stands between a name and the number that tells it from others of that name.
pub(in crate::sql) const SEPARATOR: char = '\u{1f}';

/// What a statement calls the column that the planner calls so.
pub(in crate::sql) fn shown_name(name: &str) -> &str {
    name.split_once(SEPARATOR).map_or(name, |(shown, _)| shown)
}

/// Longest text that is read as a name, in bytes; no collection has one half as long.
const NAME_BYTES_MAX: usize = 4096;

/// A name as it is looked up: folded to lower case unless it was quoted.
pub(in crate::sql) fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_ascii_lowercase(),
    }
}

/// The same of a word that is no name yet.
pub(in crate::sql) fn folded_word(word: &Word) -> String {
    match word.quote_style {
        Some(_) => word.value.clone(),
        None => word.value.to_ascii_lowercase(),
    }
}

/// The parts of a qualified name, folded; none for names computed by functions.
pub(in crate::sql) fn name_parts(name: &ObjectName) -> Option<Vec<String>> {
    let parts = name.0.iter().map(|part| match part {
        ObjectNamePart::Identifier(ident) => Some(folded(ident)),
        ObjectNamePart::Function(_) => None,
    });
    parts.collect()
}

/// The parts of a name that is the whole of a text, written as in a statement.
pub(in crate::sql) fn written_parts(written: &str) -> Option<Vec<String>> {
    if written.len() > NAME_BYTES_MAX {
        return None;
    }
    let dialect = PostgreSqlDialect {};
    let mut parser = Parser::new(&dialect).try_with_sql(written).ok()?;
    let name = parser.parse_object_name(false).ok()?;
    (parser.peek_token().token == Token::EOF).then(|| name_parts(&name))?
}

/// The place of `$n` in the list of parameters, counted from 0.
pub(in crate::sql) fn parameter_index(name: &str) -> Option<usize> {
    name.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
}
