//! HTTPS: the same answers inside, and clients that stop in the middle of the handshake.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Door;
use super::tcp::{Running, start_with};
use crate::rest::RestLimits;
use crate::tls::tests::TestCertificate;

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn ask(certificate: &TestCertificate, server: &Running, protocols: &[&[u8]]) -> String {
    let socket = TcpStream::connect(server.address).await.unwrap();
    let mut stream = certificate.connect(socket, protocols).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn https_answers_what_http_answers_and_http_is_not_answered() {
    let certificate = TestCertificate::new();
    let server = start_with(&Door::new(), Some(certificate.load())).await;
    for protocols in [[b"http/1.1".as_slice(), b"h2"].as_slice(), &[]] {
        let answer = ask(&certificate, &server, protocols).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_holds_nobody_up_and_ends() {
    let certificate = TestCertificate::new();
    let header_timeout = Duration::from_secs(2);
    let door = Door::with_limits(RestLimits { header_timeout, ..RestLimits::default() });
    let server = start_with(&door, Some(certificate.load())).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    // The start of a handshake, and no more of it.
    silent.write_all(&[0x16, 3, 1]).await.unwrap();
    assert!(ask(&certificate, &server, &[]).await.starts_with("HTTP/1.1 200 OK"));
    let mut answer = Vec::new();
    let _ = silent.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{answer:?}");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_handshakes() {
    let certificate = TestCertificate::new();
    let hours = Duration::from_hours(9);
    let limits =
        RestLimits { header_timeout: hours, drain_timeout: hours, ..RestLimits::default() };
    let server = start_with(&Door::with_limits(limits), Some(certificate.load())).await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    // The door has taken the first connection when it answers the second.
    assert!(ask(&certificate, &server, &[]).await.starts_with("HTTP/1.1 200 OK"));
    server.stop.send(()).unwrap();
    server.done.await.unwrap().unwrap();
}
