//! `FETCH FIRST n ROWS ONLY` as `LIMIT n`: the parser reads numbers there only, and only behind
//! OFFSET.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::refusal::is;

/// `tokens` with LIMIT in place of each such FETCH. Others stay as they are: those `WITH TIES`, and
/// those of more than a value or a parenthesis, which are no syntax.
pub(super) fn fetched_as_limits(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    while let Some((token, behind)) = rest.split_first() {
        if let Some((count, end)) = fetched(token, behind).filter(|_| !written.is_empty()) {
            written.push(TokenWithSpan::new(Token::make_keyword("LIMIT"), token.span));
            if count.is_empty() {
                let one = Token::Number("1".to_owned(), false);
                written.push(TokenWithSpan::new(one, token.span));
            }
            written.extend_from_slice(count);
            rest = end;
        } else {
            written.push(token.clone());
            rest = behind;
        }
    }
    written
}

/// How many rows are fetched, nothing for one, and what stands behind.
fn fetched<'a>(
    fetch: &TokenWithSpan,
    behind: &'a [TokenWithSpan],
) -> Option<(&'a [TokenWithSpan], &'a [TokenWithSpan])> {
    let is_any = |token: &TokenWithSpan, words: [&str; 2]| words.iter().any(|word| is(token, word));
    let (first, behind) = behind.split_first()?;
    if !is(fetch, "FETCH") || !is_any(first, ["FIRST", "NEXT"]) {
        return None;
    }
    let (count, behind) = behind.split_at_checked(length_of_count(behind)?)?;
    match behind {
        [rows, only, end @ ..] if is_any(rows, ["ROW", "ROWS"]) && is(only, "ONLY") => {
            Some((count, end))
        }
        _ => None,
    }
}

/// How many tokens say how many rows: what is in parentheses, a value, or a number with its sign.
fn length_of_count(tokens: &[TokenWithSpan]) -> Option<usize> {
    let first = tokens.first()?;
    match &first.token {
        Token::LParen => {
            let mut depth = 0_usize;
            let closes = |token: &TokenWithSpan| {
                match token.token {
                    Token::LParen => depth += 1,
                    Token::RParen => depth -= 1,
                    _ => {}
                }
                depth == 0
            };
            Some(tokens.iter().position(closes)? + 1)
        }
        Token::Plus | Token::Minus => {
            matches!(tokens.get(1)?.token, Token::Number(..)).then_some(2)
        }
        Token::Word(_) => Some(usize::from(!is(first, "ROW") && !is(first, "ROWS"))),
        _ => Some(1),
    }
}
