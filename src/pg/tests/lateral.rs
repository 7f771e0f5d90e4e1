//! A search for each of endlessly many rows stops when its statement is given up.

use pgwire::messages::startup::SecretKey;

use super::super::cancel::Cancels;
use super::protocol::{Conversation, Stage, message, pass};
use super::*;

/// Most searches that share a pass over a collection.
const PASS: u64 = 64;

/// Searches that are seen before the statement is given up: it is in the middle of its work.
const SEEN: u64 = 20;

fn query(text: &str) -> Vec<u8> {
    message(b'Q', &[text.as_bytes(), b"\0"])
}

/// Starts a search for each of endlessly many rows, and waits until it is under way.
async fn searching(stage: &Stage, talk: &mut Conversation, filter: &str) {
    talk.say(&[query(&format!(
        "SELECT count(*) FROM (SELECT p.* FROM people p, generate_series(1, 200000000000)) p \
         CROSS JOIN LATERAL (SEARCH FACES IN people EMBEDDING p.embedding {filter} LIMIT 1) s"
    ))])
    .await;
    let before = stage.searches();
    in_time(async {
        while stage.searches() < before + SEEN {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Asserts that the statement was given up, and that nobody goes on with its work: what is under
/// way when it ends is one pass over the collection.
async fn given_up(stage: &Stage, talk: &mut Conversation) {
    let outcome = talk.error(&[]).await;
    assert_eq!(outcome, ("57014".to_owned(), "TEZ".to_owned()));
    let at_its_end = stage.searches();
    for _ in 0..20 {
        talk.say(&[query("SELECT count(*) FROM people")]).await;
        assert_eq!(talk.until_ready().await, "TDCZ");
    }
    let behind = stage.searches() - at_its_end;
    assert!(behind <= PASS, "{behind} more searches");
}

/// Many rows at a time, and, where the filter depends on them, one by one.
const FILTERS: [&str; 2] = ["", "WHERE external_face_id <> p.external_face_id"];

async fn with_people(talk: &mut Conversation) {
    let create = query("CREATE COLLECTION people WITH (dimensions = 3)");
    let insert = query(
        "INSERT INTO people (external_face_id, embedding) VALUES ('ann', '[1, 0, 0]'), \
         ('bob', '[0, 1, 0]')",
    );
    talk.say(&[create, insert]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    assert_eq!(talk.until_ready().await, "CZ");
}

#[tokio::test]
async fn a_cancel_request_stops_searches_for_each_row() {
    let (cancels, secret) = (Cancels::default(), SecretKey::I32(7));
    let registered = cancels.register(1, &secret);
    let stage = Stage::new();
    let mut talk = stage.enter_with(Arc::clone(&registered.canceler)).await;
    with_people(&mut talk).await;
    for filter in FILTERS {
        searching(&stage, &mut talk, filter).await;
        cancels.cancel(1, &secret);
        given_up(&stage, &mut talk).await;
    }
}

#[tokio::test]
async fn the_time_of_a_statement_stops_searches_for_each_row() {
    let stage = Stage::new();
    let mut talk = stage.enter().await;
    with_people(&mut talk).await;
    talk.say(&[query("SET statement_timeout = '1h'")]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    for filter in FILTERS {
        searching(&stage, &mut talk, filter).await;
        pass(Duration::from_hours(1)).await;
        given_up(&stage, &mut talk).await;
    }
}
