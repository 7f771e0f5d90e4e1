//! The names in a statement, as they are looked up.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

/// A name as it is looked up: folded to lower case unless it was quoted.
pub(super) fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_ascii_lowercase(),
    }
}

/// The parts of a qualified name, folded; none for names computed by functions.
pub(super) fn name_parts(name: &ObjectName) -> Option<Vec<String>> {
    let parts = name.0.iter().map(|part| match part {
        ObjectNamePart::Identifier(ident) => Some(folded(ident)),
        ObjectNamePart::Function(_) => None,
    });
    parts.collect()
}

/// The place of `$n` in the list of parameters, counted from 0.
pub(super) fn parameter_index(name: &str) -> Option<usize> {
    name.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
}
