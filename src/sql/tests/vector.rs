//! Casts between `vector`, `real[]` and text.

use datafusion::scalar::ScalarValue;

use super::Client;
use crate::sql::{SqlState, SqlType};

async fn types(client: &Client, sql: &str) -> Vec<SqlType> {
    let statement = client.parse(sql).unwrap();
    let described = client.session.describe(&statement, &[]).await.unwrap();
    described.columns.unwrap().fields().iter().map(|field| SqlType::of(field)).collect()
}

#[tokio::test]
async fn a_cast_decides_the_type_that_is_sent() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT '[1,2]'::vector", SqlType::Vector),
        ("SELECT embedding::vector FROM people", SqlType::Vector),
        ("SELECT embedding::vector(3)::real[] FROM people", SqlType::Float4Array),
        ("SELECT (embedding::vector)::real[]::vector FROM people", SqlType::Vector),
        ("SELECT v FROM (SELECT embedding::vector AS v FROM people) s", SqlType::Vector),
        ("SELECT CAST('{1,2}' AS real[])", SqlType::Float4Array),
        ("SELECT ARRAY[1, 2.5]::real[]", SqlType::Float4Array),
        ("SELECT NULL::vector", SqlType::Vector),
    ];
    for (sql, expected) in cases {
        assert_eq!(types(&client, sql).await, [expected], "{sql}");
        let cast = client.outcome(sql, &[]).await.unwrap();
        let crate::sql::Outcome::Rows { schema, .. } = cast else { panic!("{sql}: no rows") };
        assert_eq!(SqlType::of(schema.field(0)), expected, "{sql}, as it ran");
    }
}

#[tokio::test]
async fn numbers_survive_the_casts() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT ' [1, 2.5,-3e-1]'::vector(3)", "[1.0, 2.5, -0.3]"),
        ("SELECT '{1,2}'::real[]::vector", "[1.0, 2.0]"),
        ("SELECT ARRAY[1, 2]::double precision[]::vector", "[1.0, 2.0]"),
        ("SELECT note::vector FROM (VALUES ('[1,2]')) t(note)", "[1.0, 2.0]"),
        ("SELECT NULL::vector IS NULL", "true"),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(sql).await, [expected], "{sql}");
    }
}

#[tokio::test]
async fn what_is_no_vector_is_refused() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT 'nonsense'::vector", SqlState::InvalidTextRepresentation),
        ("SELECT '[1,2]'::vector(3)", SqlState::DataException),
        ("SELECT embedding::vector(4) FROM people", SqlState::DataException),
        ("SELECT ARRAY[]::real[]::vector", SqlState::DataException),
        ("SELECT ARRAY[1, NULL]::real[]::vector", SqlState::NullValueNotAllowed),
        ("SELECT '[NaN]'::vector", SqlState::DataException),
        ("SELECT '[inf]'::vector", SqlState::DataException),
        ("SELECT 1::vector", SqlState::CannotCoerce),
        ("SELECT ARRAY['a']::vector", SqlState::CannotCoerce),
    ];
    for (sql, expected) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.state, expected, "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_parameter_may_be_declared_a_vector_wherever_an_embedding_stands() {
    let client = Client::with_people().await;
    let probe = [ScalarValue::from("[1, 0, 0]")];
    for sql in [
        "SELECT external_face_id FROM (SEARCH FACES IN people EMBEDDING $1 LIMIT 1) s",
        "SELECT external_face_id FROM (SEARCH FACES IN people EMBEDDING $1::vector LIMIT 1) s",
        "INSERT INTO people (external_face_id, embedding) VALUES ('new', $1::vector(3)) \
         RETURNING external_face_id",
    ] {
        let statement = client.parse(sql).unwrap();
        let declared = [Some(SqlType::Vector)];
        let described = client.session.describe(&statement, &declared).await.unwrap();
        assert_eq!(described.parameters, [SqlType::Vector], "{sql}");
        assert_eq!(client.rows_with(sql, &probe).await.len(), 1, "{sql}");
    }
    let (parameters, _) = client.describe("SELECT $1::vector, $2::real[]").await;
    assert_eq!(parameters, [SqlType::Vector, SqlType::Float4Array]);
}

#[tokio::test]
async fn distances_are_those_of_pgvector() {
    let client = Client::with_people().await;
    let cases = [
        ("SELECT '[3,4]'::vector <-> '[0,0]'", "5.0"),
        ("SELECT '[1,2]' <#> ARRAY[3, 4]", "-11.0"),
        ("SELECT '[1,0]'::real[] <=> '[0,5]'", "1.0"),
        ("SELECT '[2,0]' <=> '[7,0]'", "0.0"),
        ("SELECT l1_distance('[1,2]'::vector, '[3,5]'::vector)", "5.0"),
        ("SELECT NULL::vector <-> '[1]'", ""),
        ("SELECT inner_product('[1,2]'::vector, '[3,4]'::vector)", "11.0"),
        ("SELECT vector_dims('[1,2]'::vector) + vector_norm('[3,4]'::vector)", "7.0"),
        ("SELECT 0.5 > '[1,0]' <=> '[1,0]' AND '[1,0]' <=> '[0,1]' > 0.5", "true"),
    ];
    for (sql, expected) in cases {
        assert_eq!(client.column(sql).await, [expected], "{sql}");
    }
    let nearest = "SELECT external_face_id FROM people WHERE embedding <=> $1 < 0.7 \
                   ORDER BY embedding <=> $1 LIMIT 2";
    let probe = super::reals(&[0.0, 3.0, 0.0]);
    assert_eq!(client.rows_with(nearest, &[probe]).await, [["cid"], ["bob"]]);
    assert_eq!(client.describe(nearest).await.0, [SqlType::Vector]);
    let error = client.error("SELECT embedding <-> '[1,2]' FROM people").await;
    assert_eq!(error.message, "different vector dimensions 3 and 2");
    assert_eq!(client.state("SELECT '[a]' <-> '[1]'").await, SqlState::InvalidTextRepresentation);
}
