//! Statements that compute without making a row: they can be given up, and others are served
//! meanwhile, however few threads the server has.

use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::{Door, code, in_time, still_serves};
use crate::engine::Role;

/// Joins whose filters let nothing through, by each operator that joins.
const ENDLESS: [&str; 5] = [
    "SELECT count(*) FROM generate_series(1, 50000) a, generate_series(1, 1000000000) b
     WHERE a * b < 0",
    "SELECT count(*) FROM generate_series(1, 50000) a JOIN generate_series(1, 1000000000) b
     ON a % 2 = b % 2 AND a * b < 0",
    "SELECT 1 UNION ALL SELECT 2 FROM generate_series(1, 50000) a,
     generate_series(1, 1000000000) b WHERE a * b < 0",
    "SELECT 1 UNION SELECT 2 FROM generate_series(1, 50000) a,
     generate_series(1, 1000000000) b WHERE a * b < 0 ORDER BY 1",
    "SELECT 1 UNION ALL SELECT 2 FROM generate_series(1, 50000) a,
     generate_series(1, 1000000000) b WHERE a * b < 0 LIMIT 2",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joins_that_make_nothing_are_given_up_in_time() {
    let door = Door::open().await;
    let client = door.admin().await;
    client.batch_execute("SET statement_timeout = '200ms'").await.unwrap();
    for endless in ENDLESS {
        let error = in_time(client.batch_execute(endless)).await.unwrap_err();
        assert_eq!(code(&error), SqlState::QUERY_CANCELED, "{endless}: {error}");
        still_serves(&client).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_served_beside_more_endless_joins_than_threads() {
    let door = Door::open().await;
    let (_, secret) = door.key("acme", "reader", Role::Read);
    let log_in = async || in_time(door.log_in(Some("acme"), "reader", &secret)).await.unwrap();
    let mut busy = Vec::new();
    for endless in ENDLESS {
        let client = log_in().await;
        let cancel = client.cancel_token();
        let work = tokio::spawn(async move { client.batch_execute(endless).await });
        busy.push((cancel, work));
    }
    for _ in 0..20 {
        let client = log_in().await;
        let rows = in_time(client.query("SELECT relname FROM pg_class LIMIT 3", &[])).await;
        assert_eq!(rows.unwrap().len(), 3);
    }
    for (cancel, work) in busy {
        in_time(cancel.cancel_query(NoTls)).await.unwrap();
        let error = in_time(work).await.unwrap().unwrap_err();
        assert_eq!(code(&error), SqlState::QUERY_CANCELED, "{error}");
    }
}
