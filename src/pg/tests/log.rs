//! When lines of the log are written.

use std::io::{self, Write};
use std::net::TcpStream as Socket;
use std::os::fd::AsFd;
use std::time::Instant;

use parking_lot::Mutex;
use tracing::{callsite, subscriber};

use super::protocol::{Conversation, PLAIN, bind, execute, message, parse, sync};
use super::*;

/// A log that notes of each line whether the client at the other end of a socket had an answer
/// when it was written. The client reads nothing meanwhile.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    client: Option<Socket>,
    lines: Vec<(String, bool)>,
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Noted { client, lines } = &mut *self.0.lock();
        if let Some(client) = client {
            lines.push((String::from_utf8_lossy(line).into_owned(), is_answered(client)));
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether an answer is there, or comes while the server does nothing.
fn is_answered(client: &Socket) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        if client.peek(&mut [0]).is_ok_and(|read| read == 1) {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

#[tokio::test]
async fn a_statement_is_answered_before_its_line_is_written() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = subscriber::set_default(subscriber);
    let mut talk = Conversation::start().await;
    // A line that others wrote first, who have no log, is written nowhere until this is asked anew.
    talk.say(&[message(b'Q', &[b"SELECT 1\0"])]).await;
    assert_eq!(talk.until_ready().await, "TDCZ");
    callsite::rebuild_interest_cache();
    let client = talk.stream().as_fd().try_clone_to_owned().unwrap();
    log.0.lock().client = Some(client.into());
    let run = [parse("", "SELECT 1"), bind("", "", PLAIN), execute("", 0)].concat();

    talk.say(&[message(b'Q', &[b"SELECT 1\0"])]).await;
    assert_eq!(talk.until_ready().await, "TDCZ");
    talk.say(&[run.clone(), sync()]).await;
    assert_eq!(talk.until_ready().await, "12DCZ");
    talk.say(&[run, message(b'H', &[])]).await;
    assert_eq!(talk.tags(4).await, "12DC");
    talk.say(&[parse("", "SELEC"), sync()]).await;
    assert_eq!(talk.until_ready().await, "EZ");
    let Noted { lines: noted, .. } = std::mem::take(&mut *log.0.lock());
    let served: Vec<_> =
        noted.iter().filter(|(line, _)| line.contains("statement served")).collect();
    assert_eq!(served.len(), 4, "{noted:#?}");
    assert!(served.iter().all(|(_, answered)| *answered), "{noted:#?}");
    assert!(served[3].0.contains("42601"), "{noted:#?}");
}
