//! The audit log from the command line, beside a server and without one.

use crate::support::{ServerBuilder, likeness};

#[tokio::test(flavor = "multi_thread")]
async fn old_records_are_removed_only_while_no_server_runs() {
    let mut server = ServerBuilder::new().start().await;
    let prune = ["audit", "prune", "--before", "2999-01-01"];
    let refused = likeness(&server.data(), &prune).await;
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("a server is running on"), "{told}");
    assert!(told.contains("stop it first"), "{told}");

    let client = server.admin().await;
    client.batch_execute("CREATE COLLECTION staff WITH (dimensions = 2)").await.unwrap();
    client.batch_execute("DROP COLLECTION staff").await.unwrap();
    let verified = likeness(&server.data(), &["audit", "verify"]).await;
    assert!(verified.status.success(), "the refused prune changed nothing");
    assert!(server.terminate().await);
    let pruned = likeness(&server.data(), &prune).await;
    assert!(pruned.status.success(), "{}", String::from_utf8_lossy(&pruned.stderr));
    let verified = likeness(&server.data(), &["audit", "verify"]).await;
    assert!(verified.status.success());
}
