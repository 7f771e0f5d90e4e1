//! Collections that keep a small picture of each face: made from photos, seen by their tenant,
//! recorded, and gone with the face.

use std::fs;

use serde_json::json;
use tokio_postgres::Client;

use crate::portraits::Portraits;
use crate::support::{ServerBuilder, TestServer};

const THUMBNAIL_BYTES_MAX: usize = 8 << 10;

/// Status, media type and bytes of a thumbnail's answer.
async fn thumbnail(
    server: &TestServer,
    key: &str,
    collection: &str,
    face: &str,
) -> (u16, String, Vec<u8>) {
    let path = format!("/api/likeness/v1/collections/{collection}/faces/{face}/thumbnail");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http.get(format!("http://{}{path}", server.http)).bearer_auth(key);
    let answer = asked.send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    let (status, media_type) = (answer.status().as_u16(), header("content-type"));
    assert_eq!(header("cache-control"), "no-store");
    if status == 200 {
        assert_eq!(header("x-content-type-options"), "nosniff");
    }
    (status, media_type, answer.bytes().await.unwrap().to_vec())
}

async fn refusal(server: &TestServer, key: &str, collection: &str, face: &str) -> String {
    let (status, _, body) = thumbnail(server, key, collection, face).await;
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    format!("{status} {}", body["detail"]["code"].as_str().unwrap())
}

/// What SQL shows.
async fn shown(client: &Client, collection: &str, face: &str) -> Option<Vec<u8>> {
    let select = format!(
        "SELECT face_thumbnail('{collection}', face_id) FROM {collection} \
                          WHERE face_id = $1"
    );
    client.query_one(&select, &[&face]).await.unwrap().get(0)
}

/// How many files of the store hold these bytes.
fn files_with(server: &TestServer, bytes: &[u8]) -> usize {
    let files = fs::read_dir(server.data()).unwrap().map(|file| file.unwrap().path());
    let holds = |content: Vec<u8>| content.windows(bytes.len()).any(|window| window == bytes);
    files.filter(|path| path.is_file() && holds(fs::read(path).unwrap())).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_face_from_a_photo_has_a_thumbnail_until_it_is_erased() {
    let server = ServerBuilder::new().with_models().start().await;
    let key = server.first_key();
    let (rest, client) = (server.rest(&key), server.admin().await);
    let portraits = Portraits::new(&rest).await;
    let asked = json!({ "external_id": "team", "thumbnails": true });
    let created = rest.post_json("/collections", &asked).await.unwrap().1;
    assert_eq!(created["thumbnails"], true);
    let image: &[(&str, &[u8])] = &[("image", &portraits.person)];
    let added = rest.post_form("/collections/team/faces", image, &[]).await.unwrap().1;
    let face = added["face_id"].as_str().unwrap();

    let (status, media_type, picture) = thumbnail(&server, &key, "team", face).await;
    assert_eq!((status, media_type.as_str()), (200, "image/jpeg"));
    assert!(picture.len() <= THUMBNAIL_BYTES_MAX);
    let pixels = image::load_from_memory(&picture).unwrap().into_luma8();
    assert_eq!(pixels.dimensions(), (112, 112));
    let spread = pixels.pixels().map(|pixel| pixel.0[0]).max().unwrap()
        - pixels.pixels().map(|pixel| pixel.0[0]).min().unwrap();
    assert!(spread > 100, "it shows something");
    assert_eq!(shown(&client, "team", face).await.as_ref(), Some(&picture));

    // What is said of a face may change; another template is of another picture.
    client.execute("UPDATE team SET metadata = '{}'", &[]).await.unwrap();
    assert_eq!(shown(&client, "team", face).await.as_ref(), Some(&picture));
    client.batch_execute("VACUUM team").await.unwrap();
    assert_eq!(files_with(&server, &picture), 1, "sealed");
    let insert = "INSERT INTO team (image) VALUES ($1) RETURNING face_id";
    let other: String = client.query_one(insert, &[&portraits.stranger]).await.unwrap().get(0);
    let other_picture = shown(&client, "team", &other).await.unwrap();
    assert_ne!(other_picture, picture);
    client.execute("UPDATE team SET embedding = embedding", &[]).await.unwrap();
    assert_eq!(shown(&client, "team", &other).await.as_ref(), Some(&other_picture));
    let update = "UPDATE team SET embedding = f.embedding FROM team f \
                  WHERE f.face_id = $2 AND team.face_id = $1";
    assert_eq!(client.execute(update, &[&other, &face]).await.unwrap(), 1);
    assert_eq!(shown(&client, "team", &other).await, None);
    assert_eq!(refusal(&server, &key, "team", &other).await, "404 thumbnail_not_found");

    assert_eq!(rest.delete(&format!("/collections/team/faces/{face}")).await.unwrap().0, 204);
    assert_eq!(refusal(&server, &key, "team", face).await, "404 face_not_found");
    client.batch_execute("VACUUM ERASE team").await.unwrap();
    for bytes in [&picture, &other_picture] {
        assert_eq!(files_with(&server, bytes), 0, "erased");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thumbnails_are_kept_where_that_was_asked_for_and_outlive_a_crash() {
    let mut server = ServerBuilder::new().with_models().start().await;
    let key = server.first_key();
    let client = server.admin().await;
    let photo = Portraits::new(&server.rest(&key)).await.person;
    client.batch_execute("CREATE COLLECTION plain").await.unwrap();
    client.batch_execute("CREATE COLLECTION kept WITH (thumbnails = on)").await.unwrap();
    let show = "SELECT relname, reloptions FROM pg_class WHERE relname IN ('plain', 'kept') \
                ORDER BY relname";
    let options = client.query(show, &[]).await.unwrap();
    let options: Vec<Option<Vec<String>>> = options.iter().map(|row| row.get(1)).collect();
    assert_eq!(options, [Some(vec!["thumbnails=on".to_owned()]), None]);
    let plain = server.rest(&key).get("/collections/plain").await.unwrap().1;
    assert_eq!(plain.get("thumbnails"), None, "the contract's clients see what they know");

    let mut faces = Vec::new();
    for collection in ["plain", "kept"] {
        let insert = format!("INSERT INTO {collection} (image) VALUES ($1) RETURNING face_id");
        faces.push(client.query_one(&insert, &[&photo]).await.unwrap().get::<_, String>(0));
    }
    let [bare, pictured] = faces.try_into().unwrap();
    assert_eq!(refusal(&server, &key, "plain", &bare).await, "404 thumbnail_not_found");
    let copy = "INSERT INTO kept (face_id, embedding) SELECT face_id, embedding FROM plain";
    client.execute(copy, &[]).await.unwrap();
    assert_eq!(refusal(&server, &key, "kept", &bare).await, "404 thumbnail_not_found");
    let picture = shown(&client, "kept", &pictured).await.unwrap();

    // TRUNCATE leaves the option, and a transaction takes a thumbnail along.
    client.batch_execute("TRUNCATE kept; BEGIN").await.unwrap();
    let insert = "INSERT INTO kept (image) VALUES ($1) RETURNING face_id";
    let again: String = client.query_one(insert, &[&photo]).await.unwrap().get(0);
    client.batch_execute("COMMIT").await.unwrap();
    assert_eq!(shown(&client, "kept", &again).await.as_ref(), Some(&picture));
    server.kill().await;
    let server = ServerBuilder::new().with_models().on(&server).start().await;
    assert_eq!(thumbnail(&server, &key, "kept", &again).await.2, picture, "from the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thumbnail_is_for_its_tenant_and_whoever_sees_it_is_recorded() {
    let server = ServerBuilder::new().with_models().start().await;
    let key = server.first_key();
    let client = server.admin().await;
    let photo = Portraits::new(&server.rest(&key)).await.person;
    client.batch_execute("CREATE COLLECTION team WITH (thumbnails = on)").await.unwrap();
    let insert = "INSERT INTO team (image) VALUES ($1) RETURNING face_id";
    let face: String = client.query_one(insert, &[&photo]).await.unwrap().get(0);

    let stranger = server.create_key("other", "boss", "admin").await;
    assert_eq!(refusal(&server, &stranger, "team", &face).await, "404 collection_not_found");
    assert_eq!(refusal(&server, "iksk_live_wrong", "team", &face).await, "401 invalid_api_key");
    assert_eq!(refusal(&server, &key, "team", "nobody").await, "400 invalid_parameter");
    assert_eq!(refusal(&server, &key, "nowhere", &face).await, "404 collection_not_found");
    let other = server.try_pg("other", "boss", &stranger).await.unwrap();
    let select = "SELECT face_thumbnail('team', $1)";
    let error = other.query(select, &[&face]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42P01");
    let exports =
        "SELECT face_ids FROM likeness.audit WHERE action = 'export' AND collection = 'team'";
    assert!(client.query(exports, &[]).await.unwrap().is_empty(), "nobody has seen it yet");

    let explain = format!("EXPLAIN SELECT face_thumbnail('team', '{face}')");
    client.simple_query(&explain).await.unwrap();
    let nobodys = "SELECT face_thumbnail('team', 'nobody'), face_thumbnail('team', NULL), \
                   face_thumbnail(NULL, 'nobody')";
    let nothing = client.query_one(nobodys, &[]).await.unwrap();
    assert!((0..3).all(|at| nothing.get::<_, Option<Vec<u8>>>(at).is_none()));
    assert!(client.query(exports, &[]).await.unwrap().is_empty(), "and there was nothing to see");
    let reader = server.create_key("default", "desk", "read").await;
    assert_eq!(thumbnail(&server, &reader, "team", &face).await.0, 200);
    assert_eq!(client.query(select, &[&face]).await.unwrap().len(), 1);
    let recorded = client.query(exports, &[]).await.unwrap();
    let seen: Vec<Vec<String>> = recorded.iter().map(|row| row.get(0)).collect();
    assert_eq!(seen, [[face.clone()], [face]]);
}
