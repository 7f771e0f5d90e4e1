//! From the text of one message to the tokens of its statements, with limits and positions.

use std::num::NonZeroUsize;

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{
    Span, Token, TokenWithSpan, Tokenizer, TokenizerError,
};

use super::marker::MARKER;
use super::position::position;
use crate::sql::plan::stack::Depth;
use crate::sql::read::search;
use crate::sql::{SqlError, SqlState};

/// Longest text of one message in bytes; parameters travel apart and do not count.
pub(super) const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Most parameters of one statement: what the wire protocol can count.
pub(super) const PARAMETERS_MAX: usize = 65_535;

/// Most tokens in one expression, counted between commas, or between the words of a `CASE`, and
/// with the expressions around it.
///
/// A chain such as `1 + 1 + ..` is a tree as deep as it is long, and trees are walked and dropped
/// by recursion; parentheses are bounded by the parser, chains are bounded here.
pub(super) const EXPRESSION_TOKENS_MAX: usize = 1024;

/// Most dimensions of an array, as in PostgreSQL.
const DIMENSIONS_MAX: usize = 6;

/// The tokens of one statement, `SEARCH` rewritten, without spaces, comments and semicolon.
#[derive(Debug)]
pub(super) struct StatementTokens {
    pub(super) tokens: Vec<TokenWithSpan>,
    /// Where it stands in the text.
    pub(super) span: Span,
    /// The highest `$n` among them.
    pub(super) parameter_count: usize,
    /// How much stack the statement needs.
    pub(super) depth: Depth,
}

/// Cuts `text` into statements. Empty ones are left out, and so are the parameters at the places in
/// `outputs` among the arguments of calls.
pub(super) fn statements(text: &str, outputs: &[usize]) -> Result<Vec<StatementTokens>, SqlError> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!(
            "statement text has {} bytes, the limit is {TEXT_BYTES_MAX}; send large values as \
             parameters",
            text.len()
        );
        return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
        .tokenize_with_location()
        .map_err(|error| unreadable(text, error))?;
    tokens
        .split(|token| token.token == Token::SemiColon)
        .map(|statement| {
            let words = statement.iter().filter(|token| !is_space(&token.token));
            words.cloned().collect::<Vec<_>>()
        })
        .filter(|statement| !statement.is_empty())
        .map(|statement| checked(text, statement, outputs))
        .collect()
}

fn checked(
    text: &str,
    tokens: Vec<TokenWithSpan>,
    outputs: &[usize],
) -> Result<StatementTokens, SqlError> {
    check_words(text, &tokens)?;
    let mut parameter_count = 0;
    for token in &tokens {
        let at = || position(text, token.span.start);
        match &token.token {
            Token::Placeholder(name) => {
                let number = parameter(name).map_err(|error| error.at(at()))?;
                parameter_count = parameter_count.max(number);
            }
            Token::Word(word) if word.value == MARKER => {
                let message = format!("the name {MARKER:?} is reserved");
                return Err(SqlError::new(SqlState::ReservedName, message).at(at()));
            }
            _ => {}
        }
    }
    check_dimensions(text, &tokens)?;
    let depth = depth(text, &tokens)?;
    let span = Span::union_iter(tokens.iter().map(|token| token.span));
    let tokens = if outputs.is_empty() { tokens } else { without_outputs(tokens, outputs) };
    let mut tokens = search::rewrite(&tokens).map_err(|error| error.into_sql_error(text))?;
    for token in &mut tokens {
        as_any_operator(&mut token.token);
    }
    Ok(StatementTokens { tokens, span, parameter_count, depth })
}

/// A call as it is made when parameters among its arguments are only meant to name results.
fn without_outputs(tokens: Vec<TokenWithSpan>, outputs: &[usize]) -> Vec<TokenWithSpan> {
    let is_output = |token: &Token| match token {
        Token::Placeholder(name) => {
            parameter(name).is_ok_and(|number| outputs.contains(&(number - 1)))
        }
        _ => false,
    };
    let mut left: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let before = left.last().map(|token| &token.token);
        let behind = rest.peek().map(|token| &token.token);
        match (before, behind) {
            (Some(Token::LParen), Some(Token::Comma)) if is_output(&token.token) => {
                rest.next();
            }
            (Some(Token::LParen), Some(Token::RParen)) if is_output(&token.token) => {}
            (Some(Token::Comma), Some(Token::Comma | Token::RParen)) if is_output(&token.token) => {
                left.pop();
            }
            _ => left.push(token),
        }
    }
    left
}

/// Refuses names without letters, and numbers that go on as names.
fn check_words(text: &str, tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let malformed = |message: String, token: &TokenWithSpan| {
        Err(SqlError::new(SqlState::SyntaxError, message).at(position(text, token.span.start)))
    };
    for (at, token) in tokens.iter().enumerate() {
        match (&token.token, tokens.get(at + 1)) {
            (Token::Word(word), _) if word.quote_style == Some('"') && word.value.is_empty() => {
                let message = "zero-length delimited identifier at or near \"\"\"\"";
                return malformed(message.to_owned(), token);
            }
            (Token::Number(digits, false), Some(next))
                if next.span.start == token.span.end && matches!(next.token, Token::Word(_)) =>
            {
                let found = format!("{digits}{}", next.token);
                let message = format!("trailing junk after numeric literal at or near \"{found}\"");
                return malformed(message, token);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses arrays in arrays in arrays: finding out their type takes twice as long for each.
fn check_dimensions(text: &str, tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let mut dimensions = 0_usize;
    for token in tokens {
        match token.token {
            Token::LBracket => dimensions += 1,
            Token::RBracket => dimensions = dimensions.saturating_sub(1),
            _ => continue,
        }
        if dimensions > DIMENSIONS_MAX {
            let message = format!(
                "number of array dimensions ({dimensions}) exceeds the maximum allowed \
                 ({DIMENSIONS_MAX})"
            );
            let at = position(text, token.span.start);
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message).at(at));
        }
    }
    Ok(())
}

/// The tokens of the longest expression, at most [`EXPRESSION_TOKENS_MAX`].
fn depth(text: &str, tokens: &[TokenWithSpan]) -> Result<Depth, SqlError> {
    let mut lengths = Lengths::default();
    for token in tokens {
        lengths.read(&token.token);
        if lengths.deepest > EXPRESSION_TOKENS_MAX {
            let message = format!("an expression has more than {EXPRESSION_TOKENS_MAX} parts");
            let at = position(text, token.span.start);
            return Err(SqlError::new(SqlState::StatementTooComplex, message).at(at));
        }
    }
    Ok(Depth::of_tokens(lengths.deepest))
}

/// How long expressions are, as far as they have been read. A group, which parentheses or `CASE`
/// and `END` enclose, counts as much as its longest element.
#[derive(Default)]
struct Lengths {
    /// Tokens of the element read now.
    here: usize,
    /// Tokens of the longest element before it in its group.
    longest: usize,
    /// Tokens of the elements around its group.
    around: usize,
    outer: Vec<Outer>,
    deepest: usize,
}

/// What was read before a group was opened.
#[derive(Default)]
struct Outer {
    here: usize,
    longest: usize,
    /// Whether the group is a `CASE`.
    opens_case: bool,
}

impl Lengths {
    fn read(&mut self, token: &Token) {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => self.open(false),
            Token::RParen | Token::RBracket | Token::RBrace => {
                // A column may be called like that, and then nothing ends it.
                while self.is_in_case() {
                    self.close();
                }
                self.close();
            }
            Token::Comma => self.divide(),
            Token::Word(word) => match word.keyword {
                Keyword::CASE => self.open(true),
                Keyword::WHEN | Keyword::THEN | Keyword::ELSE if self.is_in_case() => self.divide(),
                Keyword::END if self.is_in_case() => self.close(),
                _ => self.here += 1,
            },
            _ => self.here += 1,
        }
        self.deepest = self.deepest.max(self.around + self.here);
    }

    fn is_in_case(&self) -> bool {
        self.outer.last().is_some_and(|outer| outer.opens_case)
    }

    fn open(&mut self, opens_case: bool) {
        self.around += self.here;
        self.outer.push(Outer { here: self.here, longest: self.longest, opens_case });
        (self.here, self.longest) = (0, 0);
    }

    fn divide(&mut self) {
        (self.here, self.longest) = (0, self.here.max(self.longest));
    }

    fn close(&mut self) {
        let group = self.here.max(self.longest);
        let Outer { here, longest, .. } = self.outer.pop().unwrap_or_default();
        self.around -= here;
        (self.here, self.longest) = (here + group + 1, longest);
    }
}

/// The number of `$n`.
fn parameter(name: &str) -> Result<usize, SqlError> {
    let number = name
        .strip_prefix('$')
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse::<NonZeroUsize>().ok());
    match number {
        Some(number) if number.get() <= PARAMETERS_MAX && !name.starts_with("$0") => {
            Ok(number.get())
        }
        _ => Err(SqlError::new(
            SqlState::UndefinedParameter,
            format!("there is no parameter {name}; parameters are $1 to ${PARAMETERS_MAX}"),
        )),
    }
}

/// Operators that the parser takes for those of other systems, as operators like any other: of
/// distances, which bind more tightly than comparisons.
fn as_any_operator(token: &mut Token) {
    if matches!(token, Token::Spaceship | Token::TwoWayArrow) {
        *token = Token::CustomBinaryOperator(token.to_string());
    }
}

fn is_space(token: &Token) -> bool {
    matches!(token, Token::Whitespace(_))
}

fn unreadable(text: &str, error: TokenizerError) -> SqlError {
    let at = position(text, error.location);
    SqlError::new(SqlState::SyntaxError, error.message).at(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &str) -> Result<Vec<StatementTokens>, SqlError> {
        super::statements(text, &[])
    }

    #[test]
    fn statements_end_at_semicolons_outside_strings_names_and_comments() {
        let text = "SELECT ';'; /* ; */ SELECT \";\" -- ;\n;; SELECT $$;$$ ; -- the end";
        assert_eq!(statements(text).unwrap().len(), 3);
        assert!(statements("").unwrap().is_empty());
        assert!(statements(" \n ; -- nothing\n ;").unwrap().is_empty());
    }

    #[test]
    fn the_highest_parameter_counts() {
        let parsed = statements("SELECT $2, $1, $12, '$99' /* $98 */").unwrap();
        assert_eq!(parsed[0].parameter_count, 12);
    }

    #[test]
    fn parameters_that_cannot_exist_are_refused() {
        for bad in ["$0", "$65536", "$99999999999999999999"] {
            let error = statements(&format!("SELECT {bad}")).unwrap_err();
            assert_eq!(error.state, SqlState::UndefinedParameter, "{bad}");
        }
    }

    #[test]
    fn positions_count_characters_across_lines() {
        let error = statements("SELECT 'ä',\n 'open").unwrap_err();
        assert_eq!((error.state, error.position), (SqlState::SyntaxError, Some(14)));
    }

    #[test]
    fn an_overlong_text_is_refused_before_it_is_read() {
        let error = statements(&" ".repeat(TEXT_BYTES_MAX + 1)).unwrap_err();
        assert_eq!(error.state, SqlState::ProgramLimitExceeded);
    }

    #[test]
    fn chains_are_bounded_and_lists_are_not() {
        let chain = |length| format!("SELECT 1{}", " + 1".repeat(length));
        assert!(statements(&chain(500)).is_ok());
        assert_eq!(statements(&chain(520)).unwrap_err().state, SqlState::StatementTooComplex);
        let nested = format!("SELECT ((1{0}){0}){0}", " + 1".repeat(175));
        assert_eq!(statements(&nested).unwrap_err().state, SqlState::StatementTooComplex);
        let list = format!("SELECT 1 IN (1{})", ", 1".repeat(100_000));
        assert!(statements(&list).is_ok());
        let rows = format!("VALUES (1){}", ", (1)".repeat(10_000));
        assert!(statements(&rows).is_ok());
    }

    #[test]
    fn a_case_is_a_list_of_branches() {
        let case = |branches, chain| {
            let branch = "WHEN t.name = 'a' THEN 1 ".repeat(branches);
            format!("SELECT CASE {branch} ELSE 2{} END + t.case FROM t", " + 1".repeat(chain))
        };
        assert!(statements(&case(10_000, 400)).is_ok());
        assert_eq!(statements(&case(1, 520)).unwrap_err().state, SqlState::StatementTooComplex);
        let behind = format!("SELECT (t.case){}", " + 1".repeat(520));
        assert_eq!(statements(&behind).unwrap_err().state, SqlState::StatementTooComplex);
        let nested = |inner: &str| format!("CASE WHEN true THEN {inner}{} END", " + 1".repeat(175));
        let nested = format!("SELECT {}", nested(&nested(&nested("1"))));
        assert_eq!(statements(&nested).unwrap_err().state, SqlState::StatementTooComplex);
    }

    #[test]
    fn outputs_are_no_arguments() {
        for (text, left) in [
            ("SELECT f($1)", "SELECT f ( )"),
            ("SELECT f($1, $2, $3)", "SELECT f ( $2 )"),
            ("SELECT f($2, $1, $3, 4)", "SELECT f ( $2 , 4 )"),
            ("SELECT $1 + f($3)", "SELECT $1 + f ( )"),
        ] {
            let parsed = super::statements(text, &[0, 2]).unwrap();
            let words: Vec<String> =
                parsed[0].tokens.iter().map(|token| token.token.to_string()).collect();
            assert_eq!(words.join(" "), left);
        }
        assert_eq!(super::statements("SELECT f($1)", &[0]).unwrap()[0].parameter_count, 1);
    }

    #[test]
    fn arrays_have_as_many_dimensions_as_in_postgresql() {
        let array = |depth| format!("SELECT {}1{}", "ARRAY[".repeat(depth), "]".repeat(depth));
        assert!(statements(&array(6)).is_ok());
        let error = statements(&array(7)).unwrap_err();
        assert_eq!((error.state, error.position), (SqlState::ProgramLimitExceeded, Some(49)));
        assert!(statements("SELECT ARRAY[1], ARRAY[2], ARRAY[3], a[1], a[2], a[3], a[4]").is_ok());
    }

    #[test]
    fn the_name_of_the_rewritten_search_is_reserved() {
        let error = statements(&format!("SELECT * FROM \"{MARKER}\"(1)")).unwrap_err();
        assert_eq!(error.state, SqlState::ReservedName);
    }
}
