//! Conversations that were right and have been spoiled: every one is answered in whole messages or
//! ended, and none breaks the server.

use tokio::io::AsyncWriteExt;

use super::protocol::{Stage, bind, describe, execute, message, parse, sync};
use super::*;
use crate::fuzz::{Random, inputs};

/// Conversations in an ordinary run.
const INPUTS: u64 = 200;
/// Clients that talk at the same time before they have logged in.
const TOGETHER: usize = 20;

const NAMES: [&str; 4] = ["", "a", "b", "a name that is rather long, for a name"];

const TEXTS: [&str; 28] = [
    "",
    ";",
    "SELECT 1",
    "SELECT 1; SELECT 2; COMMIT; SELECT 3",
    "SELECT $1",
    "SELECT $1::bigint + $2::bigint, $3::text, $4::bytea, $5::real[], $6::jsonb",
    "SELECT * FROM generate_series(1, 100000)",
    "SELECT * FROM users",
    "SELECT nonsense",
    "BEGIN",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "COMMIT",
    "ROLLBACK",
    "COPY users (embedding) FROM STDIN",
    "COPY users FROM STDIN (FORMAT binary)",
    "COPY users TO STDOUT (FORMAT csv)",
    "CREATE COLLECTION IF NOT EXISTS users WITH (dimensions = 2)",
    "INSERT INTO users (embedding) VALUES ($1)",
    "SEARCH FACES IN users EMBEDDING $1 LIMIT 3",
    "SET application_name = 'x\u{1f642}'",
    "DEALLOCATE ALL",
    "DECLARE a CURSOR FOR SELECT * FROM generate_series(1, 1000)",
    "FETCH 5 FROM a",
    "CLOSE a",
    "PREPARE b AS SELECT $1::text",
    "EXECUTE b('x')",
    "DISCARD ALL",
];

/// A message that a client may send, mostly where it makes sense.
fn any_message(random: &mut Random) -> Vec<u8> {
    let (name, other) = (random.pick(&NAMES), random.pick(&NAMES));
    let target = random.pick(b"SPSPSPx");
    match random.below(16) {
        0 | 1 => message(b'Q', &[random.pick(&TEXTS).as_bytes(), b"\0"]),
        2 | 3 => parse(name, random.pick(&TEXTS)),
        4 => any_parse(random, name),
        5..=7 => bind(name, other, &any_values(random)),
        8 => describe(target, name),
        9 | 10 => execute(name, random.pick(&[0, 1, 2, 1000, -1, i32::MIN, i32::MAX])),
        11 => message(b'C', &[&[target], name.as_bytes(), b"\0"]),
        12 => sync(),
        13 => message(b'H', &[]),
        14 => {
            message(b'd', &[random.pick(&[b"[1,0]\n".as_slice(), b"PGCOPY\n\xff\r\n\0", b"\\."])])
        }
        _ => match random.below(6) {
            0 => message(b'c', &[]),
            1 => message(b'f', &[b"no more\0"]),
            2 => message(b'p', &[b"SCRAM-SHA-256\0\0\0\0\0"]),
            3 => message(b'X', &[]),
            4 => [sync(), sync(), sync()].concat(),
            _ => message(random.below(256) as u8, &[b"\0"]),
        },
    }
}

/// A Parse with types for its parameters, as many as it likes.
fn any_parse(random: &mut Random, name: &str) -> Vec<u8> {
    let count = random.pick(&[0_u16, 1, 6, 7, 1000, 65535]);
    let oid = random.pick(&[0_u32, 16, 20, 23, 25, 705, 1021, 16388, 16389, u32::MAX]);
    let types = oid.to_be_bytes().repeat(usize::from(count));
    let text = random.pick(&TEXTS).as_bytes();
    message(b'P', &[name.as_bytes(), b"\0", text, b"\0", &count.to_be_bytes(), &types])
}

/// Formats, values and result formats of a Bind.
fn any_values(random: &mut Random) -> Vec<u8> {
    let formats = |random: &mut Random| {
        let count = random.pick(&[0_u16, 0, 1, 2, 6, 65535]);
        let format = random.pick(&[0_u16, 1, 1, 2, 65535]);
        [&count.to_be_bytes()[..], &format.to_be_bytes().repeat(usize::from(count))].concat()
    };
    let count = random.pick(&[0_u16, 1, 1, 2, 6, 65535]);
    let mut rest = [formats(random), count.to_be_bytes().to_vec()].concat();
    for _ in 0..count {
        let value: &[u8] = random.pick(&[
            b"".as_slice(),
            b"1",
            b"\0\0\0\0\0\0\0\x01",
            b"[1,0]",
            b"{1,0}",
            b"\\x00",
            b"\xff\xfe",
            b"\0\0\0\x01\0\0\0\0\0\0\x02\xbc\0\0\0\x01\0\0\0\x01\0\0\0\x04\x3f\x80\0\0",
        ]);
        if random.one_in(8) {
            rest.extend((-1_i32).to_be_bytes());
        } else {
            rest.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
            rest.extend(value);
        }
    }
    [rest, formats(random)].concat()
}

/// Changes bytes anywhere, lengths and type bytes among them.
fn spoil(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            2 if at < bytes.len() => bytes[at] = random.below(256) as u8,
            3 => bytes.insert(at, random.below(256) as u8),
            4 if at + 4 <= bytes.len() => {
                let number = random.pick(&[0, 3, 4, 5, -1, i32::MIN, i32::MAX, 60_000_000]);
                bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
            }
            _ => {}
        }
    }
}

/// The messages in what a server sent: type bytes and bodies. The last may be cut off.
fn messages(mut bytes: &[u8]) -> Vec<(char, &[u8])> {
    let mut messages = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<5>() {
        let [tag, length @ ..] = *header;
        let length = u32::from_be_bytes(length) as usize - 4;
        let body = rest.split_at_checked(length).unwrap_or((rest, b""));
        messages.push((char::from(tag), body.0));
        bytes = body.1;
    }
    messages
}

/// Everything that the server sends to a client that says `bytes` and then nothing more.
async fn answer(stream: TcpStream, bytes: Vec<u8>) -> Vec<u8> {
    let (mut reader, mut writer) = stream.into_split();
    let saying = tokio::spawn(async move {
        // A server that has had enough does not take the rest.
        if writer.write_all(&bytes).await.is_ok() {
            let _ = writer.shutdown().await;
        }
    });
    let mut answer = Vec::new();
    let _ = reader.read_to_end(&mut answer).await;
    saying.abort();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn no_conversation_breaks_the_server() {
    let stage = Stage::new();
    for (seed, mut random) in inputs(INPUTS) {
        let count = random.below(40) + 1;
        let mut said = vec![message(b'Q', &[b"SET statement_timeout = '1s'\0"])];
        said.extend((0..count).map(|_| any_message(&mut random)));
        let mut said = said.concat();
        if random.one_in(2) {
            spoil(&mut random, &mut said);
        }
        let (stream, served, _stop) = stage.enter().await.into_parts();
        let heard = in_time(answer(stream, said)).await;
        in_time(served).await.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for (tag, body) in messages(&heard) {
            assert!("123CDEGHInNRSTZcdst".contains(tag), "seed {seed}: answered {tag:?}");
            let told = String::from_utf8_lossy(body);
            assert!(tag != 'E' || !told.contains("CXX000"), "seed {seed}: {told}");
        }
    }
    let mut talk = stage.enter().await;
    talk.say(&[message(b'Q', &[b"SELECT 1\0"])]).await;
    assert_eq!(talk.until_ready().await, "TDCZ");
}

/// What comes before a log-in, right or nearly.
fn any_greeting(random: &mut Random) -> Vec<u8> {
    let packet = |body: &[u8]| {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&length.to_be_bytes()[..], body].concat()
    };
    let code = |code: u32| packet(&code.to_be_bytes());
    let startup = |parameters: &[u8]| packet(&[&[0, 3, 0, 0], parameters, b"\0"].concat());
    let mut said = Vec::new();
    for _ in 0..random.below(3) {
        said.extend(code(random.pick(&[80_877_103, 80_877_104, 80_877_105])));
    }
    said.extend(startup(random.pick(&[
        b"user\0admin\0database\0acme\0".as_slice(),
        b"user\0admin\0database\0acme\0options\0-c a=b\0_pq_.x\0y\0",
        b"user\0\0",
        b"database\0acme\0",
        b"user\0admin",
        b"\xff\xfe\0\0",
    ])));
    let first: &[u8] = random.pick(&[
        b"n,,n=,r=abcdefghijklmnop".as_slice(),
        b"y,,n=,r=abcdefghijklmnop",
        b"p=tls-server-end-point,,n=,r=abc",
        b"n,a=x,n=admin,r=\xff",
        b"n,,",
        b",,,,,,=",
        b"",
    ]);
    let mechanism: &[u8] =
        random.pick(&[b"SCRAM-SHA-256\0".as_slice(), b"SCRAM-SHA-256-PLUS\0", b"PLAIN\0", b""]);
    let length = u32::try_from(first.len()).unwrap().to_be_bytes();
    said.extend(message(b'p', &[mechanism, &length, first]));
    said.extend(message(
        b'p',
        &[random.pick(&[
            b"c=biws,r=abcdefghijklmnop,p=AAAA".as_slice(),
            b"c=,r=,p=",
            b"c=biws,r=x,p=!!!!",
            b"\xff",
            b"",
        ])],
    ));
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn no_greeting_breaks_the_server() {
    let limits = PgLimits { log_in: Duration::from_millis(300), ..PgLimits::default() };
    let door = Door::open_within(limits).await;
    let client = door.admin().await;
    let mut all = inputs(INPUTS).peekable();
    while all.peek().is_some() {
        let talks = all.by_ref().take(TOGETHER).map(|(seed, mut random)| {
            let mut said = any_greeting(&mut random);
            spoil(&mut random, &mut said);
            let door = &door;
            async move { (seed, in_time(door.raw(&said)).await, said) }
        });
        for (seed, heard, said) in futures::future::join_all(talks).await {
            // What is no refusal of encryption is told in messages, and the last is an error: not
            // a word would mean that the server broke. Only a cancel request gets no answer.
            let refused = heard.iter().take_while(|byte| **byte == b'N').count();
            let last = messages(&heard[refused..]).last().map(|(tag, _)| *tag);
            let canceled = said.windows(4).any(|code| code == 80_877_102_u32.to_be_bytes());
            let left = said.contains(&b'X');
            assert!(last == Some('E') || canceled || left, "seed {seed}: {said:?}: {heard:?}");
        }
        still_serves(&client).await;
    }
}
