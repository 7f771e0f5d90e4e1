//! What each client finds: a server of its own with an empty collection `faces`.

use crate::support::{ServerBuilder, TestServer};

/// Of three dimensions, so that embeddings can be written by hand.
const CREATE: &str = "CREATE COLLECTION faces WITH (dimensions = 3, description = 'of the matrix')";

/// A running server.
pub(crate) struct Fixture {
    server: TestServer,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let server = ServerBuilder::new().start().await;
        server.admin().await.batch_execute(CREATE).await.unwrap();
        Self { server }
    }

    /// Where the server is and who logs in, in the variables that libpq reads.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let (host, port) = self.server.pg.split_once(':').unwrap();
        vec![
            ("PGHOST", host.to_owned()),
            ("PGPORT", port.to_owned()),
            ("PGUSER", "admin".to_owned()),
            ("PGPASSWORD", self.server.first_key()),
            ("PGDATABASE", "default".to_owned()),
        ]
    }
}
