//! A machine that can install no model pack: embeddings work, images are refused with the way out.

use serde_json::json;

use crate::support::{ServerBuilder, as_text, embeddings};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_pack_images_are_refused_and_embeddings_work() {
    let server = ServerBuilder::new().start().await;
    let rest = server.rest(&server.first_key());
    let pixel = crate::bad_images::png(8, 8);
    let refused = rest.post_form("/faces:detect", &[("image", &pixel)], &[]).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (503, "model_unavailable"));
    let refused = rest.post_json("/collections", &json!({"external_id": "c"})).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (503, "model_unavailable"));

    let client = server.admin().await;
    client.batch_execute("CREATE COLLECTION own WITH (dimensions = 8)").await.unwrap();
    let text = as_text(&embeddings(1, 8)[0]);
    let insert = format!("INSERT INTO own (embedding) VALUES ('{text}')");
    assert_eq!(client.execute(insert.as_str(), &[]).await.unwrap(), 1);
    let image = "INSERT INTO own (image) VALUES ($1)";
    let error = client.execute(image, &[&pixel]).await.unwrap_err();
    let message = error.as_db_error().unwrap().message();
    assert!(message.contains("model pack"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_comes_up_with_synthetic_faces_and_says_so() {
    let server = ServerBuilder::new().demo().start().await;
    let said = server.printed.join("\n");
    assert!(said.contains("synthetic"), "{said}");
    let rest = server.rest(&server.first_key());
    let people = rest.get("/collections/people").await.unwrap().1;
    assert_eq!(people["face_count"], json!(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_was_stopped_before_its_first_face_is_filled_at_the_next_start() {
    let mut first = ServerBuilder::new().demo().start().await;
    let rest = first.rest(&first.first_key());
    let client = first.try_pg("default", "demo", &first.first_key()).await.unwrap();
    client.batch_execute("DELETE FROM people").await.unwrap();
    assert_eq!(rest.get("/collections/people").await.unwrap().1["face_count"], json!(0));
    assert!(first.terminate().await);
    let second = ServerBuilder::new().demo().on(&first).start().await;
    let rest = second.rest(&second.first_key());
    let people = rest.get("/collections/people").await.unwrap().1;
    assert_eq!(people["face_count"], json!(1000));
}
