//! Goal: a download survives connections that break, and nothing but the published file comes out
//! of it. Method: a local server that answers each request as the test says and records it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use super::*;
use crate::pack::NoProgress;
use crate::pack::digest::sha256;
use tempfile::TempDir;

/// Answers one connection after the other; yields the `Range` headers received.
struct Server {
    url: String,
    thread: JoinHandle<Vec<Option<String>>>,
}

impl Server {
    fn answering(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/model.onnx", listener.local_addr().unwrap());
        let thread = thread::spawn(move || {
            let serve = |answer: Vec<u8>| {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<_> =
                    lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
                stream.write_all(&answer).unwrap();
                head.iter().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("range").then(|| value.trim().to_owned())
                })
            };
            answers.into_iter().map(serve).collect()
        });
        Self { url, thread }
    }

    /// The `Range` header of each request.
    fn ranges(self) -> Vec<Option<String>> {
        self.thread.join().unwrap()
    }
}

fn answer(status: &str, length: usize, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn fetch(url: &str, file: &[u8], into: &TempDir) -> Result<PathBuf, FetchError> {
    let sha256 = sha256(file);
    let file = RemoteFile { url, bytes: file.len() as u64, sha256: &sha256 };
    let part = into.path().join("part");
    Download { file, part, progress: &NoProgress }.run(&agent(false))
}

const FILE: &[u8] = b"0123456789";

#[test]
fn a_file_is_received_as_published() {
    let server = Server::answering(vec![answer("200 OK", 10, "", FILE)]);
    let into = TempDir::new().unwrap();
    let path = fetch(&server.url, FILE, &into).unwrap();
    assert_eq!(fs::read(path).unwrap(), FILE);
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_broken_connection_is_continued_where_it_ended() {
    let rest = answer("206 Partial Content", 6, "Content-Range: bytes 4-9/10\r\n", b"456789");
    let server = Server::answering(vec![answer("200 OK", 10, "", b"0123"), rest]);
    let into = TempDir::new().unwrap();
    let path = fetch(&server.url, FILE, &into).unwrap();
    assert_eq!(fs::read(path).unwrap(), FILE);
    assert_eq!(server.ranges(), [None, Some("bytes=4-".to_owned())]);
}

#[test]
fn a_server_that_cannot_continue_starts_over() {
    let answers = vec![answer("200 OK", 10, "", b"0123"), answer("200 OK", 10, "", FILE)];
    let server = Server::answering(answers);
    let into = TempDir::new().unwrap();
    let path = fetch(&server.url, FILE, &into).unwrap();
    assert_eq!(fs::read(path).unwrap(), FILE);
}

#[test]
fn what_was_received_is_kept_for_the_next_try_when_the_server_keeps_breaking_off() {
    let empty = answer("206 Partial Content", 6, "Content-Range: bytes 4-9/10\r\n", b"");
    let mut answers = vec![answer("200 OK", 10, "", b"0123")];
    answers.extend(vec![empty; 3]);
    let server = Server::answering(answers);
    let into = TempDir::new().unwrap();
    let error = fetch(&server.url, FILE, &into).unwrap_err();
    assert!(matches!(error, FetchError::BrokenOff { received: 4, bytes: 10, .. }), "{error:?}");
    server.ranges();
    let rest = answer("206 Partial Content", 6, "Content-Range: bytes 4-9/10\r\n", b"456789");
    let server = Server::answering(vec![rest]);
    fetch(&server.url, FILE, &into).unwrap();
    assert_eq!(server.ranges(), [Some("bytes=4-".to_owned())]);
}

#[test]
fn other_bytes_than_published_are_refused_and_not_kept() {
    let more = [FILE, b"!"].concat();
    for body in [b"0123456780".as_slice(), &more] {
        let server = Server::answering(vec![answer("200 OK", body.len(), "", body)]);
        let into = TempDir::new().unwrap();
        let error = fetch(&server.url, FILE, &into).unwrap_err();
        assert!(matches!(error, FetchError::Different { .. }), "{error:?}");
        assert!(!into.path().join("part").exists());
        server.ranges();
    }
}

#[test]
fn a_refusal_is_reported_with_its_status() {
    let server = Server::answering(vec![answer("404 Not Found", 4, "", b"gone")]);
    let into = TempDir::new().unwrap();
    let error = fetch(&server.url, FILE, &into).unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 404, .. }), "{error:?}");
    server.ranges();
}

#[test]
fn what_was_received_outlives_a_server_that_is_overloaded() {
    let overloaded = answer("503 Service Unavailable", 0, "", b"");
    let server = Server::answering(vec![answer("200 OK", 10, "", b"0123"), overloaded]);
    let into = TempDir::new().unwrap();
    let error = fetch(&server.url, FILE, &into).unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 503, .. }), "{error:?}");
    server.ranges();
    assert_eq!(fs::read(into.path().join("part")).unwrap(), b"0123");
}

#[test]
fn a_part_from_another_position_is_refused() {
    let other = answer("206 Partial Content", 6, "Content-Range: bytes 2-7/10\r\n", b"234567");
    let server = Server::answering(vec![answer("200 OK", 10, "", b"0123"), other]);
    let into = TempDir::new().unwrap();
    let error = fetch(&server.url, FILE, &into).unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 206, .. }), "{error:?}");
    assert!(!into.path().join("part").exists());
    server.ranges();
}

#[test]
fn unencrypted_addresses_are_refused() {
    let into = TempDir::new().unwrap();
    let file = RemoteFile { url: "http://127.0.0.1:9/model.onnx", bytes: 1, sha256: "00" };
    let error = download(file, into.path(), &NoProgress).unwrap_err();
    let FetchError::Connection { source, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**source, ureq::Error::RequireHttpsOnly(_)), "{source:?}");
}
