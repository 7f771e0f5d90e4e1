//! Spellings of PostgreSQL that the parser does not read, as others that mean the same.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::refusal::is;

/// The tokens of one statement as the parser reads them.
pub(super) fn respelled(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let tokens = without_only(tokens);
    let tokens = if has_transaction_modes(&tokens) { without_deferrable(tokens) } else { tokens };
    tables_as_queries(tokens)
}

/// `ONLY` before the name of a table: there is no inheritance that it could exclude.
fn without_only(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let before = ["FROM", "JOIN", "UPDATE"];
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let after_table_word =
            || kept.last().is_some_and(|last| before.iter().any(|word| is(last, word)));
        if !(is(&token, "ONLY") && after_table_word()) {
            kept.push(token);
        }
    }
    kept
}

/// Whether a statement is one that says how a transaction is to be.
fn has_transaction_modes(tokens: &[TokenWithSpan]) -> bool {
    let Some(first) = tokens.first() else { return false };
    let of_transactions = || tokens.iter().any(|token| is(token, "TRANSACTION"));
    is(first, "BEGIN") || is(first, "START") || is(first, "SET") && of_transactions()
}

/// `[NOT] DEFERRABLE` among others: a transaction never waits for others to begin.
fn without_deferrable(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let negated = is(&token, "NOT") && tokens.peek().is_some_and(|next| is(next, "DEFERRABLE"));
        if negated {
            tokens.next();
        } else if !is(&token, "DEFERRABLE") {
            kept.push(token);
            continue;
        }
        if kept.last().is_some_and(|last| last.token == Token::Comma) {
            kept.pop();
        } else if tokens.peek().is_some_and(|next| next.token == Token::Comma) {
            tokens.next();
        }
    }
    kept
}

/// `TABLE name` as `SELECT * FROM name`, where a query may stand.
fn tables_as_queries(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let before = ["ALL", "EXCEPT", "INTERSECT", "UNION"];
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 2);
    for token in tokens {
        let begins_query = written.last().is_none_or(|last| {
            last.token == Token::LParen || before.iter().any(|word| is(last, word))
        });
        if begins_query && is(&token, "TABLE") {
            let word = |word| TokenWithSpan::new(Token::make_keyword(word), token.span);
            let star = TokenWithSpan::new(Token::Mul, token.span);
            written.extend([word("SELECT"), star, word("FROM")]);
        } else {
            written.push(token);
        }
    }
    written
}
