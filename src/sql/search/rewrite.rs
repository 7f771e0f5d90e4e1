//! Rewrites `SEARCH` in a sequence of tokens to `SELECT * FROM <marker>(..)`.
//!
//! Works on tokens only: comments, strings and quoted names were told apart by the tokeniser, and
//! where a clause ends is decided by words outside any parentheses.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use super::super::marker::MARKER;
use super::super::position::position;
use super::super::{SqlError, SqlState};
use super::{CLAUSES, ProbeKind};

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
pub(in super::super) struct RewriteError {
    state: SqlState,
    message: String,
    span: Option<Span>,
}

impl RewriteError {
    /// The error for the client; `text` is the message the tokens come from.
    pub(in super::super) fn into_sql_error(self, text: &str) -> SqlError {
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

    fn unsupported(what: &str, span: Span) -> Self {
        let message = format!("{what} is not supported yet");
        Self { state: SqlState::FeatureNotSupported, message, span: Some(span) }
    }
}

/// The tokens of one statement (without spaces) with every SEARCH rewritten.
pub(in super::super) fn rewrite(
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
    /// WHERE, THRESHOLD, LIMIT.
    clauses: [Option<&'a [TokenWithSpan]>; 3],
}

impl<'a> Search<'a> {
    /// Reads what follows `SEARCH FACES IN`.
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, RewriteError> {
        let name = cursor.name()?;
        let kind = cursor.probe_kind()?;
        let probe = cursor.expression()?;
        let mut clauses = [None; 3];
        for (clause, word) in clauses.iter_mut().zip(CLAUSES) {
            if cursor.skip_words(&[word]) {
                *clause = Some(cursor.expression()?);
            }
        }
        match cursor.rest.first() {
            None => {}
            Some(token) if token.token == Token::RParen => {}
            Some(token) if FOLLOWERS.iter().any(|follower| is_word(token, follower)) => {}
            Some(token) => {
                cursor.refuse_operating_point()?;
                return Err(RewriteError::syntax(Some(token)));
            }
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
        for (name, clause) in CLAUSES.into_iter().zip(self.clauses) {
            let Some(expression) = clause else { continue };
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

    /// `LIKE`, `[LIKE] IMAGE` or `[LIKE] EMBEDDING`.
    fn probe_kind(&mut self) -> Result<ProbeKind, RewriteError> {
        let like = self.skip_words(&["LIKE"]);
        if self.skip_words(&[ProbeKind::Image.keyword()]) {
            return Ok(ProbeKind::Image);
        }
        if self.skip_words(&[ProbeKind::Embedding.keyword()]) {
            return Ok(ProbeKind::Embedding);
        }
        match self.rest.first() {
            Some(token) if is_word(token, "EXTERNAL") => {
                Err(RewriteError::unsupported("SEARCH .. EXTERNAL", token.span))
            }
            _ if like => Ok(ProbeKind::Face),
            other => Err(RewriteError::syntax(other)),
        }
    }

    /// The tokens up to the next clause, closing parenthesis or end; at least one.
    fn expression(&mut self) -> Result<&'a [TokenWithSpan], RewriteError> {
        let start = self.rest;
        let mut depth = 0_usize;
        while let Some(token) = self.rest.first() {
            match &token.token {
                Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
                Token::RParen | Token::RBracket | Token::RBrace => match depth.checked_sub(1) {
                    Some(outer) => depth = outer,
                    None => break,
                },
                Token::Comma if depth == 0 => break,
                _ if depth == 0 && self.at_ending() => break,
                _ => {}
            }
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
        ENDINGS.iter().any(|ending| is_word(first, ending)) || self.operating_point().is_some()
    }

    /// `AT FMR` or `AT FPIR`, when it comes next; a plain `AT` may belong to `AT TIME ZONE`.
    fn operating_point(&self) -> Option<&'static str> {
        let [at, rate, ..] = self.rest else { return None };
        let rates = [("FMR", "AT FMR"), ("FPIR", "AT FPIR")];
        let (_, clause) = rates.into_iter().find(|(word, _)| is_word(rate, word))?;
        is_word(at, "AT").then_some(clause)
    }

    fn refuse_operating_point(&self) -> Result<(), RewriteError> {
        match (self.operating_point(), self.rest.first()) {
            (Some(clause), Some(token)) => Err(RewriteError::unsupported(clause, token.span)),
            _ => Ok(()),
        }
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
    fn like_may_precede_image_and_embedding() {
        for kind in ["IMAGE", "EMBEDDING"] {
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
            ("SEARCH FACES IN c EXTERNAL 'u'", SqlState::FeatureNotSupported, Some(19)),
            ("SEARCH FACES IN c LIKE 'x' AT FMR 1e-6", SqlState::FeatureNotSupported, Some(28)),
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
