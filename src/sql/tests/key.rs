//! Faces of one id are one face: who groups by `face_id` may ask for the other columns.

use super::Client;
use crate::sql::SqlState;

#[tokio::test]
async fn who_groups_by_the_key_may_ask_for_the_other_columns() {
    let client = Client::with_people().await;
    let teams = client.rows("SELECT external_face_id, external_image_id FROM people").await;
    let mates = |team: &str| teams.iter().filter(|row| row[1] == team).count();
    let mut expected: Vec<_> =
        teams.iter().map(|row| [row[0].clone(), mates(&row[1]).to_string()]).collect();
    expected.sort();
    for sql in [
        "SELECT p.external_face_id, count(*) FROM people p
         JOIN people q ON p.external_image_id = q.external_image_id
         GROUP BY p.face_id ORDER BY 1",
        "SELECT p.external_face_id, count(q.face_id) FROM people p
         LEFT JOIN people q ON p.external_image_id = q.external_image_id
         GROUP BY p.face_id HAVING p.external_face_id <> '' ORDER BY p.external_face_id",
    ] {
        assert_eq!(client.rows(sql).await, expected, "{sql}");
    }
    let whole = "SELECT p.*, count(*) FROM people p GROUP BY p.face_id ORDER BY p.created_at";
    assert_eq!(client.rows(whole).await.len(), teams.len());
}

#[tokio::test]
async fn rows_that_are_no_faces_any_more_have_no_key() {
    let client = Client::with_people().await;
    for sql in [
        "SELECT external_face_id FROM (SELECT * FROM people UNION ALL SELECT * FROM people) p
         GROUP BY face_id",
        "SELECT q.external_face_id FROM people p JOIN people q
         ON p.external_image_id = q.external_image_id GROUP BY p.face_id",
        "SELECT external_image_id FROM people GROUP BY external_face_id",
    ] {
        assert_eq!(client.state(sql).await, SqlState::GroupingError, "{sql}");
    }
}

#[tokio::test]
async fn a_face_stands_beside_as_many_rows_as_it_has_and_each_counts() {
    let client = Client::with_people().await;
    let people = client.rows("SELECT 1 FROM people").await.len();
    for sql in [
        "SELECT p.external_face_id, count(*) FROM people p
         CROSS JOIN LATERAL (SEARCH FACES IN people EMBEDDING p.embedding THRESHOLD 0) s
         GROUP BY p.face_id",
        "SELECT p.external_face_id, count(*) FROM people p, people q GROUP BY p.face_id",
        "SELECT p.external_face_id, count(*)
         FROM (SELECT DISTINCT p.*, q.face_id AS other FROM people p, people q) p
         GROUP BY p.face_id, p.external_face_id",
        "SELECT p.external_face_id, count(*)
         FROM people p, LATERAL (SELECT * FROM people q WHERE q.face_id >= '' OR p.face_id = '') q
         GROUP BY p.face_id",
    ] {
        let counts = client.rows(sql).await;
        assert_eq!(counts.len(), people, "{sql}");
        assert!(counts.iter().all(|row| row[1] == people.to_string()), "{sql}: {counts:?}");
    }
    let twice = "SELECT count(*) FROM (SELECT DISTINCT p.face_id, p.metadata
                 FROM people p, people q) p";
    assert_eq!(client.column(twice).await, [people.to_string()]);
}
