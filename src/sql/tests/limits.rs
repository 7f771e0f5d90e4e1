//! Statements made to exhaust the server are refused or bounded.

use std::time::Duration;

use super::Client;
use crate::engine::Interrupt;
use crate::sql::SqlState;

#[tokio::test]
async fn deep_nesting_is_refused_quickly() {
    let client = Client::new();
    let parentheses = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    let subqueries = format!("SELECT * FROM {}x{}", "(SELECT * FROM ".repeat(500), ")".repeat(500));
    let tables = format!("SELECT * FROM {}t{}", "(".repeat(40), ")".repeat(40));
    for sql in [parentheses, subqueries, tables, format!("SELECT {}1", "- ".repeat(10_000))] {
        let refused = tokio::time::timeout(Duration::from_secs(20), client.error(&sql));
        let error = refused.await.expect("took too long");
        let states =
            [SqlState::StatementTooComplex, SqlState::SyntaxError, SqlState::UndefinedTable];
        assert!(states.contains(&error.state), "{error}");
    }
}

#[tokio::test]
async fn the_longest_allowed_chain_runs_without_running_out_of_stack() {
    let client = Client::with_people().await;
    let terms = vec!["external_face_id = 'ann'"; 250].join(" OR ");
    let sql = format!("SELECT count(*) FROM people WHERE {terms}");
    assert_eq!(client.column(&sql).await, ["1"]);
    // The branches of a UNION are polled by an operator of their own.
    for operator in [" + 1", " IS NULL", "::int"] {
        let chain = format!("SELECT confidence{} FROM people", operator.repeat(500));
        let sql = format!("{chain} UNION ALL VALUES (NULL)");
        assert_eq!(client.rows(&sql).await.len(), 5, "{operator}");
    }
}

#[tokio::test]
async fn results_larger_than_the_memory_for_queries_are_an_error() {
    let client = Client::new();
    let sql = "SELECT count(*) FROM (SELECT DISTINCT a, b FROM \
               generate_series(1, 100000) a, generate_series(1, 100000) b)";
    assert_eq!(client.state(sql).await, SqlState::OutOfMemory);
}

#[tokio::test]
async fn functions_without_a_bound_on_their_result_do_not_exist() {
    let client = Client::new();
    for call in ["array_repeat(1, 2000000000)", "range(1, 2000000000)"] {
        let sql = format!("SELECT {call}");
        assert_eq!(client.state(&sql).await, SqlState::UndefinedFunction, "{call}");
    }
}

#[tokio::test]
async fn an_endless_query_can_be_given_up() {
    let client = Client::new();
    let sql = "SELECT count(*) FROM generate_series(1, 1000000000) a, \
               generate_series(1, 1000000000) b";
    let given_up = tokio::time::timeout(Duration::from_millis(200), client.rows(sql)).await;
    assert!(given_up.is_err());
}

#[tokio::test]
async fn what_is_short_to_write_and_large_to_plan_is_refused() {
    let client = Client::new();
    let link = |at| format!("a{at} AS (SELECT a.x FROM a{0} a, a{0} b)", at - 1);
    let links: Vec<_> = (1..30).map(link).collect();
    let chain =
        format!("WITH a0 AS (SELECT 1 AS x), {} SELECT count(*) FROM a29", links.join(", "));
    assert_eq!(client.state(&chain).await, SqlState::StatementTooComplex);
    let arrays = format!("SELECT {}1{}", "ARRAY[".repeat(48), "]".repeat(48));
    assert_eq!(client.state(&arrays).await, SqlState::ProgramLimitExceeded);
}

#[tokio::test]
async fn no_operator_leaves_the_task_of_its_statement() {
    let client = Client::with_people().await;
    let union = "SELECT face_id FROM people UNION ALL SELECT face_id FROM people";
    for query in [
        union.to_owned(),
        format!("{union} LIMIT 2"),
        format!("{union} ORDER BY 1 LIMIT 2"),
        format!("SELECT count(*) FROM ({union}) u"),
        format!("SELECT count(*) FROM ({union} LIMIT 2) u"),
    ] {
        let plan = client.column(&format!("EXPLAIN {query}")).await.join("\n");
        for starts_tasks in ["CoalescePartitions", "SortPreservingMerge", "Repartition"] {
            assert!(!plan.contains(starts_tasks), "{query}:\n{plan}");
        }
    }
    assert_eq!(client.column(&format!("{union} LIMIT 2")).await.len(), 2);
}

#[tokio::test]
async fn planning_ends_with_its_statement() {
    let client = Client::with_people().await;
    for query in ["SELECT 1", "SELECT count(*) FROM people"] {
        let explain = format!("EXPLAIN {query}");
        assert!(!client.column(&explain).await.is_empty());
        let given_up = Interrupt::default();
        assert!(given_up.raise());
        let error = given_up.scope(Box::pin(client.error(&explain))).await;
        assert_eq!(error.state, SqlState::QueryCanceled, "{query}: {error}");
    }
}

/// The second face of the batch is wrong, which nobody is to find out any more.
#[tokio::test]
async fn an_insert_is_given_up_between_two_of_its_faces() {
    let client = Client::with_people().await;
    for conflict in
        ["", "ON CONFLICT DO NOTHING", "ON CONFLICT (face_id) DO UPDATE SET metadata = NULL"]
    {
        let insert = format!(
            "INSERT INTO people (embedding)
             SELECT CASE n WHEN 1 THEN '[1, 0, 0]'::vector ELSE '[1]'::vector END
             FROM generate_series(1, 3) g(n) WHERE NOT give_up_if(n = 3) {conflict}"
        );
        let error = Interrupt::default().scope(Box::pin(client.error(&insert))).await;
        assert_eq!(error.state, SqlState::QueryCanceled, "{conflict}: {error}");
        assert_eq!(client.count("people").await, "4", "{conflict}");
    }
}
