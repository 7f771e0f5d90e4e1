//! Where in a message something stands, as clients are told it.

use datafusion::sql::sqlparser::tokenizer::Location;

/// The character, counted from 1, that `location` means in `text`.
pub(super) fn position(text: &str, location: Location) -> Option<u32> {
    let lines_before = usize::try_from(location.line).ok()?.checked_sub(1)?;
    let before: usize =
        text.split('\n').take(lines_before).map(|line| line.chars().count() + 1).sum();
    u32::try_from(before + usize::try_from(location.column).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_so_are_line_ends() {
        let at = |line, column| position("SELECT 'ä',\n '€',\n\nx", Location { line, column });
        assert_eq!(at(1, 1), Some(1));
        assert_eq!(at(2, 2), Some(14));
        assert_eq!(at(4, 1), Some(20));
    }

    #[test]
    fn an_unknown_location_has_no_position() {
        assert_eq!(position("SELECT 1", Location { line: 0, column: 0 }), None);
    }
}
