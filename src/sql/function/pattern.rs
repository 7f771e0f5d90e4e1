//! Patterns of `SIMILAR TO` and replacements of `regexp_replace`, as the regular expressions of the
//! planner have them.

/// The regular expression of a `SIMILAR TO` pattern; `escape` takes a letter its meaning.
pub(super) fn similar(pattern: &str, escape: Option<char>) -> String {
    let mut expression = String::from("(?s)^(?:");
    let mut letters = pattern.chars();
    let mut in_brackets = false;
    while let Some(letter) = letters.next() {
        if Some(letter) == escape {
            if let Some(plain) = letters.next() {
                expression.push('\\');
                expression.push(plain);
            }
            continue;
        }
        match letter {
            '[' if !in_brackets => in_brackets = true,
            ']' if in_brackets => in_brackets = false,
            _ => {}
        }
        match letter {
            '\\' => expression.push_str("\\\\"),
            _ if in_brackets => expression.push(letter),
            '%' => expression.push_str(".*"),
            '_' => expression.push('.'),
            '(' => expression.push_str("(?:"),
            '.' | '^' | '$' => {
                expression.push('\\');
                expression.push(letter);
            }
            other => expression.push(other),
        }
    }
    expression.push_str(")$");
    expression
}

/// A replacement with `\1` and `\&` for what was found, as one with `${1}` and `${0}`.
pub(super) fn replacement(written: &str) -> String {
    // A group of no name is nothing; it keeps a backslash from the digit behind it.
    const NOTHING: &str = "${none}";
    let mut replacement = String::with_capacity(written.len());
    let mut letters = written.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '$' => replacement.push_str("$$"),
            '\\' => match letters.peek() {
                Some('&') => {
                    letters.next();
                    replacement.push_str("${0}");
                }
                Some(group @ '1'..='9') => {
                    replacement.extend(["${", group.encode_utf8(&mut [0; 4]), "}"]);
                    letters.next();
                }
                next => {
                    if next == Some(&'\\') {
                        letters.next();
                    }
                    replacement.push('\\');
                    replacement.push_str(NOTHING);
                }
            },
            other => replacement.push(other),
        }
    }
    replacement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_patterns_are_regular_expressions_of_the_whole_text() {
        let expression = |pattern| similar(pattern, Some('\\'));
        assert_eq!(expression("a%"), "(?s)^(?:a.*)$");
        assert_eq!(expression("(a|b)_."), "(?s)^(?:(?:a|b).\\.)$");
        assert_eq!(expression("[%_.]+\\%"), "(?s)^(?:[%_.]+\\%)$");
        assert_eq!(similar("a\\", None), "(?s)^(?:a\\\\)$");
    }

    #[test]
    fn replacements_name_groups_as_the_planner_does() {
        assert_eq!(replacement("[\\1\\&]"), "[${1}${0}]");
        assert_eq!(replacement("$1&"), "$$1&");
        assert_eq!(replacement("\\\\1\\0"), "\\${none}1\\${none}0");
    }
}
