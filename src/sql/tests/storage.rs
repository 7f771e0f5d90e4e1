//! VACUUM, VACUUM ERASE and SHOW STORAGE.

use super::Client;
use crate::engine::Role;
use crate::sql::SqlState;

#[tokio::test]
async fn an_erasure_says_what_it_did_and_storage_shows_it() {
    let client = Client::with_people().await;
    assert_eq!(client.rows("SHOW STORAGE").await[0][..4].join("|"), "people|4|0|4");
    assert_eq!(client.run("VACUUM").await, ("VACUUM", None));
    assert_eq!(client.rows("SHOW STORAGE").await[0][..6].join("|"), "people|4|0|0|0|1");
    client.run("DELETE FROM people WHERE external_face_id = 'ann'").await;
    let before = client.rows("SHOW STORAGE").await.remove(0);
    assert_eq!(before[..3].join("|"), "people|3|1");
    let receipt = client.rows("VACUUM ERASE people").await.remove(0);
    assert_eq!([&receipt[0], &receipt[2], &receipt[3]], ["people", "1", "1"]);
    assert_eq!(receipt[4], before[6], "the whole segment was read");
    assert_eq!(client.rows("SHOW STORAGE").await[0][..3].join("|"), "people|3|0");
    let again = client.rows("vacuum erase").await.remove(0);
    assert_eq!([&again[0], &again[2], &again[3]], ["", "0", "0"], "nothing is left to do");
    let (_, columns) = client.describe("VACUUM ERASE people").await;
    let names =
        ["collection", "lsn", "faces_erased", "files_rewritten", "bytes_scanned", "bytes_written"];
    assert_eq!(columns.unwrap(), names);
    assert_eq!(client.describe("VACUUM people").await.1, None);
}

#[tokio::test]
async fn a_tenant_reaches_its_own_storage_only() {
    let mut client = Client::with_people().await;
    client.session = client.database.session("rival", Role::Admin);
    assert_eq!(client.rows("SHOW STORAGE").await.len(), 0);
    assert_eq!(client.state("VACUUM ERASE people").await, SqlState::UndefinedTable);
}

#[tokio::test]
async fn what_cannot_be_vacuumed_is_refused_with_its_class() {
    let client = Client::with_people().await;
    assert_eq!(client.state("VACUUM nobody").await, SqlState::UndefinedTable);
    assert_eq!(client.state("VACUUM FULL people").await, SqlState::FeatureNotSupported);
    assert_eq!(client.state("VACUUM ERASE people, people").await, SqlState::SyntaxError);
    client.run("CREATE COLLECTION erase WITH (dimensions = 1)").await;
    assert_eq!(client.run("VACUUM \"erase\"").await, ("VACUUM", None));
}
