//! Transactions as drivers use them: blocks, savepoints, texts of several statements, pipelines.

use futures::future::try_join3;
use tokio_postgres::error::SqlState;

use super::{Door, code};

const NEW: &str = "INSERT INTO c (external_face_id, embedding) VALUES ($1, '[1, 0]')";

async fn names(client: &tokio_postgres::Client) -> Vec<String> {
    let sql = "SELECT external_face_id FROM c ORDER BY 1";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Two sessions on a collection with the face `old`.
async fn two_sessions() -> (Door, tokio_postgres::Client, tokio_postgres::Client) {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "admin", crate::engine::Role::Admin);
    let one = door.log_in(Some("acme"), "admin", &secret).await.unwrap();
    let other = door.log_in(Some("acme"), "admin", &secret).await.unwrap();
    one.batch_execute("CREATE COLLECTION c WITH (dimensions = 2)").await.unwrap();
    one.execute(NEW, &[&"old"]).await.unwrap();
    (door, one, other)
}

#[tokio::test]
async fn a_drivers_transactions_and_savepoints_work_beside_another_session() {
    let (_door, mut one, other) = two_sessions().await;
    let mut block = one.transaction().await.unwrap();
    assert_eq!(block.execute(NEW, &[&"kept"]).await.unwrap(), 1);
    let inner = block.savepoint("inner").await.unwrap();
    inner.execute("DELETE FROM c", &[]).await.unwrap();
    let failed = inner.execute("SELECT nothing", &[]).await.unwrap_err();
    assert_eq!(code(&failed), SqlState::UNDEFINED_COLUMN);
    inner.rollback().await.unwrap();
    let second = block.savepoint("second").await.unwrap();
    second.execute(NEW, &[&"second"]).await.unwrap();
    second.commit().await.unwrap();
    let rows = block.query("SELECT external_face_id FROM c ORDER BY 1", &[]).await.unwrap();
    let seen: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(seen, ["kept", "old", "second"]);
    assert_eq!(names(&other).await, ["old"]);
    block.commit().await.unwrap();
    assert_eq!(names(&other).await, ["kept", "old", "second"]);

    let dropped = one.transaction().await.unwrap();
    dropped.execute("DELETE FROM c", &[]).await.unwrap();
    drop(dropped);
    assert_eq!(names(&one).await.len(), 3);
}

#[tokio::test]
async fn the_second_of_two_transactions_that_meet_is_told_to_try_again() {
    let (_door, mut one, mut other) = two_sessions().await;
    let (first, second) = (one.transaction().await.unwrap(), other.transaction().await.unwrap());
    for block in [&first, &second] {
        assert_eq!(block.execute("DELETE FROM c", &[]).await.unwrap(), 1);
        block.execute(NEW, &[&"mine"]).await.unwrap();
    }
    first.commit().await.unwrap();
    let refused = second.commit().await.unwrap_err();
    assert_eq!(code(&refused), SqlState::T_R_SERIALIZATION_FAILURE);
    assert_eq!(names(&other).await, ["mine"]);
}

#[tokio::test]
async fn the_statements_of_one_text_are_done_together_or_not_at_all() {
    let (_door, one, other) = two_sessions().await;
    let insert =
        |name| format!("INSERT INTO c (external_face_id, embedding) VALUES ('{name}', '[1, 0]');");
    let text = format!("{} SELECT nothing; {}", insert("a"), insert("b"));
    assert_eq!(code(&one.batch_execute(&text).await.unwrap_err()), SqlState::UNDEFINED_COLUMN);
    assert_eq!(names(&other).await, ["old"]);
    // BEGIN and COMMIT set apart what lies between and behind them.
    let text =
        format!("{} BEGIN; {} COMMIT; {} SELECT nothing", insert("a"), insert("b"), insert("lost"));
    one.batch_execute(&text).await.unwrap_err();
    assert_eq!(names(&other).await, ["a", "b", "old"]);
    one.batch_execute(&format!("BEGIN; {} ROLLBACK; {}", insert("lost"), insert("c")))
        .await
        .unwrap();
    assert_eq!(names(&other).await, ["a", "b", "c", "old"]);
    one.batch_execute("DELETE FROM c; BEGIN").await.unwrap();
    assert_eq!(names(&other).await.len(), 4, "BEGIN takes over what came before it");
    one.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(names(&one).await.len(), 4);
}

#[tokio::test]
async fn statements_before_one_that_means_nothing_are_done_and_before_one_of_no_syntax_not() {
    let (_door, one, other) = two_sessions().await;
    let kept = "BEGIN; INSERT INTO c (external_face_id, embedding) VALUES ('%', '[1, 0]'); COMMIT;";
    for (number, (faulty, state)) in [
        ("INSERT INTO c (external_face_id) VALUES ('x')", SqlState::NOT_NULL_VIOLATION),
        (
            "INSERT INTO c (embedding, embedding) VALUES ('[1, 0]', '[1, 0]')",
            SqlState::DUPLICATE_COLUMN,
        ),
        ("INSERT INTO c (external_face_id, embedding) VALUES ('x')", SqlState::SYNTAX_ERROR),
        ("UPDATE c SET metadata = '{bad'", SqlState::INVALID_TEXT_REPRESENTATION),
        (
            "INSERT INTO c (embedding) VALUES ('[1, 0]') ON CONFLICT (metadata) DO NOTHING",
            SqlState::INVALID_COLUMN_REFERENCE,
        ),
        ("CREATE INDEX i ON c (face_id)", SqlState::FEATURE_NOT_SUPPORTED),
    ]
    .into_iter()
    .enumerate()
    {
        let text = kept.replace('%', &number.to_string()) + faulty;
        assert_eq!(code(&one.batch_execute(&text).await.unwrap_err()), state, "{faulty}");
        assert!(names(&other).await.contains(&number.to_string()), "{faulty}");
        // A block that has failed says so, whatever comes.
        one.batch_execute("BEGIN; SELECT nothing").await.unwrap_err();
        for refused in [one.batch_execute(faulty).await, one.prepare(faulty).await.map(drop)] {
            let refused = code(&refused.unwrap_err());
            assert_eq!(refused, SqlState::IN_FAILED_SQL_TRANSACTION, "{faulty}");
        }
        one.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(code(&one.prepare(faulty).await.unwrap_err()), state, "{faulty}");
    }
    let text = kept.replace('%', "lost") + "SELECT 1 FROM";
    assert_eq!(code(&one.batch_execute(&text).await.unwrap_err()), SqlState::SYNTAX_ERROR);
    assert!(!names(&other).await.contains(&"lost".to_owned()));
}

#[tokio::test]
async fn begin_in_a_block_still_says_what_the_block_may_do() {
    let (_door, one, _) = two_sessions().await;
    one.batch_execute("BEGIN; BEGIN READ ONLY").await.unwrap();
    let refused = one.execute("DELETE FROM c", &[]).await.unwrap_err();
    assert_eq!(code(&refused), SqlState::READ_ONLY_SQL_TRANSACTION);
    one.batch_execute("ROLLBACK; BEGIN READ ONLY; BEGIN").await.unwrap();
    one.batch_execute("SELECT * FROM c; BEGIN READ ONLY").await.unwrap();
    let refused = one.batch_execute("BEGIN READ WRITE").await.unwrap_err();
    assert_eq!(code(&refused), SqlState::ACTIVE_SQL_TRANSACTION);
    one.batch_execute("ROLLBACK; BEGIN READ ONLY; BEGIN READ WRITE").await.unwrap();
    assert_eq!(one.execute("DELETE FROM c", &[]).await.unwrap(), 1);
    one.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn requests_sent_together_are_answered_each_by_itself() {
    let (_door, one, other) = two_sessions().await;
    let statement = one.prepare(NEW).await.unwrap();
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&"a", &"b", &"c"];
    let [a, b, c] = parameters.map(|name| [name]);
    let together = try_join3(
        one.execute(&statement, &a),
        one.execute(&statement, &b),
        one.execute(&statement, &c),
    );
    assert_eq!(together.await.unwrap(), (1, 1, 1));
    assert_eq!(names(&other).await, ["a", "b", "c", "old"]);
}
