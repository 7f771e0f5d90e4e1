//! What a restarted server has, against what its writers were told.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::random::Random;
use super::writer::{Attempt, Face, Faces, Writer};

/// Faces that are searched for after each restart, besides those of unanswered statements.
const SEARCHES: usize = 12;

/// How statements ended that nobody had an answer to.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    pub(super) done: u64,
    pub(super) undone: u64,
}

#[derive(Debug)]
struct Found {
    face_id: String,
    batch: String,
    embedding: Vec<f32>,
}

/// Compares, and lets the writers know how their unanswered statements ended.
pub(super) async fn check(
    client: &Client,
    writers: &mut [Writer],
    random: &mut Random,
) -> Unanswered {
    let mut found = everything(client).await;
    let mut unanswered = Unanswered::default();
    let mut searches = Faces::new();
    for writer in &mut *writers {
        if let Some(attempt) = writer.attempt.take() {
            let ended = settle(attempt, &mut writer.faces, &found);
            if ended { unanswered.done += 1 } else { unanswered.undone += 1 }
        }
        for (name, face) in &mut writer.faces {
            let row = found.remove(name);
            let row = row.unwrap_or_else(|| panic!("{name} is lost: {face:?}"));
            assert_eq!(row.batch, face.batch, "{name}");
            if face.id.is_none() {
                face.id = Some(row.face_id.clone());
                searches.insert(name.clone(), face.clone());
            }
            assert_eq!(Some(row.face_id), face.id, "{name}");
            let expected = face.embedding();
            let exact = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
            assert!(row.embedding.iter().zip(&expected).all(exact), "embedding of {name}");
            assert_eq!(row.embedding.len(), expected.len());
        }
    }
    assert!(found.is_empty(), "nobody enrolled these, or they were deleted: {found:?}");

    let all: Vec<_> = writers.iter().flat_map(|writer| &writer.faces).collect();
    for _ in 0..SEARCHES.min(all.len()) {
        let (name, face) = all[random.below(all.len())];
        searches.insert(name.clone(), face.clone());
    }
    for (name, face) in &searches {
        search(client, name, face).await;
    }
    unanswered
}

/// Every row, by its `external_face_id`.
async fn everything(client: &Client) -> BTreeMap<String, Found> {
    let select =
        "SELECT external_face_id, face_id, external_image_id, embedding::real[] FROM crash";
    let mut found = BTreeMap::new();
    for row in client.query(select, &[]).await.unwrap() {
        let (name, row): (String, _) =
            (row.get(0), Found { face_id: row.get(1), batch: row.get(2), embedding: row.get(3) });
        if let Some(twin) = found.insert(name.clone(), row) {
            panic!("{name} is there twice: {twin:?} and {:?}", found[&name]);
        }
    }
    let count: i64 = client.query_one("SELECT count(*) FROM crash", &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(count), Ok(found.len()));
    found
}

/// Takes over what an unanswered statement did, which must be all or nothing; returns which.
fn settle(attempt: Attempt, faces: &mut Faces, found: &BTreeMap<String, Found>) -> bool {
    match attempt {
        Attempt::Insert(mut inserted) => {
            let there = inserted.keys().filter(|name| found.contains_key(*name)).count();
            assert!(there == 0 || there == inserted.len(), "{there} rows of {inserted:?}");
            if there > 0 {
                faces.append(&mut inserted);
            }
            there > 0
        }
        Attempt::Delete(names) => {
            let left = names.iter().filter(|name| found.contains_key(*name)).count();
            assert!(left == 0 || left == names.len(), "{left} left of {names:?}");
            if left == 0 {
                faces.retain(|name, _| !names.contains(name));
            }
            left == 0
        }
    }
}

/// A face is its own best candidate, and is found by the statement that enrolled it.
async fn search(client: &Client, name: &str, face: &Face) {
    let search = "SEARCH FACES IN crash LIKE EMBEDDING $1::real[] LIMIT 1";
    let best = client.query_one(search, &[&face.embedding()]).await.unwrap();
    assert_eq!(best.get::<_, String>("external_face_id"), name);
    assert!((best.get::<_, f32>("similarity") - 1.0).abs() < 1e-5, "{best:?}");
    let id: String = best.get("face_id");
    let filter = "SELECT external_face_id FROM crash WHERE external_image_id = $1 AND face_id = $2";
    let row = client.query_one(filter, &[&face.batch, &id]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), name);
}
