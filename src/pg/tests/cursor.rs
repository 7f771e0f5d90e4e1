//! Cursors as drivers see them: statements whose rows are described, and portals with a name.

use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;

use super::protocol::{Conversation, PLAIN, bind, describe, execute, message, parse, sync};
use super::{Door, code};

const NUMBERS: &str = "CURSOR FOR SELECT n::bigint AS n \
     FROM generate_series(1, 1000000) AS t(n) WHERE n <= $1::bigint";

fn query(text: &str) -> Vec<u8> {
    message(b'Q', &[text.as_bytes(), b"\0"])
}

#[tokio::test]
async fn rows_of_a_cursor_are_described_and_sent_in_binary() {
    let door = Door::open().await;
    let mut client = door.admin().await;
    let block = client.transaction().await.unwrap();
    let declare = format!("DECLARE c NO SCROLL {NUMBERS}");
    assert_eq!(block.execute(&declare, &[&100_000_i64]).await.unwrap(), 0);
    let fetch = block.prepare("FETCH FORWARD 1000 FROM c").await.unwrap();
    let (mut rows, mut sum) = (0, 0);
    loop {
        let page = block.query(&fetch, &[]).await.unwrap();
        if page.is_empty() {
            break;
        }
        rows += page.len();
        sum += page.iter().map(|row| row.get::<_, i64>("n")).sum::<i64>();
    }
    assert_eq!((rows, sum), (100_000, 5_000_050_000));
    assert_eq!(block.execute("CLOSE c", &[]).await.unwrap(), 0);
    block.batch_execute("DECLARE c CURSOR FOR SELECT 7::bigint").await.unwrap();
    assert_eq!(block.query_one(&fetch, &[]).await.unwrap().get::<_, i64>(0), 7);
}

#[tokio::test]
async fn a_cursor_is_a_portal_that_can_be_described_and_closed() {
    let mut talk = Conversation::start().await;
    talk.say(&[query("BEGIN"), query("DECLARE c CURSOR FOR SELECT 1 AS one")]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    assert_eq!(talk.until_ready().await, "CZ");
    talk.say(&[describe(b'P', "c"), sync()]).await;
    assert_eq!(talk.until_ready().await, "TZ");
    talk.say(&[parse("", "FETCH c"), bind("", "", PLAIN), describe(b'P', "")]).await;
    talk.say(&[execute("", 0), sync()]).await;
    assert_eq!(talk.until_ready().await, "12TDCZ");
    talk.say(&[parse("", "SELECT 2"), bind("c", "", PLAIN), sync()]).await;
    assert_eq!(talk.until_ready().await, "1EZ", "the name is taken");
    talk.say(&[query("ROLLBACK; BEGIN; DECLARE c CURSOR FOR SELECT 1")]).await;
    assert_eq!(talk.until_ready().await, "CCCZ");
    talk.say(&[message(b'C', &[b"Pc\0"]), sync()]).await;
    assert_eq!(talk.until_ready().await, "3Z");
    let (state, _) = talk.error(&[query("FETCH c")]).await;
    assert_eq!(state, "34000");
    talk.say(&[query("ROLLBACK")]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    // One text is one transaction, and so is what comes before a Sync.
    talk.say(&[query("DECLARE c CURSOR FOR VALUES (1), (2); FETCH ALL FROM c")]).await;
    assert_eq!(talk.until_ready().await, "CTDDCZ");
    let (state, _) = talk.error(&[query("FETCH c")]).await;
    assert_eq!(state, "34000");
}

#[tokio::test]
async fn a_prepared_fetch_returns_the_columns_of_the_cursor_that_is_open() {
    let mut talk = Conversation::start().await;
    let fetch = || [bind("", "s", PLAIN), describe(b'P', ""), execute("", 0), sync()].concat();
    talk.say(&[query("BEGIN"), parse("s", "FETCH c"), sync()]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    assert_eq!(talk.until_ready().await, "1Z", "there is no cursor yet");
    for select in ["SELECT 1", "SELECT 1, 'x'"] {
        talk.say(&[query(&format!("DECLARE c CURSOR FOR {select}")), fetch()]).await;
        assert_eq!(talk.until_ready().await, "CZ");
        assert_eq!(talk.until_ready().await, "2TDCZ", "{select}");
        talk.say(&[query("CLOSE c")]).await;
        assert_eq!(talk.until_ready().await, "CZ");
    }
    let (state, tags) = talk.error(&[fetch()]).await;
    assert_eq!((state.as_str(), tags.as_str()), ("34000", "2nEZ"));
}

#[tokio::test]
async fn a_binary_cursor_answers_simple_queries_in_binary() {
    let door = Door::open().await;
    let client = door.admin().await;
    let sql = "BEGIN; DECLARE c BINARY CURSOR FOR SELECT 1::bigint; FETCH c";
    let messages = client.simple_query(sql).await.unwrap();
    let value = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    assert_eq!(value, Some("\0\0\0\0\0\0\0\u{1}"));
    client.batch_execute("ROLLBACK").await.unwrap();
    let error = client.batch_execute("DECLARE c CURSOR FOR SELECT 1").await.unwrap_err();
    assert_eq!(code(&error), SqlState::NO_ACTIVE_SQL_TRANSACTION);
}

#[tokio::test]
async fn sql_fetches_from_a_portal_that_the_protocol_bound() {
    let mut talk = Conversation::start().await;
    let five = "SELECT * FROM (VALUES (1), (2), (3), (4), (5)) t";
    talk.say(&[query("BEGIN"), parse("s", five), bind("p", "s", PLAIN), sync()]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    assert_eq!(talk.until_ready().await, "12Z");
    for (said, answers) in [
        (query("FETCH 2 FROM p"), "TDDCZ"),
        ([execute("p", 1), sync()].concat(), "DsZ"),
        (query("MOVE 1 FROM p"), "CZ"),
        (query("SELECT * FROM pg_cursors WHERE name = 'p' AND NOT is_holdable"), "TDCZ"),
        ([describe(b'P', "p"), execute("p", 0), sync()].concat(), "TDCZ"),
        (query("FETCH p"), "TCZ"),
        ([execute("p", 0), sync()].concat(), "CZ"),
        (query("CLOSE p"), "CZ"),
        // The name is free again.
        ([bind("p", "s", PLAIN), execute("p", 4), sync()].concat(), "2DDDDsZ"),
        (query("FETCH 3 FROM p"), "TDCZ"),
    ] {
        talk.say(&[said]).await;
        assert_eq!(talk.until_ready().await, answers);
    }
    let (state, _) = talk.error(&[query("DECLARE p CURSOR FOR SELECT 1")]).await;
    assert_eq!(state, "42P03");
    talk.say(&[query("ROLLBACK")]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    for said in [query("FETCH p"), [execute("p", 0), sync()].concat()] {
        let (state, _) = talk.error(&[said]).await;
        assert_eq!(state, "34000", "it ended with its transaction");
    }
    // Outside a block the transaction ends at Sync.
    talk.say(&[bind("p", "s", PLAIN), execute("p", 2), sync()]).await;
    assert_eq!(talk.until_ready().await, "2DDsZ");
    talk.say(&[query("SELECT * FROM pg_cursors")]).await;
    assert_eq!(talk.until_ready().await, "TCZ");
}

#[tokio::test]
async fn a_cursor_closed_and_declared_anew_is_not_the_portal_that_it_was() {
    let mut talk = Conversation::start().await;
    talk.say(&[query("BEGIN"), parse("", "SELECT 1"), bind("p", "", PLAIN), sync()]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    assert_eq!(talk.until_ready().await, "12Z");
    talk.say(&[query("CLOSE p"), query("DECLARE p CURSOR FOR SELECT 1, 2")]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    assert_eq!(talk.until_ready().await, "CZ");
    let (state, _) = talk.error(&[execute("p", 0), sync()]).await;
    assert_eq!(state, "34000");
}
