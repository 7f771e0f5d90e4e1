//! CREATE, DROP and SHOW of collections.

use super::Client;
use crate::sql::SqlState;

#[tokio::test]
async fn collections_are_created_listed_and_dropped() {
    let client = Client::new();
    let created = ("CREATE COLLECTION", None);
    assert_eq!(client.run("CREATE COLLECTION b WITH (dimensions = 4)").await, created);
    let described = "create collection a with (description = 'it''s ''quoted''', dimensions=512)";
    assert_eq!(client.run(described).await, created);
    client.run("INSERT INTO b (embedding) VALUES ('[1,2,3,4]')").await;
    let rows = client.rows("SHOW COLLECTIONS").await;
    let shown: Vec<_> = rows.iter().map(|row| row[..6].join("|")).collect();
    assert_eq!(shown, ["a|0|external|512|f32|it's 'quoted'", "b|1|external|4|f32|"]);
    let (_, columns) = client.describe("show collections").await;
    let names = "name faces model dimensions precision description created_at thumbnails";
    assert_eq!(columns.unwrap().join(" "), names);
    assert_eq!(client.run("DROP COLLECTION b").await, ("DROP COLLECTION", None));
    assert_eq!(client.column("SHOW COLLECTIONS").await, ["a"]);
}

#[tokio::test]
async fn a_collection_of_halves_shows_and_compares_what_it_keeps_in_half_of_the_bytes() {
    let client = Client::new();
    let (mut kept, mut bytes) = (Vec::new(), Vec::new());
    for precision in ["f32", "f16"] {
        let create = format!("CREATE COLLECTION {precision} WITH (dimensions = 320, ");
        client.run(&format!("{create} Precision = '{precision}')")).await;
        let numbers: Vec<String> = (0..320).map(|at| format!("{}", at % 7 + 1)).collect();
        let embedding = format!("'[{}]'", numbers.join(","));
        let insert = format!("INSERT INTO {precision} (embedding) VALUES ({embedding})");
        let returned = client.column(&format!("{insert} RETURNING embedding")).await;
        let select = format!("SELECT embedding FROM {precision}");
        let search = format!("SEARCH FACES IN {precision} EMBEDDING {embedding}");
        let search = format!("SELECT similarity, embedding FROM ({search}) found");
        assert_eq!(client.column(&select).await, returned);
        let found = client.rows(&search).await;
        client.run(&format!("VACUUM {precision}")).await;
        let size = client.rows("SHOW STORAGE").await.remove(0);
        assert_eq!((&*size[0], &*size[3], &*size[5]), (precision, "0", "1"), "sealed");
        assert_eq!(client.column(&select).await, returned);
        assert_eq!(client.rows(&search).await, found);
        kept.push(returned);
        bytes.push(size[6].parse::<u64>().unwrap());
    }
    assert_ne!(kept[0], kept[1], "halves are rounded");
    let saved = bytes[0] - bytes[1];
    assert!((320 * 2..=320 * 2 + 4).contains(&saved), "and at most one checksum: {saved}");
    let shown = client.rows("SHOW COLLECTIONS").await;
    let shown: Vec<_> = shown.iter().map(|row| row[4].as_str()).collect();
    assert_eq!(shown, ["f16", "f32"]);
}

#[tokio::test]
async fn an_unknown_precision_is_refused_by_its_name() {
    let client = Client::new();
    for value in ["'f64'", "'F16'", "16", "NULL", "''"] {
        let sql = format!("CREATE COLLECTION c WITH (dimensions = 3, precision = {value})");
        let error = client.error(&sql).await;
        let expected = format!("precision {value} is not available; the choice is 'f32' or 'f16'");
        assert_eq!((error.state, error.message), (SqlState::InvalidParameterValue, expected));
    }
    let twice = "CREATE COLLECTION c WITH (precision = 'f16', precision = 'f16', dimensions = 3)";
    assert_eq!(client.state(twice).await, SqlState::SyntaxError);
    let without_model = client.state("CREATE COLLECTION c WITH (precision = 'f16')").await;
    assert_eq!(without_model, SqlState::SystemError, "the default model, which is not installed");
    assert!(client.rows("SHOW COLLECTIONS").await.is_empty());
}

#[tokio::test]
async fn thumbnails_are_off_unless_they_are_asked_for_and_need_images() {
    let client = Client::with_people().await;
    for off in ["off", "OFF", "false", "'no'", "0"] {
        let name = format!("\"without {off}\"");
        client
            .run(&format!("CREATE COLLECTION {name} WITH (dimensions = 1, thumbnails = {off})"))
            .await;
    }
    let rows = client.rows("SHOW COLLECTIONS").await;
    assert!(rows.len() == 6 && rows.iter().all(|row| row[7] == "false"), "{rows:?}");
    for on in ["on", "ON", "true", "'yes'", "1"] {
        let refused = format!("CREATE COLLECTION c WITH (thumbnails = {on}, dimensions = 1)");
        let error = client.error(&refused).await;
        assert_eq!(error.state, SqlState::InvalidParameterValue, "{on}: {error}");
        assert!(error.message.contains("embeddings only"), "{error}");
        let without_models = format!("CREATE COLLECTION c WITH (thumbnails = {on})");
        assert_eq!(client.state(&without_models).await, SqlState::SystemError, "{on}");
    }
    for bad in ["'maybe'", "2", "NULL"] {
        let error = client.error(&format!("CREATE COLLECTION c WITH (thumbnails = {bad})")).await;
        let told = format!("invalid value for boolean option \"thumbnails\": {bad}");
        assert_eq!((error.state, error.message), (SqlState::InvalidParameterValue, told));
    }
    let altered = "ALTER COLLECTION people SET (thumbnails = on)";
    assert_eq!(client.state(altered).await, SqlState::FeatureNotSupported);
    let twice = "CREATE COLLECTION c WITH (thumbnails = off, thumbnails = off, dimensions = 1)";
    assert_eq!(client.state(twice).await, SqlState::SyntaxError);
}

#[tokio::test]
async fn existing_and_missing_collections_can_be_passed_over() {
    let client = Client::with_people().await;
    for sql in [
        "CREATE COLLECTION IF NOT EXISTS people WITH (dimensions = 5)",
        "CREATE COLLECTION people IF NOT EXISTS WITH (dimensions = 5)",
        "DROP COLLECTION IF EXISTS nobody",
    ] {
        client.run(sql).await;
    }
    assert_eq!(client.count("people").await, "4");
}

#[tokio::test]
async fn names_fold_like_postgresql_and_may_be_anything_in_quotes() {
    let client = Client::new();
    client.run("CREATE COLLECTION Users WITH (dimensions = 1)").await;
    assert_eq!(client.count("USERS").await, "0");
    assert_eq!(client.state("SELECT * FROM \"Users\"").await, SqlState::UndefinedTable);
    let weird = ["a b", "x\"; DROP COLLECTION users; --", "select", "ärger", "a.b", "'", "日本"];
    for name in weird {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        client.run(&format!("CREATE COLLECTION {quoted} WITH (dimensions = 1)")).await;
        client.run(&format!("INSERT INTO {quoted} (embedding) VALUES ('[1]')")).await;
        assert_eq!(client.count(&quoted).await, "1", "{name}");
        let found = client.rows(&format!("SEARCH FACES IN {quoted} EMBEDDING '[1]'")).await;
        assert_eq!(found.len(), 1, "{name}");
        let deleted = client.run(&format!("DELETE FROM public.{quoted} WHERE true")).await;
        assert_eq!(deleted, ("DELETE", Some(1)), "{name}");
        client.run(&format!("DROP COLLECTION {quoted}")).await;
    }
    assert_eq!(client.column("SHOW COLLECTIONS").await, ["users"]);
}

#[tokio::test]
async fn what_cannot_be_created_is_refused_with_its_class() {
    let client = Client::with_people().await;
    let long = "x".repeat(121);
    let cases = [
        ("CREATE COLLECTION people WITH (dimensions = 3)", SqlState::DuplicateTable),
        ("CREATE COLLECTION c", SqlState::SystemError),
        ("CREATE COLLECTION c WITH (model = 'default')", SqlState::SystemError),
        ("CREATE COLLECTION c WITH (model = 'other')", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (dimensions = 0)", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (dimensions = 4097)", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (dimensions = 'x')", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (dimensions = 2.5)", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (speed = 1)", SqlState::InvalidParameterValue),
        ("CREATE COLLECTION c WITH (dimensions = 1, dimensions = 2)", SqlState::SyntaxError),
        ("CREATE COLLECTION c WITH (model = 'default', dimensions = 2)", SqlState::SyntaxError),
        ("CREATE COLLECTION c WITH ()", SqlState::SyntaxError),
        ("CREATE COLLECTION", SqlState::SyntaxError),
        ("CREATE COLLECTION c nonsense", SqlState::SyntaxError),
        ("CREATE COLLECTION other.c WITH (dimensions = 1)", SqlState::InvalidSchemaName),
        ("CREATE COLLECTION \"\" WITH (dimensions = 1)", SqlState::SyntaxError),
        (&format!("CREATE COLLECTION {long} WITH (dimensions = 1)"), SqlState::InvalidName),
        ("DROP COLLECTION nobody", SqlState::UndefinedTable),
        ("DROP COLLECTION people, people", SqlState::SyntaxError),
        ("DROP TABLE people", SqlState::FeatureNotSupported),
    ];
    for (sql, state) in cases {
        let error = client.error(sql).await;
        assert_eq!(error.state, state, "{sql}: {error}");
    }
    assert_eq!(client.column("SHOW COLLECTIONS").await, ["people"]);
}

#[tokio::test]
async fn a_missing_model_comes_with_both_ways_out() {
    let error = Client::new().error("CREATE COLLECTION c").await;
    let hint = error.hint.unwrap();
    assert!(hint.contains("likeness models install") && hint.contains("dimensions"), "{hint}");
}
