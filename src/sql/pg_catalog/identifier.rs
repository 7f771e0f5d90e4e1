//! Names as they must be written in a statement.

use super::builtin::is_reserved;

/// A name in quotes, unless it is one without them.
pub(in crate::sql) fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain && !is_reserved(name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_words_of_the_language_are_quoted() {
        assert_eq!(quoted("users"), "users");
        assert_eq!(quoted("select"), "\"select\"");
        assert_eq!(quoted("between"), "\"between\"");
        assert_eq!(quoted("abort"), "abort");
        assert_eq!(quoted("A\"b"), "\"A\"\"b\"");
        assert_eq!(quoted("1a"), "\"1a\"");
    }
}
