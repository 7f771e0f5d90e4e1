//! The REST door with collections of brought embeddings: pages, searches, deletions.

use serde_json::json;

use crate::support::{ServerBuilder, embeddings};

#[tokio::test(flavor = "multi_thread")]
async fn faces_enrolled_over_sql_are_listed_searched_and_deleted_over_rest() {
    let server = ServerBuilder::new().start().await;
    let client = server.admin().await;
    client.batch_execute("CREATE COLLECTION mixed WITH (dimensions = 24)").await.unwrap();
    let insert = "INSERT INTO mixed (external_face_id, external_image_id, embedding) \
                  VALUES ($1, $2, $3)";
    for (at, row) in embeddings(25, 24).iter().enumerate() {
        let (face, image) = (format!("u{at}"), format!("i{}", at % 5));
        client.execute(insert, &[&face, &image, row]).await.unwrap();
    }
    let rest = server.rest(&server.first_key());
    let collection = rest.get("/collections/mixed").await.unwrap().1;
    assert_eq!(collection["face_count"], json!(25));

    let mut faces = Vec::new();
    let mut path = "/collections/mixed/faces?limit=10".to_owned();
    let mut pages = 0;
    loop {
        let page = rest.get(&path).await.unwrap().1;
        faces.extend(page["faces"].as_array().unwrap().clone());
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/collections/mixed/faces?limit=10&cursor={cursor}");
    }
    assert_eq!((pages, faces.len()), (3, 25));
    let of_one_image = rest.get("/collections/mixed/faces?external_image_id=i2").await.unwrap().1;
    assert_eq!(of_one_image["faces"].as_array().unwrap().len(), 5);

    let probe = faces[0]["face_id"].as_str().unwrap();
    let search = format!("/collections/mixed/search-by-face/{probe}?max_results=7&threshold=0");
    let found = rest.post(&search).await.unwrap().1;
    let matches = found["matches"].as_array().unwrap();
    assert_eq!(matches.len(), 7);
    assert!(matches.iter().all(|found| found["face_id"] != json!(probe)));
    let default = format!("/collections/mixed/search-by-face/{probe}");
    assert_eq!(rest.post(&default).await.unwrap().1["threshold"], json!(0.65));

    let face = format!("/collections/mixed/faces/{probe}");
    assert_eq!(rest.delete(&face).await.unwrap().0, 204);
    assert_eq!(rest.get(&face).await.unwrap_err().code, "face_not_found");
    assert_eq!(rest.delete(&face).await.unwrap_err().code, "face_not_found");
    assert_eq!(rest.delete("/collections/mixed").await.unwrap().0, 204);
    assert_eq!(rest.get("/collections/mixed").await.unwrap_err().code, "collection_not_found");
}
