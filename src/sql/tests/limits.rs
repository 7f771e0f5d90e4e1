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

/// `template` in itself so many times, around `x`.
fn nested(template: &str, times: usize) -> String {
    (0..times).fold("x".to_owned(), |inner, _| template.replace("{}", &inner))
}

#[tokio::test]
async fn what_is_nested_is_not_read_or_planned_twice_at_each_level() {
    let client = Client::new();
    for (template, x, times) in [
        ("upper({})", "'x'", 45),
        ("coalesce(upper({}), y)", "'x'", 22),
        ("coalesce({} || y, upper(y))", "'x'", 22),
        ("nullif(upper({}), 'q')", "'x'", 22),
        ("greatest(upper({}), y)", "'x'", 22),
        ("coalesce({}->'a', '{}')", "'{}'::jsonb", 22),
        ("CASE WHEN y = 'y' THEN upper({}) ELSE y END", "'x'", 9),
        ("CASE WHEN y = 'z' THEN y ELSE ({}) END", "'x'", 22),
    ] {
        // The inner braces are those of a document.
        let whole = template.replace("'{}'", "'{ }'");
        let sql = format!("SELECT {} FROM (SELECT {x} AS x, 'y' AS y) t", nested(&whole, times));
        let answered = tokio::time::timeout(Duration::from_mins(2), client.rows(&sql)).await;
        assert_eq!(answered.expect(&sql).len(), 1, "{template}");
    }
}

#[tokio::test]
async fn faults_deep_inside_are_found_without_trying_each_way_again() {
    let client = Client::new();
    for template in [
        "cast({} AS)",
        "position({}, 'x')",
        "CASE WHEN {} THEN",
        "CASE WHEN true THEN upper({}) END",
    ] {
        let sql = format!("SELECT {}", nested(template, 40));
        let refused = tokio::time::timeout(Duration::from_mins(2), client.error(&sql)).await;
        let states = [SqlState::StatementTooComplex, SqlState::SyntaxError];
        let error = refused.expect(&sql);
        assert!(states.contains(&error.state), "{template}: {error}");
    }
}

#[tokio::test]
async fn what_can_only_be_had_twice_at_each_level_is_bounded() {
    let client = Client::new();
    for (template, fits) in [
        ("1 BETWEEN SYMMETRIC ({})::int AND 2", 4),
        ("({}) BETWEEN SYMMETRIC true AND true", 4),
        ("(({})::int <> 1)", 8),
        ("(({})::int IN (1, 2))", 8),
        ("(ROW({}, 1) = ROW(true, 1))", 8),
        ("(ROW({}, 1) < ROW(true, 1))", 3),
        ("(CASE WHEN random() < 2 THEN {} ELSE false END)", 8),
        ("EXISTS (SELECT 1 WHERE {})", 8),
        ("(WITH c AS (SELECT {} AS y) SELECT c.y FROM c)", 10),
    ] {
        let within = nested(template, fits).replace('x', "true");
        assert_eq!(client.rows(&format!("SELECT {within}")).await.len(), 1, "{within}");
        let beyond = nested(template, 22).replace('x', "true");
        let sql = format!("SELECT {beyond}");
        let refused = tokio::time::timeout(Duration::from_mins(2), client.error(&sql)).await;
        let error = refused.expect(&sql);
        assert_eq!(error.state, SqlState::StatementTooComplex, "{template}: {error}");
    }
}

#[tokio::test]
async fn long_lists_of_rows_are_no_deep_expressions() {
    let client = Client::new();
    let list: Vec<_> = (0..1500).map(|at| format!("({at}, {at})")).collect();
    let list = list.join(", ");
    let among = |test: &str| {
        let rows = "(VALUES (1, 1), (1, 2), (7, NULL), (9999, NULL)) t(x, y)";
        format!("SELECT {test} FROM {rows}").replace("()", &format!("({list})"))
    };
    assert_eq!(client.column(&among("(x, y) IN ()")).await, ["true", "false", "", "false"]);
    assert_eq!(client.column(&among("(x, y) NOT IN ()")).await, ["false", "true", "", "true"]);
    let records = list.replace('(', "ROW(");
    let rows = client.column(&format!("{} WHERE t IN ({records})", among("x"))).await;
    assert_eq!(rows, ["1"]);
    let rows = client.column(&format!("{} WHERE t NOT IN ({records})", among("x"))).await;
    assert_eq!(rows, ["1", "7", "9999"]);
}

#[tokio::test]
async fn what_is_nested_too_deeply_is_told_so() {
    let client = Client::new();
    let nested = nested("upper((CASE WHEN b THEN {} ELSE 3 END)::text)::float8", 16);
    let error = client.error(&format!("SELECT {nested} FROM t")).await;
    assert_eq!(error.message, "the statement is nested too deeply");
    assert_eq!(error.state, SqlState::StatementTooComplex);
}

#[tokio::test]
async fn quotes_of_records_in_one_another_come_to_an_end() {
    let client = Client::new();
    let records = nested("ROW({})", 40).replace('x', "1");
    let error = client.error(&format!("SELECT length(({records})::text)")).await;
    assert_eq!(error.state, SqlState::ProgramLimitExceeded, "{error}");
}

#[tokio::test]
async fn a_later_choice_is_not_computed_where_an_earlier_one_is_there() {
    let client = Client::new();
    let sql = "SELECT coalesce(x, 1 / (x - x)), coalesce(NULL, x, 1 / (x - x)) \
               FROM (VALUES (1), (2)) t(x) ORDER BY 1";
    assert_eq!(client.column(sql).await, ["1", "2"]);
    let sql = "SELECT coalesce(nullif(x, 2), 1 / (x - x)) FROM (VALUES (1), (2)) t(x)";
    assert_eq!(client.state(sql).await, SqlState::DivisionByZero);
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

/// The states of answers that take more than there is.
const TOO_MUCH: [SqlState; 2] = [SqlState::ProgramLimitExceeded, SqlState::OutOfMemory];

/// Runs what must be refused, and shows nothing of what it makes if it is not.
async fn assert_too_much(client: &Client, sql: &str) {
    let shown: String = sql.chars().take(200).collect();
    let refused = tokio::time::timeout(Duration::from_mins(1), client.error(sql)).await;
    let error = refused.unwrap_or_else(|_| panic!("took too long: {shown}"));
    assert!(TOO_MUCH.contains(&error.state), "{shown}: {error}");
}

#[tokio::test]
async fn what_a_function_makes_has_a_bound() {
    let client = Client::new();
    for call in [
        "repeat('x', 2000000000)",
        "lpad('x', 2000000000, 'y')",
        "format('%2000000000s', 'x')",
        "'x'::char(10000000)",
        "replace(repeat('x', 1000000), 'x', repeat('y', 1000))",
        "regexp_replace(repeat('x', 1000000), 'x', repeat('y', 1000), 'g')",
        "concat_ws(repeat('x', 4000000), 'a', 'b', 'c', 'd')",
        "array_to_string(string_to_array(repeat('x,', 100000), ','), repeat('y', 1000))",
        "array_replace(string_to_array(repeat('x,', 100000), ','), 'x', repeat('y', 1000))",
        "jsonb_pretty((repeat('[', 60) || repeat('1,', 100000) || '1' || repeat(']', 60))::jsonb)",
        "repeat('x', 5000000) || repeat('y', 5000000)",
        "encode(convert_to(repeat('x', 5000000), 'UTF8'), 'hex')",
    ] {
        assert_too_much(&client, &format!("SELECT length(({call})::text)")).await;
        // The same where it is not known before.
        let of_rows = call.replace("'x'", "x");
        let sql = format!(
            "SELECT max(length(({of_rows})::text)) FROM (SELECT chr(120 + g * 0) FROM \
             generate_series(1, 1) g) r(x)"
        );
        assert_too_much(&client, &sql).await;
    }
    let groups = "SELECT count(*) FROM regexp_matches(repeat('x', 100000), \
                  repeat('(', 50) || 'x' || repeat(')', 50), 'g')";
    assert_too_much(&client, groups).await;
}

#[tokio::test]
async fn what_grows_step_by_step_comes_to_an_end() {
    let client = Client::new();
    let doubled = |step: fn(String) -> String| {
        let first = "t0 AS (SELECT repeat('x', 1000 + g) AS x FROM generate_series(1, 1) g)";
        let others = (0..20)
            .map(|at| format!("t{} AS (SELECT {} AS x FROM t{at})", at + 1, step("x".to_owned())));
        let steps: Vec<_> = [first.to_owned()].into_iter().chain(others).collect();
        format!("WITH {} SELECT length(x) FROM t20", steps.join(", "))
    };
    for step in [
        |x| format!("{x} || {x}"),
        |x| format!("concat({x}, {x})"),
        |x| format!("encode(convert_to({x}, 'UTF8'), 'hex')"),
        |x| format!("to_jsonb({x} || '\"\"')::text || {x}"),
    ] as [fn(String) -> String; 4]
    {
        assert_too_much(&client, &doubled(step)).await;
    }
    let documents = "WITH RECURSIVE d(n, d) AS (SELECT 1, '[1]'::jsonb UNION ALL \
                     SELECT n + 1, d || d FROM d WHERE n < 40) SELECT max(n) FROM d";
    assert_too_much(&client, documents).await;
}

#[tokio::test]
async fn results_of_functions_count_together() {
    let client = Client::new();
    for row in ["4000000 + {}", "4000000 + {} + g"] {
        let texts =
            (0..40).map(|at| format!("repeat('x', {})", row.replace("{}", &at.to_string())));
        let texts = texts.collect::<Vec<_>>().join(", ");
        assert_too_much(&client, &format!("SELECT {texts} FROM generate_series(1, 1) g")).await;
    }
}

#[tokio::test]
async fn wide_rows_are_made_a_few_at_once() {
    let client = Client::new();
    for sql in [
        "SELECT length(repeat('x', 100000)) FROM generate_series(1, 3000)",
        "SELECT length(repeat('x', 100000) || g) FROM generate_series(1, 3000) g",
        "SELECT length(repeat('x', 1000 + g % 2)) FROM generate_series(1, 3000) g",
        "SELECT length(CASE WHEN g > 0 THEN repeat('x', 100000) ELSE 'y' END) \
         FROM generate_series(1, 3000) g",
        "SELECT length(x || x) FROM (SELECT repeat('x', 2000 + g % 7) AS x \
         FROM generate_series(1, 3000) g) t",
    ] {
        assert_eq!(client.rows(sql).await.len(), 3000, "{sql}");
    }
    // A batch of rows of a megabyte would be gigabytes.
    let large = "SELECT count(*) FROM (SELECT repeat('x', 1000000) || g AS x \
                 FROM generate_series(1, 1000) g) t WHERE length(upper(x)) > 0";
    assert_eq!(client.column(large).await, ["1000"]);
}

#[tokio::test]
async fn rows_that_are_written_out_many_times_have_a_bound() {
    let client = Client::with_people().await;
    let wide = "(SELECT repeat('x', 1000000 + g) AS x FROM generate_series(1, 2) g) w";
    for sql in [
        format!("SELECT w.x, g FROM {wide} CROSS JOIN generate_series(1, 100000) g"),
        format!("SELECT w.x, unnest(array_agg(g)) FROM {wide}, generate_series(1, 9) g GROUP BY 1"),
        "SELECT x, unnest(string_to_array(repeat('y,', 100000), ',')) \
         FROM (SELECT repeat('x', 1000 + g) AS x FROM generate_series(1, 1) g) t"
            .to_owned(),
        "SELECT ARRAY(SELECT g FROM generate_series(1, 1000000000) g)".to_owned(),
        "SELECT (SELECT repeat('x', 100000 + g)) FROM generate_series(1, 1000) g".to_owned(),
    ] {
        assert_too_much(&client, &sql).await;
    }
    // Each row of a lateral query stands beside its outer row, as many at once as fit.
    let lateral = format!(
        "SELECT length(w.x) FROM {wide}, LATERAL (SELECT h FROM generate_series(1, 50) h \
         WHERE h <= length(w.x)) l"
    );
    assert_eq!(client.rows(&lateral).await.len(), 100);
}

#[tokio::test]
async fn what_aggregates_gather_counts_with_what_is_made_of_it() {
    let client = Client::new();
    for aggregate in
        ["array_agg(x)", "string_agg(x, ',')", "jsonb_agg(x)", "jsonb_object_agg(x, x)"]
    {
        for over in ["", " OVER ()"] {
            let sql = format!(
                "SELECT length(({aggregate}{over})::text) FROM (SELECT repeat('x', 100000 + g % 7) \
                 || g AS x FROM generate_series(1, 1000) g) t"
            );
            assert_too_much(&client, &sql).await;
        }
    }
}

#[tokio::test]
async fn rows_that_a_window_keeps_count() {
    let client = Client::new();
    for window in [
        "count(*) OVER ()",
        "lead(g, 900000000) OVER ()",
        "max(g) OVER (ROWS BETWEEN 900000000 PRECEDING AND CURRENT ROW)",
        "max(g) OVER (ROWS BETWEEN CURRENT ROW AND 900000000 FOLLOWING)",
    ] {
        let sql = format!(
            "SELECT max(x) FROM (SELECT {window} AS x FROM generate_series(1, 1000000000) g) t"
        );
        assert_too_much(&client, &sql).await;
    }
    // What is answered is let go of, here some 80 MB.
    let numbered = "SELECT max(n) FROM (SELECT row_number() OVER () AS n, repeat('x', 1000) AS x \
                    FROM generate_series(1, 80000)) t WHERE x <> ''";
    assert_eq!(client.column(numbered).await, ["80000"]);
}

#[tokio::test]
async fn a_document_is_taken_apart_up_to_a_size() {
    let client = Client::new();
    let sql = "SELECT jsonb_array_length(('[' || string_agg(x, ',') || ']')::jsonb) FROM \
               (SELECT '\"' || repeat('x', 1000000) || '\"' AS x FROM generate_series(1, 17)) t";
    assert_too_much(&client, sql).await;
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
