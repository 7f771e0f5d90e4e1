//! What requests leave in the audit log.

use axum::http::Method;

use super::{Body, Door, request};

/// Action, collection, purpose and number of faces of what tenant `acme` did over REST.
fn records(door: &Door) -> Vec<String> {
    let records = door.tenant("acme").audit_records().unwrap();
    let entries = records.map(|record| record.unwrap().entry).filter(|entry| entry.door == "rest");
    let text = |text: Option<String>| text.unwrap_or_default();
    let line = |entry: crate::audit::AuditEntry| {
        assert!(entry.key_id.is_some() && entry.key.is_some(), "{entry:?}");
        let (collection, purpose) = (text(entry.collection), text(entry.purpose));
        format!("{} {collection} {purpose} {:?}", entry.action.name(), entry.faces)
    };
    entries.map(line).collect()
}

#[tokio::test]
async fn searches_and_deletions_are_recorded_with_their_purpose_and_reads_are_not() {
    let door = Door::new();
    door.create("acme", "c").await;
    let a = door.enroll("acme", "c", [1.0, 0.0, 0.0, 0.0], "a", None).await;
    door.enroll("acme", "c", [1.0, 0.1, 0.0, 0.0], "b", None).await;
    let search = format!("/api/v2/collections/c/search-by-face/{a}");
    let face = format!("/api/v2/collections/c/faces/{a}");
    for (method, path) in [
        (Method::POST, &*search),
        (Method::GET, &*face),
        (Method::DELETE, &*face),
        (Method::DELETE, "/api/v2/collections/c"),
    ] {
        let asked = request(method, path, &door.key).header("x-purpose", "Prüfung 7");
        let answer = door.send(asked.body(Body::empty()).unwrap()).await;
        assert!((200..=204).contains(&answer.status), "{path}: {}", answer.status);
    }
    assert_eq!(
        records(&door),
        ["search c Prüfung 7 Some(1)", "erase c Prüfung 7 Some(1)", "erase c Prüfung 7 Some(1)"]
    );
    assert!(door.tenant("other").audit_records().unwrap().next().is_none());
}

/// Whoever reads the log as proof of erasures must not be told of one that never was.
#[tokio::test]
async fn a_deletion_that_finds_nothing_leaves_no_record() {
    let door = Door::new();
    door.create("acme", "c").await;
    door.create("other", "c").await;
    let a = door.enroll("acme", "c", [1.0, 0.0, 0.0, 0.0], "a", None).await;
    let foreign = door.enroll("other", "c", [1.0, 0.0, 0.0, 0.0], "b", None).await;
    let never = "f_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned();
    for id in [never, foreign.to_string()] {
        let face = format!("/api/v2/collections/c/faces/{id}");
        door.call(Method::DELETE, &face).await.error(404, "face_not_found");
    }
    assert_eq!(records(&door), Vec::<String>::new());
    let face = format!("/api/v2/collections/c/faces/{a}");
    assert_eq!(door.call(Method::DELETE, &face).await.status, 204);
    door.call(Method::DELETE, &face).await.error(404, "face_not_found");
    assert_eq!(records(&door), ["erase c  Some(1)"]);
}

#[tokio::test]
async fn of_a_dropped_collection_the_first_hundred_faces_are_named() {
    let door = Door::new();
    door.create("acme", "c").await;
    let mut ids = Vec::new();
    for _ in 0..101 {
        let face = door.enroll("acme", "c", [1.0, 0.0, 0.0, 0.0], "a", None).await;
        ids.push(face.to_string());
    }
    assert_eq!(door.call(Method::DELETE, "/api/v2/collections/c").await.status, 204);
    let record = door.tenant("acme").audit_records().unwrap().last().unwrap().unwrap();
    assert_eq!((record.entry.faces, &record.entry.face_ids[..]), (Some(101), &ids[..100]));
}

#[tokio::test]
async fn a_purpose_that_cannot_be_recorded_is_refused() {
    let door = Door::new();
    let long = "x".repeat(201);
    for bad in [&b"\xff"[..], b"", b"a\tb", long.as_bytes()] {
        let asked = request(Method::GET, "/api/v2/collections", &door.key);
        let asked = asked.header("x-purpose", bad).body(Body::empty()).unwrap();
        let message = door.send(asked).await.error(400, "invalid_parameter");
        assert!(message.starts_with("X-Purpose "), "{message}");
    }
}
