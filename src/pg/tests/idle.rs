//! Clients that say nothing for longer than they allowed themselves.

use std::time::Duration;

use super::protocol::{Conversation, message, pass};

const HOUR: Duration = Duration::from_hours(1);

async fn run(talk: &mut Conversation, sql: &str) -> String {
    talk.say(&[message(b'Q', &[sql.as_bytes(), b"\0"])]).await;
    talk.until_ready().await
}

/// What the server says by itself, as the SQLSTATE and the type bytes up to the end of the session.
async fn farewell(talk: &mut Conversation) -> (String, String) {
    talk.error(&[]).await
}

#[tokio::test]
async fn a_transaction_that_is_left_alone_ends_with_its_session() {
    let mut talk = Conversation::start().await;
    run(&mut talk, "SET idle_in_transaction_session_timeout = '1h'").await;
    // Outside a block, and between two statements, there is time.
    pass(3 * HOUR).await;
    assert_eq!(run(&mut talk, "BEGIN").await, "CZ");
    pass(HOUR / 2).await;
    assert_eq!(run(&mut talk, "SELECT 1").await, "TDCZ");
    pass(HOUR / 2).await;
    assert_eq!(run(&mut talk, "SELECT 1").await, "TDCZ");
    pass(HOUR).await;
    assert_eq!(farewell(&mut talk).await, ("25P03".to_owned(), "E".to_owned()));
}

#[tokio::test]
async fn so_does_one_that_failed() {
    let mut talk = Conversation::start().await;
    run(&mut talk, "SET idle_in_transaction_session_timeout = '1h'").await;
    assert_eq!(run(&mut talk, "BEGIN; SELECT 1/0").await, "CEZ");
    pass(HOUR).await;
    assert_eq!(farewell(&mut talk).await, ("25P03".to_owned(), "E".to_owned()));
}

#[tokio::test]
async fn a_session_ends_that_is_left_alone_outside_of_transactions() {
    let mut talk = Conversation::start().await;
    run(&mut talk, "SET idle_session_timeout = '1h'").await;
    assert_eq!(run(&mut talk, "BEGIN").await, "CZ");
    pass(3 * HOUR).await;
    assert_eq!(run(&mut talk, "COMMIT").await, "CZ");
    pass(HOUR).await;
    assert_eq!(farewell(&mut talk).await, ("57P05".to_owned(), "E".to_owned()));
}

#[tokio::test]
async fn whoever_is_still_sending_is_not_silent() {
    let mut talk = Conversation::start().await;
    run(&mut talk, "SET idle_session_timeout = '1h'").await;
    let whole = message(b'Q', &[b"SELECT 1\0"]);
    let (begin, end) = whole.split_at(7);
    // Sent as one, so that the server has both when it answers the first.
    talk.say(&[whole.clone(), begin.to_vec()]).await;
    assert_eq!(talk.until_ready().await, "TDCZ");
    pass(2 * HOUR).await;
    talk.say(&[end.to_vec()]).await;
    assert_eq!(talk.until_ready().await, "TDCZ");
}
