//! INSERT .. ON CONFLICT: faces that are there already stay, or become what the statement says.

use super::{Client, reals, text};
use crate::sql::{Outcome, SqlState, SqlType};

const NAMES: &str = "SELECT external_face_id || ' ' || coalesce(metadata::text, '-') FROM c \
                     ORDER BY face_id";

/// The face id number `number`.
fn id(number: u32) -> String {
    format!("f_01JABCDEFGHJKMNPQRSTVWX{number:03}")
}

/// A client with a collection `c` of the faces 1 and 2, called `one` and `two`.
async fn with_two() -> Client {
    let client = Client::new();
    client.run("CREATE COLLECTION c WITH (dimensions = 2)").await;
    for (number, name) in [(1, "one"), (2, "two")] {
        let columns = "(face_id, external_face_id, embedding)";
        let values = format!("('{}', '{name}', '[1,0]')", id(number));
        client.run(&format!("INSERT INTO c {columns} VALUES {values}")).await;
    }
    client
}

/// `INSERT` of faces by their numbers, all called `new`, and what follows.
fn insert(numbers: &[u32], rest: &str) -> String {
    let rows = numbers.iter().map(|number| format!("('{}', 'new', '1', '[0,1]')", id(*number)));
    let rows = rows.collect::<Vec<_>>().join(", ");
    format!("INSERT INTO c (face_id, external_face_id, metadata, embedding) VALUES {rows} {rest}")
}

#[tokio::test]
async fn do_nothing_passes_over_faces_that_are_there() {
    let client = with_two().await;
    for target in ["", "(face_id)", "ON CONSTRAINT c_pkey"] {
        let sql = insert(&[1, 2], &format!("ON CONFLICT {target} DO NOTHING"));
        assert_eq!(client.run(&sql).await, ("INSERT 0", Some(0)), "{target}");
    }
    let sql = insert(&[1, 3, 3, 4], "ON CONFLICT DO NOTHING RETURNING face_id");
    assert_eq!(client.column(&sql).await, [id(3), id(4)]);
    assert_eq!(client.column(NAMES).await, ["one -", "two -", "new 1", "new 1"]);
    let again = "INSERT INTO c SELECT * FROM c ON CONFLICT DO NOTHING";
    assert_eq!(client.run(again).await, ("INSERT 0", Some(0)));
    let unnamed = "INSERT INTO c (embedding) VALUES ('[1,0]'), ('[1,0]') ON CONFLICT DO NOTHING";
    assert_eq!(client.run(unnamed).await, ("INSERT 0", Some(2)), "the server's ids are new");
}

#[tokio::test]
async fn do_update_changes_faces_that_are_there_and_enrols_the_others() {
    let client = with_two().await;
    let set = "ON CONFLICT (face_id) DO UPDATE SET \
               external_face_id = c.external_face_id || '+' || excluded.external_face_id, \
               metadata = excluded.metadata";
    let sql = insert(&[2, 3, 1], &format!("{set} RETURNING face_id, external_face_id, embedding"));
    let rows = client.rows(&sql).await;
    let expected = [
        [id(2), "two+new".to_owned(), "[1.0, 0.0]".to_owned()],
        [id(3), "new".to_owned(), "[0.0, 1.0]".to_owned()],
        [id(1), "one+new".to_owned(), "[1.0, 0.0]".to_owned()],
    ];
    assert_eq!(rows, expected, "in the order of the rows");
    assert_eq!(client.run(&insert(&[1, 4], set)).await, ("INSERT 0", Some(2)));
    let names = client.column(NAMES).await;
    assert_eq!(names, ["one+new+new 1", "two+new 1", "new 1", "new 1"]);
}

#[tokio::test]
async fn the_predicate_of_do_update_says_which_faces_change() {
    let client = with_two().await;
    let sql = "INSERT INTO c AS old (face_id, external_face_id, embedding) \
               SELECT face_id, 'x', embedding FROM c \
               ON CONFLICT (face_id) DO UPDATE SET external_face_id = $1, metadata = $2 \
               WHERE old.external_face_id <> $3 AND excluded.external_face_id = 'x' \
               RETURNING external_face_id";
    let (types, _) = client.describe(sql).await;
    assert_eq!(types, [SqlType::Text, SqlType::Jsonb, SqlType::Text]);
    let values = [text("dos"), text("2"), text("one")];
    assert_eq!(client.rows_with(sql, &values).await, [["dos"]]);
    assert_eq!(client.column(NAMES).await, ["one -", "dos 2"]);
    let all = insert(
        &[1, 2],
        "ON CONFLICT ON CONSTRAINT c_pkey DO UPDATE SET metadata = NULL \
                               WHERE (SELECT count(*) FROM c) = 3",
    );
    assert_eq!(client.run(&all).await, ("INSERT 0", Some(0)), "subqueries see the collection");
    assert_eq!(client.column(NAMES).await, ["one -", "dos 2"]);
}

#[tokio::test]
async fn a_new_template_may_take_the_place_of_the_old_one() {
    let client = with_two().await;
    let sql = "INSERT INTO c (face_id, embedding) VALUES ($1, $2) ON CONFLICT (face_id) \
               DO UPDATE SET embedding = excluded.embedding";
    assert_eq!(client.describe(sql).await.0, [SqlType::Text, SqlType::Vector]);
    let values = [text(&id(1)), reals(&[0.0, 5.0])];
    assert_eq!(client.run_with(sql, &values).await, ("INSERT 0", Some(1)));
    let rows = client.column("SELECT embedding FROM c ORDER BY face_id").await;
    assert_eq!(rows, ["[0.0, 1.0]", "[1.0, 0.0]"]);
}

#[tokio::test]
async fn the_id_may_be_set_to_itself_as_mappers_of_objects_do() {
    let client = with_two().await;
    let set = "ON CONFLICT (face_id) DO UPDATE SET \"face_id\" = EXCLUDED.\"face_id\"";
    assert_eq!(client.run(&insert(&[1], set)).await, ("INSERT 0", Some(1)));
    assert_eq!(client.column(NAMES).await, ["one -", "two -"]);
    let set = format!("{set}, metadata = excluded.metadata RETURNING face_id");
    assert_eq!(client.column(&insert(&[1], &set)).await, [id(1)]);
    assert_eq!(client.column(NAMES).await, ["one 1", "two -"]);
}

#[tokio::test]
async fn a_conflict_that_cannot_be_is_refused_and_nothing_happens() {
    let client = with_two().await;
    let set = "DO UPDATE SET metadata = excluded.metadata";
    let cases = [
        ("ON CONFLICT (external_face_id) DO NOTHING".to_owned(), SqlState::InvalidColumnReference),
        (format!("ON CONFLICT (face_id, metadata) {set}"), SqlState::InvalidColumnReference),
        ("ON CONFLICT (colour) DO NOTHING".to_owned(), SqlState::UndefinedColumn),
        ("ON CONFLICT ON CONSTRAINT d_pkey DO NOTHING".to_owned(), SqlState::UndefinedObject),
        (format!("ON CONFLICT {set}"), SqlState::SyntaxError),
        ("ON DUPLICATE KEY UPDATE metadata = '1'".to_owned(), SqlState::FeatureNotSupported),
        ("ON CONFLICT (face_id) DO UPDATE SET face_id = 'x'".to_owned(), SqlState::GeneratedAlways),
        ("ON CONFLICT (face_id) DO UPDATE SET colour = '1'".to_owned(), SqlState::UndefinedColumn),
        (
            "ON CONFLICT (face_id) DO UPDATE SET metadata = excluded.colour".to_owned(),
            SqlState::UndefinedColumn,
        ),
        (
            "ON CONFLICT (face_id) DO UPDATE SET metadata = metadata".to_owned(),
            SqlState::AmbiguousColumn,
        ),
        (
            "ON CONFLICT (face_id) DO UPDATE SET metadata = 'no json'".to_owned(),
            SqlState::InvalidTextRepresentation,
        ),
        (
            "ON CONFLICT (face_id) DO UPDATE SET embedding = '[1]'".to_owned(),
            SqlState::InvalidParameterValue,
        ),
    ];
    for (rest, state) in cases {
        let sql = insert(&[3, 1], &rest);
        let error = client.error(&sql).await;
        assert_eq!(error.state, state, "{rest}: {error}");
        assert_eq!(client.column(NAMES).await, ["one -", "two -"], "after {rest}");
    }
    for twice in [[1, 1], [3, 3]] {
        let error = client.error(&insert(&twice, &format!("ON CONFLICT (face_id) {set}"))).await;
        assert_eq!(error.state, SqlState::CardinalityViolation);
        assert_eq!(error.message, "ON CONFLICT DO UPDATE command cannot affect row a second time");
    }
    assert_eq!(client.column(NAMES).await, ["one -", "two -"]);
}

#[tokio::test]
async fn a_face_may_be_proposed_often_and_changed_once() {
    let client = with_two().await;
    let set = "ON CONFLICT (face_id) DO UPDATE SET metadata = excluded.metadata";
    let none = insert(&[1, 1, 2], &format!("{set} WHERE false"));
    assert_eq!(client.run(&none).await, ("INSERT 0", Some(0)));
    let columns = "(face_id, external_face_id, metadata, embedding)";
    let values = |kind: &str| format!("('{}', '{kind}', '\"{kind}\"', '[0,1]')", id(1));
    let proposed = format!("INSERT INTO c {columns} VALUES {}, {}", values("a"), values("b"));
    let one = format!("{proposed} {set} WHERE excluded.external_face_id = 'b' RETURNING metadata");
    assert_eq!(client.column(&one).await, ["\"b\""]);
    assert_eq!(client.column(NAMES).await, ["one \"b\"", "two -"]);
    assert_eq!(client.state(&format!("{proposed} {set}")).await, SqlState::CardinalityViolation);
    let new = insert(&[3, 3], &format!("{set} WHERE false"));
    assert_eq!(client.state(&new).await, SqlState::CardinalityViolation);
    assert_eq!(client.column(NAMES).await, ["one \"b\"", "two -"]);
}

#[tokio::test]
async fn in_a_block_it_meets_the_faces_of_the_block() {
    let client = with_two().await;
    let other = client.another();
    let set = "ON CONFLICT (face_id) DO UPDATE SET metadata = '9'";
    client.run("BEGIN").await;
    client.run(&insert(&[3], "")).await;
    assert_eq!(client.run(&insert(&[3, 4], "ON CONFLICT DO NOTHING")).await.1, Some(1));
    assert_eq!(client.run(&insert(&[3], set)).await.1, Some(1));
    client.run(&format!("DELETE FROM c WHERE face_id = '{}'", id(4))).await;
    assert_eq!(client.run(&insert(&[4], "ON CONFLICT DO NOTHING")).await.1, Some(1));
    client.run("COMMIT").await;
    assert_eq!(other.column(NAMES).await, ["one -", "two -", "new 9", "new 1"]);

    for rest in ["ON CONFLICT DO NOTHING", set] {
        client.run("BEGIN").await;
        client.run(&insert(&[5], rest)).await;
        other.run(&insert(&[5], "")).await;
        assert_eq!(client.state("COMMIT").await, SqlState::SerializationFailure, "{rest}");
        other.run(&format!("DELETE FROM c WHERE face_id = '{}'", id(5))).await;
    }
}

#[tokio::test]
async fn many_sessions_upsert_one_face_and_no_increment_is_lost() {
    let client = with_two().await;
    let sql = format!(
        "INSERT INTO c (face_id, external_image_id, embedding) VALUES ('{}', '1', '[1,0]') \
         ON CONFLICT (face_id) DO UPDATE SET \
         external_image_id = (c.external_image_id::int + 1)::text",
        id(9)
    );
    let sessions = (0..4).map(|_| {
        let (other, sql) = (client.another(), sql.clone());
        tokio::spawn(async move {
            for _ in 0..5 {
                let outcome = other.outcome(&sql, &[]).await.unwrap();
                assert!(matches!(outcome, Outcome::Done { rows: Some(1), .. }), "{outcome:?}");
            }
        })
    });
    for session in sessions.collect::<Vec<_>>() {
        session.await.unwrap();
    }
    let counted = format!("SELECT external_image_id FROM c WHERE face_id = '{}'", id(9));
    assert_eq!(client.column(&counted).await, ["20"]);
}
