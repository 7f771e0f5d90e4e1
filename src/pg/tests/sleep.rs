//! Statements that wait.

use std::time::Duration;

use tokio::time::{self, Instant};

use super::protocol::{Conversation, message};

/// Shorter than anybody here waits for an answer.
const WHILE: Duration = Duration::from_secs(4);

fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &[sql.as_bytes(), b"\0"])
}

#[tokio::test]
async fn a_statement_waits_as_long_as_it_says() {
    let mut talk = Conversation::start().await;
    // From here on time passes as soon as nobody has anything to do.
    time::pause();
    for sql in [
        "SELECT pg_sleep(4), 7 AS x",
        "SELECT pg_sleep_for('4 sec')",
        "SELECT pg_sleep(2) FROM generate_series(1, 2)",
        "SELECT 1 WHERE pg_sleep(4) IS NOT NULL",
        "SELECT * FROM pg_sleep(4)",
    ] {
        talk.say(&[query(sql)]).await;
        let began = Instant::now();
        let tags = talk.until_ready().await;
        assert!(tags.starts_with("TD") && tags.ends_with("CZ"), "{sql}: {tags}");
        assert!(began.elapsed() >= WHILE, "{sql}");
    }
    for sql in ["SELECT pg_sleep(0)", "SELECT pg_sleep(-1)", "SELECT pg_sleep(0.0001)"] {
        talk.say(&[query(sql)]).await;
        assert_eq!(talk.until_ready().await, "TDCZ", "{sql}");
    }
    talk.say(&[query("SELECT pg_sleep_until('2020-01-01'), pg_sleep_until(now())")]).await;
    assert_eq!(talk.until_ready().await, "TDCZ");
    let (state, _) = talk.error(&[query("SELECT pg_sleep_for('soon')")]).await;
    assert!(["22007", "22P02"].contains(&state.as_str()), "{state}");
}

#[tokio::test]
async fn whatever_ends_statements_ends_one_that_waits() {
    let mut talk = Conversation::start().await;
    talk.say(&[query("SET statement_timeout = '1s'")]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    time::pause();
    let began = Instant::now();
    talk.say(&[query("SELECT pg_sleep(4)")]).await;
    assert_eq!(talk.error(&[]).await, ("57014".to_owned(), "TEZ".to_owned()));
    assert!(began.elapsed() < WHILE);
}
