//! Transactions: what a block sees, what others see of it, and what is left of it.

use super::{Client, must};
use crate::engine::Role;
use crate::sql::{SqlState, TransactionStatus};

const NEW: &str = "INSERT INTO people (external_face_id, embedding) VALUES ('new', '[0,1,0]')";

impl Client {
    async fn people(&self) -> Vec<String> {
        self.column("SELECT external_face_id FROM people ORDER BY 1").await
    }

    async fn run_all<const N: usize>(&self, statements: [&str; N]) {
        for sql in statements {
            self.run(sql).await;
        }
    }

    /// The warnings since the last call.
    fn warnings(&self) -> Vec<(SqlState, String)> {
        let notices = self.session.take_notices().into_iter();
        notices.map(|notice| (notice.state, notice.message)).collect()
    }
}

#[tokio::test]
async fn a_block_reads_one_snapshot() {
    let client = Client::with_people().await;
    let other = client.another();
    assert_eq!(client.run("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY").await, ("BEGIN", None));
    assert_eq!(client.session.transaction_status(), TransactionStatus::Active);
    assert_eq!(client.count("people").await, "4");
    other.run("DELETE FROM people WHERE external_face_id = 'ann'").await;
    assert_eq!(client.count("people").await, "4");
    assert_eq!(client.rows("SEARCH FACES IN people EMBEDDING '[1,0,0]'").await.len(), 4);
    assert_eq!(client.run("COMMIT").await, ("COMMIT", None));
    assert_eq!(client.session.transaction_status(), TransactionStatus::Idle);
    assert_eq!(client.count("people").await, "3");
}

#[tokio::test]
async fn a_block_sees_its_own_writes_everywhere_and_nobody_else_does_before_commit() {
    let client = Client::with_people().await;
    let other = client.another();
    client.run("BEGIN").await;
    assert_eq!(client.run(NEW).await, ("INSERT 0", Some(1)));
    client.run("DELETE FROM people WHERE external_face_id = 'ann'").await;
    client.run("CREATE COLLECTION pets WITH (dimensions = 3)").await;
    let sql = "INSERT INTO pets (external_face_id, embedding) VALUES ('rex', '[1,0,0]') \
               RETURNING embedding";
    assert_eq!(client.rows(sql).await, [["[1.0, 0.0, 0.0]"]]);

    assert_eq!(client.people().await, ["bob", "cid", "dee", "new"]);
    let hits = "SELECT external_face_id FROM (SEARCH FACES IN people EMBEDDING '[0,1,0]' LIMIT 2)";
    assert_eq!(client.column(hits).await, ["new", "cid"]);
    let id = client.face_id("new").await;
    let like = format!("SEARCH FACES IN people LIKE '{id}' LIMIT 1");
    assert_eq!(client.rows(&like).await.len(), 1);
    let pairs = "SELECT external_face_id, other_external_face_id \
                 FROM similar_faces('people', threshold => 0.75, other => 'pets')";
    assert_eq!(client.rows(pairs).await, [["bob", "rex"]]);
    let explained = client.column("EXPLAIN ANALYZE SEARCH FACES IN people EMBEDDING '[0,1,0]'");
    assert!(explained.await.concat().contains("kernel"));
    let shown = client.rows("SHOW COLLECTIONS").await;
    let shown: Vec<_> = shown.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    assert_eq!(shown, [("people", "4"), ("pets", "1")]);

    assert_eq!(other.people().await, ["ann", "bob", "cid", "dee"]);
    assert_eq!(other.state("SELECT * FROM pets").await, SqlState::UndefinedTable);
    assert_eq!(client.run("COMMIT").await, ("COMMIT", None));
    for session in [&client, &other] {
        assert_eq!(session.people().await, ["bob", "cid", "dee", "new"]);
        assert_eq!(session.count("pets").await, "1");
        assert_eq!(session.face_id("new").await, id, "the id that the block told stays");
    }
}

#[tokio::test]
async fn a_block_deletes_what_it_wrote_and_replaces_what_it_dropped() {
    let client = Client::with_people().await;
    client.run_all(["BEGIN", NEW]).await;
    let deleted = client.run("DELETE FROM people WHERE external_face_id IN ('new', 'bob')").await;
    assert_eq!(deleted, ("DELETE", Some(2)));
    client
        .run_all(["DROP COLLECTION people", "CREATE COLLECTION people WITH (dimensions = 2)"])
        .await;
    assert_eq!(client.count("people").await, "0");
    client.run("INSERT INTO people (embedding) VALUES ('[1,0]')").await;
    client.run("COMMIT").await;
    assert_eq!(client.column("SELECT embedding FROM people").await, ["[1.0, 0.0]"]);
}

#[tokio::test]
async fn what_does_not_reach_its_commit_leaves_nothing() {
    let client = Client::with_people().await;
    let writes = [NEW, "CREATE COLLECTION c WITH (dimensions = 1)", "DELETE FROM people"];
    for ending in ["ROLLBACK", "ABORT WORK", "COMMIT"] {
        client.run("START TRANSACTION").await;
        client.run_all(writes).await;
        if ending == "COMMIT" {
            assert_eq!(client.state("SELECT nothing").await, SqlState::UndefinedColumn);
            assert_eq!(client.state("SELECT 1").await, SqlState::InFailedSqlTransaction);
            assert_eq!(client.state("BEGIN").await, SqlState::InFailedSqlTransaction);
            assert_eq!(client.session.transaction_status(), TransactionStatus::Failed);
        }
        assert_eq!(client.run(ending).await, ("ROLLBACK", None));
        assert_eq!(client.session.transaction_status(), TransactionStatus::Idle);
        assert_eq!(client.people().await, ["ann", "bob", "cid", "dee"]);
    }
    let gone = client.another();
    gone.run("BEGIN").await;
    gone.run_all(writes).await;
    drop(gone);
    assert_eq!(client.people().await, ["ann", "bob", "cid", "dee"]);
    assert_eq!(client.state("SELECT * FROM c").await, SqlState::UndefinedTable);
}

#[tokio::test]
async fn every_kind_of_error_fails_the_block() {
    let client = Client::with_people().await;
    let duplicate = "CREATE COLLECTION people WITH (dimensions = 3)";
    for sql in
        ["SELEC 1", "SELECT nothing", "SELECT 1 / 0", "SET nonsense = 1", "RELEASE a", duplicate]
    {
        client.run("BEGIN").await;
        client.error(sql).await;
        // An error among the rows is the reader's to report.
        client.session.fail_transaction();
        assert_eq!(client.state("SELECT 1").await, SqlState::InFailedSqlTransaction, "{sql}");
        assert_eq!(client.run("ROLLBACK").await, ("ROLLBACK", None));
    }
    client.session.fail_transaction();
    assert_eq!(client.session.transaction_status(), TransactionStatus::Idle);
}

#[tokio::test]
async fn savepoints_nest_shadow_each_other_and_revive_a_failed_block() {
    let client = Client::with_people().await;
    let delete = |name| format!("DELETE FROM people WHERE external_face_id = '{name}'");
    client.run("BEGIN").await;
    assert_eq!(client.run("SAVEPOINT a").await, ("SAVEPOINT", None));
    client.run(&delete("ann")).await;
    client.run_all(["SAVEPOINT b", NEW, "SAVEPOINT a"]).await;
    client.run(&delete("bob")).await;
    assert_eq!(client.people().await, ["cid", "dee", "new"]);
    // The newer of the two.
    assert_eq!(client.run("ROLLBACK TO SAVEPOINT a").await, ("ROLLBACK", None));
    assert_eq!(client.people().await, ["bob", "cid", "dee", "new"]);
    assert_eq!(client.run("RELEASE a").await, ("RELEASE", None));
    client.error("SELECT nothing").await;
    assert_eq!(client.state("RELEASE SAVEPOINT b").await, SqlState::InFailedSqlTransaction);
    assert_eq!(client.run("ROLLBACK WORK TO b").await, ("ROLLBACK", None));
    assert_eq!(client.session.transaction_status(), TransactionStatus::Active);
    assert_eq!(client.people().await, ["bob", "cid", "dee"]);
    client.run(&delete("cid")).await;
    client.run_all(["ROLLBACK TO b", "ROLLBACK TO b", NEW]).await;
    client.run("ROLLBACK TO a").await;
    assert_eq!(client.people().await, ["ann", "bob", "cid", "dee"]);
    let unknown = client.error("ROLLBACK TO b").await;
    assert_eq!(unknown.state, SqlState::InvalidSavepointSpecification);
    assert_eq!(unknown.message, "savepoint \"b\" does not exist");
    client.run("ROLLBACK TO a").await;
    client.run(NEW).await;
    client.run("RELEASE SAVEPOINT a").await;
    assert_eq!(client.run("COMMIT").await, ("COMMIT", None));
    assert_eq!(client.people().await, ["ann", "bob", "cid", "dee", "new"]);
}

#[tokio::test]
async fn savepoints_have_no_place_outside_a_block() {
    let client = Client::new();
    for sql in ["SAVEPOINT a", "RELEASE a", "ROLLBACK TO a", "COMMIT AND CHAIN"] {
        assert_eq!(client.state(sql).await, SqlState::NoActiveSqlTransaction, "{sql}");
    }
}

#[tokio::test]
async fn who_commits_first_wins() {
    let first = Client::with_people().await;
    let second = first.another();
    let bob = "DELETE FROM people WHERE external_face_id = 'bob'";
    for client in [&first, &second] {
        client.run_all(["BEGIN", NEW, bob]).await;
    }
    first.run("COMMIT").await;
    let error = second.error("COMMIT").await;
    assert_eq!(error.state, SqlState::SerializationFailure);
    assert_eq!(error.message, "could not serialize access due to concurrent update");
    assert_eq!(second.session.transaction_status(), TransactionStatus::Idle);
    assert_eq!(second.people().await, ["ann", "cid", "dee", "new"], "nothing of it happened");

    // Different rows do not meet, whoever ends first.
    let one = |name| format!("DELETE FROM people WHERE external_face_id = '{name}'");
    first.run("BEGIN").await;
    first.run(&one("ann")).await;
    second.run_all(["BEGIN", NEW, &one("cid"), "COMMIT"]).await;
    first.run("COMMIT").await;
    assert_eq!(first.people().await, ["dee", "new", "new"]);
}

#[tokio::test]
async fn a_face_that_was_read_for_update_stops_the_commit_once_others_changed_it() {
    let first = Client::with_people().await;
    let second = first.another();
    let set = |name| format!("UPDATE people SET metadata = '1' WHERE external_face_id = '{name}'");
    let lock = |name: &str, how: &str| {
        let sql = format!("SELECT * FROM people WHERE external_face_id = '{name}' {how}");
        let first = &first;
        async move {
            first.run("BEGIN").await;
            first.rows(&sql).await
        }
    };
    for how in ["FOR UPDATE", "FOR SHARE", "FOR NO KEY UPDATE SKIP LOCKED", "FOR KEY SHARE NOWAIT"]
    {
        // Others change another face, and then this one.
        lock("ann", how).await;
        second.run(&set("bob")).await;
        first.run("COMMIT").await;
        lock("ann", how).await;
        second.run(&set("ann")).await;
        assert_eq!(first.state("COMMIT").await, SqlState::SerializationFailure, "{how}");
    }
    // What the transaction itself does is nothing that others did.
    lock("ann", "FOR UPDATE").await;
    first.run(&set("ann")).await;
    first.run("COMMIT").await;
    // A savepoint takes the locks with it.
    first.run_all(["BEGIN", "SAVEPOINT a"]).await;
    first.rows("SELECT 1 FROM people p JOIN people q ON true FOR UPDATE OF p").await;
    first.run("ROLLBACK TO a").await;
    second.run(&set("ann")).await;
    first.run("COMMIT").await;
    // Removed is changed.
    lock("bob", "ORDER BY 1 LIMIT 1 FOR UPDATE").await;
    second.run("DELETE FROM people WHERE external_face_id = 'bob'").await;
    assert_eq!(first.state("COMMIT").await, SqlState::SerializationFailure);
}

#[tokio::test]
async fn reading_for_update_takes_what_writing_takes() {
    let client = Client::with_people().await;
    let sql = "SELECT * FROM people FOR UPDATE";
    client.run("BEGIN READ ONLY").await;
    assert_eq!(client.state(sql).await, SqlState::ReadOnlySqlTransaction);
    client.run("ROLLBACK").await;
    client.run("BEGIN").await;
    let error = client.error("SELECT count(*) FROM people FOR UPDATE").await;
    assert_eq!(error.message, "FOR UPDATE is not allowed with aggregate functions");
    client.run("ROLLBACK").await;
    assert_eq!(client.rows(sql).await.len(), 4, "outside a block it is a query");
    let error = client.error("SELECT * FROM people p FOR UPDATE OF q").await;
    assert_eq!(error.message, "relation \"q\" in FOR UPDATE clause not found in FROM clause");
}

#[tokio::test]
async fn a_collection_that_others_dropped_or_created_stops_the_commit() {
    let client = Client::with_people().await;
    let other = client.another();
    client.run_all(["BEGIN", NEW]).await;
    other
        .run_all(["DROP COLLECTION people", "CREATE COLLECTION people WITH (dimensions = 3)"])
        .await;
    assert_eq!(client.state("COMMIT").await, SqlState::SerializationFailure);
    assert_eq!(client.count("people").await, "0");

    let create = "CREATE COLLECTION pets WITH (dimensions = 3)";
    client.run_all(["BEGIN", create]).await;
    let rex = "INSERT INTO pets (external_face_id, embedding) VALUES ('rex', '[1,0,0]')";
    client.run(rex).await;
    other.run(create).await;
    assert_eq!(client.state("COMMIT").await, SqlState::DuplicateTable);
    assert_eq!(client.count("pets").await, "0");

    // Collections of two transactions do not mix, although neither knew what the other would get.
    client.run_all(["BEGIN", "CREATE COLLECTION a WITH (dimensions = 1)"]).await;
    other.run_all(["BEGIN", "CREATE COLLECTION b WITH (dimensions = 2)"]).await;
    client.run("INSERT INTO a (embedding) VALUES ('[1]')").await;
    other.run("INSERT INTO b (embedding) VALUES ('[1,0]'), ('[0,1]')").await;
    other.run("COMMIT").await;
    client.run("COMMIT").await;
    assert_eq!((client.count("a").await, client.count("b").await), ("1".into(), "2".into()));
}

#[tokio::test]
async fn a_block_that_only_reads_refuses_writes() {
    let client = Client::with_people().await;
    client.run("BEGIN READ ONLY").await;
    client.run("SAVEPOINT a").await;
    let error = client.error(NEW).await;
    assert_eq!(error.state, SqlState::ReadOnlySqlTransaction);
    assert_eq!(error.message, "cannot execute INSERT in a read-only transaction");
    client.run("ROLLBACK TO a").await;
    assert_eq!(client.people().await.len(), 4);
    assert_eq!(
        client.state("SET TRANSACTION READ WRITE").await,
        SqlState::ActiveSqlTransaction,
        "it has begun to read"
    );
    client.run("COMMIT AND CHAIN").await;
    client.run("BEGIN").await;
    client.run_all(["ROLLBACK", "BEGIN", "SET TRANSACTION READ ONLY"]).await;
    assert_eq!(client.state("DELETE FROM people").await, SqlState::ReadOnlySqlTransaction);
    client.run("ROLLBACK").await;

    client.run("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY").await;
    assert_eq!(client.column("SHOW default_transaction_read_only").await, ["on"]);
    assert_eq!(client.state(NEW).await, SqlState::ReadOnlySqlTransaction);
    client
        .run_all(["BEGIN READ WRITE", NEW, "COMMIT", "RESET default_transaction_read_only"])
        .await;
    client.run("DELETE FROM people").await;
}

#[tokio::test]
async fn begin_and_commit_in_the_wrong_place_are_warned_of() {
    let client = Client::with_people().await;
    for (sql, tag) in [("COMMIT", "COMMIT"), ("END", "COMMIT"), ("ROLLBACK", "ROLLBACK")] {
        assert_eq!(client.run(sql).await, (tag, None));
        let expected = "there is no transaction in progress".to_owned();
        assert_eq!(client.warnings(), [(SqlState::NoActiveSqlTransaction, expected)]);
    }
    client.run("BEGIN").await;
    assert_eq!(client.warnings(), []);
    client.run("BEGIN").await;
    let expected = "there is already a transaction in progress".to_owned();
    assert_eq!(client.warnings(), [(SqlState::ActiveSqlTransaction, expected)]);
    assert_eq!(client.state("DISCARD ALL").await, SqlState::ActiveSqlTransaction);
}

#[tokio::test]
async fn vacuum_is_no_part_of_a_transaction() {
    let client = Client::with_people().await;
    for sql in ["VACUUM", "VACUUM ERASE people"] {
        client.run("BEGIN").await;
        let error = client.error(sql).await;
        assert_eq!(error.state, SqlState::ActiveSqlTransaction);
        assert_eq!(error.message, "VACUUM cannot run inside a transaction block");
        client.run("ROLLBACK").await;
    }
}

#[tokio::test]
async fn statements_without_a_block_are_one_transaction_until_it_ends() {
    let client = Client::with_people().await;
    let other = client.another();
    client.session.begin_implicit();
    client.run_all([NEW, "DELETE FROM people WHERE external_face_id = 'ann'"]).await;
    assert_eq!(client.people().await, ["bob", "cid", "dee", "new"]);
    assert_eq!(other.people().await.len(), 4);
    assert_eq!(client.session.transaction_status(), TransactionStatus::Idle);
    assert_eq!(client.state("VACUUM").await, SqlState::ActiveSqlTransaction);
    assert_eq!(other.people().await, ["ann", "bob", "cid", "dee"], "the error undid all");

    client.session.begin_implicit();
    client.run(NEW).await;
    must("the end", client.session.end_implicit().await);
    assert_eq!(other.people().await.len(), 5);

    // BEGIN takes over what came before it.
    client.session.begin_implicit();
    client.run_all(["DELETE FROM people", "BEGIN"]).await;
    must("the end", client.session.end_implicit().await);
    assert_eq!(client.session.transaction_status(), TransactionStatus::Active);
    client.run("ROLLBACK").await;
    assert_eq!(other.people().await.len(), 5);
}

#[tokio::test]
async fn a_statement_of_its_own_that_meets_others_is_run_again() {
    let client = Client::with_people().await;
    let sessions: Vec<_> = (0..8).map(|_| client.another()).collect();
    let deletes = sessions.iter().map(|session| session.run("DELETE FROM people"));
    let counts = futures::future::join_all(deletes).await;
    let removed: u64 = counts.into_iter().filter_map(|(_, rows)| rows).sum();
    assert_eq!(removed, 4, "each face is removed, and counted, once");
}

#[tokio::test]
async fn what_a_transaction_holds_is_bounded_and_ten_thousand_inserts_are_quick() {
    let client = Client::new();
    client.run_all(["CREATE COLLECTION big WITH (dimensions = 4)", "BEGIN"]).await;
    for _ in 0..10_000 {
        client.run("INSERT INTO big (embedding) VALUES ('[1,0,0,0]')").await;
    }
    assert_eq!(client.count("big").await, "10000");
    client.run("COMMIT").await;
    assert_eq!(client.count("big").await, "10000");
}

#[tokio::test]
async fn a_key_that_only_reads_may_use_blocks() {
    let client = Client::with_people().await;
    let reader = Client {
        session: client.database.session("acme", Role::Read),
        database: client.database.clone(),
    };
    reader.run_all(["BEGIN", "SAVEPOINT a"]).await;
    assert_eq!(reader.state(NEW).await, SqlState::InsufficientPrivilege);
    reader.run_all(["ROLLBACK TO a", "COMMIT"]).await;
}

#[tokio::test]
async fn a_cursor_that_locks_its_rows_stops_the_commit_too() {
    let first = Client::with_people().await;
    let second = first.another();
    let declare = |head: &str, lock: &str| {
        format!("DECLARE c {head} FOR SELECT * FROM people WHERE external_face_id = 'ann' {lock}")
    };
    for (lock, fails) in [("FOR UPDATE", true), ("FOR SHARE", true), ("FOR READ ONLY", false)] {
        first.run_all(["BEGIN", &declare("CURSOR", lock)]).await;
        assert_eq!(first.rows("FETCH ALL FROM c").await.len(), 1, "{lock}");
        second.run("UPDATE people SET metadata = '1' WHERE external_face_id = 'ann'").await;
        match first.outcome("COMMIT", &[]).await {
            Ok(_) => assert!(!fails, "{lock}"),
            Err(error) => assert_eq!((error.state.code(), fails), ("40001", true), "{lock}"),
        }
    }
    let error = first.error(&declare("INSENSITIVE CURSOR", "FOR UPDATE")).await;
    assert_eq!(error.state, SqlState::InvalidCursorDefinition);
    first.run("BEGIN READ ONLY").await;
    let error = first.error(&declare("CURSOR", "FOR UPDATE")).await;
    assert_eq!(error.state, SqlState::ReadOnlySqlTransaction);
}
