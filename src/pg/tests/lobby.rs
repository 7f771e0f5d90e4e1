//! Clients that do not log in keep nobody out who does.

use super::*;

/// A startup packet whose sender never answers the question for its password.
const STARTUP: &[u8] = b"\0\0\0\x16\0\x03\0\0user\0someone\0\0";

fn within(connections: usize, waiting: usize) -> PgLimits {
    PgLimits { connections, waiting, log_in: Duration::from_mins(5), ..PgLimits::default() }
}

async fn crowd(door: &Door, says: &[u8]) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..12 {
        let mut stream = TcpStream::connect(("127.0.0.1", door.port)).await.unwrap();
        // One that came before it may have been sent away, but not this one.
        stream.write_all(says).await.unwrap();
        crowd.push(stream);
    }
    crowd
}

/// What the server says until it closes.
async fn farewell_to(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = in_time(stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn whoever_says_nothing_keeps_nobody_out() {
    for says in [b"".as_slice(), STARTUP, b"\0\0\x27"] {
        let door = Door::open_within(within(2, 3)).await;
        let (_, secret) = door.key("acme", "admin", Role::Admin);
        let crowd = crowd(&door, says).await;
        let client = in_time(door.log_in(Some("acme"), "admin", &secret)).await.unwrap();
        still_serves(&client).await;
        let first = farewell_to(crowd.into_iter().next().unwrap()).await;
        assert!(first.contains("53300") && first.contains("too many clients already"), "{first}");
    }
}

#[tokio::test]
async fn those_that_have_logged_in_are_not_sent_away_for_others() {
    let door = Door::open_within(within(2, 2)).await;
    let (_, secret) = door.key("acme", "admin", Role::Admin);
    let first = door.log_in(Some("acme"), "admin", &secret).await.unwrap();
    let second = door.log_in(Some("acme"), "admin", &secret).await.unwrap();
    let crowd = crowd(&door, b"").await;
    let error = in_time(door.log_in(Some("acme"), "admin", &secret)).await.expect_err("let in");
    assert_eq!(code(&error), SqlState::TOO_MANY_CONNECTIONS);
    // Nobody is asked for a password who could not come in.
    assert!(!String::from_utf8_lossy(&in_time(door.raw(STARTUP)).await).contains("SCRAM"));
    still_serves(&first).await;
    still_serves(&second).await;
    drop((crowd, first));
    in_time(async {
        while door.log_in(Some("acme"), "admin", &secret).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_startup_packet_of_a_length_that_none_has_is_told_at_once() {
    let door = Door::open_within(within(1, 1)).await;
    for length in [0_i32, 4, 7, -1, 10_005, i32::MAX] {
        let answer = in_time(door.raw(&length.to_be_bytes())).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains("08P01"), "{length}: {answer}");
        assert!(answer.contains("invalid length of startup packet"), "{length}: {answer}");
    }
}
