//! Statements of the manual and of the dialect's tests, taken apart and put together wrongly: any
//! of them is planned or refused, and none breaks the server.

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::timeout;

use super::*;
use crate::fuzz::{Random, inputs};

/// Statements in an ordinary run.
const INPUTS: u64 = 400;

/// What statements are spoiled with.
const SPICE: [&str; 40] = [
    "(",
    ")",
    "[",
    "]",
    "'",
    "\"",
    ",",
    ";",
    ".",
    "::",
    "$1",
    "$0",
    "$65536",
    "*",
    "-",
    "NULL",
    "0",
    "-1",
    "1.5",
    "1e400",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "''",
    "'\\x'",
    "'[1,2,3]'",
    "'{1,NULL}'",
    "ARRAY[1]",
    "SELECT",
    "FROM",
    "WHERE",
    "SEARCH",
    "LIMIT",
    "AS",
    "t",
    "people",
    "count(*)",
    "ORDER BY 1",
    "CASE",
    "\u{0}",
];

/// Every statement of the documents, as its tokens.
fn statements() -> Vec<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manual = fs::read_to_string(root.join("docs/sql.md")).unwrap();
    let mut texts: Vec<String> = manual
        .split("```sql\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .flat_map(|block| block.split(";\n"))
        .map(str::to_owned)
        .collect();
    for entry in fs::read_dir(root.join("tests/sql")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "slt") {
            continue;
        }
        for record in fs::read_to_string(path).unwrap().split("\n\n") {
            let mut lines = record.lines().skip_while(|line| line.starts_with('#'));
            if lines.next().is_some_and(|kind| kind.starts_with("query") || kind.starts_with("st"))
            {
                let text = lines.take_while(|line| *line != "----");
                texts.push(text.collect::<Vec<_>>().join("\n"));
            }
        }
    }
    let statements: Vec<_> = texts.iter().map(|text| tokens(text)).collect();
    statements.into_iter().filter(|tokens| !tokens.is_empty()).collect()
}

/// Words, strings and signs; good enough to take statements apart.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut quote = None;
    let mut joins = false;
    for character in text.chars() {
        let is_word = character.is_alphanumeric() || character == '_';
        if quote.is_some() || (joins && is_word) {
            tokens.last_mut().unwrap().push(character);
        } else if !character.is_whitespace() {
            tokens.push(character.to_string());
        }
        if quote == Some(character) {
            (quote, joins) = (None, false);
        } else if quote.is_none() && matches!(character, '\'' | '"') {
            quote = Some(character);
        } else if quote.is_none() {
            joins = is_word;
        }
    }
    tokens
}

/// One change of the kinds that break parsers and planners.
fn change(random: &mut Random, tokens: &mut Vec<String>, others: &[Vec<String>]) {
    let at = random.below(tokens.len() + 1);
    let other = &others[random.below(others.len())];
    match random.below(8) {
        0 if at < tokens.len() => drop(tokens.remove(at)),
        1 if at < tokens.len() => tokens[at].clone_from(&other[random.below(other.len())]),
        2 if at < tokens.len() => tokens[at] = random.pick(&SPICE).to_owned(),
        3 => tokens.insert(at, random.pick(&SPICE).to_owned()),
        4 => {
            let from = random.below(other.len());
            let length = random.below(other.len() - from) + 1;
            let part = other[from..from + length].iter().cloned();
            let end = (at + random.below(3)).min(tokens.len());
            tokens.splice(at..end, part);
        }
        5 => tokens.truncate(at),
        6 => {
            let depth = 1 << random.below(12);
            tokens.splice(at..at, std::iter::repeat_n("(".to_owned(), depth));
            if random.one_in(2) {
                tokens.extend(std::iter::repeat_n(")".to_owned(), depth));
            }
        }
        _ if !tokens.is_empty() => {
            let to = random.below(tokens.len());
            let from = random.below(tokens.len());
            tokens.swap(from, to);
        }
        _ => {}
    }
}

/// Has a statement planned, and begun where it can be; the error, if any.
async fn attempt(session: &SqlSession, text: &str) -> Result<(), SqlError> {
    for statement in session.parse(text)? {
        let description = session.describe(&statement, &[]).await?;
        let nulls: Result<_, SqlError> =
            description.parameters.iter().map(|wanted| wanted.null()).collect();
        let outcome = session.execute(&statement, nulls?).await?;
        if let Outcome::Rows { mut stream, .. } = outcome {
            stream.next().await.transpose().map_err(SqlError::from)?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_breaks_the_server() {
    let seeds = statements();
    assert!(seeds.len() > 300, "only {} statements found", seeds.len());
    let client = Client::with_people().await;
    let (mut planned, mut broken) = (0, Vec::new());
    for (seed, mut random) in inputs(INPUTS) {
        let mut tokens = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(3) {
            change(&mut random, &mut tokens, &seeds);
        }
        let text = tokens.join(" ");
        let session = client.database.session("acme", Role::Admin);
        // What a statement does is gone with its session.
        attempt(&session, "BEGIN").await.unwrap();
        let work = tokio::spawn(async move {
            let outcome = timeout(Duration::from_secs(5), attempt(&session, &text)).await;
            (text, outcome)
        });
        let (text, outcome) = work.await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        match outcome {
            Ok(Err(error)) if error.state == SqlState::InternalError => {
                broken.push(format!("seed {seed}: {text}\n{error:?}"));
            }
            Ok(Err(_)) => {}
            // What takes longer is given up, as a client would.
            Ok(Ok(())) | Err(_) => planned += 1,
        }
    }
    assert!(planned > 0, "nothing was right");
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}
