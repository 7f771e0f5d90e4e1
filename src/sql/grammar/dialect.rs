//! PostgreSQL's grammar, where the parser's own dialect of that name gives operators another rank.

use std::any::TypeId;
use std::cell::Cell;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, visit_expressions};
use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// The rank of a sign before a value: between those of `[]` and COLLATE.
const SIGN: u8 = 125;

/// How often operands may be read, and for each token of a statement: the parser tries another way
/// where one fails, and a statement can be nested so that each level is read twice.
const READINGS_MAX: usize = 50_000;
const READINGS_OF_TOKEN_MAX: usize = 16;

/// How many parts of expressions may be copied, and one more for each token of a statement: what
/// is nested in `BETWEEN SYMMETRIC` doubles at each level.
const COPIES_MAX: usize = 2_000;

/// The parser's dialect with signs and IS DISTINCT FROM as they are in PostgreSQL.
#[derive(Debug)]
pub(super) struct Grammar {
    /// How many operands may still be read.
    readings_left: Cell<usize>,
    /// How many parts of expressions may still be copied.
    copies_left: Cell<usize>,
}

/// Answers of the parser's dialect.
macro_rules! as_in_postgresql {
    ($($method:ident)*) => {
        $(fn $method(&self) -> bool {
            PostgreSqlDialect {}.$method()
        })*
    };
}

impl Dialect for Grammar {
    /// The parser asks for dialects by their type.
    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        PostgreSqlDialect {}.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, letter: char) -> bool {
        PostgreSqlDialect {}.is_delimited_identifier_start(letter)
    }

    fn is_identifier_start(&self, letter: char) -> bool {
        PostgreSqlDialect {}.is_identifier_start(letter)
    }

    fn is_identifier_part(&self, letter: char) -> bool {
        PostgreSqlDialect {}.is_identifier_part(letter)
    }

    fn is_custom_operator_part(&self, letter: char) -> bool {
        PostgreSqlDialect {}.is_custom_operator_part(letter)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        PostgreSqlDialect {}.is_reserved_for_identifier(keyword)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        PostgreSqlDialect {}.get_next_precedence(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        PostgreSqlDialect {}.prec_value(precedence)
    }

    /// `- 2 ^ 2` is 4, and VALUES is a query. Nothing is read where too much was.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        if let Err(error) = take(&self.readings_left, 1) {
            return Some(Err(error));
        }
        let op = match parser.peek_token_ref().token {
            Token::Minus => UnaryOperator::Minus,
            Token::Plus => UnaryOperator::Plus,
            Token::Word(ref word)
                if word.keyword == Keyword::VALUES
                    && parser.get_current_token().token == Token::LParen =>
            {
                return Some(parser.parse_query().map(Expr::Subquery));
            }
            _ => return None,
        };
        parser.advance_token();
        let value = parser.parse_subexpr(SIGN);
        Some(value.map(|expr| Expr::UnaryOp { op, expr: Box::new(expr) }))
    }

    /// `a IS DISTINCT FROM b AND c` is a conjunction, and BETWEEN may be SYMMETRIC.
    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        left: &Expr,
        _precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        if let Some(negated) = takes_symmetric(parser) {
            return Some(self.between_either_way(parser, left, negated));
        }
        if let Some(negated) = takes_in_nested(parser) {
            return Some(in_nested(parser, left, negated));
        }
        let same = [Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM];
        let other = [Keyword::IS, Keyword::DISTINCT, Keyword::FROM];
        let compared: fn(Box<Expr>, Box<Expr>) -> Expr = if parser.parse_keywords(&same) {
            Expr::IsNotDistinctFrom
        } else if parser.parse_keywords(&other) {
            Expr::IsDistinctFrom
        } else {
            return None;
        };
        let right = parser.parse_subexpr(self.prec_value(Precedence::Is));
        Some(right.map(|right| compared(Box::new(left.clone()), Box::new(right))))
    }

    as_in_postgresql! {
        supports_unicode_string_literal
        supports_filter_during_aggregation
        supports_group_by_expr
        allow_extract_custom
        allow_extract_single_quotes
        supports_create_index_with_clause
        supports_explain_with_utility_options
        supports_listen_notify
        supports_factorial_operator
        supports_bitwise_shift_operators
        supports_comment_on
        supports_load_extension
        supports_named_fn_args_with_colon_operator
        supports_empty_projections
        supports_nested_comments
        supports_string_escape_constant
        supports_numeric_literal_underscores
        supports_array_typedef_with_brackets
        supports_geometric_types
        supports_set_names
        supports_alter_column_type_using
        supports_notnull_operator
        supports_interval_options
        supports_insert_table_alias
        supports_create_table_like_parenthesized
        supports_select_wildcard_with_alias
        supports_comma_separated_trim
        supports_xml_expressions
        supports_comment_optimizer_hint
    }
}

impl Grammar {
    /// Of a statement that has so many tokens.
    pub(super) fn of_tokens(tokens: usize) -> Self {
        let readings = tokens.saturating_mul(READINGS_OF_TOKEN_MAX);
        Self {
            readings_left: Cell::new(readings.saturating_add(READINGS_MAX)),
            copies_left: Cell::new(tokens.saturating_add(COPIES_MAX)),
        }
    }

    /// The bounds behind `BETWEEN SYMMETRIC`: a value is between them in one order or the other.
    fn between_either_way(
        &self,
        parser: &mut Parser<'_>,
        value: &Expr,
        negated: bool,
    ) -> Result<Expr, ParserError> {
        let bound = self.prec_value(Precedence::Between);
        let low = parser.parse_subexpr(bound)?;
        parser.expect_keyword_is(Keyword::AND)?;
        let high = parser.parse_subexpr(bound)?;
        for copied in [value, &low, &high] {
            take(&self.copies_left, parts(copied))?;
        }
        let between = |low: &Expr, high: &Expr| {
            Box::new(Expr::Between {
                expr: Box::new(value.clone()),
                negated: false,
                low: Box::new(low.clone()),
                high: Box::new(high.clone()),
            })
        };
        let (left, right) = (between(&low, &high), between(&high, &low));
        let either = Expr::BinaryOp { left, op: BinaryOperator::Or, right };
        let either = Expr::Nested(Box::new(either));
        if !negated {
            return Ok(either);
        }
        Ok(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(either) })
    }
}

/// Takes `count` of what is left.
fn take(left: &Cell<usize>, count: usize) -> Result<(), ParserError> {
    let rest = left.get().checked_sub(count).ok_or(ParserError::RecursionLimitExceeded)?;
    left.set(rest);
    Ok(())
}

/// How many expressions are in `expr`, and itself.
fn parts(expr: &Expr) -> usize {
    let mut parts = 0;
    let _ = visit_expressions(expr, |_| {
        parts += 1;
        ControlFlow::<()>::Continue(())
    });
    parts
}

/// What stands behind `[NOT] IN (`: a query, or values of which the first is one in parentheses,
/// which the parser would take for all there is.
fn in_nested(parser: &mut Parser<'_>, left: &Expr, negated: bool) -> Result<Expr, ParserError> {
    let expr = Box::new(left.clone());
    let whole = parser.maybe_parse(|parser| {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        Ok(query)
    })?;
    if let Some(subquery) = whole {
        return Ok(Expr::InSubquery { expr, subquery, negated });
    }
    let list = parser.parse_comma_separated(Parser::parse_expr)?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::InList { expr, list, negated })
}

/// Takes `[NOT] IN (` before another parenthesis, and tells whether it is negated; takes nothing
/// else.
fn takes_in_nested(parser: &mut Parser<'_>) -> Option<bool> {
    let negated = is_word(parser, 0, "NOT");
    let first = usize::from(negated);
    let opens = |at: usize| parser.peek_nth_token_ref(at).token == Token::LParen;
    if !is_word(parser, first, "IN") || !opens(first + 1) || !opens(first + 2) {
        return None;
    }
    (0..first + 2).for_each(|_| parser.advance_token());
    Some(negated)
}

fn is_word(parser: &Parser<'_>, at: usize, word: &str) -> bool {
    matches!(parser.peek_nth_token_ref(at).token, Token::Word(ref found)
        if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

/// Takes `[NOT] BETWEEN SYMMETRIC`, and tells whether it is negated; takes nothing else.
fn takes_symmetric(parser: &mut Parser<'_>) -> Option<bool> {
    let negated = is_word(parser, 0, "NOT");
    let first = usize::from(negated);
    if !is_word(parser, first, "BETWEEN") || !is_word(parser, first + 1, "SYMMETRIC") {
        return None;
    }
    (0..first + 2).for_each(|_| parser.advance_token());
    Some(negated)
}
