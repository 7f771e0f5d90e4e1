//! `similar_faces` in every position, with every argument.

use datafusion::scalar::ScalarValue;
use futures::StreamExt;

use super::{Client, Outcome, reals, text};
use crate::sql::{SqlState, SqlType};

const PAIRS: &str = "similar_faces('people', threshold => 0.6)";

/// People who visit; one of them is ann.
async fn with_visitors() -> Client {
    let client = Client::with_people().await;
    client.run("CREATE COLLECTION visitors WITH (dimensions = 3)").await;
    for (name, embedding) in [("v1", "[1, 0, 0]"), ("v2", "[0, 0.1, 1]")] {
        let columns = "(external_face_id, embedding)";
        client
            .run(&format!("INSERT INTO visitors {columns} VALUES ('{name}', '{embedding}')"))
            .await;
    }
    client
}

#[tokio::test]
async fn each_pair_comes_once_with_its_similarity() {
    let client = Client::with_people().await;
    let sql = format!("SELECT * FROM {PAIRS}");
    let (parameters, columns) = client.describe(&sql).await;
    assert!(parameters.is_empty());
    assert_eq!(
        columns.unwrap(),
        ["face_id", "other_face_id", "similarity", "external_face_id", "other_external_face_id"]
    );
    let [ann, bob, cid] =
        [client.face_id("ann").await, client.face_id("bob").await, client.face_id("cid").await];
    let row = |ids: [&String; 2], similarity: &str, names: [&str; 2]| {
        [ids[0], ids[1], similarity, names[0], names[1]].map(str::to_owned).to_vec()
    };
    assert_eq!(
        client.rows(&sql).await,
        [
            row([&ann, &bob], "0.8", ["ann", "bob"]),
            row([&ann, &cid], "0.6", ["ann", "cid"]),
            row([&bob, &cid], "0.96000004", ["bob", "cid"]),
        ]
    );
    let same = format!("SELECT * FROM {}", PAIRS.replace(')', ", other => 'people')"));
    assert_eq!(client.rows(&same).await, client.rows(&sql).await);
    let all = "SELECT count(*) FROM similar_faces('people', threshold => 0)";
    assert_eq!(client.column(all).await, ["6"]);
    let none = "SELECT count(*) FROM similar_faces('people', threshold => 0.97)";
    assert_eq!(client.column(none).await, ["0"]);
}

#[tokio::test]
async fn two_collections_give_pairs_of_a_face_of_each() {
    let client = with_visitors().await;
    let names = "external_face_id || '-' || other_external_face_id";
    let sql = format!(
        "SELECT {names} FROM similar_faces('people', other => 'visitors', threshold => 0.7)"
    );
    assert_eq!(client.column(&sql).await, ["ann-v1", "bob-v1", "dee-v2"]);
    let sql = format!("SELECT {names} FROM similar_faces('visitors', 0.7, 'people')");
    assert_eq!(client.column(&sql).await, ["v1-ann", "v1-bob", "v2-dee"]);
}

#[tokio::test]
async fn pairs_stand_wherever_a_table_may() {
    let client = Client::with_people().await;
    let names = "external_face_id || other_external_face_id";
    let cases = [
        (format!("SELECT p.{names} FROM {PAIRS} p WHERE p.similarity < 0.9"), "annbob anncid"),
        (format!("SELECT similar_faces.{names} FROM {PAIRS} LIMIT 1"), "annbob"),
        (format!("SELECT {names} FROM {PAIRS} ORDER BY similarity DESC LIMIT 2"), "bobcid annbob"),
        (format!("SELECT {names} FROM {PAIRS} ORDER BY face_id DESC LIMIT 1"), "bobcid"),
        (format!("SELECT {names} FROM {PAIRS} OFFSET 2"), "bobcid"),
        (format!("SELECT x FROM {PAIRS} AS q(v, w, x, y, z) ORDER BY x"), "0.6 0.8 0.96000004"),
        (
            format!(
                "SELECT a.external_image_id || b.external_image_id FROM {PAIRS} s \
                 JOIN people a USING (face_id) JOIN people b ON b.face_id = s.other_face_id \
                 WHERE a.metadata = b.metadata"
            ),
            "redred",
        ),
        (
            format!(
                "SELECT face_id || count(*) FROM (SELECT external_face_id AS face_id FROM {PAIRS}) \
                 s GROUP BY face_id ORDER BY face_id"
            ),
            "ann2 bob1",
        ),
        (
            format!(
                "SELECT external_face_id FROM people WHERE face_id NOT IN (SELECT face_id FROM \
                 {PAIRS} UNION SELECT other_face_id FROM {PAIRS})"
            ),
            "dee",
        ),
        (format!("WITH s AS (SELECT * FROM {PAIRS}) SELECT count(*) FROM s"), "3"),
        (
            format!(
                "SELECT external_face_id FROM (SEARCH FACES IN people EMBEDDING '[0,1,0]' WHERE \
                 face_id IN (SELECT other_face_id FROM {PAIRS}) LIMIT 1) s"
            ),
            "cid",
        ),
        (format!("SELECT (SELECT max(similarity) FROM {PAIRS})"), "0.96000004"),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(&sql).await.join(" "), expected, "{sql}");
    }
}

#[tokio::test]
async fn every_argument_takes_a_parameter_of_the_right_type() {
    let client = with_visitors().await;
    let sql = "SELECT other_external_face_id FROM similar_faces($1, threshold => $2, other => $3, \
               after_face_id => $4, after_other_face_id => $5) WHERE external_face_id <> $6";
    let (parameters, columns) = client.describe(sql).await;
    let [text_type, real] = [SqlType::Text, SqlType::Float4];
    assert_eq!(parameters, [text_type, real, text_type, text_type, text_type, text_type]);
    assert_eq!(columns.unwrap(), ["other_external_face_id"]);
    let values = |name: &str, other: ScalarValue, after: [ScalarValue; 2]| {
        let [face, other_face] = after;
        [text(name), 0.6_f32.into(), other, face, other_face, text("nobody")]
    };
    let null = || ScalarValue::Utf8(None);
    let found = client.rows_with(sql, &values("people", null(), [null(), null()])).await;
    assert_eq!(found, [["bob"], ["cid"], ["cid"]]);
    let found = client.rows_with(sql, &values("people", text("visitors"), [null(), null()])).await;
    assert_eq!(found, [["v1"], ["v1"], ["v1"], ["v2"]]);
    let [ann, bob] = [client.face_id("ann").await, client.face_id("bob").await];
    let behind = [text(&ann), text(&bob)];
    assert_eq!(client.rows_with(sql, &values("people", null(), behind)).await, [["cid"], ["cid"]]);
    let behind = [text(&ann), null()];
    assert_eq!(client.rows_with(sql, &values("people", null(), behind)).await, [["cid"]]);
}

#[tokio::test]
async fn arguments_come_by_place_and_by_name_in_any_order() {
    let client = with_visitors().await;
    for call in [
        "similar_faces('people', 0.6)",
        "SIMILAR_FACES('People', THRESHOLD => 0.6::real)",
        "similar_faces(threshold => 0.5 + 0.1, collection => 'public.people')",
        "similar_faces('acme.public.\"people\"', 0.6, NULL, NULL, NULL)",
        "LATERAL similar_faces('people', 0.6)",
    ] {
        let sql = format!("SELECT count(*) FROM {call}");
        assert_eq!(client.column(&sql).await, ["3"], "{call}");
    }
}

#[tokio::test]
async fn what_cannot_be_compared_is_refused_with_its_class() {
    let client = with_visitors().await;
    client.run("CREATE COLLECTION wide WITH (dimensions = 4)").await;
    let face = client.face_id("ann").await;
    let cases = [
        ("'people'".to_owned(), SqlState::UndefinedFunction),
        (String::new(), SqlState::UndefinedFunction),
        ("threshold => 0.5".to_owned(), SqlState::UndefinedFunction),
        ("'people', 0.5, 'wide', 'a', 'b', 'c'".to_owned(), SqlState::UndefinedFunction),
        ("'people', treshold => 0.5".to_owned(), SqlState::UndefinedFunction),
        ("'people', 0.5, threshold => 0.5".to_owned(), SqlState::SyntaxError),
        ("threshold => 0.5, 'people'".to_owned(), SqlState::SyntaxError),
        ("'people', *".to_owned(), SqlState::SyntaxError),
        ("'people', threshold: 0.5".to_owned(), SqlState::SyntaxError),
        ("'nobody', 0.5".to_owned(), SqlState::UndefinedTable),
        ("'pg_catalog.people', 0.5".to_owned(), SqlState::UndefinedTable),
        ("'people', 0.5, other => 'nobody'".to_owned(), SqlState::UndefinedTable),
        ("'two words', 0.5".to_owned(), SqlState::InvalidName),
        ("'', 0.5".to_owned(), SqlState::InvalidName),
        ("NULL, 0.5".to_owned(), SqlState::NullValueNotAllowed),
        ("'people', NULL".to_owned(), SqlState::NullValueNotAllowed),
        ("'people', 1.5".to_owned(), SqlState::InvalidParameterValue),
        ("'people', -0.1".to_owned(), SqlState::InvalidParameterValue),
        ("'people', 'high'".to_owned(), SqlState::InvalidTextRepresentation),
        ("'people', 0.5, 'wide'".to_owned(), SqlState::InvalidParameterValue),
        ("'people', 0.5, after_face_id => 'ann'".to_owned(), SqlState::InvalidTextRepresentation),
        (
            format!("'people', 0.5, after_other_face_id => '{face}'"),
            SqlState::InvalidParameterValue,
        ),
        ("people, 0.5".to_owned(), SqlState::UndefinedColumn),
        ("(SELECT 'people'), 0.5".to_owned(), SqlState::FeatureNotSupported),
    ];
    for (arguments, state) in cases {
        let error = client.error(&format!("SELECT * FROM similar_faces({arguments})")).await;
        assert_eq!(error.state, state, "{arguments}: {error}");
    }
    for (sql, state) in [
        (format!("SELECT * FROM {PAIRS} WITH ORDINALITY"), SqlState::FeatureNotSupported),
        ("SELECT * FROM similar_faces".to_owned(), SqlState::UndefinedTable),
        (format!("SELECT {PAIRS}"), SqlState::UndefinedFunction),
        (format!("SELECT * FROM {PAIRS}, {PAIRS}"), SqlState::DuplicateAlias),
        (
            "SELECT * FROM people p, LATERAL similar_faces('people', p.quality) s".to_owned(),
            SqlState::FeatureNotSupported,
        ),
    ] {
        let error = client.error(&sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
    }
    let error = client.error("SELECT * FROM similar_faces('people', treshold => 1)").await;
    assert_eq!(error.message, "similar_faces has no argument \"treshold\"");
    assert!(error.hint.unwrap().contains("threshold => 0.8"));
    let error = client.error("SELECT * FROM similar_faces('people', 0.5, 'wide')").await;
    assert!(error.message.contains("4 dimensions"), "{error}");
    let unbound = "SELECT * FROM similar_faces($1, threshold => 0.5)";
    let error = client.error_with(unbound, &[text("nobody")]).await;
    assert_eq!(error.state, SqlState::UndefinedTable);
    let other = client.database.session("beta", crate::engine::Role::Admin);
    let statement = other.parse(&format!("SELECT * FROM {PAIRS}")).unwrap().remove(0);
    let error = other.execute(&statement, Vec::new()).await.unwrap_err();
    assert_eq!(error.state, SqlState::UndefinedTable);
}

#[tokio::test]
async fn explain_shows_the_arguments_and_what_is_not_looked_up() {
    let client = with_visitors().await;
    let plan = async |sql: &str| client.column(&format!("EXPLAIN {sql}")).await.join("\n");
    let shown = plan(&format!("SELECT face_id, similarity FROM {PAIRS}")).await;
    assert!(shown.contains("SimilarFaces: collection=people, threshold=0.6"), "{shown}");
    assert!(!shown.contains("Projection"), "the projection is taken over: {shown}");
    let face = client.face_id("ann").await;
    client.run("SET likeness.exact = 'deterministic'").await;
    let call = format!("similar_faces('people', 0.5, 'visitors', '{face}', '{face}')");
    let shown = plan(&format!("SELECT * FROM {call}")).await;
    let expected = format!(
        "SimilarFaces: collection=people, other=visitors, threshold=0.5, after_face_id={face}, \
         after_other_face_id={face}, deterministic"
    );
    assert!(shown.contains(&expected), "{shown}");
    let shown = plan(&format!("SELECT * FROM {PAIRS} ORDER BY face_id, other_face_id")).await;
    assert!(!shown.contains("Sort"), "pairs come in this order: {shown}");
    let shown = plan(&format!("SELECT * FROM {PAIRS} ORDER BY other_face_id")).await;
    assert!(shown.contains("Sort"), "{shown}");
    let analyzed = plan(&format!("ANALYZE SELECT * FROM {PAIRS}")).await;
    assert!(analyzed.contains("output_rows=3"), "{analyzed}");
}

/// A collection of many equal faces: every pair is alike.
async fn crowd(faces: usize) -> Client {
    let client = Client::new();
    client.run("CREATE COLLECTION crowd WITH (dimensions = 2)").await;
    let rows = vec!["($1)"; faces].join(", ");
    let sql = format!("INSERT INTO crowd (embedding) VALUES {rows}");
    client.run_with(&sql, &[reals(&[1.0, 0.0])]).await;
    client
}

#[tokio::test]
async fn pairs_come_in_batches_however_many_there_are() {
    let client = crowd(1500).await;
    let Outcome::Rows { mut stream, .. } =
        client.outcome("SELECT * FROM similar_faces('crowd', 0.9)", &[]).await.unwrap()
    else {
        panic!("no rows")
    };
    let first = stream.next().await.unwrap().unwrap();
    assert!((1..=8192).contains(&first.num_rows()), "{}", first.num_rows());
    let mut rows = first.num_rows();
    let mut batches = 1;
    while let Some(batch) = stream.next().await {
        rows += batch.unwrap().num_rows();
        batches += 1;
    }
    assert_eq!(rows, 1500 * 1499 / 2);
    assert!(batches >= 1500 * 1499 / 2 / 8192, "{batches}");
}

#[tokio::test]
async fn a_limit_ends_the_search_for_more() {
    let client = crowd(1500).await;
    let sql = "EXPLAIN ANALYZE SELECT * FROM similar_faces('crowd', 0.9) LIMIT 10";
    let analyzed = client.column(sql).await;
    let line = analyzed.iter().find(|line| line.contains("SimilarFaces")).unwrap();
    let rows = line.split("output_rows=").nth(1).unwrap();
    let shown: String = rows.chars().take_while(char::is_ascii_digit).collect();
    assert!(line.contains("output_rows="), "{line}");
    assert!(shown.parse::<usize>().unwrap() <= 8192, "{line}");
}

#[tokio::test]
async fn going_on_behind_the_last_pair_loses_and_repeats_none() {
    let client = crowd(60).await;
    let sql = "SELECT face_id, other_face_id FROM similar_faces('crowd', 0.9, after_face_id => $1, \
               after_other_face_id => $2) LIMIT 100";
    let mut values = [ScalarValue::Utf8(None), ScalarValue::Utf8(None)];
    let mut all = Vec::new();
    loop {
        let page = client.rows_with(sql, &values).await;
        let Some(last) = page.last() else { break };
        values = [text(&last[0]), text(&last[1])];
        all.extend(page);
    }
    assert_eq!(all.len(), 60 * 59 / 2);
    assert!(all.is_sorted_by(|a, b| a < b));
}
