//! A SEARCH that runs without a plan says what the planned one says, to the last bit.
//!
//! In parentheses the same search takes a plan, and so it does inside another query.

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;

use super::{Client, reals, text};
use crate::biometric::SyntheticFaces;
use crate::engine::Role;
use crate::sql::grammar::statement::Command;
use crate::sql::{Outcome, SqlError, SqlSession, SqlState, SqlType, Statement, TransactionStatus};

const WIDE: usize = 70;

fn is_direct(statement: &Statement) -> bool {
    matches!(statement.command(), Command::Search(..))
}

#[test]
fn plain_searches_take_no_plan_and_everything_else_does() {
    let client = Client::new();
    let direct = [
        "SEARCH FACES IN people LIKE 'f_0'",
        "SEARCH FACES IN acme.public.\"People\" LIKE $1",
        "search faces in people like embedding $1 threshold $2 limit $3",
        "SEARCH FACES IN people EMBEDDING '[1, 0, 0]' THRESHOLD 0.5 LIMIT 3;",
        "SEARCH FACES IN people EMBEDDING $1::real[] THRESHOLD ((0.5)) LIMIT NULL",
        "SEARCH FACES IN people IMAGE $1 LIMIT 0",
        "SEARCH FACES IN people LIKE EXTERNAL $1 AT FMR 1e-4",
        "SEARCH FACES IN people EXTERNAL 'ann' AT FPIR $1 LIMIT $2",
        "SELECT rank, face_id AS rank FROM (SEARCH FACES IN people LIKE $1) s",
        "SEARCH FACES IN people EMBEDDING $1::vector",
        "SELECT * FROM (SEARCH FACES IN people LIKE $1) s",
        "SELECT rank, s.face_id AS id FROM (SEARCH FACES IN people LIKE $1) s",
        "SELECT \"similarity\" FROM (SEARCH FACES IN people LIKE $1)",
    ];
    for sql in direct {
        assert!(is_direct(&client.parse(sql).unwrap()), "{sql} was planned");
    }
    let planned = [
        "(SEARCH FACES IN people LIKE $1)",
        "SELECT *, rank FROM (SEARCH FACES IN people LIKE $1) s",
        "WITH s AS (SELECT 1) SEARCH FACES IN people LIKE $1",
        "SEARCH FACES IN people LIKE $1 UNION ALL SEARCH FACES IN people LIKE $2",
        "SEARCH FACES IN people LIKE $1 WHERE quality > 0.5",
        "SEARCH FACES IN people LIKE 'f' || $1",
        "SEARCH FACES IN people EMBEDDING ARRAY[1, 0, 0]",
        "SEARCH FACES IN people LIKE $1 THRESHOLD $2 LIMIT $2",
        "SEARCH FACES IN people LIKE $1 THRESHOLD 0.5 + 0.1",
        "SEARCH FACES IN people LIKE $1 AT FMR 1 / 1000.0",
        "SEARCH FACES IN people LIKE $1 LIMIT -1",
        "SEARCH FACES IN people LIKE $1 LIMIT 9223372036854775808",
        "EXPLAIN SEARCH FACES IN people LIKE $1",
        "SELECT rank FROM (SEARCH FACES IN people LIKE $1) s WHERE rank > 1",
        "SELECT rank FROM (SEARCH FACES IN people LIKE $1) s ORDER BY rank",
        "SELECT DISTINCT rank FROM (SEARCH FACES IN people LIKE $1) s",
        "SELECT rank FROM (SEARCH FACES IN people LIKE $1) s LIMIT 1",
        "SELECT rank FROM (SEARCH FACES IN people LIKE $1) s, people p",
        "SELECT rank + 1 FROM (SEARCH FACES IN people LIKE $1) s",
        "SELECT count(*) FROM (SEARCH FACES IN people LIKE $1) s",
        "SELECT other.rank FROM (SEARCH FACES IN people LIKE $1) s",
        "SELECT colour FROM (SEARCH FACES IN people LIKE $1) s",
        "SELECT a FROM (SEARCH FACES IN people LIKE $1) s(a)",
        "SELECT rank FROM (SELECT rank FROM (SEARCH FACES IN people LIKE $1) s) t",
    ];
    for sql in planned {
        assert!(!is_direct(&client.parse(sql).unwrap()), "{sql} was not planned");
    }
}

/// What one execution of a statement showed.
#[derive(Debug, PartialEq)]
pub(super) enum Shown {
    /// Why it did not start.
    Refused(SqlError),
    /// Its columns, and its rows or why there are none.
    Ran(SchemaRef, Result<RecordBatch, SqlError>),
}

pub(super) async fn shown(
    session: &SqlSession,
    statement: &Statement,
    values: &[ScalarValue],
) -> Shown {
    match session.execute(statement, values.to_vec()).await {
        Err(error) => Shown::Refused(unplaced(error)),
        Ok(Outcome::Rows { tag, schema, stream }) => {
            assert_eq!(tag, "SELECT");
            let batches: Result<Vec<_>, _> = stream.try_collect().await;
            let rows = batches
                .map(|batches| concat_batches(&schema, &batches).unwrap())
                .map_err(SqlError::from);
            Shown::Ran(schema, rows)
        }
        Ok(other) => panic!("{other:?}"),
    }
}

/// The parentheses that make a statement planned move what stands in it.
pub(super) fn unplaced(error: SqlError) -> SqlError {
    SqlError { position: None, ..error }
}

/// Runs `search` with and without a plan and asserts that nobody could tell.
async fn compare(session: &SqlSession, search: &str, values: &[ScalarValue]) -> Shown {
    let parsed = |sql: &str| session.parse(sql).unwrap().remove(0);
    let direct = parsed(search);
    assert!(is_direct(&direct), "{search} was planned");
    let planned = parsed(&format!("({search})"));
    assert!(!is_direct(&planned), "{search} was not planned");
    let inner = parsed(&format!("SELECT * FROM ({search}) s ORDER BY rank"));
    let field = |value: &ScalarValue| Field::new("", value.data_type(), true);
    let declared: Vec<_> = values.iter().map(|value| Some(SqlType::of(&field(value)))).collect();
    for declared in [&declared, &vec![None; declared.len()]] {
        let description = session.describe(&direct, declared).await.map_err(unplaced);
        let other = session.describe(&planned, declared).await.map_err(unplaced);
        assert_eq!(description, other, "{search}");
    }
    let found = shown(session, &direct, values).await;
    assert_eq!(found, shown(session, &planned, values).await, "{search} with {values:?}");
    assert_eq!(found, shown(session, &inner, values).await, "{search} with {values:?}");
    let some = format!("SELECT similarity AS score, s.face_id, metadata FROM ({search}) s");
    let (direct, planned) = (parsed(&some), parsed(&format!("({some})")));
    assert!(is_direct(&direct) && !is_direct(&planned), "{some}");
    let some = shown(session, &direct, values).await;
    assert_eq!(some, shown(session, &planned, values).await, "some columns of {search}");
    found
}

/// A small linear congruential generator: the same statements on every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % count
    }

    pub(super) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// One part of a statement.
enum Part {
    Text(String),
    Value(ScalarValue),
}

fn texts(parts: &[&str]) -> Vec<Part> {
    parts.iter().map(|part| Part::Text((*part).to_owned())).collect()
}

fn values(parts: impl IntoIterator<Item = ScalarValue>) -> Vec<Part> {
    parts.into_iter().map(Part::Value).collect()
}

fn list(values: &[Option<f64>], element: &DataType) -> ScalarValue {
    let values: Vec<_> = values.iter().map(|value| ScalarValue::from(*value)).collect();
    let values: Vec<_> = values.iter().map(|value| value.cast_to(element).unwrap()).collect();
    ScalarValue::List(ScalarValue::new_list_nullable(&values, element))
}

fn embeddings(faces: &mut SyntheticFaces) -> Vec<Part> {
    let wide = faces.identity(4).remove(0);
    let as_text = format!("{wide:?}");
    let mut parts = texts(&[
        "'[1, 0, 0]'",
        "'{0.3, -4, 1e-3}'",
        "'[0, 0, 0]'",
        "'[1, 2]'",
        "'[a, 0, 0]'",
        "'[1e39, 0, 0]'",
        "''",
        "NULL",
        "7",
        "0.5",
    ]);
    parts.push(Part::Text(format!("'{as_text}'")));
    parts.extend(values([
        reals(&[0.0, 0.5, 0.5]),
        reals(&[f32::NAN, 0.0, 0.0]),
        reals(&wide),
        reals(&[]),
        text(&as_text),
        text("[1, 0, 0]"),
        text("nothing"),
        list(&[Some(1.0), Some(0.25), Some(-1.0)], &DataType::Float64),
        list(&[Some(1.0), None, Some(-1.0)], &DataType::Float32),
        SqlType::Float4Array.null().unwrap(),
        ScalarValue::Null,
        ScalarValue::from(7_i64),
        ScalarValue::Binary(Some(vec![1, 2, 3])),
    ]));
    parts
}

fn face_ids(known: &[String]) -> Vec<Part> {
    let mut parts = texts(&["'f_00000000000000000000000000'", "'ann'", "''", "NULL", "12"]);
    parts.extend(known.iter().map(|id| Part::Text(format!("'{id}'"))));
    parts.extend(values(known.iter().map(|id| text(id))));
    parts.extend(values([
        text("f_00000000000000000000000000"),
        text("ann"),
        ScalarValue::Utf8(None),
        ScalarValue::Binary(Some(b"f_00000000000000000000000000".to_vec())),
        ScalarValue::from(12_i64),
        reals(&[1.0, 0.0, 0.0]),
    ]));
    parts
}

fn names() -> Vec<Part> {
    let mut parts = texts(&["'ann'", "'nobody'", "''", "NULL", "'p'"]);
    parts.extend(values([
        text("ann"),
        text("p"),
        ScalarValue::Utf8(None),
        ScalarValue::from(12_i64),
        ScalarValue::Binary(Some(vec![1])),
    ]));
    parts
}

fn images() -> Vec<Part> {
    let mut parts = texts(&["'\\x00'", "'\\x0'", "NULL", "1"]);
    parts.extend(values([
        ScalarValue::Binary(Some(vec![0])),
        ScalarValue::Binary(None),
        text("\\xff"),
    ]));
    parts
}

fn thresholds() -> Vec<Part> {
    let mut parts =
        texts(&["0", "0.5", "0.600000024", "1", "1.0001", "2", "1e-3", "NULL", "'0.5'", "'x'"]);
    parts.extend(values([
        ScalarValue::from(0.6_f32),
        ScalarValue::from(f32::NAN),
        ScalarValue::from(-0.1_f32),
        ScalarValue::from(0.6_f64),
        ScalarValue::from(1_i64),
        text("0.25"),
        text("x"),
        ScalarValue::Float32(None),
        ScalarValue::Binary(Some(vec![1])),
    ]));
    parts
}

fn limits() -> Vec<Part> {
    let mut parts = texts(&["0", "1", "3", "10000", "10001", "4.5", "NULL", "'3'", "'x'", "1e30"]);
    parts.extend(values([
        ScalarValue::from(0_i64),
        ScalarValue::from(2_i64),
        ScalarValue::from(-1_i64),
        ScalarValue::from(i64::MAX),
        ScalarValue::from(5_i32),
        ScalarValue::from(2.5_f64),
        text("7"),
        text("many"),
        ScalarValue::Int64(None),
    ]));
    parts
}

/// Collections with probes that they can be searched for.
fn right(
    people: &[String],
    wide: &[String],
    face: &[f32],
) -> Vec<(&'static str, &'static str, Part)> {
    let literal = |text: &str| Part::Text(format!("'{text}'"));
    let value = |text: &str| Part::Value(ScalarValue::from(text));
    vec![
        ("people", "EMBEDDING", literal("[1, 0, 0]")),
        ("public.people", "EMBEDDING", Part::Value(reals(&[0.0, 0.5, 0.5]))),
        ("PEOPLE", "LIKE", literal(&people[0])),
        ("people", "LIKE EXTERNAL", value("bob")),
        ("acme.public.people", "LIKE", value(&people[1])),
        ("wide", "LIKE EMBEDDING", literal(&format!("{face:?}"))),
        ("wide", "EMBEDDING", Part::Value(reals(face))),
        ("wide", "LIKE", literal(&wide[0])),
        ("\"wide\"", "LIKE", value(&wide[1])),
    ]
}

const COLLECTIONS: [&str; 10] = [
    "people",
    "PEOPLE",
    "public.people",
    "acme.public.people",
    "other.public.people",
    "secret.people",
    "\"People\"",
    "wide",
    "theirs",
    "nobody",
];

/// One search: its text and the values of its parameters.
struct Generator {
    dice: Dice,
    /// Collections with probes that they can be searched for.
    right: Vec<(&'static str, &'static str, Part)>,
    probes: [(&'static str, Vec<Part>); 4],
    thresholds: Vec<Part>,
    limits: Vec<Part>,
}

impl Generator {
    fn search(&mut self) -> (String, Vec<ScalarValue>) {
        let (collection, keyword, probe) = if self.dice.below(2) == 0 {
            let (collection, keyword, probe) = self.dice.of(&self.right);
            (*collection, *keyword, probe)
        } else {
            let collection = *self.dice.of(&COLLECTIONS);
            let (keyword, probes) = self.dice.of(&self.probes);
            (collection, *keyword, self.dice.of(probes))
        };
        let mut parts = vec![(keyword, probe)];
        if self.dice.below(2) == 0 {
            let cut = *self.dice.of(&["THRESHOLD", "THRESHOLD", "AT FMR", "AT FPIR"]);
            parts.push((cut, self.dice.of(&self.thresholds)));
        }
        if self.dice.below(2) == 0 {
            parts.push(("LIMIT", self.dice.of(&self.limits)));
        }
        // Parameters are numbered in the order of the clauses, or against it.
        let count = parts.iter().filter(|(_, part)| matches!(part, Part::Value(_))).count();
        let backwards = self.dice.below(2) == 1;
        let mut given = Vec::new();
        let mut words = vec![format!("SEARCH FACES IN {collection}")];
        for (keyword, part) in parts {
            words.push(match part {
                Part::Text(text) => format!("{keyword} {text}"),
                Part::Value(value) => {
                    given.push(value.clone());
                    let place = given.len();
                    format!("{keyword} ${}", if backwards { count + 1 - place } else { place })
                }
            });
        }
        if backwards {
            given.reverse();
        }
        (words.join(" "), given)
    }
}

/// Collections of 3 and of [`WIDE`] dimensions, and one of another tenant.
async fn filled() -> (Client, SyntheticFaces) {
    let client = Client::with_people().await;
    client.run(&format!("CREATE COLLECTION wide WITH (dimensions = {WIDE})")).await;
    let mut faces = SyntheticFaces::new(7, WIDE);
    for _ in 0..10 {
        let rows: Vec<String> =
            faces.identity(4).iter().map(|face| format!("('{face:?}', 'p')")).collect();
        let rows = rows.join(", ");
        client.run(&format!("INSERT INTO wide (embedding, external_face_id) VALUES {rows}")).await;
    }
    let theirs = client.database.session("other", Role::Admin);
    for sql in [
        "CREATE COLLECTION theirs WITH (dimensions = 3)",
        "INSERT INTO theirs (embedding) VALUES ('[1, 0, 0]')",
    ] {
        let statement = theirs.parse(sql).unwrap().remove(0);
        theirs.execute(&statement, Vec::new()).await.unwrap();
    }
    (client, faces)
}

#[tokio::test]
async fn generated_searches_say_the_same_with_and_without_a_plan() {
    let (client, mut faces) = filled().await;
    let people = client.column("SELECT face_id FROM people").await;
    let wide = client.column("SELECT face_id FROM wide LIMIT 3").await;
    let stranger = faces.identity(1).remove(0);
    let ids = [people.clone(), wide.clone()].concat();
    let mut generator = Generator {
        dice: Dice::new(11),
        right: right(&people, &wide, &stranger),
        probes: [
            ("EMBEDDING", embeddings(&mut faces)),
            ("LIKE", face_ids(&ids)),
            ("LIKE EXTERNAL", names()),
            ("LIKE IMAGE", images()),
        ],
        thresholds: thresholds(),
        limits: limits(),
    };
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..1000 {
        let (sql, values) = generator.search();
        match compare(&client.session, &sql, &values).await {
            Shown::Ran(_, Ok(rows)) if rows.num_rows() > 0 => answered += 1,
            _ => refused += 1,
        }
    }
    assert!(answered > 200 && refused > 200, "{answered} answered, {refused} not");
}

#[tokio::test]
async fn a_prepared_search_runs_again_and_again_without_a_plan() {
    let (client, mut faces) = filled().await;
    let search = "SEARCH FACES IN wide EMBEDDING $1 THRESHOLD $2 LIMIT $3";
    let statement = client.parse(search).unwrap();
    assert!(is_direct(&statement));
    for probe in faces.identity(4) {
        let values = [reals(&probe), ScalarValue::from(0.0_f32), ScalarValue::from(40_i64)];
        let Shown::Ran(_, Ok(rows)) = shown(&client.session, &statement, &values).await else {
            panic!("{search} was refused");
        };
        assert_eq!(rows.num_rows(), 40);
        compare(&client.session, search, &values).await;
    }
    let by_id = "SEARCH FACES IN people LIKE $1";
    let ann = text(&client.face_id("ann").await);
    let Shown::Ran(_, Ok(rows)) = compare(&client.session, by_id, &[ann]).await else {
        panic!("{by_id} was refused");
    };
    assert_eq!(rows.num_rows(), 3);
}

#[tokio::test]
async fn inside_a_block_the_search_reads_the_blocks_snapshot() {
    let client = Client::with_people().await;
    let search = "SEARCH FACES IN people EMBEDDING '[1, 0, 0]'";
    let found = async || match compare(&client.session, search, &[]).await {
        Shown::Ran(_, Ok(rows)) => rows.num_rows(),
        other => panic!("{other:?}"),
    };
    client.run("BEGIN").await;
    assert_eq!(found().await, 4);
    let writer = client.database.session("acme", Role::Write);
    let insert = writer.parse("INSERT INTO people (embedding) VALUES ('[1, 0, 0]')").unwrap();
    writer.execute(&insert[0], Vec::new()).await.unwrap();
    assert_eq!(found().await, 4);
    client.run("COMMIT").await;
    assert_eq!(found().await, 5);
}

#[tokio::test]
async fn a_refused_search_fails_its_block() {
    let client = Client::with_people().await;
    client.run("BEGIN").await;
    let search = client.parse("SEARCH FACES IN people LIKE $1").unwrap();
    assert!(is_direct(&search));
    let malformed = shown(&client.session, &search, &[text("ann")]).await;
    assert!(matches!(malformed, Shown::Refused(_)), "{malformed:?}");
    assert_eq!(client.session.transaction_status(), TransactionStatus::Failed);
    let ann = "SEARCH FACES IN people EMBEDDING '[1, 0, 0]'";
    assert_eq!(client.state(ann).await, SqlState::InFailedSqlTransaction);
    client.run("ROLLBACK").await;
    assert_eq!(client.rows(ann).await.len(), 4);
}
