//! Tenants never see each other: not by content, not by count, not by error.

use serde_json::json;

use crate::support::{ServerBuilder, as_text, embeddings};

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_collection_is_answered_exactly_like_an_absent_one() {
    let server = ServerBuilder::new().start().await;
    let key_a = server.create_key("alpha", "main", "admin").await;
    let key_b = server.create_key("beta", "main", "admin").await;
    let alpha = server.try_pg("alpha", "main", &key_a).await.unwrap();
    let beta = server.try_pg("beta", "main", &key_b).await.unwrap();
    alpha.batch_execute("CREATE COLLECTION secret WITH (dimensions = 16)").await.unwrap();
    let insert = "INSERT INTO secret (embedding) VALUES ($1) RETURNING face_id";
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
