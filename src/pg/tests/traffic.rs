//! What is counted of connections, statements and errors.

use super::*;

#[tokio::test]
async fn connections_statements_errors_and_refused_log_ins_are_counted() {
    let door = Door::open().await;
    let client = door.admin().await;
    assert!(door.log_in(Some("acme"), "admin", "wrong").await.is_err());
    client.batch_execute("CREATE COLLECTION c WITH (dimensions = 2)").await.unwrap();
    for _ in 0..2 {
        client.simple_query("SELECT count(*) FROM c").await.unwrap();
    }
    client.query("SELECT face_id FROM c", &[]).await.unwrap();
    assert!(client.simple_query("SELECT 1 / 0").await.is_err());
    assert!(client.simple_query("SELEC 1").await.is_err());
    assert!(client.query("SELECT * FROM nowhere", &[]).await.is_err());
    still_serves(&client).await;
    let mut text = String::new();
    door.traffic.write_to(&mut text);
    door.traffic.sql().write_to(&mut text);
    for line in [
        "# TYPE likeness_pg_connections gauge",
        "likeness_pg_connections_total 2",
        "likeness_pg_log_ins_refused_total 1",
        "likeness_sql_statements_total{door=\"pg\",kind=\"CREATE COLLECTION\"} 1",
        "likeness_sql_statements_total{door=\"pg\",kind=\"SELECT\"} 5",
        "likeness_sql_errors_total{door=\"pg\",class=\"22\"} 1",
        "likeness_sql_errors_total{door=\"pg\",class=\"42\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}
