//! Memory of the process while clients read slowly, or send the start of a message and no more.

use bytes::Bytes;
use futures::future::join_all;
use futures::{SinkExt, TryStreamExt, pin_mut};
use tokio::io::{AsyncWriteExt, copy_bidirectional, duplex};
use tokio::net::TcpStream;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::support::{ServerBuilder, TestServer};

/// What the process may grow by: far less than the results below, which have 100 MB and more.
const GROWTH_MAX: u64 = 48 << 20;
/// Rows of every result.
const ROWS: u64 = 1_000_000;
/// After so many rows the reader does something else first.
const PAUSE: u64 = 50_000;

/// Rows of numbers, and of a collection.
const QUERIES: [&str; 2] = [
    "SELECT n, 'as much text beside the number as makes a hundred bytes of each row, or nearly ' \
     || n FROM generate_series(1, 1000000) AS t(n)",
    "SELECT f.external_face_id, f.metadata, f.embedding, n \
     FROM faces f, generate_series(1, 1000) AS t(n)",
];

async fn enroll(client: &Client) {
    client.batch_execute("CREATE COLLECTION faces WITH (dimensions = 4)").await.unwrap();
    let copy = "COPY faces (external_face_id, metadata, embedding) FROM STDIN";
    let sink = client.copy_in::<_, Bytes>(copy).await.unwrap();
    pin_mut!(sink);
    let line = |n: u32| format!("face-{n}\t{{\"team\": \"red\", \"number\": {n}}}\t[1,{n},2,3]\n");
    let lines: String = (0..1000).map(line).collect();
    sink.send(Bytes::from(lines)).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), 1000);
}

/// Counts the rows of a simple query; what stands before them is read as they come.
async fn count(client: &Client, query: &str, other: &Client) -> u64 {
    let messages = client.simple_query_raw(query).await.unwrap();
    pin_mut!(messages);
    let mut rows = 0;
    while let Some(message) = messages.try_next().await.unwrap() {
        if matches!(message, SimpleQueryMessage::Row(_)) {
            rows += 1;
            if rows % PAUSE == 0 {
                // The server has time to run ahead, if it would.
                other.query("SELECT count(*) FROM faces", &[]).await.unwrap();
            }
        }
    }
    rows
}

/// Counts the rows of a portal, read piece by piece.
async fn count_portal(client: &mut Client, query: &str) -> u64 {
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind(query, &[]).await.unwrap();
    let mut rows = 0;
    loop {
        let piece = transaction.query_portal(&portal, 10_000).await.unwrap().len() as u64;
        rows += piece;
        if piece == 0 {
            return rows;
        }
    }
}

fn grown(server: &TestServer, before: u64, what: &str) {
    let grown = server.peak_memory().unwrap_or(before).saturating_sub(before);
    println!("{what}: the server grew by {} KiB", grown >> 10);
    assert!(grown < GROWTH_MAX, "{what}: the server grew by {grown} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_rows_pass_through_little_memory() {
    let server = ServerBuilder::new().start().await;
    let mut client = server.admin().await;
    let other = server.admin().await;
    enroll(&client).await;
    // What every first query allocates for good.
    for query in QUERIES {
        count(&client, &format!("SELECT * FROM ({query}) q LIMIT 20000"), &other).await;
    }
    let Some(before) = server.peak_memory() else { return };
    for query in QUERIES {
        assert_eq!(count(&client, query, &other).await, ROWS);
        grown(&server, before, "a simple query");
        assert_eq!(count_portal(&mut client, query).await, ROWS);
        grown(&server, before, "a portal");
    }
}

/// Connections that stop in the middle of a message.
const STALLED: usize = 200;
/// What they may take together: a fraction of the 60 MB that each announces.
const STALLED_MAX: u64 = 32 << 20;

/// The socket of a client that has logged in.
async fn logged_in(server: &TestServer, key: &str) -> TcpStream {
    let mut socket = TcpStream::connect(&server.pg).await.unwrap();
    let (near, mut far) = duplex(1 << 16);
    let mut config = tokio_postgres::Config::new();
    config.user("admin").dbname("default").password(key);
    tokio::select! {
        client = config.connect_raw(near, NoTls) => drop(client.unwrap()),
        ended = copy_bidirectional(&mut far, &mut socket) => panic!("{ended:?}"),
    }
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_stop_in_the_middle_of_a_message_take_little_memory() {
    let server = ServerBuilder::new().start().await;
    let key = server.first_key();
    let mut sockets = join_all((0..STALLED).map(|_| logged_in(&server, &key))).await;
    let others = server.admin().await;
    others.simple_query("SELECT 1").await.unwrap();
    let Some(before) = server.peak_memory() else { return };
    for (socket, tag) in sockets.iter_mut().zip(b"QPBd".iter().cycle()) {
        socket
            .write_all(&[&[*tag], &60_000_000_u32.to_be_bytes()[..], b"SELECT"].concat())
            .await
            .unwrap();
    }
    for _ in 0..STALLED {
        others.simple_query("SELECT 1").await.unwrap();
    }
    let grown = server.peak_memory().unwrap().saturating_sub(before);
    println!("{STALLED} clients in the middle of a message: {} KiB", grown >> 10);
    assert!(grown < STALLED_MAX, "the server grew by {grown} bytes");
}
