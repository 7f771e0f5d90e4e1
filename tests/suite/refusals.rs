//! Codes that need a pack, one that changed or is gone, or a disk that fails: each call that may
//! answer with them does, over a socket.

use std::fs;

use serde_json::json;

use crate::described::calls;
use crate::own_pack::own_pack;
use crate::support::{Answer, Rest, ServerBuilder, TestServer, models_dir, sample_photos};

/// A server with a collection `people` of one face, and what is needed to call it.
struct Scene {
    server: TestServer,
    rest: Rest,
    photo: Vec<u8>,
    face: String,
}

impl Scene {
    async fn new(builder: ServerBuilder) -> Self {
        let server = builder.start().await;
        let rest = server.rest(&server.create_key("default", "test", "admin").await);
        let people = json!({"external_id": "people", "thumbnails": true});
        rest.post_json("/collections", &people).await.unwrap();
        let photo = fs::read(&sample_photos()[0]).unwrap();
        let indexed = rest.post_form("/collections/people/faces", &[("image", &photo)], &[]).await;
        let face = indexed.unwrap().1["face_id"].as_str().unwrap().to_owned();
        Self { server, rest, photo, face }
    }

    /// The same with the server started anew, otherwise.
    async fn restarted(self, builder: ServerBuilder) -> Self {
        let Self { mut server, rest, photo, face } = self;
        assert!(server.terminate().await);
        let server = builder.on(&server).start().await;
        Self { rest: rest.of(&server.http), server, photo, face }
    }

    /// Carries out a call by its operation id in the description, or a statement.
    async fn call(&self, operation: &str) -> Answer {
        let Self { rest, photo, face, .. } = self;
        let image: &[(&str, &[u8])] = &[("image", photo)];
        let two: &[(&str, &[u8])] = &[("source_image", photo), ("target_image", photo)];
        let people = "/collections/people";
        match operation {
            "detect_faces" => rest.post_form("/faces:detect", image, &[]).await,
            "compare_faces" => rest.post_form("/faces:compare", two, &[]).await,
            "create_collection" => {
                rest.post_json("/collections", &json!({"external_id": "another"})).await
            }
            "delete_collection" => rest.delete(people).await,
            "index_faces" => rest.post_form(&format!("{people}/faces"), image, &[]).await,
            "delete_face" => rest.delete(&format!("{people}/faces/{face}")).await,
            "search_by_face" => rest.post(&format!("{people}/search-by-face/{face}")).await,
            "search_by_image" => {
                rest.post_form(&format!("{people}/search-by-image"), image, &[]).await
            }
            "show_thumbnail" => {
                let path = format!("{people}/faces/{face}/thumbnail");
                rest.at("/api/likeness/v1").get(&path).await
            }
            "readiness" => rest.at("").get("/readyz").await,
            statement => {
                rest.at("/api/likeness/v1")
                    .post_json("/sql", &json!({"statement": statement}))
                    .await
            }
        }
    }

    /// That each call which may answer with this code, as the description says, does. SQL does for
    /// this statement.
    async fn assert_all_refused(&self, status: u16, code: &str, statement: &str) {
        let calls = calls(&self.rest).await;
        let with_it = calls.iter().filter(|call| call.codes.contains_key(code));
        let operations: Vec<&str> = with_it
            .map(|call| if call.id == "run_statement" { statement } else { &call.id })
            .collect();
        assert!(operations.len() > 2, "{operations:?}");
        self.assert_refused(&operations, status, code).await;
    }

    async fn assert_refused(&self, operations: &[&str], status: u16, code: &str) {
        for operation in operations {
            let refused = self.call(operation).await.unwrap_err();
            assert_eq!((refused.status, refused.code.as_str()), (status, code), "{operation}");
        }
    }

    /// What is there is still there, and readable.
    async fn assert_intact(&self) {
        let people = self.rest.get("/collections/people").await.unwrap().1;
        assert_eq!(people["face_count"], json!(1));
        self.rest.get(&format!("/collections/people/faces/{}", self.face)).await.unwrap();
    }
}

/// A scene whose disk takes no large file any more.
async fn on_a_full_disk() -> Scene {
    let scene = Scene::new(ServerBuilder::new().with_models()).await;
    let limited = ServerBuilder::new().with_models().without_log().file_bytes_max(64 * 1024);
    scene.restarted(limited).await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_write_that_failed_changes_are_refused_and_reads_go_on() {
    let scene = on_a_full_disk().await;
    scene.call("readiness").await.unwrap();
    // The log of the store begins with room for many records. What fails is the first of these.
    scene.assert_refused(&["create_collection"], 503, "read_only").await;
    let statement = "CREATE COLLECTION c WITH (dimensions = 2)";
    scene.assert_all_refused(503, "read_only", statement).await;
    scene.assert_intact().await;
    scene.call("search_by_face").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statement_whose_write_fails_is_told_what_later_ones_are() {
    let scene = on_a_full_disk().await;
    let key = scene.server.create_key("default", "sql", "admin").await;
    let client = scene.server.try_pg("default", "sql", &key).await.unwrap();
    scene.call("readiness").await.unwrap();
    let mut told = Vec::new();
    for name in ["first", "second"] {
        let create = format!("CREATE COLLECTION {name} WITH (dimensions = 2)");
        let error = client.batch_execute(&create).await.unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!(error.code().code(), "25006", "{error}");
        assert_eq!(scene.call("readiness").await.unwrap_err().code, "read_only");
        told.push(error.message().to_owned());
    }
    assert_eq!(told[0], told[1]);
    assert!(told[0].contains("read-only after a failed write"), "{told:?}");
    scene.assert_intact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_not_done() {
    let scene = on_a_full_disk().await;
    let mut searches = 0;
    let refused = loop {
        match scene.call("search_by_face").await {
            Ok(_) => searches += 1,
            Err(refused) => break refused,
        }
        assert!(searches < 1000, "the records of all searches fit into the largest file");
    };
    assert_eq!((refused.status, refused.code.as_str()), (503, "audit_unavailable"));
    scene.assert_all_refused(503, "audit_unavailable", "DELETE FROM people").await;
    scene.assert_intact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_of_another_pack_is_read_and_not_searched() {
    let scene = Scene::new(ServerBuilder::new().with_models()).await;
    let directory = tempfile::tempdir().unwrap();
    let detector = models_dir().join("packs/dlib-centerface/detector.onnx");
    let models = own_pack(directory.path(), "centerface", &detector);
    let scene = scene.restarted(ServerBuilder::new().with_pack(models, "mine")).await;
    scene.assert_all_refused(409, "model_mismatch", "").await;
    scene.assert_intact().await;
    scene.call("compare_faces").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_pack_its_collections_are_read_and_not_searched() {
    let scene = Scene::new(ServerBuilder::new().with_models()).await;
    let scene = scene.restarted(ServerBuilder::new().without_log()).await;
    scene.assert_all_refused(503, "model_unavailable", "CREATE COLLECTION another").await;
    scene.assert_intact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_image_is_refused_by_every_call_that_takes_some() {
    let mut scene = Scene::new(ServerBuilder::new().with_models()).await;
    scene.photo = b"no image".to_vec();
    let calls = ["detect_faces", "compare_faces", "index_faces", "search_by_image"];
    scene.assert_refused(&calls, 400, "invalid_image").await;
    scene.assert_intact().await;
}
