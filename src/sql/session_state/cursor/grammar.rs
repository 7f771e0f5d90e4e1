//! DECLARE, FETCH, MOVE and CLOSE: the grammar.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::sql::grammar::name::folded;
use crate::sql::grammar::words::{next_is, skip};
use crate::sql::{SqlError, SqlState};

/// What stands before the query of DECLARE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) struct DeclareHead {
    pub(in crate::sql) name: String,
    /// BINARY, which rows are not sent in here unless a client asks for it when it fetches them.
    pub(in crate::sql) binary: bool,
    pub(in crate::sql) scroll: bool,
    pub(in crate::sql) sensitivity: Sensitivity,
    pub(in crate::sql) hold: bool,
}

/// Whether a cursor is said not to see changes; none does, as all read one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Sensitivity {
    Unsaid,
    Insensitive,
}

impl DeclareHead {
    /// What stands before a query that is nothing but a query.
    pub(in crate::sql) fn of_portal(name: &str) -> Self {
        let name = name.to_owned();
        let sensitivity = Sensitivity::Unsaid;
        Self { name, binary: false, scroll: false, sensitivity, hold: false }
    }

    /// That a cursor of this kind may lock its rows, with `FOR UPDATE` or the like.
    ///
    /// # Errors
    /// As PostgreSQL's: those that outlive the transaction, go backwards or do not see changes
    /// only read.
    pub(in crate::sql) fn check_locking(&self, lock: &str) -> Result<(), SqlError> {
        let refused = |state, message, whose| {
            let detail = format!("{whose} cursors must be READ ONLY.");
            Err(SqlError::new(state, message).with_detail(detail))
        };
        if self.hold {
            let message = format!("DECLARE CURSOR WITH HOLD ... {lock} is not supported");
            return refused(SqlState::FeatureNotSupported, message, "Holdable");
        }
        if self.scroll {
            let message = format!("DECLARE SCROLL CURSOR ... {lock} is not supported");
            return refused(SqlState::FeatureNotSupported, message, "Scrollable");
        }
        if self.sensitivity == Sensitivity::Insensitive {
            let message = format!("DECLARE INSENSITIVE CURSOR ... {lock} is not valid");
            return refused(SqlState::InvalidCursorDefinition, message, "Insensitive");
        }
        Ok(())
    }
}

/// FETCH or MOVE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) struct Fetch {
    pub(in crate::sql) cursor: String,
    pub(in crate::sql) way: Way,
    /// MOVE: the rows are passed over.
    pub(in crate::sql) only_move: bool,
}

/// CLOSE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) struct Close {
    /// All of them where none is named.
    pub(in crate::sql) cursor: Option<String>,
}

/// Where FETCH or MOVE goes; negative numbers are backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Way {
    /// Over so many rows, all of which are fetched; 0 is the row where the cursor stands.
    Rows(i64),
    /// To the row of this number, counted from the end where it is negative.
    Absolute(i64),
    /// So many rows away, to one row.
    Relative(i64),
}

/// All rows that there are.
const ALL: i64 = i64::MAX;

/// Reads a DECLARE up to its query; none when the statement is of another kind.
pub(in crate::sql) fn parse_head(
    parser: &mut Parser<'_>,
) -> Result<Option<DeclareHead>, ParserError> {
    if !next_is(parser, 0, "DECLARE") {
        return Ok(None);
    }
    skip(parser, 1);
    let mut head = DeclareHead::of_portal(&folded(&parser.parse_identifier()?));
    loop {
        if next_is(parser, 0, "NO") && next_is(parser, 1, "SCROLL") {
            skip(parser, 2);
        } else if next_is(parser, 0, "SCROLL") {
            skip(parser, 1);
            head.scroll = true;
        } else if next_is(parser, 0, "BINARY") {
            skip(parser, 1);
            head.binary = true;
        } else if next_is(parser, 0, "INSENSITIVE") || next_is(parser, 0, "ASENSITIVE") {
            if next_is(parser, 0, "INSENSITIVE") {
                head.sensitivity = Sensitivity::Insensitive;
            }
            skip(parser, 1);
        } else {
            break;
        }
    }
    parser.expect_keyword(Keyword::CURSOR)?;
    if let Some(word) = parser.parse_one_of_keywords(&[Keyword::WITH, Keyword::WITHOUT]) {
        parser.expect_keyword(Keyword::HOLD)?;
        head.hold = word == Keyword::WITH;
    }
    parser.expect_keyword(Keyword::FOR)?;
    let readable =
        ["SELECT", "VALUES", "WITH", "TABLE"].iter().any(|word| next_is(parser, 0, word));
    if !readable && parser.peek_token_ref().token != Token::LParen {
        return parser.expected_ref("a query", parser.peek_token_ref());
    }
    Ok(Some(head))
}

/// Reads a FETCH or MOVE; none when the statement is of another kind.
pub(in crate::sql) fn parse_fetch(parser: &mut Parser<'_>) -> Result<Option<Fetch>, ParserError> {
    let only_move = next_is(parser, 0, "MOVE");
    if !only_move && !next_is(parser, 0, "FETCH") {
        return Ok(None);
    }
    skip(parser, 1);
    let way = way(parser)?;
    let _ = parser.parse_one_of_keywords(&[Keyword::FROM, Keyword::IN]);
    let cursor = folded(&parser.parse_identifier()?);
    Ok(Some(Fetch { cursor, way, only_move }))
}

/// Reads a CLOSE; none when the statement is of another kind.
pub(in crate::sql) fn parse_close(parser: &mut Parser<'_>) -> Result<Option<Close>, ParserError> {
    if !next_is(parser, 0, "CLOSE") {
        return Ok(None);
    }
    skip(parser, 1);
    let all = next_is(parser, 0, "ALL");
    let name = folded(&parser.parse_identifier()?);
    Ok(Some(Close { cursor: (!all).then_some(name) }))
}

fn way(parser: &mut Parser<'_>) -> Result<Way, ParserError> {
    if let Some(number) = number(parser)? {
        return Ok(Way::Rows(number));
    }
    // The last word of the statement is the cursor's name, whatever it means elsewhere.
    let is_last = parser.peek_nth_token_ref(1).token == Token::EOF;
    let next = |word| !is_last && next_is(parser, 0, word);
    let fixed = [
        ("NEXT", Way::Rows(1)),
        ("PRIOR", Way::Rows(-1)),
        ("FIRST", Way::Absolute(1)),
        ("LAST", Way::Absolute(-1)),
        ("ALL", Way::Rows(ALL)),
    ];
    if let Some((_, way)) = fixed.into_iter().find(|(word, _)| next(word)) {
        skip(parser, 1);
        return Ok(way);
    }
    let (absolute, relative) = (next("ABSOLUTE"), next("RELATIVE"));
    if absolute || relative {
        skip(parser, 1);
        let Some(number) = number(parser)? else {
            return parser.expected_ref("a number", parser.peek_token_ref());
        };
        return Ok(if absolute { Way::Absolute(number) } else { Way::Relative(number) });
    }
    let (forward, backward) = (next("FORWARD"), next("BACKWARD"));
    if !forward && !backward {
        return Ok(Way::Rows(1));
    }
    skip(parser, 1);
    let is_last = parser.peek_nth_token_ref(1).token == Token::EOF;
    let rows = if !is_last && next_is(parser, 0, "ALL") {
        skip(parser, 1);
        ALL
    } else {
        number(parser)?.unwrap_or(1)
    };
    Ok(Way::Rows(if forward { rows } else { -rows }))
}

/// A whole number that may have a sign, as PostgreSQL bounds it; none where something else stands.
fn number(parser: &mut Parser<'_>) -> Result<Option<i64>, ParserError> {
    let signed = [Token::Minus, Token::Plus].contains(&parser.peek_token_ref().token);
    let Token::Number(digits, _) = &parser.peek_nth_token_ref(usize::from(signed)).token else {
        return Ok(None);
    };
    let Some(number) = digits.parse::<i32>().ok().map(i64::from) else {
        return parser.expected_ref("a whole number", parser.peek_token_ref());
    };
    let negative = parser.peek_token_ref().token == Token::Minus;
    skip(parser, usize::from(signed) + 1);
    Ok(Some(if negative { -number } else { number }))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;

    use super::*;

    fn fetch(sql: &str) -> Fetch {
        let dialect = PostgreSqlDialect {};
        let mut parser = Parser::new(&dialect).try_with_sql(sql).unwrap();
        let fetch = parse_fetch(&mut parser).unwrap().unwrap();
        assert_eq!(parser.peek_token_ref().token, Token::EOF, "{sql}");
        fetch
    }

    #[test]
    fn every_direction_is_read() {
        let cases = [
            ("FETCH c", Way::Rows(1)),
            ("FETCH FROM c", Way::Rows(1)),
            ("FETCH NEXT IN c", Way::Rows(1)),
            ("FETCH PRIOR c", Way::Rows(-1)),
            ("FETCH FIRST FROM c", Way::Absolute(1)),
            ("FETCH LAST FROM c", Way::Absolute(-1)),
            ("FETCH ABSOLUTE -3 FROM c", Way::Absolute(-3)),
            ("FETCH RELATIVE +2 FROM c", Way::Relative(2)),
            ("FETCH 10 c", Way::Rows(10)),
            ("FETCH -10 FROM c", Way::Rows(-10)),
            ("FETCH ALL FROM c", Way::Rows(ALL)),
            ("FETCH FORWARD c", Way::Rows(1)),
            ("FETCH FORWARD 0 FROM c", Way::Rows(0)),
            ("FETCH FORWARD ALL FROM c", Way::Rows(ALL)),
            ("FETCH BACKWARD c", Way::Rows(-1)),
            ("FETCH BACKWARD -7 FROM c", Way::Rows(7)),
            ("FETCH BACKWARD ALL IN c", Way::Rows(-ALL)),
        ];
        for (sql, way) in cases {
            let wanted = Fetch { cursor: "c".to_owned(), way, only_move: false };
            assert_eq!(fetch(sql), wanted, "{sql}");
            let moved = Fetch { only_move: true, ..wanted };
            assert_eq!(fetch(&sql.replace("FETCH", "MOVE")), moved, "{sql}");
        }
        for sql in ["FETCH next", "FETCH FORWARD all", "FETCH 3 absolute"] {
            assert_ne!(fetch(sql).cursor, "", "{sql}");
        }
    }
}
