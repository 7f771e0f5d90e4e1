//! Rewrites `SEARCH` in a sequence of tokens to `SELECT * FROM <marker>(..)`.
//!
//! Works on tokens only: comments, strings and quoted names were told apart by the tokeniser, and
//! where a clause ends is decided by words outside any parentheses.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use super::{CutKind, LIMIT, ProbeKind, WHERE};
use crate::sql::grammar::marker::MARKER;
use crate::sql::grammar::position::position;
use crate::sql::{SqlError, SqlState};

/// How deeply searches may be nested in each other's WHERE clauses.
const NESTING_MAX: usize = 16;

/// Words that end an expression of a SEARCH when they stand outside parentheses.
const ENDINGS: [&str; 13] = [
    "WHERE",
    "THRESHOLD",
    "LIMIT",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "ORDER",
    "GROUP",
    "HAVING",
    "OFFSET",
    "FETCH",
    "FOR",
    "RETURNING",
];

/// Words that may follow a complete SEARCH.
const FOLLOWERS: [&str; 3] = ["UNION", "EXCEPT", "INTERSECT"];

/// A SEARCH that does not follow the grammar.
#[derive(Debug)]
pub(in crate::sql) struct RewriteError {
    state: SqlState,
    message: String,
    span: Option<Span>,
}

impl RewriteError {
    /// The error for the client; `text` is the message the tokens come from.
    pub(in crate::sql) fn into_sql_error(self, text: &str) -> SqlError {
        let at = self.span.and_then(|span| position(text, span.start));
        SqlError::new(self.state, self.message).at(at)
    }

    fn syntax(found: Option<&TokenWithSpan>) -> Self {
        let message = match found {
            Some(token) => format!("syntax error at or near \"{}\"", token.token),
            None => "syntax error at end of input".to_owned(),
        };
        Self { state: SqlState::SyntaxError, message, span: found.map(|token| token.span) }
    }
}

/// The tokens of one statement (without spaces) with every SEARCH rewritten.
pub(in crate::sql) fn rewrite(
    tokens: &[TokenWithSpan],
) -> Result<Vec<TokenWithSpan>, RewriteError> {
    let mut output = Vec::with_capacity(tokens.len() + 16);
    rewrite_into(tokens, 0, &mut output)?;
    Ok(output)
}

fn rewrite_into(
    tokens: &[TokenWithSpan],
    depth: usize,
    output: &mut Vec<TokenWithSpan>,
) -> Result<(), RewriteError> {
    let mut cursor = Cursor { rest: tokens };
    while let Some(first) = cursor.rest.first() {
        if cursor.skip_words(&["SEARCH", "FACES", "IN"]) {
            if depth == NESTING_MAX {
                return Err(RewriteError {
                    state: SqlState::StatementTooComplex,
                    message: format!("searches are nested more than {NESTING_MAX} deep"),
                    span: Some(first.span),
                });
            }
            let search = Search::read(&mut cursor)?;
            search.write(first.span, depth + 1, output)?;
        } else {
            output.push(first.clone());
            cursor.advance();
        }
    }
    Ok(())
}

/// The parts of one SEARCH as slices of the statement.
struct Search<'a> {
    name: &'a [TokenWithSpan],
    kind: ProbeKind,
    probe: &'a [TokenWithSpan],
    /// The optional clauses, each with the name it has in the marker.
    clauses: Vec<(&'static str, &'a [TokenWithSpan])>,
}

impl<'a> Search<'a> {
    /// Reads what follows `SEARCH FACES IN`.
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, RewriteError> {
        let name = cursor.name()?;
        let kind = cursor.probe_kind()?;
        let probe = cursor.expression()?;
        let mut clauses = Vec::new();
        if cursor.skip_words(&[WHERE]) {
            clauses.push((WHERE, cursor.expression()?));
        }
        if let Some(cut) = cursor.cut() {
            clauses.push((cut.keyword(), cursor.expression()?));
        }
        if cursor.skip_words(&[LIMIT]) {
            let limit = cursor.expression()?;
            if let [none] = limit
                && is_word(none, "ALL")
            {
                return Err(RewriteError {
                    state: SqlState::FeatureNotSupported,
                    message: "SEARCH without a limit is not supported".to_owned(),
                    span: Some(none.span),
                });
            }
            clauses.push((LIMIT, limit));
        }
        match cursor.rest.first() {
            None => {}
            Some(token) if token.token == Token::RParen => {}
            Some(token) if FOLLOWERS.iter().any(|follower| is_word(token, follower)) => {}
            Some(token) => return Err(RewriteError::syntax(Some(token))),
        }
        Ok(Self { name, kind, probe, clauses })
    }

    /// Appends `SELECT * FROM <marker>(name, 'kind', (probe), clause => (expression), ..)`.
    fn write(
        &self,
        span: Span,
        depth: usize,
        output: &mut Vec<TokenWithSpan>,
    ) -> Result<(), RewriteError> {
        let mut push = |token: Token| output.push(TokenWithSpan::new(token, span));
        push(word("SELECT", Keyword::SELECT));
        push(Token::Mul);
        push(word("FROM", Keyword::FROM));
        push(quoted(MARKER));
        push(Token::LParen);
        output.extend(self.name.iter().map(as_quoted));
        let mut push = |token: Token| output.push(TokenWithSpan::new(token, span));
        push(Token::Comma);
        push(Token::SingleQuotedString(self.kind.keyword().to_owned()));
        push(Token::Comma);
        push(Token::LParen);
        rewrite_into(self.probe, depth, output)?;
        output.push(TokenWithSpan::new(Token::RParen, span));
        for &(name, expression) in &self.clauses {
            for token in [Token::Comma, quoted(name), Token::RArrow, Token::LParen] {
                output.push(TokenWithSpan::new(token, span));
            }
            rewrite_into(expression, depth, output)?;
            output.push(TokenWithSpan::new(Token::RParen, span));
        }
        output.push(TokenWithSpan::new(Token::RParen, span));
        Ok(())
    }
}

/// What of a statement is still to be read.
struct Cursor<'a> {
    rest: &'a [TokenWithSpan],
}

impl<'a> Cursor<'a> {
    fn advance(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    /// Passes over `words` if they come next.
    fn skip_words(&mut self, words: &[&str]) -> bool {
        let Some((next, rest)) = self.rest.split_at_checked(words.len()) else { return false };
        let found = next.iter().zip(words).all(|(token, word)| is_word(token, word));
        if found {
            self.rest = rest;
        }
        found
    }

    /// A name of one to three parts.
    fn name(&mut self) -> Result<&'a [TokenWithSpan], RewriteError> {
        let start = self.rest;
        let mut length = 0;
        loop {
            match self.rest.first() {
                Some(token) if matches!(token.token, Token::Word(_)) => self.advance(),
                other => return Err(RewriteError::syntax(other)),
            }
            length += 1;
            match self.rest.first() {
                Some(token) if token.token == Token::Period && length < 5 => self.advance(),
                _ => return Ok(start.get(..length).unwrap_or_default()),
            }
            length += 1;
        }
    }

    /// `LIKE`, `[LIKE] EXTERNAL`, `[LIKE] IMAGE` or `[LIKE] EMBEDDING`.
    fn probe_kind(&mut self) -> Result<ProbeKind, RewriteError> {
        let like = self.skip_words(&[ProbeKind::Face.keyword()]);
        for kind in [ProbeKind::External, ProbeKind::Image, ProbeKind::Embedding] {
            if self.skip_words(&[kind.keyword()]) {
                return Ok(kind);
            }
        }
        match self.rest.first() {
            _ if like => Ok(ProbeKind::Face),
            other => Err(RewriteError::syntax(other)),
        }
    }

    /// Passes over `THRESHOLD`, `AT FMR` or `AT FPIR` if one comes next.
    fn cut(&mut self) -> Option<CutKind> {
        CutKind::ALL.into_iter().find(|kind| {
            let words: Vec<&str> = kind.keyword().split(' ').collect();
            self.skip_words(&words)
        })
    }

    /// The tokens up to the next clause, closing parenthesis or end; at least one.
    fn expression(&mut self) -> Result<&'a [TokenWithSpan], RewriteError> {
        let start = self.rest;
        let mut depth = 0_usize;
        let mut behind_point = false;
        while let Some(token) = self.rest.first() {
            match &token.token {
                Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
                Token::RParen | Token::RBracket | Token::RBrace => match depth.checked_sub(1) {
                    Some(outer) => depth = outer,
                    None => break,
                },
                Token::Comma if depth == 0 => break,
                // Behind a point a word is the name of a column.
                _ if depth == 0 && !behind_point && self.at_ending() => break,
                _ => {}
            }
            behind_point = token.token == Token::Period;
            self.advance();
        }
        let length = start.len() - self.rest.len();
        if length == 0 {
            return Err(RewriteError::syntax(self.rest.first()));
        }
        Ok(start.get(..length).unwrap_or_default())
    }

    fn at_ending(&self) -> bool {
        let Some(first) = self.rest.first() else { return true };
        // A plain AT may belong to AT TIME ZONE.
        let at_rate = || Cursor { rest: self.rest }.cut().is_some();
        ENDINGS.iter().any(|ending| is_word(first, ending)) || at_rate()
    }
}

/// Whether `token` is the unquoted word `word`, in any case.
fn is_word(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(found)
        if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

fn word(value: &str, keyword: Keyword) -> Token {
    Token::Word(Word { value: value.to_owned(), quote_style: None, keyword })
}

fn quoted(value: &str) -> Token {
    Token::Word(Word {
        value: value.to_owned(),
        quote_style: Some('"'),
        keyword: Keyword::NoKeyword,
    })
}

/// A part of a name as a quoted name, so that no keyword among them disturbs the parser.
fn as_quoted(token: &TokenWithSpan) -> TokenWithSpan {
    let plain = match &token.token {
        Token::Word(word) if word.quote_style.is_none() => quoted(&word.value.to_ascii_lowercase()),
        other => other.clone(),
    };
    TokenWithSpan::new(plain, token.span)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn rewritten(text: &str) -> Result<String, SqlError> {
        let mut tokens =
            Tokenizer::new(&PostgreSqlDialect {}, text).tokenize_with_location().unwrap();
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        let tokens = rewrite(&tokens).map_err(|error| error.into_sql_error(text))?;
        Ok(tokens.iter().map(|token| token.token.to_string()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_search_becomes_a_select_from_the_marker() {
        assert_eq!(
            rewritten("search Faces /* here */ IN Users LIKE 'f_1'").unwrap(),
            "SELECT * FROM \"SEARCH FACES\" ( \"users\" , 'LIKE' , ( 'f_1' ) )"
        );
        assert_eq!(
            rewritten("SEARCH FACES IN public.\"We ird\" IMAGE $1 WHERE (a = b) LIMIT 3").unwrap(),
            "SELECT * FROM \"SEARCH FACES\" ( \"public\" . \"We ird\" , 'IMAGE' , ( $1 ) , \
             \"WHERE\" => ( ( a = b ) ) , \"LIMIT\" => ( 3 ) )"
        );
    }

    #[test]
    fn an_operating_point_may_stand_for_a_threshold() {
        let output = rewritten("SEARCH FACES IN c LIKE $1 at fpir 3e-3 LIMIT 2").unwrap();
        assert!(output.ends_with("\"AT FPIR\" => ( 3e-3 ) , \"LIMIT\" => ( 2 ) )"), "{output}");
        let in_zone = "SEARCH FACES IN c LIKE $1 WHERE (created_at AT TIME ZONE 'UTC') = $2";
        assert!(rewritten(in_zone).unwrap().contains("AT TIME ZONE"));
    }

    #[test]
    fn like_may_precede_the_other_kinds_of_probe() {
        for kind in ["EXTERNAL", "IMAGE", "EMBEDDING"] {
            let short = rewritten(&format!("SEARCH FACES IN c {kind} $1")).unwrap();
            let long = rewritten(&format!("SEARCH FACES IN c LIKE {kind} $1")).unwrap();
            assert_eq!(short, long);
        }
    }

    #[test]
    fn words_in_strings_names_comments_and_parentheses_end_nothing() {
        let text = "SEARCH FACES IN c LIKE 'LIMIT 5' /* LIMIT 6 */ \
                    WHERE \"limit\" = (SELECT 1 LIMIT 1) -- LIMIT 7\n THRESHOLD 0.5 LIMIT 8";
        let output = rewritten(text).unwrap();
        assert!(output.ends_with("\"THRESHOLD\" => ( 0.5 ) , \"LIMIT\" => ( 8 ) )"), "{output}");
        let untouched = "SELECT 'SEARCH FACES IN c' , \"SEARCH\" faces FROM t";
        assert_eq!(rewritten(untouched).unwrap(), untouched);
    }

    #[test]
    fn columns_may_be_called_like_clauses_behind_their_table() {
        let output =
            rewritten("SEARCH FACES IN c LIKE p.limit THRESHOLD p.threshold LIMIT p.where");
        let expected = "( p . limit ) , \"THRESHOLD\" => ( p . threshold ) , \
                        \"LIMIT\" => ( p . where ) )";
        assert!(output.unwrap().ends_with(expected));
    }

    #[test]
    fn searches_nest_in_predicates_and_follow_each_other() {
        let nested = "SEARCH FACES IN a LIKE 'x' WHERE face_id IN \
                      (SELECT face_id FROM (SEARCH FACES IN b LIKE 'y') s) \
                      UNION ALL SEARCH FACES IN c LIKE 'z'";
        assert_eq!(rewritten(nested).unwrap().matches(MARKER).count(), 3);
    }

    #[test]
    fn what_the_grammar_does_not_know_is_refused_where_it_stands() {
        let cases = [
            ("SEARCH FACES IN", SqlState::SyntaxError, None),
            ("SEARCH FACES IN c", SqlState::SyntaxError, None),
            ("SEARCH FACES IN c 'x'", SqlState::SyntaxError, Some(19)),
            ("SEARCH FACES IN c LIKE", SqlState::SyntaxError, None),
            ("SEARCH FACES IN c LIKE WHERE a", SqlState::SyntaxError, Some(24)),
            ("SEARCH FACES IN c LIKE 'x', 'y'", SqlState::SyntaxError, Some(27)),
            ("SEARCH FACES IN c LIKE 'x' LIMIT 1 WHERE a", SqlState::SyntaxError, Some(36)),
            ("SEARCH FACES IN c LIKE 'x' ORDER BY rank", SqlState::SyntaxError, Some(28)),
            ("SEARCH FACES IN c EXTERNAL", SqlState::SyntaxError, None),
            ("SEARCH FACES IN c LIKE 'x' LIMIT ALL", SqlState::FeatureNotSupported, Some(34)),
            ("SEARCH FACES IN c LIKE 'x' THRESHOLD 1 AT FMR 1", SqlState::SyntaxError, Some(40)),
        ];
        for (text, state, position) in cases {
            let error = rewritten(text).unwrap_err();
            assert_eq!((error.state, error.position), (state, position), "{text}: {error}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let text = "SEARCH FACES IN c LIKE 'x' WHERE face_id IN (".repeat(1000);
        assert_eq!(rewritten(&text).unwrap_err().state, SqlState::StatementTooComplex);
    }
}
