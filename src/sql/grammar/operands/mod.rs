//! Where values stand in a statement that have to be of one type with others, or true or false.
//!
//! The planner says which types cannot be matched, not where they stand. Operands are found in the
//! tokens of a statement, each with the type that is written there, and an error is about the first
//! one that fits.

mod guess;
mod reader;

use datafusion::sql::sqlparser::tokenizer::TokenWithSpan;

use super::position::Positions;
use crate::sql::value::types::SqlType;
use guess::guess;
use reader::{Found, Reader};

/// The operands of a statement.
#[derive(Debug, Default)]
pub(super) struct Operands(Vec<Operand>);

#[derive(Debug)]
struct Operand {
    /// What it is an operand of, as errors call that.
    of: &'static str,
    /// Those that are to be of one type have the same number.
    group: usize,
    /// Which row or query it is of, or which place it has among the others.
    rank: usize,
    position: u32,
    /// None where only the planner knows it; unknown where the others decide it.
    sql_type: Option<SqlType>,
}

impl Operands {
    /// Those of the statement that `text` has at `tokens`.
    pub(super) fn of(text: &str, tokens: &[TokenWithSpan]) -> Self {
        let mut positions = Positions::of(text);
        let mut found = Reader::of(tokens).read();
        found.sort_by_key(|found| found.tokens.start);
        let mut places: Vec<_> = found
            .into_iter()
            .filter_map(|found| {
                let written = tokens.get(found.tokens.clone())?;
                let first = written.iter().position(|token| !guess::is_idle(token, written))?;
                let position = positions.at(written[first].span.start)?;
                let Found { of, group, rank, .. } = found;
                Some(Operand { of, group, rank, position, sql_type: guess(written) })
            })
            .collect();
        places.sort_by_key(|operand| (operand.group, operand.rank));
        Self(places)
    }

    /// Where the operand stands that an error with this message is about.
    pub(super) fn place(&self, message: &str) -> Option<u32> {
        if let Some(rest) = message.strip_prefix("argument of ") {
            let (of, rest) = rest.split_once(" must be type ")?;
            let (_, sql_type) = rest.split_once(", not type ")?;
            return self.of_type(of, sql_type);
        }
        if message == "VALUES lists must all be the same length" {
            return self.of_other_length("VALUES");
        }
        if let Some(rest) = message.strip_suffix(" query must have the same number of columns") {
            return self.of_other_length(rest.strip_prefix("each ")?);
        }
        if let Some((_, sql_type)) = message.split_once(" but expression is of type ") {
            return self.of_type("VALUES", sql_type);
        }
        if let Some((of, rest)) = message.split_once(" types ") {
            let (one, other) = rest.strip_suffix(" cannot be matched")?.split_once(" and ")?;
            return self.unmatched(of, one, other);
        }
        let (of, rest) = message.split_once(" could not convert type ")?;
        let (other, one) = rest.split_once(" to ")?;
        self.unmatched(of, one, other)
    }

    /// The first operand of the first row or query that has not as many as the one before.
    fn of_other_length(&self, of: &str) -> Option<u32> {
        let mut lengths: Vec<(usize, u32, usize)> = Vec::new();
        for operand in self.0.iter().filter(|operand| operand.of == of) {
            match lengths.iter_mut().find(|(rank, ..)| *rank == operand.rank) {
                Some((_, first, length)) => {
                    (*first, *length) = (operand.position.min(*first), *length + 1);
                }
                None => lengths.push((operand.rank, operand.position, 1)),
            }
        }
        lengths.sort_by_key(|(_, position, _)| *position);
        let other = lengths.windows(2).find(|pair| pair[0].2 != pair[1].2)?;
        Some(other[1].1)
    }

    /// The first operand of such a type; else the only one whose type is not written.
    fn of_type(&self, of: &str, sql_type: &str) -> Option<u32> {
        let operands = || self.0.iter().filter(|operand| operand.of == of);
        let fitting = operands().find(|operand| operand.is(sql_type)).map(|found| found.position);
        fitting.or_else(|| only(operands().filter(|operand| operand.sql_type.is_none())))
    }

    /// The first operand of type `other` that stands behind one of type `one`.
    fn unmatched(&self, of: &str, one: &str, other: &str) -> Option<u32> {
        let operands = self.0.iter().enumerate().filter(|(_, operand)| operand.of == of);
        let behind = operands.filter(|(at, operand)| {
            let before = self.0[..*at].iter().rev();
            let mut before = before.take_while(|before| before.group == operand.group);
            before.any(|before| before.is(one) || before.sql_type.is_none())
        });
        let behind: Vec<&Operand> = behind.map(|(_, operand)| operand).collect();
        let fitting = behind.iter().find(|operand| operand.is(other));
        let open = || behind.iter().copied().filter(|operand| operand.sql_type.is_none());
        fitting.map(|operand| operand.position).or_else(|| only(open()))
    }
}

impl Operand {
    fn is(&self, sql_type: &str) -> bool {
        self.sql_type.is_some_and(|known| known.name() == sql_type)
    }
}

fn only<'a>(mut operands: impl Iterator<Item = &'a Operand>) -> Option<u32> {
    let first = operands.next()?.position;
    operands.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::grammar::lexer;

    fn place(text: &str, message: &str) -> Option<u32> {
        let statement = lexer::statements(text, &[]).unwrap().remove(0);
        Operands::of(text, &statement.tokens).place(message)
    }

    #[test]
    fn the_operand_that_does_not_fit_is_found_by_its_type() {
        let unmatched = |of: &str, one: &str, other: &str| {
            format!("{of} types {one} and {other} cannot be matched")
        };
        let cases = [
            ("VALUES (1, 'a'), (2, ((true)))", unmatched("VALUES", "integer", "boolean"), None),
            ("VALUES (1, 2), (3, ((true)))", unmatched("VALUES", "integer", "boolean"), Some(22)),
            (
                "SELECT CASE WHEN true THEN 1 ELSE 'a'::text END",
                unmatched("CASE", "text", "integer"),
                Some(28),
            ),
            (
                "SELECT 1, 2 FROM a WHERE (1, 2) = b\nUNION SELECT 1, now()",
                unmatched("UNION", "integer", "timestamp with time zone"),
                Some(53),
            ),
            (
                "SELECT coalesce(1, 2), coalesce(f(1, 2), now())",
                unmatched("COALESCE", "text", "timestamp with time zone"),
                Some(42),
            ),
            ("SELECT ARRAY[1, (SELECT x FROM y)]", unmatched("ARRAY", "integer", "text"), Some(17)),
        ];
        for (text, message, position) in cases {
            assert_eq!(place(text, &message), position, "{text}");
        }
    }

    #[test]
    fn conditions_are_found_by_the_type_that_is_none_of_a_condition() {
        let no_condition = |of: &str, sql_type: &str| {
            format!("argument of {of} must be type boolean, not type {sql_type}")
        };
        let cases = [
            ("SELECT 1 AND true", no_condition("AND", "integer"), 8),
            ("SELECT true OR external_face_id", no_condition("OR", "text"), 16),
            ("SELECT a BETWEEN 1 AND 2 AND 3", no_condition("AND", "integer"), 30),
            ("SELECT CASE WHEN metadata THEN 1 END", no_condition("CASE/WHEN", "jsonb"), 18),
        ];
        for (text, message, position) in cases {
            assert_eq!(place(text, &message), Some(position), "{text}");
        }
    }
}
