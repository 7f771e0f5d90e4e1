//! Spellings of PostgreSQL that the parser does not read, as others that mean the same.

use std::collections::HashSet;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::fetch::fetched_as_limits;
use super::marker::ROWS_FROM;
use super::refusal::is;

/// The tokens of one statement as the parser reads them.
pub(super) fn respelled(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let tokens = plain_before_any(with_signs(without_idle_words(joined(tokens))));
    let tokens = without_full_frames(named_variadic(tokens));
    let tokens = if has_transaction_modes(&tokens) { without_deferrable(tokens) } else { tokens };
    let tokens = ordered_by_signs(weak_locks(without_read_only(tokens)));
    let tokens = tables_as_queries(explained_in_parentheses(tokens));
    let tokens = keys_in_parentheses(tokens);
    fetched_as_limits(&side_by_side(plain_stars(tokens)))
}

/// `ROLLUP ((a)::date, b)` as `ROLLUP (((a)::date), b)`: the parser takes what begins with a
/// parenthesis for a list of keys.
fn keys_in_parentheses(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let keys = open_keys(&tokens);
    if keys.is_empty() {
        return tokens;
    }
    let (firsts, lasts): (HashSet<usize>, HashSet<usize>) = keys.into_iter().unzip();
    let mut written = Vec::with_capacity(tokens.len() + 2 * firsts.len());
    for (at, token) in tokens.into_iter().enumerate() {
        let span = token.span;
        if firsts.contains(&at) {
            written.push(TokenWithSpan::new(Token::LParen, span));
        }
        written.push(token);
        if lasts.contains(&at) {
            written.push(TokenWithSpan::new(Token::RParen, span));
        }
    }
    written
}

/// The first and the last token of each key of such lists which begins with a parenthesis and goes
/// on behind it. One look at each token, however many lists there are in one another.
fn open_keys(tokens: &[TokenWithSpan]) -> Vec<(usize, usize)> {
    /// What an open parenthesis holds.
    struct Held {
        of_keys: bool,
        /// Where its item begins, and where the first parenthesis in that closes.
        first: usize,
        closed: Option<usize>,
    }
    let (mut keys, mut open): (Vec<_>, Vec<Held>) = (Vec::new(), Vec::new());
    let names_list =
        |token: &TokenWithSpan| ["CUBE", "ROLLUP", "SETS"].iter().any(|word| is(token, word));
    for (at, token) in tokens.iter().enumerate() {
        if [Token::Comma, Token::RParen].contains(&token.token)
            && let Some(Held { of_keys: true, first, closed: Some(closed) }) = open.last()
            && closed + 1 < at
            && tokens[*first].token == Token::LParen
        {
            keys.push((*first, at - 1));
        }
        match token.token {
            Token::LParen => {
                let of_keys = at.checked_sub(1).is_some_and(|name| names_list(&tokens[name]));
                open.push(Held { of_keys, first: at + 1, closed: None });
            }
            Token::RParen => {
                open.pop();
                if let Some(around) = open.last_mut() {
                    around.closed.get_or_insert(at);
                }
            }
            Token::Comma => {
                if let Some(around) = open.last_mut() {
                    (around.first, around.closed) = (at + 1, None);
                }
            }
            _ => {}
        }
    }
    keys
}

/// Without `FOR READ ONLY` behind a query, which locks nothing.
fn without_read_only(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if is(&token, "ONLY")
            && let [.., before, lock, read] = written.as_slice()
            && is(lock, "FOR")
            && is(read, "READ")
            && !is(before, "CURSOR")
        {
            written.truncate(written.len() - 2);
        } else {
            written.push(token);
        }
    }
    written
}

/// `FOR NO KEY UPDATE` as `FOR UPDATE`, and `FOR KEY SHARE` as `FOR SHARE`: keys do not change.
fn weak_locks(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let spellings: [&[&str]; 2] = [&["FOR", "NO", "KEY", "UPDATE"], &["FOR", "KEY", "SHARE"]];
    let begins = |at: usize, words: &[&str]| {
        let mut behind = words.iter().zip(at..);
        behind.all(|(word, at)| tokens.get(at).is_some_and(|token| is(token, word)))
    };
    let mut left_out = Vec::new();
    for at in 0..tokens.len() {
        if let Some(words) = spellings.iter().find(|words| begins(at, words)) {
            left_out.extend(at + 1..at + words.len() - 1);
        }
    }
    if left_out.is_empty() {
        return tokens;
    }
    let kept = tokens.into_iter().enumerate().filter(|(at, _)| !left_out.contains(at));
    kept.map(|(_, token)| token).collect()
}

/// Texts on lines one behind the other are one text.
fn joined(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if let Token::SingleQuotedString(more) = &token.token
            && let Some(last) = written.last_mut()
            && last.span.end.line < token.span.start.line
            && let Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) =
                &mut last.token
        {
            text.push_str(more);
            last.span.end = token.span.end;
        } else {
            written.push(token);
        }
    }
    written
}

/// `OPERATOR(pg_catalog.=) ANY (..)` as `= ANY (..)`: the parser knows the one before ANY and ALL
/// and not the other.
fn plain_before_any(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let is_quantifier = ["ALL", "ANY", "SOME"].iter().any(|word| is(&token, word));
        if is_quantifier
            && let [.., head, open, schema, point, operator, close] = written.as_slice()
            && is(head, "OPERATOR")
            && is(schema, "pg_catalog")
            && [&open.token, &point.token, &close.token]
                == [&Token::LParen, &Token::Period, &Token::RParen]
        {
            let operator = operator.clone();
            written.truncate(written.len() - 6);
            written.push(operator);
        }
        written.push(token);
    }
    written
}

/// Without `EXCLUDE NO OTHERS` in the frames of windows, which says that nothing is left out.
fn without_full_frames(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if is(&token, "OTHERS")
            && let [.., exclude, no] = written.as_slice()
            && is(exclude, "EXCLUDE")
            && is(no, "NO")
        {
            written.truncate(written.len() - 2);
        } else {
            written.push(token);
        }
    }
    written
}

/// `f(a, VARIADIC b)` as `f(a, variadic => b)`, which the parser reads.
fn named_variadic(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let begins = written.last().is_some_and(|last| {
            [Token::LParen, Token::Comma].contains(&last.token) && is(&token, "VARIADIC")
        });
        let span = token.span;
        written.push(token);
        if begins {
            written.push(TokenWithSpan::new(Token::RArrow, span));
        }
    }
    written
}

/// `ORDER BY x USING >` as `ORDER BY x DESC`, and `USING <` as `ASC`.
fn ordered_by_signs(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for mut token in tokens {
        let order = match token.token {
            Token::Lt => Some("ASC"),
            Token::Gt => Some("DESC"),
            _ => None,
        };
        if let Some(order) = order
            && written.pop_if(|last| is(last, "USING")).is_some()
        {
            token.token = Token::make_keyword(order);
        }
        written.push(token);
    }
    written
}

/// `EXPLAIN (SELECT ..)` with a word before the parenthesis, which the parser takes for that of
/// options. The word says nothing here.
fn explained_in_parentheses(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let queries = ["SEARCH", "SELECT", "TABLE", "VALUES", "WITH"];
    if let [explain, open, next, ..] = tokens.as_slice()
        && is(explain, "EXPLAIN")
        && open.token == Token::LParen
        && (next.token == Token::LParen || queries.iter().any(|word| is(next, word)))
    {
        let word = TokenWithSpan::new(Token::make_keyword("VERBOSE"), explain.span);
        tokens.insert(1, word);
    }
    tokens
}

/// Without `ONLY` before the name of a table, as there is no inheritance that it could exclude,
/// without `ASYMMETRIC`, which says how BETWEEN is anyway, and without the `FROM` of
/// `trim(LEADING FROM x)`.
fn without_idle_words(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let before = ["FROM", "JOIN", "UPDATE"];
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let after_table_word =
            || kept.last().is_some_and(|last| before.iter().any(|word| is(last, word)));
        let after_between = || kept.last().is_some_and(|last| is(last, "BETWEEN"));
        let after_side = || match kept.as_slice() {
            [.., trim, open, side] if is(trim, "TRIM") && open.token == Token::LParen => {
                ["BOTH", "LEADING", "TRAILING"].iter().any(|word| is(side, word))
            }
            _ => false,
        };
        let says_nothing = is(&token, "ONLY") && after_table_word()
            || is(&token, "ASYMMETRIC") && after_between()
            || is(&token, "FROM") && after_side();
        if !says_nothing {
            kept.push(token);
        }
    }
    kept
}

/// An operator that ends in a sign, `->-`, is one before a signed value, unless a letter in it
/// makes it an operator of its own.
fn with_signs(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut split = Vec::with_capacity(tokens.len());
    for token in tokens {
        match &token.token {
            Token::CustomBinaryOperator(written) => match before_sign(written) {
                Some((operator, sign)) => {
                    split.push(TokenWithSpan::new(operator, token.span));
                    split.push(TokenWithSpan::new(sign, token.span));
                }
                None => split.push(token),
            },
            _ => split.push(token),
        }
    }
    split
}

/// The operator before a sign, and the sign.
fn before_sign(written: &str) -> Option<(Token, Token)> {
    let (operator, sign) = match (written.strip_suffix('-'), written.strip_suffix('+')) {
        (Some(operator), _) => (operator, Token::Minus),
        (None, Some(operator)) => (operator, Token::Plus),
        (None, None) => return None,
    };
    let operator = match operator {
        "->" => Token::Arrow,
        "->>" => Token::LongArrow,
        "=" => Token::Eq,
        "<" => Token::Lt,
        ">" => Token::Gt,
        "<=" => Token::LtEq,
        ">=" => Token::GtEq,
        "<>" => Token::Neq,
        "*" => Token::Mul,
        "/" => Token::Div,
        "+" => Token::Plus,
        _ => return None,
    };
    Some((operator, sign))
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

/// `(t).*` of a select list as `t.*`.
fn plain_stars(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        written.push(token);
        if let [.., before, open, table, close, point, star] = written.as_slice()
            && (before.token == Token::Comma || is(before, "SELECT") || is(before, "RETURNING"))
            && [&open.token, &close.token, &point.token, &star.token]
                == [&Token::LParen, &Token::RParen, &Token::Period, &Token::Mul]
            && matches!(table.token, Token::Word(_))
        {
            let (open, close) = (written.len() - 5, written.len() - 3);
            written.remove(close);
            written.remove(open);
        }
    }
    written
}

/// `ROWS FROM (f(), g())` as a call of a function.
fn side_by_side(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut written: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if token.token == Token::LParen
            && let [.., rows, from] = written.as_slice()
            && is(rows, "ROWS")
            && is(from, "FROM")
        {
            let name = Word {
                value: ROWS_FROM.to_owned(),
                quote_style: Some('"'),
                keyword: Keyword::NoKeyword,
            };
            let name = TokenWithSpan::new(Token::Word(name), rows.span);
            written.truncate(written.len() - 2);
            written.push(name);
        }
        written.push(token);
    }
    written
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
