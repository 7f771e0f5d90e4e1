//! The extended protocol message by message, as no driver would send it.

use std::collections::BTreeMap;

use bytes::{Buf, BytesMut};
use futures::FutureExt;
use tokio::sync::watch;
use tokio::time;

use super::super::auth::Gatekeeper;
use super::super::budget::{MessageBudget, SHORT_BYTES};
use super::super::cancel::Canceler;
use super::super::connection::Connection;
use super::super::journal::Journal;
use super::super::wire::Wire;
use super::*;
use crate::engine::Tenant;
use crate::engine::keyring::Key;
use crate::sql::SqlSession;

/// Room for long messages in these tests.
const BUDGET_BYTES: usize = 4 * 1024 * 1024;

/// A client past log-in, and the server's end of the same socket at work.
pub(super) struct Conversation {
    stream: TcpStream,
    answers: BytesMut,
    served: JoinHandle<()>,
    budget: MessageBudget,
    pub(super) tenant: Tenant,
    stop: watch::Sender<bool>,
    _directory: Arc<tempfile::TempDir>,
}

/// What connections share.
pub(super) struct Stage {
    engine: Arc<Engine>,
    gatekeeper: Arc<Gatekeeper>,
    key: Key,
    budget: MessageBudget,
    directory: Arc<tempfile::TempDir>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let budget = MessageBudget::of_kib(BUDGET_BYTES / 1024);
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let (store, _) = Store::open(directory.path(), StoreOptions::default()).unwrap();
        let engine = Engine::new(Arc::new(store), Inference::unavailable("none in this test"));
        let keyring = Arc::new(Keyring::open(directory.path()).unwrap());
        let draft = KeyDraft {
            tenant: "acme".parse().unwrap(),
            name: "admin".to_owned(),
            role: Role::Admin,
            tier: Tier::Standard,
            expires_at_us: None,
        };
        let (key, _) = keyring.create(draft).unwrap();
        let gatekeeper = Arc::new(Gatekeeper::new(keyring).unwrap());
        Self { engine, gatekeeper, key, budget, directory }
    }

    /// How many searches have been made.
    pub(super) fn searches(&self) -> u64 {
        self.engine.searches().searches()
    }

    /// A client past log-in.
    pub(super) async fn enter(&self) -> Conversation {
        self.enter_with(Arc::default()).await
    }

    /// A client past log-in, whose statements are canceled by this.
    pub(super) async fn enter_with(&self, canceler: Arc<Canceler>) -> Conversation {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut wire = Wire::new(listener.accept().await.unwrap().0);
        wire.trust_client(self.budget.clone());
        let tenant = self.engine.tenant("acme".parse().unwrap());
        let session = SqlSession::new(tenant.clone(), self.key.role, &self.key.name);
        // What the client was told when it logged in.
        session.take_reports();
        let (stop, stopping) = watch::channel(false);
        let gatekeeper = Arc::clone(&self.gatekeeper);
        let id = self.key.id.clone();
        let journal = Journal::new(1, Arc::default());
        let connection = Connection::new(wire, session, canceler, journal, gatekeeper, id);
        let mut started = Conversation {
            stream,
            answers: BytesMut::new(),
            served: tokio::spawn(connection.run(stopping)),
            budget: self.budget.clone(),
            tenant,
            stop,
            _directory: Arc::clone(&self.directory),
        };
        assert_eq!(started.until_ready().await, "Z");
        started
    }
}

impl Conversation {
    /// On a stage of its own.
    pub(super) async fn start() -> Self {
        Stage::new().enter().await
    }

    /// The client's end of the socket.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The client's end of the socket, and the server's work at the other; it goes on as long as
    /// the last part is kept.
    pub(super) fn into_parts(self) -> (TcpStream, JoinHandle<()>, watch::Sender<bool>) {
        (self.stream, self.served, self.stop)
    }

    /// Hangs up, and waits until the server has noticed.
    pub(super) async fn hang_up(self) -> Tenant {
        let Self { stream, served, tenant, _directory: _kept, .. } = self;
        drop(stream);
        in_time(served).await.unwrap();
        tenant
    }

    pub(super) async fn say(&mut self, messages: &[Vec<u8>]) {
        self.stream.write_all(&messages.concat()).await.unwrap();
    }

    /// The next answer: its type byte and its body; none when the server hung up.
    pub(super) async fn next(&mut self) -> Option<(char, BytesMut)> {
        loop {
            if self.answers.len() >= 5 {
                let mut header = self.answers.as_ref();
                let (tag, length) = (char::from(header.get_u8()), header.get_u32() as usize);
                if self.answers.len() > length {
                    let mut message = self.answers.split_to(length + 1);
                    message.advance(5);
                    return Some((tag, message));
                }
            }
            if in_time(self.stream.read_buf(&mut self.answers)).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The type bytes of the answers up to `ReadyForQuery` or the end.
    pub(super) async fn until_ready(&mut self) -> String {
        let mut tags = String::new();
        while let Some((tag, _)) = self.next().await {
            tags.push(tag);
            if tag == 'Z' {
                break;
            }
        }
        tags
    }

    /// The type bytes of so many answers.
    pub(super) async fn tags(&mut self, count: usize) -> String {
        let mut tags = String::new();
        while tags.len() < count
            && let Some((tag, _)) = self.next().await
        {
            tags.push(tag);
        }
        tags
    }

    /// Says something wrong, and answers with the SQLSTATE and what came around it.
    pub(super) async fn error(&mut self, messages: &[Vec<u8>]) -> (String, String) {
        self.say(messages).await;
        let (mut tags, mut state) = (String::new(), String::new());
        while let Some((tag, body)) = self.next().await {
            tags.push(tag);
            if tag == 'E' {
                let fields: BTreeMap<char, String> = body
                    .as_ref()
                    .split(|byte| *byte == 0)
                    .filter_map(|field| field.split_first())
                    .map(|(code, text)| (char::from(*code), String::from_utf8_lossy(text).into()))
                    .collect();
                state.clone_from(&fields[&'C']);
            }
            if tag == 'Z' {
                break;
            }
        }
        (state, tags)
    }
}

pub(super) fn message(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), &body].concat()
}

pub(super) fn parse(name: &str, text: &str) -> Vec<u8> {
    message(b'P', &[name.as_bytes(), b"\0", text.as_bytes(), b"\0\0\0"])
}

pub(super) fn bind(portal: &str, statement: &str, rest: &[u8]) -> Vec<u8> {
    message(b'B', &[portal.as_bytes(), b"\0", statement.as_bytes(), b"\0", rest])
}

/// Text formats, no parameters.
pub(super) const PLAIN: &[u8] = &[0, 0, 0, 0, 0, 0];

pub(super) fn execute(portal: &str, limit: i32) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), b"\0", &limit.to_be_bytes()])
}

pub(super) fn describe(what: u8, name: &str) -> Vec<u8> {
    message(b'D', &[&[what], name.as_bytes(), b"\0"])
}

pub(super) fn sync() -> Vec<u8> {
    message(b'S', &[])
}

const FIVE: &str = "SELECT * FROM (VALUES (1), (2), (3), (4), (5)) t";

#[tokio::test]
async fn a_pipeline_is_answered_in_order() {
    let mut talk = Conversation::start().await;
    talk.say(&[
        parse("s", FIVE),
        describe(b'S', "s"),
        bind("", "s", PLAIN),
        describe(b'P', ""),
        execute("", 0),
        message(b'C', &[b"Ss\0"]),
        sync(),
    ])
    .await;
    assert_eq!(talk.until_ready().await, "1tT2TDDDDDC3Z");
}

/// Types and modifiers of the columns that a `RowDescription` tells.
fn told_types(mut description: BytesMut) -> Vec<(u32, i32)> {
    let mut types = Vec::new();
    for _ in 0..description.get_i16() {
        while description.get_u8() != 0 {}
        let (_relation, _column) = (description.get_i32(), description.get_i16());
        let (oid, _size) = (description.get_u32(), description.get_i16());
        types.push((oid, description.get_i32()));
        let _format = description.get_i16();
    }
    types
}

#[tokio::test]
async fn the_length_that_a_type_was_written_with_is_told() {
    let mut talk = Conversation::start().await;
    let sql = "SELECT 'a'::varchar(3), x::char(2), x::varchar, x, '1'::varchar(3)::int \
               FROM (VALUES ('b')) v(x)";
    talk.say(&[parse("", sql), describe(b'S', ""), sync()]).await;
    let mut told = Vec::new();
    while let Some((tag, body)) = talk.next().await {
        match tag {
            'T' => told = told_types(body),
            'Z' => break,
            _ => {}
        }
    }
    assert_eq!(told, [(1043, 7), (1042, 6), (1043, -1), (25, -1), (23, -1)]);
}

#[tokio::test]
async fn after_an_error_everything_is_skipped_until_sync() {
    let mut talk = Conversation::start().await;
    let messages =
        [parse("", "SELECT nonsense"), bind("", "", PLAIN), execute("", 0), parse("x", "SELECT 1")];
    let outcome = talk.error(&[messages.concat(), sync()]).await;
    assert_eq!(outcome.1, "EZ");
    let outcome = talk.error(&[bind("", "x", PLAIN), sync()]).await;
    assert_eq!(outcome, ("26000".to_owned(), "EZ".to_owned()));
}

#[tokio::test]
async fn any_row_limit_a_client_can_write_is_harmless() {
    let mut talk = Conversation::start().await;
    for (limit, expected) in [(0, "DDDDDC"), (-1, "DDDDDC"), (i32::MAX, "DDDDDC"), (2, "DDs")] {
        talk.say(&[parse("", FIVE), bind("", "", PLAIN), execute("", limit), sync()]).await;
        assert_eq!(talk.until_ready().await, format!("12{expected}Z"), "limit {limit}");
    }
}

#[tokio::test]
async fn portals_end_with_their_transaction() {
    let mut talk = Conversation::start().await;
    talk.say(&[parse("s", FIVE), bind("p", "s", PLAIN), execute("p", 2), sync()]).await;
    assert_eq!(talk.until_ready().await, "12DDsZ");
    let outcome = talk.error(&[execute("p", 2), sync()]).await;
    assert_eq!(outcome, ("34000".to_owned(), "EZ".to_owned()));

    talk.say(&[message(b'Q', &[b"BEGIN\0"])]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    talk.say(&[bind("p", "s", PLAIN), execute("p", 2), sync()]).await;
    assert_eq!(talk.until_ready().await, "2DDsZ");
    talk.say(&[execute("p", 0), execute("p", 0), sync()]).await;
    assert_eq!(talk.until_ready().await, "DDDCCZ");
}

/// Lets time pass.
pub(super) async fn pass(time: Duration) {
    time::pause();
    time::advance(time).await;
    time::resume();
}

#[tokio::test]
async fn the_time_of_a_statement_runs_from_its_first_message_until_it_is_executed() {
    const HOUR: Duration = Duration::from_hours(1);
    let mut talk = Conversation::start().await;
    talk.say(&[message(b'Q', &[b"SET statement_timeout = '1h'\0"])]).await;
    assert_eq!(talk.until_ready().await, "CZ");
    let prepare = [parse("", FIVE), bind("", "", PLAIN), message(b'H', &[])];

    talk.say(&prepare).await;
    assert_eq!(talk.tags(2).await, "12");
    pass(HOUR).await;
    let outcome = talk.error(&[execute("", 0), sync()]).await;
    assert_eq!(outcome, ("57014".to_owned(), "EZ".to_owned()));

    // Neither what Sync ends nor what has been executed takes from the next one's time.
    talk.say(&[parse("s", FIVE), sync()]).await;
    assert_eq!(talk.until_ready().await, "1Z");
    pass(2 * HOUR).await;
    talk.say(&[bind("", "s", PLAIN), execute("", 0), message(b'H', &[])]).await;
    assert_eq!(talk.tags(7).await, "2DDDDDC");
    pass(2 * HOUR).await;
    talk.say(&[bind("", "s", PLAIN), execute("", 2), message(b'H', &[])]).await;
    assert_eq!(talk.tags(4).await, "2DDs");
    pass(2 * HOUR).await;
    talk.say(&[execute("", 0), sync()]).await;
    assert_eq!(talk.until_ready().await, "DDDCZ");
}

#[tokio::test]
async fn names_counts_and_formats_that_do_not_fit_are_refused() {
    let mut talk = Conversation::start().await;
    talk.say(&[parse("s", FIVE), sync()]).await;
    assert_eq!(talk.until_ready().await, "1Z");
    let one_parameter = &[0, 0, 0, 1, 0, 0, 0, 1, b'x', 0, 0];
    let two_result_formats = &[0, 0, 0, 0, 0, 2, 0, 0, 0, 1];
    let unknown_format = &[0, 0, 0, 0, 0, 1, 0, 7];
    for (wrong, state) in [
        (parse("s", "SELECT 1"), "42P05"),
        (parse("", "SELECT 1; SELECT 2"), "42601"),
        (bind("", "nothing", PLAIN), "26000"),
        (bind("", "s", one_parameter), "08P01"),
        (bind("", "s", two_result_formats), "08P01"),
        (bind("", "s", unknown_format), "08P01"),
        (describe(b'S', "nothing"), "26000"),
        (describe(b'P', "nothing"), "34000"),
        (describe(b'X', ""), "08P01"),
        (execute("nothing", 0), "34000"),
        (message(b'C', &[b"Xs\0"]), "08P01"),
    ] {
        let outcome = talk.error(&[wrong, sync()]).await;
        assert_eq!(outcome, (state.to_owned(), "EZ".to_owned()));
    }
    talk.say(&[bind("", "s", PLAIN), execute("", 0), sync()]).await;
    assert_eq!(talk.until_ready().await, "2DDDDDCZ");
}

#[tokio::test]
async fn warnings_come_before_the_end_of_their_statement_if_the_client_wants_them() {
    let query = |text: &str| message(b'Q', &[text.as_bytes(), b"\0"]);
    let mut talk = Conversation::start().await;
    talk.say(&[query("COMMIT")]).await;
    let (tag, body) = talk.next().await.unwrap();
    let told = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(tag, 'N');
    for part in ["SWARNING\0", "C25P01\0", "Mthere is no transaction in progress\0"] {
        assert!(told.contains(part), "{told:?}");
    }
    assert_eq!(talk.until_ready().await, "CZ");
    talk.say(&[query("SET client_min_messages = error"), query("COMMIT")]).await;
    assert_eq!([talk.until_ready().await, talk.until_ready().await], ["CZ", "CZ"]);
}

#[tokio::test]
async fn what_a_pool_says_before_it_hands_a_connection_on_is_taken() {
    let mut talk = Conversation::start().await;
    talk.say(&[message(b'Q', &[b"CLOSE ALL; UNLISTEN *; RESET ALL\0"])]).await;
    assert_eq!(talk.until_ready().await, "CCCZ");
    let outcome = talk.error(&[message(b'Q', &[b"LISTEN faces\0"])]).await;
    assert_eq!(outcome, ("0A000".to_owned(), "EZ".to_owned()));
}

#[tokio::test]
async fn an_empty_statement_goes_through_every_step() {
    let mut talk = Conversation::start().await;
    talk.say(&[
        parse("", ""),
        describe(b'S', ""),
        bind("", "", PLAIN),
        describe(b'P', ""),
        execute("", 0),
        sync(),
    ])
    .await;
    assert_eq!(talk.until_ready().await, "1tn2nIZ");
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_refused_and_the_conversation_goes_on() {
    let mut talk = Conversation::start().await;
    let outcome = talk.error(&[message(b'Q', &[b"SELECT '\xe9'\0"])]).await;
    assert_eq!(outcome, ("22021".to_owned(), "EZ".to_owned()));
    let broken = message(b'P', &[b"\0SELECT '\xe9'\0\0\0"]);
    let outcome = talk.error(&[broken, execute("", 0), sync()]).await;
    assert_eq!(outcome, ("22021".to_owned(), "EZ".to_owned()));
}

#[tokio::test]
async fn a_message_that_lies_about_itself_ends_the_conversation() {
    for wrong in [
        b"B\0\0\0\x0a\0\0\xff\xff\xff\xff".to_vec(),
        b"Q\x7f\xff\xff\xff".to_vec(),
        b"S\0\0\0\x03".to_vec(),
        b"E\0\0\x7f\xff\0".to_vec(),
        b"~\0\0\0\x04".to_vec(),
        message(b'p', &[b"again\0"]),
    ] {
        let mut talk = Conversation::start().await;
        let outcome = talk.error(std::slice::from_ref(&wrong)).await;
        assert_eq!(outcome, ("08P01".to_owned(), "E".to_owned()), "{wrong:?}");
        in_time(&mut talk.served).await.unwrap();
    }
}

#[tokio::test]
async fn a_long_message_waits_for_room_and_gives_it_back() {
    let mut talk = Conversation::start().await;
    let half = talk.budget.share(BUDGET_BYTES / 2).await.unwrap();
    assert!(half.is_some());
    let long = message(b'Q', &[&b" ".repeat(BUDGET_BYTES - 1024), b"\0"]);
    let (begun, rest) = long.split_at(SHORT_BYTES + 5);
    talk.say(&[begun.to_vec()]).await;
    // Once the message stands in the queue, nobody gets past it.
    in_time(async {
        while talk.budget.share(BUDGET_BYTES / 2).now_or_never().is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(half);
    let (state, tags) = talk.error(&[rest.to_vec()]).await;
    assert_eq!((state.as_str(), tags.as_str()), ("54000", "EZ"));
    assert!(in_time(talk.budget.share(BUDGET_BYTES)).await.unwrap().is_some());
}

#[tokio::test]
async fn long_messages_that_are_only_begun_keep_nobody_waiting() {
    let stage = Stage::new();
    let long = message(b'Q', &[&b" ".repeat(BUDGET_BYTES - 1024), b"\0"]);
    let mut begun = Vec::new();
    for _ in 0..3 {
        let mut talk = stage.enter().await;
        talk.say(&[long[..5000].to_vec()]).await;
        begun.push(talk);
    }
    let mut talk = stage.enter().await;
    assert_eq!(talk.error(&[long]).await.0, "54000");
    assert!(begun.iter().all(|talk| !talk.served.is_finished()));
}

#[tokio::test]
async fn as_many_parameters_as_the_protocol_can_count_are_bound() {
    let mut talk = Conversation::start().await;
    // One more is no parameter any more, and one value too few or too many is refused.
    let outcome = talk.error(&[parse("", "SELECT $65536"), sync()]).await;
    assert_eq!(outcome, ("42P02".to_owned(), "EZ".to_owned()));
    talk.say(&[parse("s", "SELECT $65535::text"), sync()]).await;
    assert_eq!(talk.until_ready().await, "1Z");
    let values = |count: u16| {
        let values = [&1_u32.to_be_bytes()[..], b"x"].concat().repeat(usize::from(count));
        [&[0, 0], &count.to_be_bytes()[..], &values, &[0, 0]].concat()
    };
    talk.say(&[bind("", "s", &values(u16::MAX)), execute("", 0), sync()]).await;
    assert_eq!(talk.until_ready().await, "2DCZ");
    let outcome = talk.error(&[bind("", "s", &values(u16::MAX - 1)), sync()]).await;
    assert_eq!(outcome, ("08P01".to_owned(), "EZ".to_owned()));
}

#[tokio::test]
async fn nothing_is_answered_behind_a_farewell_and_every_sync_is() {
    let mut talk = Conversation::start().await;
    talk.say(&[sync().repeat(1000)]).await;
    for _ in 0..1000 {
        assert_eq!(talk.until_ready().await, "Z");
    }
    talk.say(&[message(b'X', &[]), message(b'Q', &[b"SELECT 1\0"])]).await;
    assert_eq!(talk.until_ready().await, "");
}
