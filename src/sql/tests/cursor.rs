//! Cursors: DECLARE, FETCH, MOVE and CLOSE.

use std::sync::Arc;

use super::{Client, must, text};
use crate::engine::Role;
use crate::sql::{SqlState, SqlType};

const NAMES: &str = "SELECT external_face_id FROM people ORDER BY 1";

impl Client {
    /// Opens the cursor `c` over the numbers up to `last`, in a block.
    async fn counting(&self, options: &str, last: u64) {
        self.run("BEGIN").await;
        let sql =
            format!("DECLARE c {options} CURSOR FOR SELECT n FROM generate_series(1, {last}) t(n)");
        assert_eq!(self.run(&sql).await, ("DECLARE CURSOR", None));
    }
}

#[tokio::test]
async fn rows_are_fetched_as_they_are_asked_for() {
    let client = Client::new();
    client.counting("NO SCROLL", 7).await;
    assert_eq!(client.column("FETCH 2 FROM c").await, ["1", "2"]);
    assert_eq!(client.column("FETCH NEXT FROM c").await, ["3"]);
    assert_eq!(client.run("MOVE c").await, ("MOVE", Some(1)));
    assert_eq!(client.column("FETCH RELATIVE 2 FROM c").await, ["6"]);
    assert_eq!(client.run("MOVE FORWARD 0 FROM c").await, ("MOVE", Some(1)));
    assert_eq!(client.column("FETCH ALL IN c").await, ["7"]);
    assert!(client.column("FETCH 5 c").await.is_empty());
    assert_eq!(client.run("MOVE ALL FROM c").await, ("MOVE", Some(0)));
    assert_eq!(client.describe("FETCH c").await, (vec![], Some(vec!["n".to_owned()])));
    assert_eq!(client.describe("MOVE c").await, (vec![], None));
    assert_eq!(client.run("CLOSE c").await, ("CLOSE CURSOR", None));
    assert_eq!(client.state("FETCH c").await, SqlState::InvalidCursorName);
}

/// Many batches of the query, of which few rows are taken at a time and over their ends.
#[tokio::test]
async fn a_cursor_over_many_rows_hands_out_each_once() {
    let client = Client::new();
    client.counting("", 100_000).await;
    let (mut next, mut fetches) = (1_u64, 0);
    loop {
        let rows = client.column("FETCH 3000 FROM c").await;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            assert_eq!(row.parse(), Ok(next));
            next += 1;
        }
        fetches += 1;
    }
    assert_eq!((next, fetches), (100_001, 34));
}

#[tokio::test]
async fn only_what_is_fetched_is_computed() {
    let client = Client::new();
    client.run("BEGIN").await;
    client
        .run("DECLARE c CURSOR FOR SELECT 1/(n - 50000) FROM generate_series(1, 1000000) t(n)")
        .await;
    assert_eq!(client.rows("FETCH 10 FROM c").await.len(), 10);
    assert_eq!(client.state("MOVE ALL FROM c").await, SqlState::DivisionByZero);
    assert_eq!(client.state("FETCH c").await, SqlState::InFailedSqlTransaction);
}

#[tokio::test]
async fn a_cursor_without_scroll_goes_forward_only() {
    for options in ["", "NO SCROLL", "ASENSITIVE NO SCROLL", "INSENSITIVE"] {
        for back in
            ["PRIOR", "-1", "0", "FIRST", "LAST", "ABSOLUTE 2", "RELATIVE -1", "BACKWARD ALL"]
        {
            let client = Client::new();
            client.counting(options, 5).await;
            client.rows("FETCH 2 FROM c").await;
            let error = client.error(&format!("FETCH {back} FROM c")).await;
            assert_eq!(error.state, SqlState::ObjectNotInPrerequisiteState, "{back}");
            assert_eq!(error.message, "cursor can only scan forward");
        }
    }
    let client = Client::new();
    client.counting("", 5).await;
    assert_eq!(client.column("FETCH FIRST FROM c").await, ["1"]);
    assert_eq!(client.column("FETCH ABSOLUTE 4 FROM c").await, ["4"]);
}

/// Each statement with the rows that PostgreSQL 15 answers, one after the other.
#[tokio::test]
async fn a_scrolling_cursor_goes_everywhere() {
    let client = Client::new();
    client.counting("SCROLL", 10_000).await;
    let cases: [(&str, &[u64]); 22] = [
        ("PRIOR", &[]),
        ("0", &[]),
        ("2", &[1, 2]),
        ("0", &[2]),
        ("PRIOR", &[1]),
        ("PRIOR", &[]),
        ("NEXT", &[1]),
        ("LAST", &[10_000]),
        ("NEXT", &[]),
        ("PRIOR", &[10_000]),
        ("BACKWARD 3", &[9_999, 9_998, 9_997]),
        ("ABSOLUTE 5000", &[5_000]),
        ("RELATIVE -2", &[4_998]),
        ("RELATIVE 0", &[4_998]),
        ("ABSOLUTE -2", &[9_999]),
        ("ABSOLUTE 8194", &[8_194]),
        ("-4", &[8_193, 8_192, 8_191, 8_190]),
        ("ABSOLUTE 20000", &[]),
        ("ABSOLUTE -20000", &[]),
        ("FORWARD 1", &[1]),
        ("ABSOLUTE 0", &[]),
        ("FIRST", &[1]),
    ];
    for (way, wanted) in cases {
        let rows = client.column(&format!("FETCH {way} FROM c")).await;
        let rows: Vec<u64> = rows.iter().map(|row| row.parse().unwrap()).collect();
        assert_eq!(rows, wanted, "{way}");
    }
    assert_eq!(client.run("MOVE ALL FROM c").await, ("MOVE", Some(9_999)));
    let back = client.column("FETCH BACKWARD ALL FROM c").await;
    let all = (1..=10_000_u64).rev().map(|n| n.to_string());
    assert!(back.into_iter().eq(all));
    assert_eq!(client.column("FETCH c").await, ["1"]);
}

#[tokio::test]
async fn what_a_scrolling_cursor_keeps_counts_towards_the_memory_of_queries() {
    let client = Client::new();
    let query = "SELECT n, rpad FROM generate_series(1, 20000000) t(n), (VALUES ('x')) u(rpad)";
    client.run("BEGIN").await;
    client.run(&format!("DECLARE back SCROLL CURSOR FOR {query}")).await;
    assert_eq!(client.state("MOVE ALL FROM back").await, SqlState::OutOfMemory);
}

#[tokio::test]
async fn a_cursor_reads_what_there_was_when_it_was_declared() {
    let client = Client::with_people().await;
    client.run("BEGIN").await;
    client.run(&format!("DECLARE c CURSOR FOR {NAMES}")).await;
    client.run("DELETE FROM people WHERE external_face_id > 'ann'").await;
    assert_eq!(client.column("FETCH ALL FROM c").await, ["ann", "bob", "cid", "dee"]);
    let sql = "DECLARE d CURSOR FOR SEARCH FACES IN people EMBEDDING $1 LIMIT $2";
    assert_eq!(client.describe(sql).await, (vec![SqlType::Vector, SqlType::Int8], None));
    client.run_with(sql, &[super::reals(&[1.0, 0.0, 0.0]), 3_i64.into()]).await;
    assert_eq!(client.rows("FETCH ALL FROM d").await.len(), 1);
    let values = [text("who"), text("else")];
    client.run_with("DECLARE v CURSOR FOR VALUES ($1::text), ($2::text)", &values).await;
    assert_eq!(client.column("FETCH FORWARD ALL FROM v").await, ["who", "else"]);
}

#[tokio::test]
async fn cursors_end_with_their_transaction_unless_they_are_held() {
    let client = Client::with_people().await;
    let error = client.error("DECLARE c CURSOR FOR SELECT 1").await;
    assert_eq!(error.state, SqlState::NoActiveSqlTransaction);
    assert_eq!(error.message, "DECLARE CURSOR can only be used in transaction blocks");

    client.run("BEGIN").await;
    client.run(&format!("DECLARE gone CURSOR FOR {NAMES}")).await;
    client.run(&format!("DECLARE held CURSOR WITH HOLD FOR {NAMES}")).await;
    assert_eq!(client.column("FETCH 1 FROM held").await, ["ann"]);
    client.run("DELETE FROM people").await;
    client.run("COMMIT").await;
    assert_eq!(client.state("FETCH gone").await, SqlState::InvalidCursorName);
    assert_eq!(client.column("FETCH 2 FROM held").await, ["bob", "cid"]);
    client.run("BEGIN").await;
    client.run("DECLARE undone CURSOR WITH HOLD FOR SELECT 1").await;
    client.run("ROLLBACK").await;
    assert_eq!(client.state("FETCH undone").await, SqlState::InvalidCursorName);
    assert_eq!(client.column("FETCH ALL FROM held").await, ["dee"]);
    client.run("DECLARE alone CURSOR WITH HOLD FOR VALUES (1), (2)").await;
    assert_eq!(client.column("FETCH alone").await, ["1"]);
    assert_eq!(client.run("CLOSE ALL").await, ("CLOSE CURSOR ALL", None));
    for name in ["held", "alone"] {
        assert_eq!(client.state(&format!("CLOSE {name}")).await, SqlState::InvalidCursorName);
    }
    client.run("DECLARE alone CURSOR WITH HOLD FOR VALUES (1), (2)").await;
    client.run("DISCARD ALL").await;
    assert_eq!(client.state("FETCH alone").await, SqlState::InvalidCursorName);
}

#[tokio::test]
async fn a_cursor_goes_with_the_savepoint_behind_which_it_was_opened() {
    let client = Client::new();
    client.counting("", 9).await;
    client.run("SAVEPOINT s").await;
    client.run("DECLARE d CURSOR FOR SELECT 1").await;
    assert_eq!(client.column("FETCH 2 FROM c").await, ["1", "2"]);
    assert_eq!(client.state("SELECT nothing").await, SqlState::UndefinedColumn);
    client.run("ROLLBACK TO s").await;
    assert_eq!(client.column("FETCH FROM c").await, ["3"], "what was fetched stays fetched");
    assert_eq!(client.state("FETCH d").await, SqlState::InvalidCursorName);
    client.run("ROLLBACK TO s").await;
    client.run("DECLARE d CURSOR FOR SELECT 1").await;
    client.run("RELEASE s").await;
    assert_eq!(client.column("FETCH d").await, ["1"]);
}

/// Nothing is left out where a transaction goes on behind an error.
#[tokio::test]
async fn a_cursor_whose_query_failed_does_not_seem_to_have_ended() {
    let client = Client::new();
    client.run("BEGIN").await;
    let series = "generate_series(1, 30000) t(n)";
    client.run(&format!("DECLARE c CURSOR FOR SELECT n / (n - 20000) FROM {series}")).await;
    client.run("SAVEPOINT s").await;
    assert_eq!(client.rows("FETCH 10 FROM c").await.len(), 10);
    assert_eq!(client.state("FETCH ALL FROM c").await, SqlState::DivisionByZero);
    client.run("ROLLBACK TO s").await;
    let error = client.error("MOVE ALL FROM c").await;
    assert_eq!(error.state, SqlState::ObjectNotInPrerequisiteState);
    assert_eq!(error.message, "the query of the cursor has failed");
}

#[tokio::test]
async fn a_session_that_ends_lets_go_of_what_its_cursors_read() {
    let database = Client::with_people().await.database;
    let holders = Arc::strong_count(&database.engine);
    let session = database.session("acme", Role::Admin);
    let client = Client { database: database.clone(), session };
    let sql = "SELECT external_face_id, pg_backend_pid(), clock_timestamp() FROM people";
    client.run(&format!("DECLARE c CURSOR WITH HOLD FOR {sql}")).await;
    assert_eq!(client.rows("FETCH 1 FROM c").await.len(), 1);
    drop(client);
    assert_eq!(Arc::strong_count(&database.engine), holders);
}

#[tokio::test]
async fn names_and_queries_of_cursors_are_checked() {
    let client = Client::new();
    client.counting("", 9).await;
    client.run("SAVEPOINT s").await;
    for (sql, state) in [
        ("DECLARE c CURSOR FOR SELECT 1", SqlState::DuplicateCursor),
        ("DECLARE d CURSOR FOR SELECT * FROM nowhere", SqlState::UndefinedTable),
        ("FETCH nothing", SqlState::InvalidCursorName),
        ("MOVE 2 FROM nothing", SqlState::InvalidCursorName),
        ("CLOSE nothing", SqlState::InvalidCursorName),
    ] {
        assert_eq!(client.state(sql).await, state, "{sql}");
        client.run("ROLLBACK TO s").await;
    }
    for sql in [
        "DECLARE d CURSOR FOR DELETE FROM people",
        "DECLARE d CURSOR FOR EXECUTE x",
        "DECLARE d CURSOR",
        "FETCH",
        "FETCH 1.5 FROM c",
        "FETCH 9999999999 FROM c",
        "FETCH ABSOLUTE FROM c",
        "CLOSE",
    ] {
        let error = client.session.parse(sql).unwrap_err();
        assert_eq!(error.state, SqlState::SyntaxError, "{sql}");
    }
}

#[tokio::test]
async fn what_is_open_and_prepared_is_listed() {
    let client = Client::with_people().await;
    client.counting("BINARY SCROLL", 9).await;
    client.run("DECLARE h NO SCROLL CURSOR WITH HOLD FOR SELECT 1").await;
    let sql = "SELECT name, is_holdable, is_binary, is_scrollable, \
               creation_time <= clock_timestamp(), statement LIKE 'DECLARE%' FROM pg_cursors \
               ORDER BY name";
    let rows = client.rows(sql).await;
    assert_eq!(rows[0], ["c", "false", "true", "true", "true", "true"]);
    assert_eq!(rows[1], ["h", "true", "false", "false", "true", "true"]);
    client.run("COMMIT").await;
    assert_eq!(client.column("SELECT name FROM pg_catalog.pg_cursors").await, ["h"]);

    let prepare = "PREPARE p(int, text) AS SELECT $1, $2";
    let both = format!("SELECT 1; {prepare}; SELECT 2");
    for statement in must(&both, client.session.parse(&both)) {
        must(&both, client.session.execute(&statement, Vec::new()).await);
    }
    let sql = "SELECT name, statement, from_sql, parameter_types FROM pg_prepared_statements";
    assert_eq!(client.rows(sql).await, [["p", prepare, "true", "[integer, text]"]]);
    assert_eq!(client.another().rows(sql).await.len(), 0);
}
