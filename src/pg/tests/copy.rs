//! COPY as drivers use it, and as no driver would.

use bytes::Bytes;
use futures::SinkExt;
use pgwire::messages::startup::SecretKey;

use super::super::cancel::Cancels;
use super::protocol::{Conversation, PLAIN, Stage, bind, describe, execute, message, parse, sync};
use super::*;
use crate::engine::Tenant;

async fn with_users(door: &Door) -> Client {
    let client = door.admin().await;
    client.batch_execute("CREATE COLLECTION users WITH (dimensions = 2)").await.unwrap();
    client
}

const COPY: &str =
    "COPY users (external_face_id, external_image_id, metadata, embedding) FROM STDIN";

async fn copy_in(
    client: &Client,
    statement: &str,
    pieces: &[&[u8]],
) -> Result<u64, tokio_postgres::Error> {
    let sink = client.copy_in::<_, Bytes>(statement).await?;
    pin_mut!(sink);
    for piece in pieces {
        sink.send(Bytes::copy_from_slice(piece)).await?;
    }
    sink.finish().await
}

async fn copy_out(client: &Client, statement: &str) -> Vec<Bytes> {
    client.copy_out(statement).await.unwrap().try_collect().await.unwrap()
}

async fn count(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM users", &[]).await.unwrap().get(0)
}

const NAMES: &str = "SELECT external_face_id, metadata FROM users ORDER BY external_face_id";

#[tokio::test]
async fn rows_go_in_and_come_out_in_every_format() {
    let door = Door::open().await;
    let client = with_users(&door).await;
    let text: &[&[u8]] = &[b"a\\tb\t{\"x\": ", b"1}\t[1,0]\n\\N\t\\N\t{0,1}\n"];
    let columns = "(external_face_id, metadata, embedding)";
    let copied = copy_in(&client, &format!("COPY users {columns} FROM STDIN"), text).await;
    assert_eq!(copied.unwrap(), 2);
    let csv: &[&[u8]] = &[b"external_face_id;metadata;embedding\n\"c;\"\"d\";;\"[1,1]\""];
    let statement = format!("COPY users {columns} FROM stdin WITH CSV HEADER DELIMITER ';'");
    assert_eq!(copy_in(&client, &statement, csv).await.unwrap(), 1);

    let lines = copy_out(&client, &format!("COPY ({NAMES}) TO STDOUT")).await;
    assert_eq!(lines, ["a\\tb\t{\"x\": 1}\n", "c;\"d\t\\N\n", "\\N\t\\N\n"]);
    let options = "(FORMAT csv, HEADER, FORCE_QUOTE (metadata), NULL 'none')";
    let lines = copy_out(&client, &format!("COPY ({NAMES}) TO STDOUT {options}")).await;
    let expected = [
        "external_face_id,metadata\n",
        "a\tb,\"{\"\"x\"\": 1}\"\n",
        "\"c;\"\"d\",none\n",
        "none,none\n",
    ];
    assert_eq!(lines, expected);

    // What comes out in binary goes in again.
    let out = "COPY users (external_face_id, metadata, embedding) TO STDOUT WITH BINARY";
    let data = copy_out(&client, out).await;
    assert_eq!(data.len(), 4);
    assert!(data[0].starts_with(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x03"), "{:?}", data[0]);
    assert_eq!(data[3], [0xff, 0xff].as_slice());
    let pieces: Vec<&[u8]> = data.iter().map(AsRef::as_ref).collect();
    let statement = format!("COPY users {columns} FROM STDIN (FORMAT binary)");
    assert_eq!(copy_in(&client, &statement, &pieces).await.unwrap(), 3);
    assert_eq!(copy_out(&client, out).await.len(), 7);
    still_serves(&client).await;
}

#[tokio::test]
async fn a_dump_of_a_collection_restores_it() {
    let door = Door::open().await;
    let client = with_users(&door).await;
    client
        .batch_execute(
            "INSERT INTO users VALUES (DEFAULT, 'a', 'i', '{0.1,0.2,0.3,0.4}', 0.9, 0.5, \
             '{\"x\": 1}', '[\"tab\\t\"]', 'external', '2020-02-29 12:34:56.789+00', '[1,3]'); \
             INSERT INTO users (embedding) VALUES ('[2,5]')",
        )
        .await
        .unwrap();
    let dump = copy_out(&client, "COPY users TO STDOUT").await;
    for format in ["text", "csv", "binary"] {
        client.batch_execute("CREATE COLLECTION again WITH (dimensions = 2)").await.unwrap();
        let pieces = copy_out(&client, &format!("COPY users TO STDOUT (FORMAT {format})")).await;
        let pieces: Vec<&[u8]> = pieces.iter().map(AsRef::as_ref).collect();
        let statement = format!("COPY again FROM STDIN (FORMAT {format})");
        assert_eq!(copy_in(&client, &statement, &pieces).await.unwrap(), 2, "{format}");
        assert_eq!(copy_out(&client, "COPY again TO STDOUT").await, dump, "{format}");
        let error = copy_in(&client, &statement, &pieces).await.unwrap_err();
        assert_eq!(code(&error), SqlState::UNIQUE_VIOLATION);
        client.batch_execute("DROP COLLECTION again").await.unwrap();
    }
}

#[tokio::test]
async fn an_id_that_cannot_be_is_told_with_its_line() {
    let door = Door::open().await;
    let client = with_users(&door).await;
    let (one, two) = ("f_01JD0G3S7XT5Y9B4N6C8E2F0AH", "f_01JD0G3S7XT5Y9B4N6C8E2F0AJ");
    let statement = "COPY users (face_id, embedding) FROM STDIN (FORMAT csv, HEADER)";
    let data = format!("id,face\n{one},\"[1,0]\"\n");
    copy_in(&client, statement, &[data.as_bytes()]).await.unwrap();
    for (rows, code_wanted, context) in [
        (format!("{two},\"[1,0]\"\n{one},\"[1,0]\"\n"), "23505", "line 3"),
        (format!("{two},\"[1,\n0]\"\n{two},\"[1,0]\"\n{two},\"[0,1]\"\n"), "23505", "line 4"),
        ("f_1,\"[1,0]\"\n".to_owned(), "22P02", "line 2, column face_id: \"f_1\""),
    ] {
        let data = format!("id,face\n{rows}");
        let error = copy_in(&client, statement, &[data.as_bytes()]).await.unwrap_err();
        assert_eq!(code(&error).code(), code_wanted, "{data}");
        let told = error.as_db_error().unwrap().where_().map(str::to_owned);
        assert_eq!(told, Some(format!("COPY users, {context}")), "{data}");
        assert_eq!(count(&client).await, 1);
    }
}

#[tokio::test]
async fn no_rows_are_a_whole_answer_too() {
    let door = Door::open().await;
    let client = with_users(&door).await;
    assert!(copy_out(&client, "COPY users TO STDOUT").await.is_empty());
    let binary = copy_out(&client, "COPY users TO STDOUT (FORMAT binary)").await;
    assert_eq!(binary, [b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\xff\xff".as_slice()]);
    assert_eq!(copy_in(&client, "COPY users FROM STDIN", &[]).await.unwrap(), 0);
    assert_eq!(copy_in(&client, "COPY users FROM STDIN BINARY", &[&binary[0]]).await.unwrap(), 0);
}

#[tokio::test]
async fn an_error_in_any_row_leaves_none() {
    let door = Door::open().await;
    let client = with_users(&door).await;
    let statement = "COPY users (external_face_id, embedding) FROM STDIN";
    for (data, code_wanted, context) in [
        ("a\t[1,0]\nb\t[1,x]\n", "22P02", "COPY users, line 2, column embedding: \"[1,x]\""),
        ("a\t[1,0]\nb\t[1]\n", "22023", "COPY users, line 2, column embedding: \"[1]\""),
        ("\t[1,0]\n", "22023", "COPY users, line 1, column external_face_id: \"\""),
        ("a\t[1,0]\nb\n", "22P04", "COPY users, line 2: \"b\""),
        ("a\t\\N\n", "23502", "COPY users, line 1: \"a\t\\N\""),
    ] {
        let error = copy_in(&client, statement, &[data.as_bytes()]).await.unwrap_err();
        assert_eq!(code(&error).code(), code_wanted, "{data}");
        let told = error.as_db_error().unwrap().where_().map(str::to_owned);
        assert_eq!(told.as_deref(), Some(context), "{data}");
        assert_eq!(count(&client).await, 0);
    }
    // A sink that is dropped makes the driver give up.
    let sink = client.copy_in::<_, Bytes>(statement).await.unwrap();
    let mut sink = Box::pin(sink);
    sink.send(Bytes::from_static(b"a\t[1,0]\n")).await.unwrap();
    drop(sink);
    assert_eq!(count(&client).await, 0);
}

#[tokio::test]
async fn many_rows_take_the_way_of_a_load() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("CREATE COLLECTION users WITH (dimensions = 1024)").await.unwrap();
    let line = format!("[1{}]\n", ",0.5".repeat(1023));
    let lines = line.repeat(500);
    let pieces = vec![lines.as_bytes(); 6];
    let statement = "COPY users (embedding) FROM STDIN";
    let broken = [&pieces[..], &[b"[1]\n"]].concat();
    assert!(copy_in(&client, statement, &broken).await.is_err());
    assert_eq!(count(&client).await, 0);
    assert_eq!(copy_in(&client, statement, &pieces).await.unwrap(), 3000);
    assert_eq!(count(&client).await, 3000);
}

#[tokio::test]
async fn a_block_keeps_what_was_copied_until_its_end() {
    let door = Door::open().await;
    let client = with_users(&door).await;
    let (_, secret) = door.key("acme", "other", Role::Read);
    let other = door.log_in(Some("acme"), "other", &secret).await.unwrap();
    let statement = "COPY users (embedding) FROM STDIN";
    for (end, left) in [("ROLLBACK", 0), ("COMMIT", 2)] {
        client.batch_execute("BEGIN").await.unwrap();
        assert_eq!(copy_in(&client, statement, &[b"[1,0]\n[0,1]\n"]).await.unwrap(), 2);
        assert_eq!(count(&client).await, 2);
        assert_eq!(count(&other).await, 0);
        client.batch_execute(end).await.unwrap();
        assert_eq!(count(&other).await, left);
    }
    client.batch_execute("BEGIN").await.unwrap();
    assert!(copy_in(&client, statement, &[b"[1,0]\n[x]\n"]).await.is_err());
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(count(&other).await, 2);
}

#[tokio::test]
async fn statements_that_copy_nothing_are_refused_with_their_reason() {
    let door = Door::open().await;
    let client = with_users(&door).await;
    for (statement, state) in [
        ("COPY users TO '/tmp/faces'", "42501"),
        ("COPY users FROM PROGRAM 'cat'", "42501"),
        ("COPY users TO STDOUT CREATE COLLECTION more", "42601"),
        ("COPY nothing TO STDOUT", "42P01"),
        ("COPY nothing FROM STDIN", "42P01"),
        ("COPY users (image) TO STDOUT", "42703"),
        ("COPY users (colour, embedding) FROM STDIN", "42703"),
        ("COPY users (embedding, embedding) FROM STDIN", "42701"),
        ("COPY (SELECT 1) FROM STDIN", "42601"),
        ("COPY users TO STDOUT (FORMAT xml)", "22023"),
        ("COPY users TO STDOUT (FORMAT csv, FORMAT csv)", "42601"),
        ("COPY users TO STDOUT (DELIMITER 'ab')", "0A000"),
        ("COPY users TO STDOUT (DELIMITER 'a')", "22023"),
        ("COPY users TO STDOUT (QUOTE '''')", "0A000"),
        ("COPY users TO STDOUT (FORMAT binary, NULL '')", "42601"),
        ("COPY users TO STDOUT (FORMAT csv, FORCE_QUOTE (nothing))", "42P10"),
        ("COPY users TO STDOUT (ENCODING 'LATIN1')", "0A000"),
        ("COPY (SELECT $1) TO STDOUT", "42P02"),
    ] {
        let error = client.simple_query(statement).await.unwrap_err();
        assert_eq!(code(&error).code(), state, "{statement}");
    }
    let (_, secret) = door.key("acme", "reader", Role::Read);
    let reader = door.log_in(Some("acme"), "reader", &secret).await.unwrap();
    assert!(copy_out(&reader, "COPY users TO STDOUT").await.is_empty());
    let error = reader.simple_query("COPY users FROM STDIN").await.unwrap_err();
    assert_eq!(code(&error), SqlState::INSUFFICIENT_PRIVILEGE);
}

fn query(text: &str) -> Vec<u8> {
    message(b'Q', &[text.as_bytes(), b"\0"])
}

async fn with_faces() -> Conversation {
    let mut talk = Conversation::start().await;
    talk.say(&[query("CREATE COLLECTION users WITH (dimensions = 1)")]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    talk
}

fn faces(talk: &Tenant) -> u64 {
    talk.snapshot().gallery("users").unwrap().face_count
}

#[tokio::test]
async fn a_copy_in_is_canceled_while_it_waits_and_leaves_nothing() {
    let (cancels, secret) = (Cancels::default(), SecretKey::I32(7));
    let registered = cancels.register(1, &secret);
    let mut talk = Stage::new().enter_with(Arc::clone(&registered.canceler)).await;
    talk.say(&[query("CREATE COLLECTION users WITH (dimensions = 1)")]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    let row = message(b'd', &[b"\\N\t\\N\t\\N\t[1]\n"]);
    talk.say(&[query(COPY), row.clone()]).await;
    assert_eq!(talk.tags(1).await, "G");
    cancels.cancel(1, &secret);
    // What is still on its way is passed over.
    let outcome = talk.error(&[row, message(b'c', &[])]).await;
    assert_eq!(outcome, ("57014".to_owned(), "EZ".to_owned()));
    talk.say(&[query("SELECT count(*) FROM users")]).await;
    assert_eq!(talk.until_ready().await, "TDCZ");
    assert_eq!(faces(&talk.hang_up().await), 0);
}

#[tokio::test]
async fn a_copy_in_has_no_more_time_than_other_statements() {
    let mut talk = with_faces().await;
    let row = message(b'd', &[b"\\N\t\\N\t\\N\t[1]\n"]);
    let begin = query(&format!("SET statement_timeout = 1; {COPY}"));
    // The rest comes when it is over, and is passed over.
    let outcome = talk.error(&[begin, row.clone()]).await;
    assert_eq!(outcome, ("57014".to_owned(), "CGEZ".to_owned()));
    talk.say(&[row, message(b'c', &[]), query("SELECT 1")]).await;
    assert!(talk.until_ready().await.ends_with('Z'));
    assert_eq!(faces(&talk.hang_up().await), 0);
}

#[tokio::test]
async fn a_copy_out_is_canceled_and_has_no_more_time_than_other_statements() {
    let door = Door::open().await;
    let client = door.admin().await;
    let endless = "COPY (SELECT * FROM generate_series(1, 200000000000)) TO STDOUT";
    for timeout in [false, true] {
        if timeout {
            client.batch_execute("SET statement_timeout = '1s'").await.unwrap();
        }
        let stream = client.copy_out(endless).await.unwrap();
        pin_mut!(stream);
        stream.try_next().await.unwrap().unwrap();
        if !timeout {
            client.cancel_token().cancel_query(NoTls).await.unwrap();
        }
        let ended = in_time(async {
            while stream.try_next().await?.is_some() {}
            Ok(())
        });
        let error: tokio_postgres::Error = ended.await.unwrap_err();
        assert_eq!(code(&error), SqlState::QUERY_CANCELED, "{timeout}");
        still_serves(&client).await;
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_leaves_nothing() {
    for rows in [1, 3000] {
        let mut talk = with_faces().await;
        let row = message(b'd', &["\\N\t\\N\t\\N\t[1]\n".repeat(rows).as_bytes()]);
        talk.say(&[query(COPY)]).await;
        assert_eq!(talk.tags(1).await, "G");
        talk.say(&[row.clone(), row, message(b'd', &[b"\\N\t"])]).await;
        assert_eq!(faces(&talk.hang_up().await), 0);
    }
}

#[tokio::test]
async fn the_messages_of_copy_come_in_postgresqls_order() {
    let mut talk = Conversation::start().await;
    talk.say(&[query("CREATE COLLECTION users WITH (dimensions = 1)")]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    let row = message(b'd', &[b"\\N\t\\N\t\\N\t[1]\n"]);
    talk.say(&[query(COPY), row.clone(), message(b'c', &[])]).await;
    assert_eq!(talk.until_ready().await, "GCZ");
    talk.say(&[query("COPY (SELECT 1) TO STDOUT; SELECT 2")]).await;
    assert_eq!(talk.until_ready().await, "HdcCTDCZ");

    // A Sync that comes too early does not count; rows for a COPY that failed are passed over.
    let prepare = [parse("", COPY), describe(b'S', ""), bind("", "", PLAIN)];
    let early = [&prepare[..], &[execute("", 0), sync(), row.clone(), message(b'c', &[]), sync()]];
    talk.say(&early.concat()).await;
    assert_eq!(talk.until_ready().await, "1tn2GCZ");
    let fail = message(b'f', &[b"changed my mind\0"]);
    let outcome = talk.error(&[query(COPY), row.clone(), fail]).await;
    assert_eq!(outcome, ("57014".to_owned(), "GEZ".to_owned()));
    let wrong = message(b'd', &[b"x\n"]);
    let outcome = talk.error(&[query(COPY), wrong, row.clone()]).await;
    assert_eq!(outcome, ("22P04".to_owned(), "GEZ".to_owned()));
    talk.say(&[query("SELECT count(*) FROM users")]).await;
    assert_eq!(talk.until_ready().await, "TDCZ");
    let outcome = talk.error(&[query(COPY), query("SELECT 1")]).await;
    assert_eq!(outcome, ("08P01".to_owned(), "GE".to_owned()));
}
