//! INSERT: what a row may hold, what comes back, and that a bad row takes all others with it.

use datafusion::scalar::ScalarValue;

use super::{Client, reals, text};
use crate::sql::{Outcome, SqlState, SqlType};

#[tokio::test]
async fn rows_take_constants_expressions_and_parameters() {
    let client = Client::new();
    client.run("CREATE COLLECTION c WITH (dimensions = 2)").await;
    let sql = "INSERT INTO c (external_face_id, external_image_id, metadata, embedding) VALUES \
               (upper('a') || 1 + 1, NULL, '{}'::jsonb, ARRAY[1, 0]), \
               ($1, DEFAULT, $2, $3), ($1 || '!', 'i', NULL, '[0, 2]'::real[])";
    let values = [text("p"), text("[1]"), reals(&[3.0, 4.0])];
    assert_eq!(client.run_with(sql, &values).await, ("INSERT 0", Some(3)));
    let rows = client
        .rows(
            "SELECT external_face_id, external_image_id, metadata, embedding FROM c \
             ORDER BY face_id",
        )
        .await;
    assert_eq!(
        rows,
        [
            ["A2", "", "{}", "[1.0, 0.0]"],
            ["p", "", "[1]", "[0.6, 0.8]"],
            ["p!", "i", "", "[0.0, 1.0]"]
        ]
    );
}

#[tokio::test]
async fn parameters_take_the_type_of_their_column() {
    let client = Client::with_people().await;
    let sql = "INSERT INTO people (external_face_id, metadata, image, embedding) VALUES \
               ($1, $2, $3, $4), (lower($5), $6::jsonb, NULL, $7::real[])";
    let (parameters, columns) = client.describe(sql).await;
    assert_eq!(
        parameters,
        [
            SqlType::Text,
            SqlType::Jsonb,
            SqlType::Bytea,
            SqlType::Vector,
            SqlType::Text,
            SqlType::Jsonb,
            SqlType::Float4Array
        ]
    );
    assert_eq!(columns, None);
}

#[tokio::test]
async fn returning_answers_the_columns_of_the_new_faces() {
    let client = Client::with_people().await;
    let sql = "INSERT INTO people (external_face_id, embedding) VALUES ('x', '[0, 3, 4]'), \
               ('y', '[2, 0, 0]') RETURNING external_face_id AS \"Who\", embedding, face_id";
    let (_, columns) = client.describe(sql).await;
    assert_eq!(columns.unwrap(), ["Who", "embedding", "face_id"]);
    let rows = client.rows(sql).await;
    assert_eq!(rows.iter().map(|row| &*row[0]).collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(rows[0][1], "[0.0, 0.6, 0.8]");
    assert_eq!(rows[0][2], client.face_id("x").await);
    let all = "INSERT INTO people (embedding) VALUES ('[1,1,1]') RETURNING *";
    let Outcome::Rows { tag, schema, .. } = client.outcome(all, &[]).await.unwrap() else {
        panic!("no rows");
    };
    assert_eq!((tag, schema.fields().len()), ("INSERT 0", 11));
}

#[tokio::test]
async fn columns_of_returning_may_be_qualified_as_mappers_write_them() {
    let client = Client::with_people().await;
    let insert = "INSERT INTO people (external_face_id, embedding) VALUES ('x', '[0, 3, 4]')";
    let sql = format!("{insert} RETURNING people.external_face_id, public.people.model AS m");
    assert_eq!(client.describe(&sql).await.1.unwrap(), ["external_face_id", "m"]);
    assert_eq!(client.rows(&sql).await, [["x", "external"]]);
    let sql = format!("{} RETURNING p.*", insert.replace("people (", "people AS p ("));
    assert_eq!(client.rows(&sql).await[0].len(), 11);
    let sql = "UPDATE people p SET metadata = '1' WHERE external_face_id = 'ann' \
               RETURNING p.metadata, p.external_face_id";
    assert_eq!(client.rows(sql).await, [["1", "ann"]]);
    let sql = format!("{insert} RETURNING pets.model");
    assert_eq!(client.state(&sql).await, SqlState::UndefinedTable);
}

#[tokio::test]
async fn returning_is_any_expression_of_the_new_faces() {
    let client = Client::with_people().await;
    let sql = "INSERT INTO people AS p (external_face_id, metadata, embedding) \
               VALUES ('eve', $1, '[0, 1, 0]'), ('fay', NULL, '[0, 0, 1]') \
               RETURNING upper(p.external_face_id), metadata->>'team' AS t, \
               embedding <=> '[0, 1, 0]' < 0.5 AS near, $2::int + 1, face_id, face_id, \
               (SELECT count(*) FROM people)";
    let (parameters, columns) = client.describe(sql).await;
    assert_eq!(parameters, [SqlType::Jsonb, SqlType::Int4]);
    let names = ["upper", "t", "near", "?column?", "face_id", "face_id", "count"];
    assert_eq!(columns.unwrap(), names);
    let values = [text("{\"team\": \"red\"}"), ScalarValue::from(41_i32)];
    let mut rows = client.rows_with(sql, &values).await;
    let (eve, fay) = (client.face_id("eve").await, client.face_id("fay").await);
    for (row, face_id) in rows.iter_mut().zip([eve, fay]) {
        // The query among them sees what was there before.
        assert_eq!(row.split_off(4), [&face_id, &face_id, "4"]);
    }
    assert_eq!(rows, [["EVE", "red", "true", "42"], ["FAY", "", "false", "42"]]);
    let nothing = "INSERT INTO people (embedding) SELECT embedding FROM people WHERE false \
                   RETURNING 1 / (length(model) - 8) AS never";
    assert!(client.rows(nothing).await.is_empty());
}

#[tokio::test]
async fn an_error_in_returning_leaves_no_face_behind() {
    let client = Client::with_people().await;
    let before = client.rows("SELECT * FROM people").await;
    let ann = client.face_id("ann").await;
    for sql in [
        "INSERT INTO people (embedding) VALUES ('[1, 0, 0]') RETURNING 1 / 0",
        "INSERT INTO people (embedding) SELECT embedding FROM people \
         RETURNING 1 / (8 - length(model))",
        &format!(
            "INSERT INTO people (face_id, embedding) VALUES ('{ann}', '[0, 1, 0]') \
             ON CONFLICT (face_id) DO UPDATE SET external_face_id = 'zoe' \
             RETURNING 1 / (3 - length(external_face_id))"
        ),
        "UPDATE people SET metadata = '1' RETURNING 1 / (3 - length(external_face_id))",
        "DELETE FROM people RETURNING 1 / (3 - length(external_face_id))",
    ] {
        let error = client.error(sql).await;
        assert_eq!(error.state, SqlState::DivisionByZero, "{sql}: {error}");
        assert_eq!(client.rows("SELECT * FROM people").await, before, "after {sql}");
    }
}

#[tokio::test]
async fn returning_all_has_the_columns_of_the_table_in_its_order() {
    let client = Client::with_people().await;
    let columns = client.describe("SELECT * FROM people").await.1;
    for sql in [
        "INSERT INTO people (embedding) VALUES ('[1, 0, 0]') RETURNING *",
        "UPDATE people SET metadata = '1' RETURNING *",
        "DELETE FROM people RETURNING *",
    ] {
        assert_eq!(client.describe(sql).await.1, columns, "{sql}");
    }
}

#[tokio::test]
async fn one_bad_row_keeps_all_rows_out() {
    let client = Client::with_people().await;
    let long = "x".repeat(256);
    let cases = [
        ("embedding", "('[1,0,0]'), ('[1,0]')", SqlState::InvalidParameterValue),
        ("embedding", "('[1,0,0]'), ('[0,0,0]')", SqlState::InvalidParameterValue),
        ("embedding", "('[1,0,0]'), ('nonsense')", SqlState::InvalidTextRepresentation),
        ("embedding", "('[1,0,0]'), (7)", SqlState::DatatypeMismatch),
        ("embedding", "('[1,0,0]'), (NULL)", SqlState::NotNullViolation),
        ("embedding", "('[1,0,0]'), (ARRAY[1 / 0])", SqlState::DivisionByZero),
        ("embedding", "('[1,0,0]'), (nothing)", SqlState::UndefinedColumn),
        ("embedding", "((SELECT embedding FROM people LIMIT 1))", SqlState::FeatureNotSupported),
        ("embedding, image", "('[1,0,0]', '\\x00')", SqlState::SyntaxError),
        ("image", "('\\x00')", SqlState::SystemError),
        ("image", "('\\x0')", SqlState::InvalidParameterValue),
        (
            "embedding, external_face_id",
            &format!("('[1,0,0]', '{long}')"),
            SqlState::InvalidParameterValue,
        ),
        ("embedding, metadata", "('[1,0,0]', 'no json')", SqlState::InvalidTextRepresentation),
        ("embedding", "('[1,0,0]', 1)", SqlState::SyntaxError),
        ("embedding, metadata", "('[1,0,0]')", SqlState::SyntaxError),
        ("external_face_id", "('x')", SqlState::NotNullViolation),
        ("embedding, embedding", "('[1,0,0]', '[1,0,0]')", SqlState::DuplicateColumn),
        ("embedding, colour", "('[1,0,0]', 'red')", SqlState::UndefinedColumn),
        ("embedding, face_id", "('[1,0,0]', 'f_1')", SqlState::InvalidTextRepresentation),
    ];
    for (columns, values, state) in cases {
        let error = client.error(&format!("INSERT INTO people ({columns}) VALUES {values}")).await;
        assert_eq!(error.state, state, "{columns}: {values}: {error}");
    }
    assert_eq!(client.count("people").await, "4");
}

#[tokio::test]
async fn rows_may_come_from_a_query_also_of_the_same_collection() {
    let client = Client::with_people().await;
    client.run("CREATE COLLECTION copies WITH (dimensions = 3)").await;
    let sql = "INSERT INTO copies (external_face_id, metadata, embedding) \
               SELECT upper(external_face_id), metadata, embedding FROM people \
               WHERE external_image_id = $1 ORDER BY face_id";
    assert_eq!(client.describe(sql).await.0, [SqlType::Text]);
    assert_eq!(client.run_with(sql, &[text("red")]).await, ("INSERT 0", Some(2)));
    let copied = "SELECT external_face_id, metadata, embedding FROM copies ORDER BY face_id";
    let rows = client.rows(copied).await;
    assert_eq!(rows[1], ["BOB", "{\"team\": \"red\"}", "[0.8, 0.6, 0.0]"]);
    let sql = "INSERT INTO copies (embedding) SELECT embedding FROM copies UNION ALL \
               VALUES (ARRAY[0, 0, 1]) RETURNING external_face_id, embedding";
    assert_eq!(client.rows(sql).await.len(), 3);
    assert_eq!(client.count("copies").await, "5");
    client.run("INSERT INTO copies (embedding) SELECT embedding FROM people WHERE false").await;
    assert_eq!(client.count("copies").await, "5");
}

#[tokio::test]
async fn other_forms_of_insert_are_refused_before_anything_happens() {
    let client = Client::with_people().await;
    let cases = [
        ("INSERT INTO people VALUES (NULL, '[1,0,0]')", SqlState::NotNullViolation),
        (
            "INSERT INTO people (embedding, metadata) SELECT embedding FROM people",
            SqlState::SyntaxError,
        ),
        (
            "INSERT INTO people (embedding) SELECT face_id, embedding FROM people",
            SqlState::SyntaxError,
        ),
        ("INSERT INTO people (embedding) SELECT 7", SqlState::DatatypeMismatch),
        ("INSERT INTO people (embedding) SELECT embedding FROM nobody", SqlState::UndefinedTable),
        (
            "INSERT INTO people (embedding) SELECT CASE external_face_id WHEN 'dee' THEN NULL \
             ELSE embedding END FROM people",
            SqlState::NotNullViolation,
        ),
        ("INSERT INTO people DEFAULT VALUES", SqlState::NotNullViolation),
        ("INSERT INTO people TABLE people", SqlState::SyntaxError),
        ("INSERT INTO people SET embedding = '[1,0,0]'", SqlState::SyntaxError),
        ("REPLACE INTO people VALUES (1)", SqlState::SyntaxError),
        ("WITH p AS (SELECT 1) INSERT INTO people DEFAULT VALUES", SqlState::NotNullViolation),
        (
            "MERGE INTO people USING people p ON p.face_id = people.face_id \
             WHEN MATCHED THEN DELETE",
            SqlState::FeatureNotSupported,
        ),
        (
            "INSERT INTO people (embedding) VALUES ('[1,0,0]') RETURNING nothing",
            SqlState::UndefinedColumn,
        ),
        (
            "INSERT INTO people (embedding) VALUES ('[1,0,0]') RETURNING 1 / 0",
            SqlState::DivisionByZero,
        ),
        ("INSERT INTO nobody (embedding) VALUES ('[1]')", SqlState::UndefinedTable),
    ];
    for (sql, state) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
    }
    assert_eq!(client.count("people").await, "4");
}

#[tokio::test]
async fn a_null_parameter_is_no_embedding() {
    let client = Client::with_people().await;
    let sql = "INSERT INTO people (embedding) VALUES ($1)";
    let null = SqlType::Float4Array.null().unwrap();
    assert_eq!(client.error_with(sql, &[null]).await.state, SqlState::NotNullViolation);
    let doubles = ScalarValue::new_list_nullable(
        &[1.0, 2.0, 2.0].map(ScalarValue::from),
        &datafusion::arrow::datatypes::DataType::Float64,
    );
    assert_eq!(client.run_with(sql, &[ScalarValue::List(doubles)]).await.1, Some(1));
}
