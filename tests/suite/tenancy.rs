//! Tenants never see each other: not by content, not by count, not by error.

use serde_json::json;

use crate::support::{ServerBuilder, TestServer, as_text, embeddings};

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_collection_is_answered_exactly_like_an_absent_one() {
    let server = ServerBuilder::new().start().await;
    let key_a = server.create_key("alpha", "main", "admin").await;
    let key_b = server.create_key("beta", "main", "admin").await;
    let alpha = server.try_pg("alpha", "main", &key_a).await.unwrap();
    let beta = server.try_pg("beta", "main", &key_b).await.unwrap();
    alpha.batch_execute("CREATE COLLECTION secret WITH (dimensions = 16)").await.unwrap();
    let insert = "INSERT INTO secret (embedding) VALUES ($1::real[]) RETURNING face_id";
    let face: String = alpha.query_one(insert, &[&embeddings(1, 16)[0]]).await.unwrap().get(0);

    let statements = |name: &str| {
        [
            format!("SELECT * FROM {name}"),
            format!("SELECT count(*) FROM public.{name}"),
            format!("SEARCH FACES IN {name} LIKE '{face}'"),
            format!("DELETE FROM {name}"),
            format!("DROP COLLECTION {name}"),
            format!("INSERT INTO {name} (embedding) VALUES ('{}')", as_text(&[1.0; 16])),
        ]
    };
    for (foreign, absent) in statements("secret").iter().zip(statements("absent")) {
        let foreign = beta.simple_query(foreign).await.unwrap_err();
        let absent = beta.simple_query(&absent).await.unwrap_err();
        let text = |error: &tokio_postgres::Error| {
            let error = error.as_db_error().unwrap();
            format!("{:?} {}", error.code(), error.message()).replace("secret", "absent")
        };
        assert_eq!(text(&foreign), text(&absent));
    }
    assert!(beta.query("SHOW COLLECTIONS", &[]).await.unwrap().is_empty());

    let rest = server.rest(&key_b);
    assert_eq!(rest.get("/collections").await.unwrap().1["collections"], json!([]));
    let paths = |name: &str| {
        [
            format!("/collections/{name}"),
            format!("/collections/{name}/faces"),
            format!("/collections/{name}/faces/{face}"),
        ]
    };
    for (foreign, absent) in paths("secret").iter().zip(paths("absent")) {
        let foreign = rest.get(foreign).await.unwrap_err();
        assert_eq!(foreign, rest.get(&absent).await.unwrap_err());
        assert_eq!((foreign.status, foreign.code.as_str()), (404, "collection_not_found"));
    }
    let search = rest.post(&format!("/collections/secret/search-by-face/{face}")).await;
    assert_eq!(search.unwrap_err().code, "collection_not_found");
    assert_eq!(rest.delete("/collections/secret").await.unwrap_err().code, "collection_not_found");

    // The same name is free for the other tenant, and the first one's face is still alone.
    beta.batch_execute("CREATE COLLECTION secret WITH (dimensions = 16)").await.unwrap();
    let count = "SELECT count(*) FROM secret";
    assert_eq!(beta.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 0);
    assert_eq!(alpha.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 1);
    let found = beta.simple_query(&format!("SEARCH FACES IN secret LIKE '{face}'")).await;
    assert!(found.is_err(), "a face of another tenant is no probe");
}

/// What a tenant does while the other one does the same; it must find its own faces only.
async fn hammer(server: &TestServer, tenant: &str, other: &str, key: &str, faces: &[String]) {
    let rest = server.rest(key);
    let client = server.try_pg(tenant, "main", key).await.unwrap();
    for face in faces {
        let path = format!("/collections/people/search-by-face/{face}?threshold=0&max_results=100");
        let mut texts = Vec::new();
        for answer in [rest.post(&path).await, rest.get("/collections/people/faces").await] {
            texts.push(answer.unwrap().1.to_string());
        }
        let (_, people) = rest.get("/collections/people").await.unwrap();
        assert_eq!(people["face_count"], faces.len(), "{tenant}");
        for sql in [
            format!("SEARCH FACES IN people LIKE '{face}' LIMIT 100"),
            "SELECT external_face_id FROM people".to_owned(),
            "SELECT collection, purpose, face_ids FROM likeness.audit".to_owned(),
            "SELECT relname FROM pg_class".to_owned(),
        ] {
            texts.push(format!("{:?}", client.simple_query(&sql).await.unwrap()));
        }
        let error = client.simple_query("SELECT * FROM nobody").await.unwrap_err();
        texts.push(format!("{error:?}"));
        for text in &texts {
            assert!(!text.contains(other), "{tenant} was told {text}");
        }
        assert!(texts[0].contains(tenant) && texts[3].contains(tenant), "{texts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_at_work_side_by_side_find_their_own_faces_only() {
    let server = ServerBuilder::new().start().await;
    let mut worlds = Vec::new();
    // Templates of the same people, so that each tenant's searches would find the other's.
    let people = embeddings(40, 16);
    for (tenant, other) in [("alphaville", "betaland"), ("betaland", "alphaville")] {
        let key = server.create_key(tenant, "main", "admin").await;
        let client = server.try_pg(tenant, "main", &key).await.unwrap();
        client.batch_execute("CREATE COLLECTION people WITH (dimensions = 16)").await.unwrap();
        let insert = "INSERT INTO people (external_face_id, embedding) \
                      VALUES ($1, $2::real[]) RETURNING face_id";
        let mut faces: Vec<String> = Vec::new();
        for (number, embedding) in people.iter().enumerate() {
            let name = format!("{tenant} {number}");
            faces.push(client.query_one(insert, &[&name, embedding]).await.unwrap().get(0));
        }
        worlds.push((tenant, other, key, faces));
    }
    let twice = worlds.iter().chain(&worlds);
    let work = twice.map(|(tenant, other, key, faces)| hammer(&server, tenant, other, key, faces));
    futures::future::join_all(work).await;
}
