//! Image uploads: what is refused before any model is asked, in which words.

use axum::body::{Body, Bytes};
use axum::http::Method;
use futures::stream;

use super::{BOUNDARY, Door, Part, form, request};

/// What the contract promises.
const IMAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

const DETECT: &str = "/api/v2/faces:detect";
const COMPARE: &str = "/api/v2/faces:compare";
const INDEX: &str = "/api/v2/collections/c/faces";
const SEARCH: &str = "/api/v2/collections/c/search-by-image";

const IMAGE: Part<'static> = ("image", Some("a.jpg"), b"not really");

/// A door with a collection `c` that is not tied to a model pack.
async fn door() -> Door {
    let door = Door::new();
    door.create("acme", "c").await;
    door
}

#[tokio::test]
async fn without_models_image_calls_say_how_to_get_them() {
    let door = door().await;
    let pair: [Part<'_>; 2] =
        [("source_image", Some("a"), b"x"), ("target_image", Some("b"), b"x")];
    for (path, parts) in
        [(DETECT, &[IMAGE][..]), (COMPARE, &pair), (INDEX, &[IMAGE]), (SEARCH, &[IMAGE])]
    {
        let message = door.post_form(path, parts).await.error(503, "model_unavailable");
        assert!(message.contains("likeness models install"), "{message}");
        assert!(!message.contains("/secret"), "{message}");
    }
}

#[tokio::test]
async fn a_missing_image_is_told_from_an_empty_one() {
    let door = door().await;
    for path in [DETECT, INDEX, SEARCH] {
        let message = door.post_form(path, &[]).await.error(400, "invalid_parameter");
        assert!(message.starts_with("image is missing"), "{message}");
        let empty: Part<'_> = ("image", Some(""), b"");
        door.post_form(path, &[empty]).await.error(400, "empty_image");
    }
    let source: Part<'_> = ("source_image", Some("a"), b"x");
    let message = door.post_form(COMPARE, &[source]).await.error(400, "invalid_parameter");
    assert!(message.starts_with("target_image is missing"), "{message}");
    let empty: Part<'_> = ("target_image", Some("b"), b"");
    let message = door.post_form(COMPARE, &[source, empty]).await.error(400, "empty_image");
    assert!(message.starts_with("target_image"), "{message}");
}

#[tokio::test]
async fn the_image_limit_is_eight_mebibytes_to_the_byte() {
    let door = door().await;
    let bytes = vec![0_u8; IMAGE_BYTES_MAX + 1];
    let largest: Part<'_> = ("image", Some("a"), &bytes[..IMAGE_BYTES_MAX]);
    let larger: Part<'_> = ("image", Some("a"), &bytes);
    for path in [DETECT, INDEX, SEARCH] {
        door.post_form(path, &[largest]).await.error(503, "model_unavailable");
        let message = door.post_form(path, &[larger]).await.error(413, "image_too_large");
        assert!(message.contains("8388608 bytes"), "{message}");
    }
    let pair = |second: usize| {
        let source: Part<'_> = ("source_image", Some("a"), &bytes[..IMAGE_BYTES_MAX]);
        [source, ("target_image", Some("b"), &bytes[..second])]
    };
    door.post_form(COMPARE, &pair(IMAGE_BYTES_MAX)).await.error(503, "model_unavailable");
    let answer = door.post_form(COMPARE, &pair(IMAGE_BYTES_MAX + 1)).await;
    assert!(answer.error(413, "image_too_large").starts_with("target_image"));
}

#[tokio::test]
async fn an_endless_upload_of_undeclared_length_is_refused_at_the_limit() {
    let door = door().await;
    for name in ["image", "ignored"] {
        let head =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        let zeros = Bytes::from(vec![0_u8; 64 * 1024]);
        let head = stream::iter([Ok::<_, std::io::Error>(Bytes::from(head))]);
        let endless =
            futures::StreamExt::chain(head, stream::repeat_with(move || Ok(zeros.clone())));
        let request = request(Method::POST, DETECT, &door.key)
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(Body::from_stream(endless))
            .unwrap();
        door.send(request).await.error(413, "image_too_large");
    }
}

#[tokio::test]
async fn a_part_head_without_end_is_refused_at_the_limit() {
    let door = door().await;
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"");
    let letters = Bytes::from(vec![b'a'; 64 * 1024]);
    let head = stream::iter([Ok::<_, std::io::Error>(Bytes::from(head))]);
    let endless = futures::StreamExt::chain(head, stream::repeat_with(move || Ok(letters.clone())));
    let request = request(Method::POST, DETECT, &door.key)
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .body(Body::from_stream(endless))
        .unwrap();
    door.send(request).await.error(413, "image_too_large");
}

#[tokio::test]
async fn a_declared_length_above_the_limit_is_refused_unread() {
    let door = door().await;
    let unread = stream::poll_fn(|_| -> std::task::Poll<Option<Result<Bytes, std::io::Error>>> {
        panic!("the body was read")
    });
    let request = request(Method::POST, DETECT, &door.key)
        .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
        .header("content-length", "9437184")
        .header("expect", "100-continue")
        .body(Body::from_stream(unread))
        .unwrap();
    door.send(request).await.error(413, "image_too_large");
}

#[tokio::test]
async fn fields_that_make_no_sense_are_refused_by_name() {
    let door = door().await;
    let long = "x".repeat(256);
    let longer = "x".repeat(5000);
    let cases: &[(&str, &str, &str)] = &[
        (INDEX, "external_face_id", ""),
        (INDEX, "external_face_id", &long),
        (INDEX, "external_image_id", ""),
        (INDEX, "external_image_id", &longer),
        (INDEX, "max_faces", "0"),
        (INDEX, "max_faces", "101"),
        (INDEX, "max_faces", "-1"),
        (INDEX, "max_faces", "two"),
        (INDEX, "quality_filter", ""),
        (INDEX, "quality_filter", "AUTO"),
        (SEARCH, "max_results", "0"),
        (SEARCH, "max_results", "101"),
        (SEARCH, "threshold", "NaN"),
        (SEARCH, "threshold", "-0.5"),
        (SEARCH, "threshold", "2"),
    ];
    for (path, name, value) in cases {
        let answer = door.post_form(path, &[IMAGE, (name, None, value.as_bytes())]).await;
        let message = answer.error(400, "invalid_parameter");
        assert!(message.starts_with(name), "{name}={value:?} was refused with {message:?}");
    }
    let pair: [Part<'_>; 3] = [
        ("source_image", Some("a"), b"x"),
        ("target_image", Some("b"), b"x"),
        ("threshold", None, b"inf"),
    ];
    let message = door.post_form(COMPARE, &pair).await.error(400, "invalid_parameter");
    assert!(message.starts_with("threshold"), "{message}");
}

#[tokio::test]
async fn unknown_attribute_sets_have_a_code_of_their_own() {
    let door = door().await;
    for path in [DETECT, INDEX] {
        for bad in ["", "ALL", "age", "none,all"] {
            let parts = [IMAGE, ("attributes", None, bad.as_bytes())];
            door.post_form(path, &parts).await.error(400, "invalid_attributes");
        }
        for good in ["none", "default", "all"] {
            let parts = [("attributes", None, good.as_bytes()), IMAGE];
            door.post_form(path, &parts).await.error(503, "model_unavailable");
        }
    }
}

#[tokio::test]
async fn duplicate_fields_are_refused_and_unknown_ones_ignored() {
    let door = door().await;
    door.post_form(DETECT, &[IMAGE, IMAGE]).await.error(400, "invalid_parameter");
    let all: Part<'_> = ("attributes", None, b"all");
    let message = door.post_form(DETECT, &[IMAGE, all, all]).await.error(400, "invalid_parameter");
    assert!(message.starts_with("attributes is given more than once"), "{message}");
    let unknown: Part<'_> = ("colour", None, b"\xff\xfe");
    door.post_form(DETECT, &[unknown, IMAGE, unknown]).await.error(503, "model_unavailable");
    let not_text: Part<'_> = ("external_face_id", None, b"\xff\xfe");
    door.post_form(INDEX, &[IMAGE, not_text]).await.error(400, "invalid_parameter");
    let many = vec![unknown; 40];
    door.post_form(DETECT, &many).await.error(400, "invalid_parameter");
}

#[tokio::test]
async fn a_broken_form_is_refused_as_such() {
    let door = door().await;
    let (content_type, body) = form(&[IMAGE]);
    let whole = body.len();
    for (content_type, body) in [
        ("multipart/form-data", body.clone()),
        ("multipart/form-data; boundary=", body.clone()),
        ("multipart/form-data; boundary=other", body.clone()),
        (content_type.as_str(), Vec::new()),
        (content_type.as_str(), body[..whole - 10].to_vec()),
        (content_type.as_str(), body[..60].to_vec()),
        (content_type.as_str(), b"image=x".to_vec()),
    ] {
        let request = request(Method::POST, DETECT, &door.key);
        let request = request.header("content-type", content_type);
        let answer = door.send(request.body(body.into()).unwrap()).await;
        answer.error(400, "invalid_parameter");
    }
}
