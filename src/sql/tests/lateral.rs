//! A search for each row of another table says what the searches say one by one.

use super::Client;
use super::direct::Dice;
use crate::biometric::SyntheticFaces;
use crate::sql::SqlState;

/// `people` beside `others`: 200 faces of 3 dimensions.
async fn filled() -> Client {
    let client = Client::with_people().await;
    client.run("CREATE COLLECTION others WITH (dimensions = 3)").await;
    let mut faces = SyntheticFaces::new(23, 3);
    let rows: Vec<String> = (0..50)
        .flat_map(|person| {
            let faces = faces.identity(4);
            faces.into_iter().map(move |face| format!("('o{person}', '{face:?}')"))
        })
        .collect();
    let rows = rows.join(", ");
    client.run(&format!("INSERT INTO others (external_face_id, embedding) VALUES {rows}")).await;
    client
}

async fn plan(client: &Client, sql: &str) -> String {
    client.rows(&format!("EXPLAIN {sql}")).await.concat().join("\n")
}

#[tokio::test]
async fn generated_searches_for_each_row_say_what_each_of_them_says() {
    let client = filled().await;
    let ids = client.column("SELECT face_id FROM others ORDER BY face_id").await;
    let mut dice = Dice::new(29);
    for _ in 0..15 {
        let (kind, column) = *dice.of(&[("EMBEDDING", "embedding"), ("LIKE", "face_id")]);
        let cut = *dice.of(&["", "THRESHOLD 0.99", "THRESHOLD p.threshold"]);
        let limit = *dice.of(&["", "LIMIT 3", "LIMIT p.wanted", "LIMIT 500"]);
        let (filter, batched) = *dice.of(&[
            ("", true),
            ("WHERE external_face_id > 'o2'", false),
            ("WHERE external_face_id <> p.external_face_id", false),
        ]);
        let shown = *dice.of(&["*", "face_id, similarity, rank"]);
        let start = dice.below(ids.len() - 70);
        let probes = format!(
            "(SELECT face_id, external_face_id, embedding, 0.99::real AS threshold, 2 AS wanted \
              FROM others WHERE face_id >= '{}' ORDER BY face_id LIMIT 70) p",
            ids[start]
        );
        let lateral = format!("SEARCH FACES IN others {kind} p.{column} {filter} {cut} {limit}");
        let sql = format!(
            "SELECT p.face_id, s.* FROM {probes} CROSS JOIN LATERAL \
             (SELECT {shown} FROM ({lateral}) found) s ORDER BY p.face_id, s.rank"
        );
        let is_batched = plan(&client, &sql).await.contains("FaceSearchForEachRow");
        assert_eq!(is_batched, batched, "{sql}");
        let mut expected = Vec::new();
        for probe in client.rows(&format!("SELECT * FROM {probes}")).await {
            let [id, name, embedding, threshold, wanted] = probe.try_into().unwrap();
            let alone = lateral
                .replace("p.embedding", &format!("'{embedding}'"))
                .replace("p.face_id", &format!("'{id}'"))
                .replace("p.external_face_id", &format!("'{name}'"))
                .replace("p.threshold", &threshold)
                .replace("p.wanted", &wanted);
            let found = client.rows(&format!("SELECT {shown} FROM ({alone}) found")).await;
            expected.extend(found.into_iter().map(|row| [vec![id.clone()], row].concat()));
        }
        assert_eq!(client.rows(&sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn a_search_that_is_the_same_for_all_rows_runs_once() {
    let client = filled().await;
    let search = "SEARCH FACES IN others EMBEDDING '[1, 0, 0]' LIMIT 5";
    let exists = format!(
        "SELECT o.face_id FROM others o WHERE EXISTS \
         (SELECT 1 FROM ({search}) s WHERE s.face_id = o.face_id) ORDER BY 1"
    );
    let plan = plan(&client, &exists).await;
    assert!(!plan.contains("ForEachRow"), "{plan}");
    let among = format!("SELECT face_id FROM ({search}) s ORDER BY 1");
    assert_eq!(client.rows(&exists).await, client.rows(&among).await);
}

#[tokio::test]
async fn rows_without_candidates_stand_alone_in_a_left_join() {
    let client = Client::with_people().await;
    let probes = "(VALUES ('a', '[1, 0, 0]'), ('b', NULL), ('c', '[-1, 0, 0]')) p(name, probe)";
    for search in [
        "SEARCH FACES IN people EMBEDDING p.probe THRESHOLD 0.5 LIMIT 1",
        "SEARCH FACES IN people EMBEDDING p.probe WHERE model = 'external' THRESHOLD 0.5 LIMIT 1",
    ] {
        let sql = format!(
            "SELECT p.name, s.external_face_id, s.rank FROM {probes} \
             LEFT JOIN LATERAL ({search}) s ON true ORDER BY 1"
        );
        let expected = [["a", "ann", "1"], ["b", "", ""], ["c", "", ""]];
        assert_eq!(client.rows(&sql).await, expected, "{sql}");
        let inner = sql.replace("LEFT JOIN", "CROSS JOIN").replace("ON true", "");
        assert_eq!(client.rows(&inner).await, expected[..1], "{inner}");
    }
}

#[tokio::test]
async fn searches_depend_on_rows_wherever_they_stand() {
    let client = Client::with_people().await;
    let cases: [(&str, &[&[&str]]); 6] = [
        (
            "SELECT p.external_face_id, s.external_face_id FROM people p, LATERAL \
             (SEARCH FACES IN people EXTERNAL p.external_face_id LIMIT 1) s \
             ORDER BY p.face_id LIMIT 2",
            &[&["ann", "bob"], &["bob", "cid"]],
        ),
        (
            "SELECT external_face_id, (SELECT max(similarity) > 0.7 FROM \
             (SEARCH FACES IN people LIKE p.face_id) s) FROM people p ORDER BY face_id",
            &[&["ann", "true"], &["bob", "true"], &["cid", "true"], &["dee", "false"]],
        ),
        (
            "SELECT external_face_id FROM people p WHERE NOT EXISTS \
             (SELECT 1 FROM (SEARCH FACES IN people LIKE p.face_id THRESHOLD 0.7) s)",
            &[&["dee"]],
        ),
        (
            "SELECT count(*) FROM people p CROSS JOIN LATERAL \
             (SEARCH FACES IN people LIKE p.face_id THRESHOLD 0.7) s",
            &[&["4"]],
        ),
        (
            "SELECT u.metadata, count(*) FROM people p CROSS JOIN LATERAL \
             (SEARCH FACES IN people EMBEDDING p.embedding LIMIT 2) s JOIN people u \
             ON u.face_id = s.face_id WHERE s.face_id <> p.face_id GROUP BY 1 ORDER BY 1",
            &[&["{\"team\": \"blue\"}", "1"], &["{\"team\": \"red\"}", "3"]],
        ),
        (
            "SELECT a.external_face_id, c.external_face_id FROM people a CROSS JOIN LATERAL \
             (SEARCH FACES IN people LIKE a.face_id LIMIT 1) b CROSS JOIN LATERAL \
             (SEARCH FACES IN people LIKE b.face_id LIMIT 1) c \
             WHERE a.external_face_id = 'ann'",
            &[&["ann", "cid"]],
        ),
    ];
    for (sql, expected) in cases {
        let found = client.rows(sql).await;
        assert_eq!(found, expected, "{sql}");
    }
}

#[tokio::test]
async fn what_one_row_asks_wrongly_fails_the_statement() {
    let client = Client::with_people().await;
    let each = |probe: &str, search: &str| {
        format!(
            "SELECT s.rank FROM (VALUES ({probe})) p(v) CROSS JOIN LATERAL \
             (SEARCH FACES IN people {search}) s"
        )
    };
    let cases = [
        (each("'f_00000000000000000000000000'", "LIKE p.v"), SqlState::InvalidParameterValue),
        (each("'ann'", "LIKE p.v"), SqlState::InvalidTextRepresentation),
        (each("'[1, 0]'", "EMBEDDING p.v"), SqlState::InvalidParameterValue),
        (each("'nobody'", "EXTERNAL p.v"), SqlState::InvalidParameterValue),
        (each("2.0", "EMBEDDING '[1, 0, 0]' THRESHOLD p.v"), SqlState::InvalidParameterValue),
        (each("-1", "EMBEDDING '[1, 0, 0]' LIMIT p.v"), SqlState::InvalidRowCountInLimitClause),
        (each("1", "EMBEDDING q.v"), SqlState::UndefinedTable),
        (each("1", "EMBEDDING (SELECT p.v)"), SqlState::FeatureNotSupported),
    ];
    for (sql, expected) in cases {
        let error = client.error(&sql).await;
        assert_eq!(error.state, expected, "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_parameter_may_stand_beside_columns_of_the_row() {
    let client = Client::with_people().await;
    let sql = "SELECT s.external_face_id FROM people p CROSS JOIN LATERAL \
               (SEARCH FACES IN people LIKE p.face_id THRESHOLD $2 LIMIT $3) s \
               WHERE p.external_face_id = $1";
    let values = [super::text("bob"), 0.9_f32.into(), 5_i64.into()];
    assert_eq!(client.rows_with(sql, &values).await, [["cid"]]);
}
