//! SEARCH in every position and with every kind of probe.

use datafusion::scalar::ScalarValue;

use super::{Client, reals, text};
use crate::sql::{SqlState, SqlType};

const PROBE: &str = "SEARCH FACES IN people EMBEDDING '[1, 0, 0]'";

#[tokio::test]
async fn a_search_lists_rank_face_and_similarity_before_the_other_columns() {
    let client = Client::with_people().await;
    let (parameters, columns) = client.describe(PROBE).await;
    assert!(parameters.is_empty());
    let names = "rank face_id similarity external_face_id external_image_id bounding_box \
                 confidence quality attributes metadata model created_at embedding";
    assert_eq!(columns.unwrap(), names.split(' ').collect::<Vec<_>>());
    let rows = client.rows(PROBE).await;
    let shown: Vec<_> = rows.iter().map(|row| (&*row[0], &*row[2], &*row[3])).collect();
    assert_eq!(
        shown,
        [("1", "1.0", "ann"), ("2", "0.8", "bob"), ("3", "0.6", "cid"), ("4", "0.0", "dee")]
    );
    assert_eq!(rows[1][12], "[0.8, 0.6, 0.0]");
    assert_eq!(rows[1][9], "{\"team\": \"red\"}");
}

#[tokio::test]
async fn a_face_is_not_its_own_candidate() {
    let client = Client::with_people().await;
    let ann = client.face_id("ann").await;
    let sql =
        format!("SELECT external_face_id FROM (SEARCH FACES IN people LIKE '{ann}' LIMIT 2) s");
    assert_eq!(client.column(&sql).await, ["bob", "cid"]);
    let sql = "SELECT external_face_id FROM (SEARCH FACES IN people LIKE $1 LIMIT 2) s";
    assert_eq!(client.rows_with(sql, &[text(&ann)]).await, [["bob"], ["cid"]]);
}

#[tokio::test]
async fn a_face_is_searched_for_by_the_name_its_caller_gave_it() {
    let client = Client::with_people().await;
    let named = "SELECT external_face_id FROM (SEARCH FACES IN people";
    let sql = format!("{named} LIKE EXTERNAL 'ann' LIMIT 2) s");
    assert_eq!(client.column(&sql).await, ["bob", "cid"], "it is not its own candidate");
    let sql = format!("{named} EXTERNAL $1 WHERE external_face_id <> 'bob' LIMIT 1) s ORDER BY 1");
    assert_eq!(client.describe(&sql).await.0, [SqlType::Text]);
    assert_eq!(client.rows_with(&sql, &[text("ann")]).await, [["cid"]]);
    let error = client.error("SEARCH FACES IN people LIKE EXTERNAL 'nobody'").await;
    assert_eq!(error.state, SqlState::InvalidParameterValue);
    assert!(error.message.contains("\"nobody\""), "{error}");
    client.run("INSERT INTO people (external_face_id, embedding) VALUES ('ann', '[1,1,1]')").await;
    let error = client.error("SEARCH FACES IN people LIKE EXTERNAL 'ann'").await;
    assert_eq!(error.state, SqlState::CardinalityViolation, "{error}");
}

#[tokio::test]
async fn an_error_rate_needs_a_model_that_was_measured() {
    let client = Client::with_people().await;
    for cut in ["AT FMR 1e-4", "AT FPIR 0.01", "AT FMR 0.5 / 5000"] {
        let error = client.error(&format!("{PROBE} {cut}")).await;
        assert_eq!(error.state, SqlState::InvalidParameterValue, "{cut}: {error}");
        assert!(error.message.contains("nobody measured the error rates"), "{error}");
    }
    assert_eq!(client.state(&format!("{PROBE} AT FMR NULL")).await, SqlState::NullValueNotAllowed);
    let (parameters, _) = client.describe(&format!("{PROBE} AT FPIR $1 LIMIT $2")).await;
    assert_eq!(parameters, [SqlType::Float8, SqlType::Int8]);
}

#[tokio::test]
async fn threshold_and_limit_cut_the_list() {
    let client = Client::with_people().await;
    let names = |clauses: &str| {
        let sql = format!("SELECT external_face_id FROM ({PROBE} {clauses}) s");
        let client = &client;
        async move { client.column(&sql).await.join(" ") }
    };
    assert_eq!(names("THRESHOLD 0.6").await, "ann bob cid");
    assert_eq!(names("THRESHOLD 0.7 LIMIT 1 + 1").await, "ann bob");
    assert_eq!(names("LIMIT 1").await, "ann");
    assert_eq!(names("LIMIT 0").await, "");
    assert_eq!(names("WHERE external_image_id = 'blue' THRESHOLD 0.5 LIMIT 5").await, "cid");
}

#[tokio::test]
async fn where_filters_before_the_search_and_not_after() {
    let client = Client::with_people().await;
    let sql = format!(
        "SELECT external_face_id FROM ({PROBE} WHERE external_image_id = 'blue' LIMIT 1) s"
    );
    assert_eq!(client.column(&sql).await, ["cid"]);
    let sql = format!("SELECT count(*) FROM ({PROBE} WHERE false) s");
    assert_eq!(client.column(&sql).await, ["0"]);
    let sql =
        format!("SELECT count(*) FROM ({PROBE} WHERE quality IS NULL AND model = 'external') s");
    assert_eq!(client.column(&sql).await, ["4"]);
}

#[tokio::test]
async fn ten_candidates_are_listed_unless_the_statement_says_otherwise() {
    let client = Client::with_people().await;
    let rows = vec!["('[0, 1, 0]')"; 20].join(", ");
    client.run(&format!("INSERT INTO people (embedding) VALUES {rows}")).await;
    assert_eq!(client.rows(PROBE).await.len(), 10);
    assert_eq!(client.rows(&format!("{PROBE} LIMIT 15")).await.len(), 15);
}

#[tokio::test]
async fn a_search_stands_wherever_a_query_may() {
    let client = Client::with_people().await;
    let cases = [
        (format!("WITH s AS ({PROBE} LIMIT 2) SELECT external_face_id FROM s"), "ann bob"),
        (
            format!(
                "SELECT external_face_id FROM people WHERE face_id IN (SELECT face_id FROM \
                     ({PROBE} LIMIT 2) s) ORDER BY 1"
            ),
            "ann bob",
        ),
        (
            format!(
                "SELECT p.external_face_id FROM ({PROBE} LIMIT 3) s JOIN people p USING (face_id) \
                     WHERE s.rank > 1 ORDER BY s.rank"
            ),
            "bob cid",
        ),
        (
            format!(
                "SELECT external_image_id || count(*) FROM ({PROBE} LIMIT 3) s \
                     GROUP BY external_image_id ORDER BY external_image_id"
            ),
            "blue1 red2",
        ),
        (
            format!(
                "SELECT external_face_id FROM ({PROBE} LIMIT 1) a UNION ALL \
                     SELECT external_face_id FROM \
                     ({PROBE} WHERE external_image_id = 'blue' LIMIT 1) b \
                     ORDER BY external_face_id"
            ),
            "ann cid",
        ),
        (
            format!(
                "SELECT external_face_id FROM ({PROBE} WHERE face_id IN (SELECT face_id FROM \
                     (SEARCH FACES IN people EMBEDDING '[0,0,1]' LIMIT 2) t) LIMIT 1) s"
            ),
            "ann",
        ),
        (format!("SELECT (SELECT max(similarity) FROM ({PROBE}) s)"), "1.0"),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(&sql).await.join(" "), expected, "{sql}");
    }
}

#[tokio::test]
async fn explain_shows_the_search_and_whether_it_is_filtered() {
    let client = Client::with_people().await;
    let plan = client.column(&format!("EXPLAIN {PROBE} WHERE model = 'x' THRESHOLD 0.5")).await;
    let plan = plan.join("\n");
    let search =
        "FaceSearch: collection=people, probe=embedding, threshold=0.5, limit=10, filtered";
    assert!(plan.contains(search), "{plan}");
    assert!(plan.contains("GalleryScan: collection=people, columns=[face_id, model]"), "{plan}");
    let analyzed = client.column(&format!("EXPLAIN ANALYZE {PROBE}")).await.join("\n");
    assert!(analyzed.contains("output_rows=4"), "{analyzed}");
    for told in ["kernel=", "threads=1", "segments=0", "rows=4, rows_in_memory=4"] {
        assert!(analyzed.contains(told), "{told}: {analyzed}");
    }
    assert!(analyzed.contains("embedding: [rows=4, rescored=4, bytes="), "{analyzed}");
    assert!(!plan.contains("kernel="), "nothing ran yet: {plan}");
}

#[tokio::test]
async fn a_session_says_what_its_searches_may_leave_to_chance() {
    let client = Client::with_people().await;
    let plan = async || client.column(&format!("EXPLAIN {PROBE}")).await.join("\n");
    assert_eq!(client.column("SHOW likeness.exact").await, ["probable"]);
    assert!(!plan().await.contains("deterministic"));
    let expected = client.column(PROBE).await;
    client.run("SET likeness.exact = 'deterministic'").await;
    assert!(plan().await.contains("limit=10, deterministic"), "{}", plan().await);
    assert_eq!(client.column(PROBE).await, expected);
    client.run("SET likeness.exact = probable").await;
    client.run("SET likeness.exact_failure_probability = 1e-6").await;
    assert_eq!(client.column("SHOW likeness.exact_failure_probability").await, ["1e-6"]);
    assert!(plan().await.contains("failure_probability=1e-6"), "{}", plan().await);
    for bad in ["0", "0.6", "-1", "none", "1e-200"] {
        let sql = format!("SET likeness.exact_failure_probability = '{bad}'");
        assert_eq!(client.state(&sql).await, SqlState::InvalidParameterValue, "{bad}");
    }
    let refused = client.state("SET likeness.exact = 'maybe'").await;
    assert_eq!(refused, SqlState::InvalidParameterValue);
}

#[tokio::test]
async fn every_part_takes_a_parameter_of_the_right_type() {
    let client = Client::with_people().await;
    let sql = "SELECT external_face_id FROM (SEARCH FACES IN people LIKE EMBEDDING $1 \
               WHERE external_image_id = $2 AND created_at > $5 THRESHOLD $3 LIMIT $4) s";
    let (parameters, columns) = client.describe(sql).await;
    assert_eq!(
        parameters,
        [SqlType::Vector, SqlType::Text, SqlType::Float4, SqlType::Int8, SqlType::Timestamptz]
    );
    assert_eq!(columns.unwrap(), ["external_face_id"]);
    let long_ago = ScalarValue::TimestampMicrosecond(Some(0), Some("UTC".into()));
    let values = [reals(&[1.0, 0.0, 0.0]), text("red"), 0.5_f32.into(), 1_i64.into(), long_ago];
    assert_eq!(client.rows_with(sql, &values).await, [["ann"]]);
    let (parameters, _) = client.describe("SEARCH FACES IN people LIKE $1").await;
    assert_eq!(parameters, [SqlType::Text]);
    let (parameters, _) = client.describe("SEARCH FACES IN people IMAGE $1").await;
    assert_eq!(parameters, [SqlType::Bytea]);
}

#[tokio::test]
async fn embeddings_may_come_as_text_and_as_doubles() {
    let client = Client::with_people().await;
    let first = "SELECT external_face_id FROM (SEARCH FACES IN people EMBEDDING";
    for probe in [
        "'{0,0,2}'",
        "'[0, 0, 0.5]'::real[]",
        "('[0,0,1]'::vector)",
        "ARRAY[0, 0, 1]",
        "$1::real[]",
    ] {
        let sql = format!("{first} {probe} LIMIT 1) s");
        assert_eq!(client.rows_with(&sql, &[reals(&[0.0, 0.0, 9.0])]).await, [["dee"]], "{probe}");
    }
    let statement = client.parse(&format!("{first} $1 LIMIT 1) s")).unwrap();
    let declared = client.session.describe(&statement, &[Some(SqlType::Text)]).await.unwrap();
    assert_eq!(declared.parameters, [SqlType::Text]);
    let sql = format!("{first} $1 LIMIT 1) s");
    assert_eq!(client.rows_with(&sql, &[text("[0,0,1]")]).await, [["dee"]]);
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_refused_with_its_class() {
    let client = Client::with_people().await;
    let absent = "f_00000000000000000000000000";
    let cases = [
        ("SEARCH FACES IN nobody LIKE 'x'".to_owned(), SqlState::UndefinedTable),
        ("SEARCH FACES IN pg_catalog.people LIKE 'x'".to_owned(), SqlState::UndefinedTable),
        (format!("SEARCH FACES IN people LIKE '{absent}'"), SqlState::InvalidParameterValue),
        ("SEARCH FACES IN people LIKE 'ann'".to_owned(), SqlState::InvalidTextRepresentation),
        ("SEARCH FACES IN people LIKE NULL".to_owned(), SqlState::NullValueNotAllowed),
        ("SEARCH FACES IN people EMBEDDING '[1,2]'".to_owned(), SqlState::InvalidParameterValue),
        ("SEARCH FACES IN people EMBEDDING '[0,0,0]'".to_owned(), SqlState::InvalidParameterValue),
        ("SEARCH FACES IN people EMBEDDING '[a]'".to_owned(), SqlState::InvalidTextRepresentation),
        ("SEARCH FACES IN people EMBEDDING 7".to_owned(), SqlState::DatatypeMismatch),
        ("SEARCH FACES IN people IMAGE '\\x00'".to_owned(), SqlState::SystemError),
        ("SEARCH FACES IN people IMAGE '\\x0'".to_owned(), SqlState::InvalidParameterValue),
        (format!("{PROBE} THRESHOLD 1.5"), SqlState::InvalidParameterValue),
        (format!("{PROBE} THRESHOLD NULL"), SqlState::NullValueNotAllowed),
        (format!("{PROBE} THRESHOLD similarity"), SqlState::UndefinedColumn),
        (format!("{PROBE} LIMIT -1"), SqlState::InvalidRowCountInLimitClause),
        (format!("{PROBE} LIMIT 10001"), SqlState::InvalidParameterValue),
        (format!("{PROBE} LIMIT NULL"), SqlState::NullValueNotAllowed),
        (format!("{PROBE} WHERE nothing = 1"), SqlState::UndefinedColumn),
        (
            "SEARCH FACES IN people LIKE (SELECT face_id FROM people LIMIT 1)".to_owned(),
            SqlState::FeatureNotSupported,
        ),
    ];
    for (sql, state) in cases {
        let error = client.error(&sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
    }
    let unbound = client.parse("SEARCH FACES IN people LIKE $1").unwrap();
    let error = client.session.execute(&unbound, Vec::new()).await.unwrap_err();
    assert_eq!(error.state, SqlState::UndefinedParameter);
}

#[tokio::test]
async fn a_common_table_expression_does_not_shadow_the_collection_searched() {
    let client = Client::with_people().await;
    let sql = "WITH people AS (SELECT 'x' AS face_id) SELECT external_face_id FROM \
               (SEARCH FACES IN people EMBEDDING '[0,0,1]' WHERE face_id <> 'x' LIMIT 1) s";
    assert_eq!(client.column(sql).await, ["dee"]);
}
