//! Real photos through the whole pipeline, over both doors.

use serde_json::json;

use crate::support::{ServerBuilder, sample_photos};

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_finds_itself_however_it_came_in() {
    let server = ServerBuilder::new().with_models().start().await;
    let rest = server.rest(&server.first_key());
    let client = server.admin().await;
    rest.post_json("/collections", &json!({"external_id": "photos"})).await.unwrap();
    let photos: Vec<Vec<u8>> =
        sample_photos().iter().map(|path| std::fs::read(path).unwrap()).collect();

    let mut enrolled = Vec::new();
    for (at, photo) in photos.iter().enumerate() {
        let id = format!("photo-{at}");
        let texts = [("external_image_id", id.as_str()), ("max_faces", "100")];
        let path = "/collections/photos/faces";
        let (status, body) = rest.post_form(path, &[("image", photo)], &texts).await.unwrap();
        assert_eq!(status, 201);
        enrolled.extend(body["faces"].as_array().unwrap().clone());
    }
    assert!(enrolled.len() >= photos.len(), "every sample photo shows a face");
    assert!(enrolled.iter().all(|face| face["bounding_box"]["width"].as_f64().unwrap() > 0.0));

    for (at, photo) in photos.iter().enumerate() {
        let path = "/collections/photos/search-by-image";
        let texts = [("max_results", "1")];
        let found = rest.post_form(path, &[("image", photo)], &texts).await.unwrap().1;
        assert_eq!(found["matches"][0]["external_image_id"], json!(format!("photo-{at}")));
        assert!(found["matches"][0]["similarity"].as_f64().unwrap() > 0.99);

        let search = "SEARCH FACES IN photos LIKE IMAGE $1 LIMIT 1";
        let row = client.query_one(search, &[photo]).await.unwrap();
        assert_eq!(row.get::<_, String>("external_image_id"), format!("photo-{at}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_rate_finds_its_threshold_in_the_calibration_of_the_pack() {
    let server = ServerBuilder::new().with_models().start().await;
    let client = server.admin().await;
    client.batch_execute("CREATE COLLECTION photos").await.unwrap();
    let insert = "INSERT INTO photos (external_face_id, image) VALUES ('one', $1)";
    let photo = std::fs::read(&sample_photos()[0]).unwrap();
    client.execute(insert, &[&photo]).await.unwrap();
    client.execute(insert, &[&photo]).await.unwrap();

    let search = "SEARCH FACES IN photos LIKE IMAGE $1 AT FMR 1e-4";
    assert_eq!(client.query(search, &[&photo]).await.unwrap().len(), 2);
    for (cut, told) in [
        ("AT FMR 0.0011", "threshold=0.65 [AT FMR 1.1e-3: fmr=1.10e-3, measured]"),
        ("AT FPIR 0.0011", "threshold=0.687"),
        ("AT FMR 1e-6", "extrapolated]"),
    ] {
        let explain = format!("EXPLAIN SEARCH FACES IN photos LIKE IMAGE $1 {cut}");
        let plan = client.query(&explain, &[&photo]).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|line| line.get(0)).collect();
        assert!(plan.iter().any(|line| line.contains(told)), "{cut}: {plan:?}");
    }
    let search = "SEARCH FACES IN photos LIKE IMAGE $1 AT FPIR $2";
    let error = client.query(search, &[&photo, &1e-7_f64]).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(error.code().code(), "22023");
    assert!(error.message().contains("calibrated for, 0.000001 to 0.115"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn detect_and_compare_answer_as_the_contract_says() {
    let server = ServerBuilder::new().with_models().start().await;
    let rest = server.rest(&server.first_key());
    let photo = std::fs::read(&sample_photos()[0]).unwrap();
    let image: &[(&str, &[u8])] = &[("image", &photo)];

    let all = rest.post_form("/faces:detect", image, &[("attributes", "all")]).await.unwrap().1;
    let face = &all["faces"][0];
    assert!(all["image_size"]["width"].as_u64().unwrap() > 0);
    assert_eq!(face["landmarks"].as_array().unwrap().len(), 5);
    assert!((-90.0..=90.0).contains(&face["attributes"]["pose"]["yaw"].as_f64().unwrap()));
    for signal in ["brightness", "sharpness"] {
        assert!((0.0..=1.0).contains(&face["attributes"][signal].as_f64().unwrap()), "{face}");
    }
    let none = rest.post_form("/faces:detect", image, &[("attributes", "none")]).await.unwrap().1;
    assert_eq!(none["faces"][0]["attributes"], json!({}));
    let bad = rest.post_form("/faces:detect", image, &[("attributes", "some")]).await.unwrap_err();
    assert_eq!((bad.status, bad.code.as_str()), (400, "invalid_attributes"));

    let pair: &[(&str, &[u8])] = &[("source_image", &photo), ("target_image", &photo)];
    let same = rest.post_form("/faces:compare", pair, &[]).await.unwrap().1;
    assert!(same["similarity"].as_f64().unwrap() > 0.999);
    assert_eq!((&same["is_match"], &same["threshold"]), (&json!(true), &json!(0.65)));

    let client = server.admin().await;
    let sql = "SELECT * FROM detect_faces($1) ORDER BY face";
    let seen = client.query(sql, &[&photo]).await.unwrap();
    assert_eq!(seen.len(), all["faces"].as_array().unwrap().len());
    assert_eq!(seen[0].get::<_, i64>("face"), 1);
    let left = f64::from(seen[0].get::<_, Vec<f32>>("bounding_box")[0]);
    assert!((left - face["bounding_box"]["left"].as_f64().unwrap()).abs() < 1e-6, "{left}");
    let counted = "SELECT count(*) FROM detect_faces($1, attributes => 'none') \
                   WHERE attributes::text = '{}' AND landmarks::text = '[]'";
    let plain: i64 = client.query_one(counted, &[&photo]).await.unwrap().get(0);
    assert_eq!(plain as usize, seen.len());
    let sql = "SELECT * FROM compare_faces($1, $2, threshold => $3)";
    let row = client.query_one(sql, &[&photo, &photo, &0.9_f32]).await.unwrap();
    assert!(row.get::<_, f32>("similarity") > 0.999 && row.get::<_, bool>("is_match"));
    let face_of = |name: &str| row.get::<_, Vec<f32>>(name);
    assert_eq!(face_of("source_bounding_box"), face_of("target_bounding_box"));

    let blank = crate::bad_images::png(320, 240);
    let error = client.query(sql, &[&photo, &blank, &0.9_f32]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "22023");
    let no_face: &[(&str, &[u8])] = &[("source_image", &photo), ("target_image", &blank)];
    let error = rest.post_form("/faces:compare", no_face, &[]).await.unwrap_err();
    assert_eq!((error.status, error.code.as_str()), (422, "no_face_in_target"));
    let nobody = rest.post_form("/faces:detect", &[("image", &blank)], &[]).await.unwrap().1;
    assert_eq!(nobody["faces"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_repeated_after_a_kill_is_answered_as_before_and_done_once() {
    let mut server = ServerBuilder::new().with_models().start().await;
    let key = server.first_key();
    let photo = std::fs::read(&sample_photos()[0]).unwrap();
    let mut told = Vec::new();
    for _ in 0..3 {
        let rest = server.rest(&key);
        let create = rest.with_header("idempotency-key", "create");
        let index = rest.with_header("idempotency-key", "index");
        let (status, created) =
            create.post_json("/collections", &json!({"external_id": "photos"})).await.unwrap();
        assert_eq!(status, 201);
        let texts = [("external_face_id", "ann"), ("max_faces", "1")];
        let path = "/collections/photos/faces";
        let (status, indexed) = index.post_form(path, &[("image", &photo)], &texts).await.unwrap();
        assert_eq!(status, 201);
        told.push((created["created_at"].clone(), indexed));
        // The answer may have been on its way: what it said is on disk.
        server.kill().await;
        server = ServerBuilder::new().with_models().on(&server).start().await;
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
    let listed = server.rest(&key).get("/collections/photos/faces").await.unwrap().1;
    assert_eq!(listed["faces"].as_array().unwrap().len(), 1);
}
