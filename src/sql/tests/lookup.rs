//! A look-up by face id that runs without a plan says what the planned one says.
//!
//! In parentheses the same look-up takes a plan.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::scalar::ScalarValue;

use super::direct::{Dice, Shown, shown, unplaced};
use super::{Client, text};
use crate::engine::Role;
use crate::sql::{SqlSession, SqlState, SqlType};

#[test]
fn statements_that_only_look_up_faces_take_no_plan() {
    let client = Client::new();
    let direct = [
        "SELECT * FROM people WHERE face_id = $1",
        "SELECT face_id AS id, p.metadata FROM acme.public.people p WHERE 'f_0' = (p.face_id)",
        "SELECT people.embedding FROM public.people WHERE (face_id IN ($2, 'a', $1, NULL))",
        "SELECT model, model FROM \"People\" WHERE face_id = NULL",
        "SELECT * FROM people WHERE face_id = ANY($1)",
        "SELECT * FROM people WHERE (people.face_id = SOME(($1::text[])))",
        "SELECT * FROM people WHERE face_id = ANY(ARRAY['a', NULL, 'b'])",
        "SELECT * FROM people WHERE face_id = ANY('{a,NULL}')",
    ];
    for sql in direct {
        assert!(client.parse(sql).unwrap().lookup().is_some(), "{sql}");
    }
    let planned = [
        "(SELECT * FROM people WHERE face_id = $1)",
        "SELECT * FROM people",
        "SELECT *, face_id FROM people WHERE face_id = $1",
        "SELECT count(*) FROM people WHERE face_id = $1",
        "SELECT face_id FROM people WHERE face_id = $1 AND quality > 0",
        "SELECT face_id FROM people WHERE face_id NOT IN ($1)",
        "SELECT face_id FROM people WHERE face_id <> ANY($1)",
        "SELECT face_id FROM people WHERE face_id = ALL($1)",
        "SELECT face_id FROM people WHERE $1 = ANY(face_id)",
        "SELECT face_id FROM people WHERE face_id = ANY($1::int[])",
        "SELECT face_id FROM people WHERE face_id = ANY(ARRAY['a' || $1])",
        "SELECT face_id FROM people WHERE face_id = ANY(ARRAY[]::text[])",
        "SELECT face_id FROM people WHERE face_id = external_face_id",
        "SELECT face_id FROM people WHERE face_id = 'f' || $1",
        "SELECT face_id FROM people WHERE external_face_id = $1",
        "SELECT face_id FROM people WHERE other.face_id = $1",
        "SELECT colour FROM people WHERE face_id = $1",
        "SELECT a FROM people p(a) WHERE face_id = $1",
        "SELECT face_id FROM people, others WHERE face_id = $1",
        "SELECT face_id FROM people WHERE face_id = $1 ORDER BY face_id",
        "SELECT face_id FROM people WHERE face_id = $1 LIMIT 1",
        "SELECT DISTINCT face_id FROM people WHERE face_id = $1",
        "WITH people AS (SELECT 1) SELECT * FROM people WHERE face_id = $1",
        "SELECT face_id FROM people WHERE face_id = $1 UNION ALL SELECT 'a'",
        "SELECT face_id FROM generate_series(1, 2) face_id WHERE face_id = $1",
    ];
    for sql in planned {
        assert!(client.parse(sql).unwrap().lookup().is_none(), "{sql}");
    }
}

/// Runs a statement with and without a plan and asserts that nobody could tell.
async fn compare(session: &SqlSession, lookup: &str, values: &[ScalarValue]) -> Shown {
    let parsed = |sql: &str| session.parse(sql).unwrap().remove(0);
    let (direct, planned) = (parsed(lookup), parsed(&format!("({lookup})")));
    assert!(direct.lookup().is_some() && planned.lookup().is_none(), "{lookup}");
    let field = |value: &ScalarValue| Field::new("", value.data_type(), true);
    let declared: Vec<_> = values.iter().map(|value| Some(SqlType::of(&field(value)))).collect();
    for declared in [&declared, &vec![None; declared.len()]] {
        let description = session.describe(&direct, declared).await.map_err(unplaced);
        let other = session.describe(&planned, declared).await.map_err(unplaced);
        assert_eq!(description, other, "{lookup}");
    }
    let found = shown(session, &direct, values).await;
    assert_eq!(found, shown(session, &planned, values).await, "{lookup} with {values:?}");
    found
}

#[tokio::test]
async fn generated_look_ups_say_the_same_with_and_without_a_plan() {
    let client = Client::with_people().await;
    let theirs = client.database.session("other", Role::Admin);
    let create = theirs.parse("CREATE COLLECTION theirs WITH (dimensions = 3)").unwrap();
    theirs.execute(&create[0], Vec::new()).await.unwrap();
    let mut ids = client.column("SELECT face_id FROM people").await;
    ids.extend(["f_00000000000000000000000000", "ann", "", "f_"].map(str::to_owned));
    let tables =
        ["people", "PEOPLE p", "acme.public.people AS p", "theirs", "pg_class", "x.people"];
    let lists =
        ["*", "face_id", "embedding, external_face_id AS name", "metadata, metadata", "oid"];
    let mut choices: Vec<ScalarValue> = ids.iter().map(|id| text(id)).collect();
    choices.push(ScalarValue::Utf8(None));
    let mut dice = Dice::new(17);
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..2000 {
        let mut values = Vec::new();
        let count = 1 + dice.below(4);
        let wanted: Vec<String> = (0..count)
            .map(|_| {
                let id = dice.of(&ids).clone();
                let value = match dice.below(10) {
                    0 => ScalarValue::Utf8(None),
                    1 => ScalarValue::from(7_i32),
                    _ => text(&id),
                };
                if dice.below(2) == 0 {
                    return if dice.below(10) == 0 { "NULL".to_owned() } else { format!("'{id}'") };
                }
                values.push(value);
                format!("${}", values.len())
            })
            .collect();
        let predicate = match (dice.below(4), wanted.as_slice()) {
            (0, _) => {
                let items: Vec<ScalarValue> =
                    wanted.iter().map(|_| dice.of(&choices).clone()).collect();
                let items = ScalarValue::new_list_nullable(&items, &DataType::Utf8);
                values = vec![ScalarValue::List(items)];
                format!("face_id = ANY($1{})", dice.of(&["", "::text[]"]))
            }
            (1, _) => {
                let literals: Vec<_> = wanted.iter().filter(|id| !id.starts_with('$')).collect();
                values.clear();
                let literals = literals.into_iter().map(String::as_str).collect::<Vec<_>>();
                format!("face_id = ANY(ARRAY[{}])", literals.join(", "))
            }
            (2, [id]) => format!("{id} = face_id"),
            (_, [id]) => format!("face_id = {id}"),
            (_, several) => format!("face_id IN ({})", several.join(", ")),
        };
        let (list, table) = (*dice.of(&lists), *dice.of(&tables));
        let sql = format!("SELECT {list} FROM {table} WHERE {predicate}");
        if client.parse(&sql).unwrap().lookup().is_none() {
            continue;
        }
        match compare(&client.session, &sql, &values).await {
            Shown::Ran(_, Ok(rows)) if rows.num_rows() > 0 => answered += 1,
            _ => refused += 1,
        }
    }
    assert!(answered > 300 && refused > 300, "{answered} answered, {refused} not");
}

#[tokio::test]
async fn a_look_up_reads_the_snapshot_of_its_block() {
    let client = Client::with_people().await;
    let ann = client.face_id("ann").await;
    let sql = format!("SELECT external_face_id FROM people WHERE face_id = '{ann}'");
    assert!(client.parse(&sql).unwrap().lookup().is_some());
    client.run("BEGIN").await;
    assert_eq!(client.column(&sql).await, ["ann"]);
    client.another().run(&format!("DELETE FROM people WHERE face_id = '{ann}'")).await;
    assert_eq!(client.column(&sql).await, ["ann"]);
    client.run("UPDATE people SET external_face_id = 'eve' WHERE external_face_id = 'bob'").await;
    let bob = client.column("SELECT face_id FROM people WHERE external_face_id = 'eve'").await;
    let own = format!("SELECT external_face_id FROM people WHERE face_id = '{}'", bob[0]);
    assert_eq!(client.column(&own).await, ["eve"]);
    client.run("ROLLBACK").await;
    assert!(client.column(&sql).await.is_empty());
    let nowhere = "SELECT face_id FROM nowhere WHERE face_id = 'f_0'";
    assert_eq!(client.state(nowhere).await, SqlState::UndefinedTable);
}

#[tokio::test]
async fn an_array_of_ids_finds_each_face_once_however_many_they_are() {
    let client = Client::with_people().await;
    let sql = "SELECT external_face_id FROM people WHERE face_id = ANY($1)";
    assert_eq!(client.describe(sql).await.0, [SqlType::TextArray]);
    let array = |items: &[ScalarValue]| {
        ScalarValue::List(ScalarValue::new_list_nullable(items, &DataType::Utf8))
    };
    let ids = client.column("SELECT face_id FROM people").await;
    // Twice each, among thousands that nobody has.
    let mut items: Vec<ScalarValue> = ids.iter().chain(&ids).map(|id| text(id)).collect();
    items.extend((0..5_000).map(|n| text(&format!("f_{n:026}"))));
    items.extend([text("ann"), ScalarValue::Utf8(None)]);
    items.reverse();
    let found = client.rows_with(sql, &[array(&items)]).await;
    assert_eq!(found, [["ann"], ["bob"], ["cid"], ["dee"]]);
    for nothing in [array(&[]), array(&[ScalarValue::Utf8(None)])] {
        assert!(client.rows_with(sql, &[nothing]).await.is_empty());
    }
    let null = SqlType::TextArray.null().unwrap();
    assert!(client.rows_with(sql, &[null]).await.is_empty());
}
