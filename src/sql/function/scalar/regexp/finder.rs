//! A regular expression with its flags, and the places that it is found at.

use regex::{Captures, Regex, RegexBuilder};

use crate::sql::{SqlError, SqlState};

/// What the flags of a call say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// All places, not the first alone.
    pub(super) all: bool,
    ignore_case: bool,
    breaks: Breaks,
    syntax: Syntax,
}

/// What line breaks mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Breaks {
    /// A point is none.
    #[default]
    Partial,
    /// A point is none, and `^` and `$` stand beside them.
    Sensitive,
    /// They are letters, and `^` and `$` stand beside them.
    Weird,
    /// They are letters.
    Letters,
}

/// How a pattern is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Syntax {
    #[default]
    Tight,
    /// With spaces and comments that mean nothing.
    Expanded,
    /// As the text that it finds.
    Literal,
}

impl Options {
    pub(super) fn read(flags: &str) -> Result<Self, SqlError> {
        let mut options = Self::default();
        for flag in flags.chars() {
            match flag {
                'g' => options.all = true,
                'i' => options.ignore_case = true,
                'c' => options.ignore_case = false,
                'm' | 'n' => options.breaks = Breaks::Sensitive,
                'p' => options.breaks = Breaks::Partial,
                'w' => options.breaks = Breaks::Weird,
                's' => options.breaks = Breaks::Letters,
                'x' => options.syntax = Syntax::Expanded,
                't' => options.syntax = Syntax::Tight,
                'q' => options.syntax = Syntax::Literal,
                'e' => {}
                other => {
                    let message = format!("invalid regular expression option: \"{other}\"");
                    return Err(SqlError::new(SqlState::InvalidParameterValue, message));
                }
            }
        }
        Ok(options)
    }

    /// Refuses what asks for all places of a function that looks for one, or for all anyway.
    pub(super) fn only_once(self, function: &str) -> Result<(), SqlError> {
        if !self.all {
            return Ok(());
        }
        let message = format!("{function}() does not support the \"global\" option");
        Err(SqlError::new(SqlState::InvalidParameterValue, message))
    }
}

/// A regular expression, made once for rows that have the same.
pub(super) struct Finder {
    pattern: String,
    options: Options,
    regex: Regex,
}

impl Finder {
    /// By `pattern`; `last` if it is the same.
    pub(super) fn new(
        last: Option<Self>,
        pattern: &str,
        options: Options,
    ) -> Result<Self, SqlError> {
        if let Some(last) = last
            && last.pattern == pattern
            && last.options == options
        {
            return Ok(last);
        }
        let written = match options.syntax {
            Syntax::Literal => regex::escape(pattern),
            Syntax::Tight | Syntax::Expanded => pattern.to_owned(),
        };
        let Options { breaks, syntax, .. } = options;
        let regex = RegexBuilder::new(&written)
            .case_insensitive(options.ignore_case)
            .multi_line(matches!(breaks, Breaks::Sensitive | Breaks::Weird))
            .dot_matches_new_line(matches!(breaks, Breaks::Weird | Breaks::Letters))
            .ignore_whitespace(syntax == Syntax::Expanded)
            .build()
            .map_err(|error| malformed(&error))?;
        Ok(Self { pattern: pattern.to_owned(), options, regex })
    }

    pub(super) fn options(&self) -> Options {
        self.options
    }

    pub(super) fn first<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.regex.captures(text)
    }

    /// The places from the byte `start` on. Behind one without letters the next may begin a letter
    /// later, behind another where it ends.
    pub(super) fn places<'a, 't: 'a>(
        &'a self,
        text: &'t str,
        start: usize,
    ) -> impl Iterator<Item = Captures<'t>> + use<'a, 't> {
        let mut next = Some(start);
        std::iter::from_fn(move || {
            let found = self.regex.captures_at(text, next?)?;
            let place = found.get(0)?;
            next = if place.is_empty() {
                let letter = text.get(place.end()..).and_then(|rest| rest.chars().next());
                letter.map(|letter| place.end() + letter.len_utf8())
            } else {
                Some(place.end())
            };
            Some(found)
        })
    }
}

/// The parts in parentheses, or all of it where there are none.
pub(super) fn parts<'t>(found: &Captures<'t>) -> Vec<Option<&'t str>> {
    let text = |part: Option<regex::Match<'t>>| part.map(|part| part.as_str());
    let parts: Vec<_> = found.iter().skip(1).map(text).collect();
    if parts.is_empty() { vec![text(found.get(0))] } else { parts }
}

fn malformed(error: &regex::Error) -> SqlError {
    let text = error.to_string();
    let why = text.rsplit_once("error: ").map_or(text.as_str(), |(_, why)| why);
    let message = format!("invalid regular expression: {}", why.trim());
    SqlError::new(SqlState::InvalidRegularExpression, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_without_letters_are_a_letter_apart() {
        let finder =
            |pattern, flags| Finder::new(None, pattern, Options::read(flags).unwrap()).unwrap();
        let places = |pattern, text| -> Vec<_> {
            let finder = finder(pattern, "");
            let places = finder.places(text, 0).map(|found| found.get(0).unwrap().range());
            places.collect()
        };
        assert_eq!(places("b*", "abé"), [0..0, 1..2, 2..2, 4..4]);
        assert_eq!(places("", "").len(), 1);
        assert!(finder("A B", "xi").first("ab").is_some());
        assert!(finder("a.b", "q").first("axb").is_none());
        assert!(finder("^b$", "n").first("a\nb").is_some());
        assert!(Options::read("gz").is_err());
        let wrong = Finder::new(None, "(", Options::default()).err().unwrap();
        assert_eq!(wrong.state.code(), "2201B");
    }
}
