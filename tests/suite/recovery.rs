//! What was acknowledged is there after SIGKILL, whole and searchable.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::support::{ServerBuilder, TestServer, as_text, embeddings};

const DIMENSIONS: usize = 64;
const WRITERS: usize = 8;

/// Starts writers that insert the embeddings one by one until the server is gone; each
/// acknowledged row is reported as (position, face id).
async fn insert_until_killed(
    server: &TestServer,
    rows: &Arc<Vec<Vec<f32>>>,
) -> mpsc::UnboundedReceiver<(usize, String)> {
    let (acknowledge, acknowledged) = mpsc::unbounded_channel();
    for writer in 0..WRITERS {
        let client = server.admin().await;
        let (rows, acknowledge) = (Arc::clone(rows), acknowledge.clone());
        tokio::spawn(async move {
            for at in (writer..rows.len()).step_by(WRITERS) {
                let insert = format!(
                    "INSERT INTO crash (external_face_id, embedding) VALUES ('{at}', '{}') \
                     RETURNING face_id",
                    as_text(&rows[at])
                );
                let Ok(answer) = client.query(insert.as_str(), &[]).await else { return };
                let id: String = answer[0].get(0);
                acknowledge.send((at, id)).unwrap();
            }
        });
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_acknowledged_inserts_survive_sigkill() {
    let mut server = ServerBuilder::new().start().await;
    let key = server.first_key();
    let create = "CREATE COLLECTION crash WITH (dimensions = 64)";
    server.admin().await.batch_execute(create).await.unwrap();
    let rows = Arc::new(embeddings(4000, DIMENSIONS));
    let mut acknowledged = insert_until_killed(&server, &rows).await;
    // A moment that differs from run to run: writers are somewhere between two statements.
    let wanted = 200 + usize::try_from(std::process::id() % 100).unwrap();
    let mut survivors = Vec::new();
    while survivors.len() < wanted {
        survivors.push(acknowledged.recv().await.expect("writers ended before the kill"));
    }
    server.kill().await;
    while let Some(late) = acknowledged.recv().await {
        survivors.push(late);
    }
    println!("killed after {} acknowledged inserts", survivors.len());

    let restarted = ServerBuilder::new().on(&server).start().await;
    let client = restarted.try_pg("default", "admin", &key).await.unwrap();
    let count: i64 = client.query_one("SELECT count(*) FROM crash", &[]).await.unwrap().get(0);
    let count = usize::try_from(count).unwrap();
    // Each writer may have had one insert on its way that was stored but not acknowledged.
    assert!((survivors.len()..=survivors.len() + WRITERS).contains(&count), "{count} rows");
    let search = "SEARCH FACES IN crash LIKE EMBEDDING $1::real[] LIMIT 1";
    let search = client.prepare(search).await.unwrap();
    for (at, id) in &survivors {
        let found = client.query_one(&search, &[&rows[*at]]).await.unwrap();
        assert_eq!(found.get::<_, String>("face_id"), *id);
        assert_eq!(found.get::<_, String>("external_face_id"), at.to_string());
        assert!(found.get::<_, f32>("similarity") > 0.999);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_face_stays_deleted_after_sigkill_and_after_a_clean_stop() {
    let mut server = ServerBuilder::new().start().await;
    let key = server.first_key();
    let client = server.admin().await;
    client.batch_execute("CREATE COLLECTION gone WITH (dimensions = 64)").await.unwrap();
    for (at, embedding) in embeddings(20, DIMENSIONS).iter().enumerate() {
        let text = as_text(embedding);
        let insert =
            format!("INSERT INTO gone (external_face_id, embedding) VALUES ('{at}', '{text}')");
        client.execute(insert.as_str(), &[]).await.unwrap();
    }
    let deleted = client.execute("DELETE FROM gone WHERE external_face_id < '15'", &[]).await;
    let left = 20 - deleted.unwrap();
    assert!((1..20).contains(&left));
    server.kill().await;

    let mut second = ServerBuilder::new().on(&server).start().await;
    assert_eq!(count(&second, &key).await, left);
    assert!(second.terminate().await, "SIGTERM must end the server with success");

    let third = ServerBuilder::new().on(&second).start().await;
    assert_eq!(count(&third, &key).await, left);
}

async fn count(server: &TestServer, key: &str) -> u64 {
    let client = server.try_pg("default", "admin", key).await.unwrap();
    let rows: i64 = client.query_one("SELECT count(*) FROM gone", &[]).await.unwrap().get(0);
    u64::try_from(rows).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_directory_is_refused_and_says_why() {
    let server = ServerBuilder::new().start().await;
    let arguments =
        ["serve", "--pg", "127.0.0.1:0", "--http", "127.0.0.1:0", "--models", "no-models-here"];
    let output = crate::support::likeness(&server.data(), &arguments).await;
    assert!(!output.status.success());
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("another process"), "{complaint}");
}
