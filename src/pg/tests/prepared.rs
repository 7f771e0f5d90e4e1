//! Prepared statements as drivers see them, beside those of SQL.

use std::error::Error;

use bytes::BytesMut;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Column, SimpleQueryMessage};

use super::protocol::{Conversation, PLAIN, bind, execute, message, parse, sync};
use super::{Door, code};

#[tokio::test]
async fn statements_prepared_in_sql_and_by_messages_share_their_names() {
    let door = Door::open().await;
    let client = door.admin().await;
    let first = async |sql: &str| {
        let messages = client.simple_query(sql).await.unwrap();
        messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
    };
    let statement = client.prepare("SELECT $1::bigint + 1").await.unwrap();
    let sql = "SELECT name FROM pg_prepared_statements WHERE NOT from_sql";
    let name = first(sql).await.unwrap();
    assert_eq!(first(&format!("EXECUTE {name}(41)")).await.unwrap(), "42");
    client.batch_execute(&format!("DEALLOCATE {name}")).await.unwrap();
    let error = client.query(&statement, &[&1_i64]).await.unwrap_err();
    assert_eq!(code(&error), SqlState::INVALID_SQL_STATEMENT_NAME);

    client.batch_execute("PREPARE doubled(bigint) AS SELECT $1 * 2 AS twice").await.unwrap();
    // Described and executed as any other statement.
    let row = client.query_one("EXECUTE doubled($1)", &[&21_i64]).await.unwrap();
    assert_eq!((row.columns()[0].name(), row.get::<_, i64>("twice")), ("twice", 42));
    let error = client.batch_execute("PREPARE doubled AS SELECT 1").await.unwrap_err();
    assert_eq!(code(&error), SqlState::DUPLICATE_PSTATEMENT);
    client.batch_execute("DEALLOCATE ALL").await.unwrap();
    let error = client.query("EXECUTE doubled($1)", &[&21_i64]).await.unwrap_err();
    assert_eq!(code(&error), SqlState::INVALID_SQL_STATEMENT_NAME);
}

#[tokio::test]
async fn prepared_statements_are_bounded_by_what_they_take_and_the_conversation_goes_on() {
    let mut talk = Conversation::start().await;
    let items = vec!["'a'"; 8_000].join(",");
    let long = format!("SELECT 1 WHERE 'x' IN ({items})");
    let mut held = 0;
    let refused = loop {
        let (state, tags) = talk.error(&[parse(&format!("s{held}"), &long), sync()]).await;
        if tags != "1Z" {
            break (state, tags);
        }
        held += 1;
        assert!(held < 100, "nothing bounds them");
    };
    assert_eq!(refused, ("54000".to_owned(), "EZ".to_owned()), "after {held}");
    assert!(held > 2, "only {held} fit");
    // The statement without a name does not count, and what was held is held.
    talk.say(&[parse("", &long), bind("", "", PLAIN), execute("", 0), sync()]).await;
    assert_eq!(talk.until_ready().await, "12CZ");
    talk.say(&[message(b'C', &[b"Ss0\0"]), parse("again", &long), sync()]).await;
    assert_eq!(talk.until_ready().await, "31Z", "one went, one came");
    let prepare = format!("PREPARE more AS {long}");
    let (state, _) = talk.error(&[message(b'Q', &[prepare.as_bytes(), b"\0"])]).await;
    assert_eq!(state, "54000");
    talk.say(&[message(b'Q', &[b"DEALLOCATE ALL\0"]), parse("more", &long), sync()]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    assert_eq!(talk.until_ready().await, "1Z");
}

#[tokio::test]
async fn portals_are_bounded_by_the_values_that_they_hold() {
    let mut talk = Conversation::start().await;
    let value = "x".repeat(1_000_000);
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    let given = [&[0, 0, 0, 1][..], &length, value.as_bytes(), &[0, 0]].concat();
    // One that is to be run as a whole, and one whose rows a cursor hands out.
    for text in ["SELECT length($1::text)", "SET application_name = 'x'"] {
        let takes_value = text.contains('$');
        let given = if takes_value { given.as_slice() } else { PLAIN };
        talk.say(&[message(b'Q', &[b"BEGIN\0"]), parse("", text), sync()]).await;
        assert_eq!(talk.until_ready().await, "CZ");
        assert_eq!(talk.until_ready().await, "1Z");
        let mut held = 0;
        let refused = loop {
            let (state, tags) = talk.error(&[bind(&format!("p{held}"), "", given), sync()]).await;
            if tags != "2Z" || held == 100 {
                break (state, tags);
            }
            held += 1;
        };
        if takes_value {
            assert_eq!(refused, ("54000".to_owned(), "EZ".to_owned()));
            assert!((32..70).contains(&held), "{held} fit");
        } else {
            assert_eq!(held, 100, "these hold nothing");
        }
        talk.say(&[message(b'Q', &[b"ROLLBACK\0"])]).await;
        assert_eq!(talk.until_ready().await, "CZ");
    }
    talk.say(&[parse("", "SELECT $1::text"), bind("p", "", &given), execute("p", 0), sync()]).await;
    assert_eq!(talk.until_ready().await, "12DCZ");
}

#[tokio::test]
async fn dates_times_and_lengths_of_time_are_parameters() {
    let door = Door::open().await;
    let client = door.admin().await;
    let types = [Type::DATE, Type::TIME, Type::INTERVAL, Type::TIMESTAMP, Type::TIMESTAMPTZ];
    let sql = "SELECT $1, $2, $3, $4, $5 - $3";
    let statement = client.prepare_typed(sql, &types).await.unwrap();
    let announced: Vec<Type> = statement.columns().iter().map(|it| it.type_().clone()).collect();
    assert_eq!(announced, types);
    for (sql, expected) in [
        ("SELECT now() > now() - $1::interval", Type::INTERVAL),
        ("SELECT now()::date = $1", Type::DATE),
        ("SELECT $1::timestamp", Type::TIMESTAMP),
        ("SELECT $1::time", Type::TIME),
    ] {
        assert_eq!(client.prepare(sql).await.unwrap().params(), [expected], "{sql}");
    }
}

#[tokio::test]
async fn a_cast_announces_its_own_type() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("CREATE COLLECTION u WITH (dimensions = 2)").await.unwrap();
    let sql = "SELECT (metadata->'n')::int, metadata->'n' FROM u";
    let statement = client.prepare(sql).await.unwrap();
    let announced: Vec<&Type> = statement.columns().iter().map(Column::type_).collect();
    assert_eq!(announced, [&Type::INT4, &Type::JSONB]);
}

#[tokio::test]
async fn tags_are_those_of_postgresql() {
    let mut talk = Conversation::start().await;
    for (sql, tag) in [
        ("SHOW server_version", "SHOW"),
        ("EXPLAIN SELECT 1", "EXPLAIN"),
        ("SELECT 1", "SELECT 1"),
        ("SET TIME ZONE DEFAULT", "SET"),
        ("SET statement_timeout TO DEFAULT", "SET"),
        ("RESET statement_timeout", "RESET"),
    ] {
        talk.say(&[message(b'Q', &[sql.as_bytes(), b"\0"])]).await;
        let mut told = None;
        while let Some((kind, body)) = talk.next().await
            && kind != 'Z'
        {
            if kind == 'C' {
                told = Some(body);
            }
        }
        assert_eq!(told.unwrap(), [tag.as_bytes(), b"\0"].concat(), "{sql}");
    }
}

/// NULL of any type.
#[derive(Debug)]
struct Null;

impl ToSql for Null {
    fn to_sql(&self, _: &Type, _: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[tokio::test]
async fn void_parameters_are_no_arguments_of_a_call() {
    let door = Door::open().await;
    let client = door.admin().await;
    for (sql, types, expected) in [
        ("SELECT * FROM current_database($1) AS result", &[Type::VOID][..], "acme"),
        ("SELECT concat($1, $2, $3)", &[Type::TEXT, Type::VOID, Type::TEXT], ""),
    ] {
        let statement = client.prepare_typed(sql, types).await.unwrap();
        assert_eq!(statement.params(), types);
        let nulls = vec![&Null as &(dyn ToSql + Sync); types.len()];
        let row = client.query_one(&statement, &nulls).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), expected, "{sql}");
    }
}

#[tokio::test]
async fn columns_are_described_with_their_tables() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("CREATE COLLECTION people WITH (dimensions = 3)").await.unwrap();
    let oid = client.query_one("SELECT oid FROM pg_class WHERE relname = 'people'", &[]).await;
    let oid: u32 = oid.unwrap().get(0);
    let statement = client.prepare("SELECT embedding, face_id, 1 FROM people").await.unwrap();
    let described =
        statement.columns().iter().map(|column| (column.table_oid(), column.column_id()));
    let expected = [(Some(oid), Some(11)), (Some(oid), Some(1)), (None, None)];
    assert_eq!(described.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn parameters_that_a_statement_does_not_use_have_the_types_that_are_declared() {
    let door = Door::open().await;
    let client = door.admin().await;
    for (sql, types) in [
        ("SELECT 1::bigint", &[Type::TEXT][..]),
        ("SELECT $1::bigint", &[Type::INT8, Type::INT4, Type::TEXT_ARRAY]),
    ] {
        let statement = client.prepare_typed(sql, types).await.unwrap();
        assert_eq!(statement.params(), types, "{sql}");
        let nulls = vec![&Null as &(dyn ToSql + Sync); types.len()];
        assert_eq!(client.query(&statement, &nulls).await.unwrap().len(), 1, "{sql}");
    }
    // Nothing tells what this one is.
    let error = client.prepare_typed("SELECT 1", &[Type::UNKNOWN]).await.unwrap_err();
    assert_eq!(code(&error), SqlState::INDETERMINATE_DATATYPE);
}

#[tokio::test]
async fn a_plan_as_a_document_is_of_type_json() {
    let door = Door::open().await;
    let client = door.admin().await;
    let row = client.query_one("EXPLAIN (FORMAT JSON) SELECT 1", &[]).await.unwrap();
    assert_eq!(row.columns()[0].type_(), &Type::JSON);
}
