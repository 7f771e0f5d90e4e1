//! Where in a message something stands, as clients are told it.

use datafusion::sql::sqlparser::tokenizer::{Location, Span};

/// The character, counted from 1, that `location` means in `text`.
pub(in crate::sql) fn position(text: &str, location: Location) -> Option<u32> {
    let lines_before = usize::try_from(location.line).ok()?.checked_sub(1)?;
    let before: usize =
        text.split('\n').take(lines_before).map(|line| line.chars().count() + 1).sum();
    u32::try_from(before + usize::try_from(location.column).ok()?).ok()
}

/// The part of `text` that `span` covers.
pub(super) fn covered(text: &str, span: Span) -> &str {
    // Positions count characters from 1; the end of a span is the place behind it.
    let byte = |location| {
        let character = usize::try_from(position(text, location)?).ok()?.checked_sub(1)?;
        let found = text.char_indices().nth(character).map(|(byte, _)| byte);
        Some(found.unwrap_or(text.len()))
    };
    let (start, end) = (byte(span.start), byte(span.end));
    start.zip(end).and_then(|(start, end)| text.get(start..end)).unwrap_or(text)
}

/// The characters that locations in a text mean, asked for in the order of the text.
pub(super) struct Positions<'a> {
    /// The lines behind `line`, which is counted from 1.
    lines: std::str::Split<'a, char>,
    line: u64,
    /// Characters before it.
    before: usize,
    current: &'a str,
}

impl<'a> Positions<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut lines = text.split('\n');
        let current = lines.next().unwrap_or_default();
        Self { lines, line: 1, before: 0, current }
    }

    /// As [`position`].
    pub(super) fn at(&mut self, location: Location) -> Option<u32> {
        while self.line < location.line {
            self.before += self.current.chars().count() + 1;
            self.current = self.lines.next()?;
            self.line += 1;
        }
        u32::try_from(self.before + usize::try_from(location.column).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_span_is_cut_out_by_characters() {
        let at = |line, column| Location { line, column };
        let cut = |start, end| covered("'ä';\nSELECT\n 'é' ; x", Span { start, end });
        assert_eq!(cut(at(2, 1), at(3, 5)), "SELECT\n 'é'");
        assert_eq!(cut(at(3, 8), at(3, 9)), "x");
    }

    #[test]
    fn characters_are_counted_and_so_are_line_ends() {
        let at = |line, column| position("SELECT 'ä',\n '€',\n\nx", Location { line, column });
        assert_eq!(at(1, 1), Some(1));
        assert_eq!(at(2, 2), Some(14));
        assert_eq!(at(4, 1), Some(20));
        let mut positions = Positions::of("SELECT 'ä',\n '€',\n\nx");
        let found =
            [(1, 1), (2, 2), (4, 1)].map(|(line, column)| positions.at(Location { line, column }));
        assert_eq!(found, [Some(1), Some(14), Some(20)]);
    }

    #[test]
    fn an_unknown_location_has_no_position() {
        assert_eq!(position("SELECT 1", Location { line: 0, column: 0 }), None);
    }
}
