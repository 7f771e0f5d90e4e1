//! The same door with collections behind it.

use std::error::Error;

use tokio_postgres::types::FromSql;

use super::*;

#[tokio::test]
async fn a_face_is_enrolled_found_and_removed() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("CREATE COLLECTION people WITH (dimensions = 3)").await.unwrap();
    let insert = "INSERT INTO people (external_face_id, embedding) VALUES ($1, $2::real[]) \
                  RETURNING face_id, external_face_id";
    let near = vec![1.0_f32, 0.1, 0.0];
    let row = client.query_one(insert, &[&"near", &near]).await.unwrap();
    let face_id: String = row.get("face_id");
    assert!(face_id.starts_with("f_"), "{face_id}");
    assert_eq!(row.get::<_, &str>("external_face_id"), "near");
    client.query_one(insert, &[&"far", &vec![0.0_f32, 0.0, 1.0]]).await.unwrap();

    let search = "SEARCH FACES IN people LIKE EMBEDDING $1::real[] THRESHOLD 0.0 LIMIT 10";
    let rows = client.query(search, &[&vec![1.0_f32, 0.0, 0.0]]).await.unwrap();
    assert_eq!(rows[0].get::<_, &str>("external_face_id"), "near");
    let sent = rows[0].columns().iter().find(|column| column.name() == "embedding").unwrap();
    assert_eq!((sent.type_().name(), sent.type_().schema()), ("vector", "public"));
    let cast = "SELECT embedding::real[] FROM people WHERE external_face_id = 'near'";
    let embedding: Vec<f32> = client.query_one(cast, &[]).await.unwrap().get(0);
    assert_eq!(embedding.len(), 3);

    let removed =
        client.execute("DELETE FROM people WHERE external_face_id = $1", &[&"near"]).await.unwrap();
    assert_eq!(removed, 1);
    let rows = client.query("SELECT face_id FROM people", &[]).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn errors_carry_the_sqlstate_postgresql_would_use() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("CREATE COLLECTION people WITH (dimensions = 3)").await.unwrap();
    for (text, expected) in [
        ("SELEC 1", SqlState::SYNTAX_ERROR),
        ("SELECT * FROM pepole", SqlState::UNDEFINED_TABLE),
        ("SELECT nonsense FROM people", SqlState::UNDEFINED_COLUMN),
        ("CREATE COLLECTION people WITH (dimensions = 3)", SqlState::DUPLICATE_TABLE),
        ("DROP COLLECTION pepole", SqlState::UNDEFINED_TABLE),
    ] {
        let error = client.simple_query(text).await.unwrap_err();
        assert_eq!(code(&error), expected, "{text}");
        still_serves(&client).await;
    }
}

#[tokio::test]
async fn a_key_that_may_only_read_cannot_write() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "reader", Role::Read);
    let client = door.log_in(Some("acme"), "reader", &secret).await.unwrap();
    let create = "CREATE COLLECTION people WITH (dimensions = 3)";
    let error = client.batch_execute(create).await.unwrap_err();
    assert_eq!(code(&error), SqlState::INSUFFICIENT_PRIVILEGE);
    still_serves(&client).await;
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let door = Door::open().await;
    let acme = door.admin().await;
    let (_, secret) = door.key("other", "admin", Role::Admin);
    let other = door.log_in(Some("other"), "admin", &secret).await.unwrap();
    acme.batch_execute("CREATE COLLECTION people WITH (dimensions = 3)").await.unwrap();
    let error = other.simple_query("SELECT * FROM people").await.unwrap_err();
    assert_eq!(code(&error), SqlState::UNDEFINED_TABLE);
    let collections = |messages: Vec<SimpleQueryMessage>| {
        messages.iter().filter(|message| matches!(message, SimpleQueryMessage::Row(_))).count()
    };
    assert_eq!(collections(acme.simple_query("SHOW COLLECTIONS").await.unwrap()), 1);
    assert_eq!(collections(other.simple_query("SHOW COLLECTIONS").await.unwrap()), 0);
}

#[tokio::test]
async fn an_embedding_that_does_not_fit_names_the_trouble() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("CREATE COLLECTION people WITH (dimensions = 3)").await.unwrap();
    let insert = "INSERT INTO people (embedding) VALUES ($1::real[])";
    let error = client.execute(insert, &[&vec![1.0_f32, 0.0]]).await.unwrap_err();
    assert!(error.as_db_error().unwrap().message().contains('3'), "{error:?}");
    assert_eq!(client.execute(insert, &[&vec![1.0_f32, 0.0, 0.0]]).await.unwrap(), 1);
}

/// A field as it came.
#[derive(Debug, PartialEq)]
struct Raw(Option<Vec<u8>>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(raw.to_vec())))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[tokio::test]
async fn a_search_is_sent_the_same_with_and_without_a_plan() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("CREATE COLLECTION people WITH (dimensions = 3)").await.unwrap();
    let insert = "INSERT INTO people (external_face_id, metadata, embedding) \
                  VALUES ($1, '{\"team\": \"red\"}', $2::real[])";
    for (name, third) in [("ann", 0.5_f32), ("bob", -1e-6), ("cid", 7.0)] {
        client.execute(insert, &[&name, &vec![1.0_f32, 0.0, third]]).await.unwrap();
    }
    let search = "SEARCH FACES IN people EMBEDDING $1::real[] THRESHOLD $2 LIMIT $3";
    let mut prepared = Vec::new();
    for text in [search, &format!("({search})")] {
        let statement = client.prepare(text).await.unwrap();
        let columns: Vec<_> = statement
            .columns()
            .iter()
            .map(|column| (column.name().to_owned(), column.type_().clone()))
            .collect();
        let probe = vec![1.0_f32, 0.0, 0.25];
        let rows = client.query(&statement, &[&probe, &0.01_f32, &7_i64]).await.unwrap();
        let fields: Vec<Vec<Raw>> =
            rows.iter().map(|row| (0..row.len()).map(|at| row.get(at)).collect()).collect();
        prepared.push((columns, statement.params().to_vec(), fields));
    }
    assert_eq!(prepared[0], prepared[1]);
    assert_eq!(prepared[0].2.len(), 3);
    let search = "SEARCH FACES IN people EMBEDDING '[1, 0, 0.25]' THRESHOLD 0.01";
    let mut simple = Vec::new();
    for text in [search, &format!("({search})")] {
        let messages = client.simple_query(text).await.unwrap();
        simple.push(format!("{messages:?}"));
    }
    assert_eq!(simple[0], simple[1]);
    let late = "SEARCH FACES IN people EMBEDDING '[1, 0]'";
    for text in [late, &format!("({late})")] {
        let error = client.simple_query(text).await.unwrap_err();
        assert_eq!(code(&error), SqlState::INVALID_PARAMETER_VALUE, "{text}");
    }
}

#[tokio::test]
async fn an_error_names_the_constraint_or_the_column_in_fields_of_its_own() {
    let door = Door::open().await;
    let client = door.admin().await;
    let insert = "INSERT INTO people (face_id, embedding) \
                  VALUES ('f_01JABCDEFGHJKMNPQRSTVWXYZ0', '[1, 0, 0]')";
    let create = "CREATE COLLECTION people WITH (dimensions = 3)";
    client.batch_execute(&format!("{create}; {insert}")).await.unwrap();
    let of_people = (Some("public"), Some("people"));
    for (sql, state, object, column, constraint) in [
        (insert, SqlState::UNIQUE_VIOLATION, of_people, None, Some("people_pkey")),
        (
            "UPDATE people SET embedding = NULL",
            SqlState::NOT_NULL_VIOLATION,
            of_people,
            Some("embedding"),
            None,
        ),
        // PostgreSQL tells where these stand, and nothing more.
        ("SELECT nothing FROM people", SqlState::UNDEFINED_COLUMN, (None, None), None, None),
        ("SELECT * FROM nowhere", SqlState::UNDEFINED_TABLE, (None, None), None, None),
    ] {
        let error = client.batch_execute(sql).await.unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!(*error.code(), state, "{sql}");
        assert_eq!((error.schema(), error.table()), object, "{sql}");
        assert_eq!((error.column(), error.constraint()), (column, constraint), "{sql}");
        assert_eq!(error.position().is_some(), object.0.is_none(), "{sql}");
    }
}

#[tokio::test]
async fn vectors_of_the_catalog_are_words_and_begin_at_zero() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("CREATE COLLECTION people WITH (dimensions = 3)").await.unwrap();
    let sql = "SELECT indkey, indclass, indkey FROM pg_index GROUP BY indkey, indclass";
    let words = client.simple_query(sql).await.unwrap();
    let SimpleQueryMessage::Row(row) = &words[1] else { panic!("{words:?}") };
    assert_eq!((row.get(0), row.get(1)), (Some("1"), Some("3126")));
    let row = client.query_one(sql, &[]).await.unwrap();
    let types: Vec<_> = row.columns().iter().map(|column| column.type_().clone()).collect();
    assert_eq!(types, [Type::INT2_VECTOR, Type::OID_VECTOR, Type::INT2_VECTOR]);
    assert_eq!(row.get::<_, Vec<i16>>(0), [1]);
    assert_eq!(row.get::<_, Vec<u32>>(1), [3126]);
}
