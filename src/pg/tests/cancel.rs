//! Cancel requests that come early: before their statement is seen, or before there is one.

use std::sync::Arc;

use pgwire::messages::startup::SecretKey;
use tokio::task::yield_now;

use super::super::cancel::Cancels;
use super::protocol::{Conversation, PLAIN, Stage, bind, execute, message, parse, sync};

const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 200000000000) a WHERE a % 7 = 8";

fn query(text: &str) -> Vec<u8> {
    message(b'Q', &[text.as_bytes(), b"\0"])
}

#[tokio::test]
async fn a_request_is_heard_that_comes_before_its_statement_is_seen() {
    let (cancels, secret) = (Cancels::default(), SecretKey::I32(7));
    let registered = cancels.register(1, &secret);
    let mut talk = Stage::new().enter_with(Arc::clone(&registered.canceler)).await;
    let extended = [parse("", ENDLESS), bind("", "", PLAIN), execute("", 0), sync()];
    for statement in [vec![query(ENDLESS)], extended.to_vec()] {
        talk.say(&statement).await;
        // The server has had no chance to look: it runs on this thread.
        cancels.cancel(1, &secret);
        assert_eq!(talk.error(&[]).await, ("57014".to_owned(), "EZ".to_owned()));
        still_serves(&mut talk).await;
    }
}

#[tokio::test]
async fn a_request_is_forgotten_that_comes_when_nothing_was_sent() {
    let (cancels, secret) = (Cancels::default(), SecretKey::I32(7));
    let registered = cancels.register(1, &secret);
    let mut talk = Stage::new().enter_with(Arc::clone(&registered.canceler)).await;
    cancels.cancel(1, &secret);
    // Turns for the server, which has nothing to wait for but this.
    for _ in 0..10 {
        yield_now().await;
    }
    still_serves(&mut talk).await;
}

async fn still_serves(talk: &mut Conversation) {
    talk.say(&[query("SELECT 1")]).await;
    assert_eq!(talk.until_ready().await, "TDCZ");
}
