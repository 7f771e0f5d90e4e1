//! What the log says of requests at both doors, and what of them it must not say.

use serde_json::{Value, json};
use tokio_postgres::SimpleQueryMessage;

use crate::support::{ServerBuilder, TestServer};

const EMBEDDING: &str = "[0.8191520,0.5735764,0]";
const IMAGE: &[u8] = b"\xff\xd8\xffPIXELS-OF-A-FACE";
const WRONG_KEY: &str = "iksk_live_0123456789abcdef0123456789abcdef0123456789abcdef";

/// Asks for all kinds of things in SQL; returns the secret of a new key.
async fn use_sql(server: &TestServer, key: &str) -> String {
    let client = server.try_pg("default", "admin", key).await.unwrap();
    client.batch_execute("CREATE COLLECTION private WITH (dimensions = 3)").await.unwrap();
    let insert = format!(
        "INSERT INTO private (external_face_id, embedding) VALUES ('Ann', '{EMBEDDING}'); \
         SEARCH FACES IN private EMBEDDING '{EMBEDDING}'"
    );
    client.batch_execute(&insert).await.unwrap();
    let search = "SEARCH FACES IN private EMBEDDING $1::text::vector LIMIT 3";
    client.query(search, &[&EMBEDDING]).await.unwrap();
    let image = format!("INSERT INTO private (image) VALUES ('\\x{}')", hex::encode(IMAGE));
    for refused in [
        image.as_str(),
        "SEARCH FACES IN private EMBEDDING '[0.8191520,PIXELS]'",
        "SELEC 'PIXELS', '0.8191520'",
        "SELECT '0.8191520'::int",
        "SELECT * FROM \"PIXELS\"",
    ] {
        assert!(client.batch_execute(refused).await.is_err(), "{refused}");
        assert!(client.query(refused, &[]).await.is_err(), "{refused}");
    }
    assert!(server.try_pg("default", "admin", WRONG_KEY).await.is_err());
    let created = client.simple_query("CREATE KEY other ROLE read").await.unwrap();
    let secret = created.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let cells = (0..row.len()).filter_map(|at| row.get(at));
            cells.into_iter().find(|cell| cell.starts_with("iksk_")).map(str::to_owned)
        }
        _ => None,
    });
    secret.unwrap()
}

async fn use_rest(server: &TestServer, key: &str) {
    let rest = server.rest(key).with_header("x-request-id", "trace-7");
    rest.post_form("/faces:detect", &[("image", IMAGE)], &[]).await.unwrap_err();
    rest.post_form("/collections/private/search-by-image", &[("image", IMAGE)], &[])
        .await
        .unwrap_err();
    rest.post_json("/collections", &json!({"external_id": "PIXELS"})).await.unwrap_err();
    let search = format!("SEARCH FACES IN private EMBEDDING '{EMBEDDING}'");
    rest.post_json("/../likeness/v1/sql", &json!({"statement": search})).await.unwrap();
    server.rest(WRONG_KEY).get("/collections").await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_both_doors_leave_lines_with_ids_and_nothing_of_what_they_sent() {
    let mut server = ServerBuilder::new().logging("debug").start().await;
    let key = server.first_key();
    let secret = use_sql(&server, &key).await;
    use_rest(&server, &key).await;
    // The last lines are written behind the answers they are about.
    assert!(server.terminate().await);
    let log = server.log();
    for said in [&key, &secret, WRONG_KEY, "0.81915", "PIXELS", &hex::encode(b"PIXELS"), "Ann"] {
        assert!(!log.contains(said), "{said} is in the log:\n{log}");
    }

    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |message: &str| {
        lines.iter().filter(|line| line["fields"]["message"] == message).collect::<Vec<_>>()
    };
    let requests = of("request served");
    assert_eq!(requests.len(), 5);
    assert!(requests[..4].iter().all(|line| line["span"]["request_id"] == "trace-7"));
    let (of_requests, statements): (Vec<_>, Vec<_>) =
        of("statement served").into_iter().partition(|line| line["span"]["request_id"].is_string());
    let [searched] = of_requests[..] else { panic!("{of_requests:#?}") };
    let fields = &searched["fields"];
    assert_eq!((&fields["kind"], &fields["rows"]), (&json!("SEARCH"), &json!(1)));
    assert_eq!(searched["span"]["request_id"], "trace-7");
    let told: Vec<_> = statements
        .iter()
        .map(|line| {
            assert!(line["span"]["connection"].is_number(), "{line}");
            let field = |name: &str| line["fields"][name].clone();
            json!([line["span"]["query"], field("kind"), field("sqlstate"), field("rows")])
        })
        .collect();
    let expected = [
        json!([1, "CREATE COLLECTION", "00000", null]),
        json!([2, "INSERT", "00000", 1]),
        json!([2, "SEARCH", "00000", 1]),
    ];
    assert_eq!(told[..3], expected, "{told:#?}");
    assert!(told.iter().any(|line| line[1] == "none" && line[2] == "42601"), "{told:#?}");
    assert!(told.iter().any(|line| line[1] == "CREATE KEY"), "{told:#?}");
    assert!(statements[0]["fields"]["latency_ms"].is_number());
    assert_eq!(of("client logged in").len(), 1);
}
