//! The REST door with collections of brought embeddings: pages, searches, deletions.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{ServerBuilder, embeddings};

#[tokio::test(flavor = "multi_thread")]
async fn faces_enrolled_over_sql_are_listed_searched_and_deleted_over_rest() {
    let server = ServerBuilder::new().start().await;
    let client = server.admin().await;
    client.batch_execute("CREATE COLLECTION mixed WITH (dimensions = 24)").await.unwrap();
    let insert = "INSERT INTO mixed (external_face_id, external_image_id, embedding) \
                  VALUES ($1, $2, $3::real[])";
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

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_progress_is_carried_out_before_a_stopped_server_ends() {
    let mut server = ServerBuilder::new().start().await;
    let key = server.first_key();
    let body = json!({ "statement": "CREATE COLLECTION late WITH (dimensions = 2)" }).to_string();
    let head = format!(
        "POST /api/likeness/v1/sql HTTP/1.1\r\nHost: likeness\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(&server.http).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The go-ahead shows that the body is being waited for.
    stream.read_exact(&mut [0; 25]).await.unwrap();
    let http = server.http.clone();
    let client = async {
        // The door is shut to others before this request goes on.
        while TcpStream::connect(&http).await.is_ok() {
            tokio::task::yield_now().await;
        }
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let (ended_well, answer) = tokio::join!(server.terminate(), client);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(ended_well);
    let server = ServerBuilder::new().on(&server).start().await;
    server.rest(&key).get("/collections/late").await.unwrap();
}
