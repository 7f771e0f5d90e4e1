//! Statements that come as requests are counted beside those of the PostgreSQL door.

use super::*;

#[tokio::test]
async fn statements_and_their_errors_are_counted_and_told_to_the_operator() {
    let door = Door::new();
    let key = door.key("default", "operator", Role::Admin);
    door.run(&key, "CREATE COLLECTION c WITH (dimensions = 2)").await;
    for _ in 0..2 {
        door.run(&key, "SELECT count(*) FROM c").await;
    }
    for (statement, state) in [
        ("SELECT 1 / 0", "22012"),
        ("SELECT * FROM nowhere", "42P01"),
        ("SELEC 1", "42601"),
        ("SELECT 1; SELECT 2", "42601"),
        ("BEGIN", "0A000"),
    ] {
        assert_eq!(door.refused(&key, statement).await.2, state, "{statement}");
    }
    let request = Request::get("/metrics").header("authorization", format!("Bearer {key}"));
    let response = door.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let text = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(text.into()).unwrap();
    for line in [
        "# TYPE likeness_sql_statements_total counter",
        "likeness_sql_statements_total{door=\"http\",kind=\"BEGIN\"} 1",
        "likeness_sql_statements_total{door=\"http\",kind=\"CREATE COLLECTION\"} 1",
        "likeness_sql_statements_total{door=\"http\",kind=\"SELECT\"} 4",
        "likeness_sql_errors_total{door=\"http\",class=\"0A\"} 1",
        "likeness_sql_errors_total{door=\"http\",class=\"22\"} 1",
        "likeness_sql_errors_total{door=\"http\",class=\"42\"} 3",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}
