//! The server over real sockets: bounds of HTTP itself, refusals that arrive, orderly end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Door, form};
use crate::rest::{RestLimits, SideRoutes, serve};
use crate::tls::Tls;

pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) done: JoinHandle<io::Result<()>>,
}

async fn start(door: &Door) -> Running {
    start_with(door, None).await
}

pub(super) async fn start_with(door: &Door, tls: Option<Arc<Tls>>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        let _ = stopped.await;
    };
    let (state, beside) = (door.state.clone(), SideRoutes::default());
    let done = tokio::spawn(serve(listener, state, beside, tls, shutdown));
    Running { address, stop, done }
}

async fn connect(server: &Running) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// Everything the server sends until it closes the connection.
async fn read_all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.contains(end) {
        let mut buffer = [0; 1024];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "closed after {text:?}");
        text.push_str(str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

fn post(path: &str, key: &str, content_type: &str, length: usize, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: {content_type}\r\nContent-Length: {length}\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_sends_everything_first() {
    let door = Door::new();
    let server = start(&door).await;
    let (content_type, body) = form(&[("image", Some("a"), &vec![0; 9 * 1024 * 1024])]);
    for (key, expected) in [(door.key.as_str(), "413"), ("wrong", "401")] {
        let mut stream = connect(&server).await;
        let close = "Connection: close\r\n";
        let head = post("/api/v2/faces:detect", key, &content_type, body.len(), close);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        let answer = read_all(stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{answer}");
        assert!(answer.contains("{\"detail\":{\"code\":"), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_asks_first_is_refused_before_it_sends() {
    let door = Door::new();
    let server = start(&door).await;
    let mut stream = connect(&server).await;
    let more = "Expect: 100-continue\r\n";
    let content_type = "multipart/form-data; boundary=x";
    let head = post("/api/v2/faces:detect", &door.key, content_type, 9_437_184, more);
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "image_too_large").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    // Without asking too: that nothing comes is not waited for.
    for more in ["Expect: 100-continue\r\n", ""] {
        let mut stream = connect(&server).await;
        let head = post("/api/v2/collections", &door.key, "application/json", 99_999_999_999, more);
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = read_until(&mut stream, "request_too_large").await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_or_too_slow_costs_the_connection() {
    let header_timeout = Duration::from_millis(50);
    let door = Door::with_limits(RestLimits { header_timeout, ..RestLimits::default() });
    let server = start(&door).await;
    let mut large = connect(&server).await;
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Filler: {}\r\n\r\n", "x".repeat(40_000));
    large.write_all(head.as_bytes()).await.unwrap();
    let answer = read_until(&mut large, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let mut slow = connect(&server).await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    assert!(!read_all(slow).await.contains("200"));
}

/// Answers `/healthz` to a client at `address`.
async fn is_heard(server: &Running, address: &str) -> bool {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let head = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    if stream.write_all(head.as_bytes()).await.is_err() {
        return false;
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.is_ok() && answer.starts_with(b"HTTP/1.1 200 ")
}

#[tokio::test]
async fn connections_that_send_half_a_head_keep_nobody_out() {
    for (connections_max, connections_per_address_max) in [(9, 2), (2, 9)] {
        let hours = Duration::from_hours(9);
        let door = Door::with_limits(RestLimits {
            connections_max,
            connections_per_address_max,
            header_timeout: hours,
            ..RestLimits::default()
        });
        let server = start(&door).await;
        let mut slow = Vec::new();
        for _ in 0..5 {
            let mut stream = connect(&server).await;
            stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
            slow.push(stream);
        }
        assert!(is_heard(&server, "127.0.0.1").await);
        assert!(is_heard(&server, "127.0.0.2").await);
        // Those that waited longest gave way.
        for stream in slow.drain(..3) {
            let mut stream = stream;
            let ended = stream.read(&mut [0; 1]).await;
            assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
        }
    }
}

#[tokio::test]
async fn a_connection_at_work_gives_way_to_none() {
    let door =
        Door::with_limits(RestLimits { connections_per_address_max: 1, ..RestLimits::default() });
    let server = start(&door).await;
    let mut stream = connect(&server).await;
    let body = r#"{"external_id":""}"#;
    let more = "Expect: 100-continue\r\nConnection: close\r\n";
    let head = post("/api/v2/collections", &door.key, "application/json", body.len(), more);
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "100 Continue\r\n\r\n").await;
    assert!(!is_heard(&server, "127.0.0.1").await);
    assert!(is_heard(&server, "127.0.0.2").await, "others have places");
    stream.write_all(body.as_bytes()).await.unwrap();
    assert!(read_all(stream).await.contains("external_id"));
    assert!(is_heard(&server, "127.0.0.1").await);
}

#[tokio::test]
async fn a_request_in_progress_is_finished_after_shutdown_was_asked_for() {
    let door = Door::new();
    let server = start(&door).await;
    let idle = connect(&server).await;
    let mut stream = connect(&server).await;
    let body = r#"{"external_id":""}"#;
    let more = "Expect: 100-continue\r\n";
    let head = post("/api/v2/collections", &door.key, "application/json", body.len(), more);
    stream.write_all(head.as_bytes()).await.unwrap();
    // The go-ahead shows that the handler waits for the body.
    read_until(&mut stream, "100 Continue\r\n\r\n").await;
    server.stop.send(()).unwrap();
    assert_eq!(read_all(idle).await, "");
    assert!(TcpStream::connect(server.address).await.is_err());
    stream.write_all(body.as_bytes()).await.unwrap();
    let answer = read_all(stream).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("external_id"), "{answer}");
    server.done.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_outlasts_the_drain_is_cut_off() {
    let drain_timeout = Duration::from_millis(20);
    let door = Door::with_limits(RestLimits { drain_timeout, ..RestLimits::default() });
    let server = start(&door).await;
    let mut stream = connect(&server).await;
    let more = "Expect: 100-continue\r\n";
    let head = post("/api/v2/collections", &door.key, "application/json", 9, more);
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "100 Continue\r\n\r\n").await;
    server.stop.send(()).unwrap();
    server.done.await.unwrap().unwrap();
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).await.unwrap_or(0), 0);
}
