//! What the doors add to a search:
//! `cargo run --release -p likeness-serve-bench -- [ROWS] [DIMENSIONS] [SEARCHES]`.
//!
//! The server's two doors on free ports over a store in a temporary directory; clients in the same
//! process, but on a thread of their own. 1, 8 and 32 connections search at the same time, each
//! waiting for one answer before it asks again: prepared SQL, the same search as SQL has to plan
//! it, and REST; prepared SQL also by a client that only looks for the end of the answer, which
//! shows what of the difference is the driver's. The same searches by as many threads in the
//! process are the base line; one connection takes turns with it, so that neither has the better
//! machine. A bare socket, whose other end searches and answers as many bytes as SQL does, shows
//! what of the difference is the system's. Prints one JSON object per figure, so that runs can be
//! compared by a script. The key has no rate limit; searches are recorded in the audit log, as a
//! server does.

mod bare;
mod lean;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::pending;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use futures::future::try_join_all;
use likeness::biometric::{FaceId, SyntheticFaces};
use likeness::engine::keyring::{KeyDraft, Keyring, Tier};
use likeness::engine::{AuditLog, Engine, Inference, Role};
use likeness::pg::{self, Encryption};
use likeness::rest::{self, RestLimits, RestState, SideRoutes};
use likeness_storage::{
    Dim, Embedding, GalleryDraft, GalleryId, Precision, Probe, Row, Store, StoreOptions,
    TemplateId, WriteBatch,
};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Config, NoTls, Statement};

use bare::BareSocket;
use lean::LeanClient;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const TENANT: &str = "bench";
const USER: &str = "bench";
const CONNECTIONS: [usize; 3] = [1, 8, 32];
const PROBES: usize = 64;
const RESULTS: usize = 10;
const ROWS_PER_BATCH: usize = 500;

const DIRECT: &str = "SEARCH FACES IN faces EMBEDDING $1::real[] LIMIT 10";
/// The same without the embeddings, most of the answer.
const COLUMNS: &str = "SELECT rank, face_id, similarity, external_face_id
    FROM (SEARCH FACES IN faces EMBEDDING $1::real[] LIMIT 10) s";
const PLANNED: &str =
    "SELECT * FROM (SEARCH FACES IN faces EMBEDDING $1::real[] LIMIT 10) s WHERE true";

/// A statement that takes days, and how long it may take.
const ENDLESS: &str = "SELECT sum(a * b) FROM generate_series(1, 1000) a,
    generate_series(1, 200000000000) b";
const TIMEOUT_MS: u64 = 50;
const TIMEOUTS: usize = 40;

fn main() -> Outcome {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let rows = numbers.next().unwrap_or(100_000);
    let dimensions = numbers.next().unwrap_or(512);
    let searches = numbers.next().unwrap_or(1_000);
    let directory = tempfile::tempdir()?;
    // Nothing else is at work while searches are timed.
    let options = StoreOptions::default().with_compaction(false);
    let (store, _) = Store::open(directory.path(), options)?;
    let store = Arc::new(store);
    let mut faces = SyntheticFaces::new(1, dimensions);
    let gallery = fill(&store, &mut faces, rows, dimensions)?;
    let strangers = (0..PROBES).map(|_| Embedding::normalize(faces.identity(1).remove(0)));
    let strangers = strangers.collect::<Result<_, _>>()?;
    let probes = Probes::new(&store, gallery, strangers, rows)?;
    let server = Server::start(&store, directory.path(), gallery)?;
    let client = Builder::new_current_thread().enable_all().build()?;
    for connections in CONNECTIONS {
        let load = Load { connections, searches: searches.div_ceil(connections) };
        let tell = |door: &str, search: &str, times: &Times, base: Option<&Times>| {
            times.write(door, search, connections, [rows, dimensions], base)
        };
        let embedding = load.in_process(&store, gallery, &probes.embeddings)?;
        tell("process", "embedding", &embedding, None)?;
        let face = load.in_process(&store, gallery, &probes.faces)?;
        tell("process", "face", &face, None)?;
        let turn = |probes: &[Probe], at: usize| -> Outcome {
            store.snapshot().candidates(gallery, &probes[at % probes.len()])?;
            Ok(())
        };
        let bare = client.block_on(load.bare(&server, &probes, |at| turn(&probes.embeddings, at)));
        let (times, turns) = bare?;
        tell("bare socket", "embedding", &times, Some(turns.as_ref().unwrap_or(&embedding)))?;
        for (door, statement) in
            [("sql", DIRECT), ("sql, some columns", COLUMNS), ("sql, planned", PLANNED)]
        {
            let turn = |at| turn(&probes.embeddings, at);
            let (times, turns) = client.block_on(load.sql(&server, statement, &probes, turn))?;
            tell(door, "embedding", &times, Some(turns.as_ref().unwrap_or(&embedding)))?;
        }
        for (door, statement) in [("sql, lean", DIRECT), ("sql, lean, some columns", COLUMNS)] {
            let turn = |at| turn(&probes.embeddings, at);
            let lean = load.lean(&server, statement, &probes, turn);
            let (times, turns) = client.block_on(lean)?;
            tell(door, "embedding", &times, Some(turns.as_ref().unwrap_or(&embedding)))?;
        }
        let turn = |at| turn(&probes.faces, at);
        let (times, turns) = client.block_on(load.rest(&server, &probes, turn))?;
        tell("rest", "face", &times, Some(turns.as_ref().unwrap_or(&face)))?;
    }
    client.block_on(give_up(&server, [rows, dimensions]))?;
    server.runtime.shutdown_background();
    Ok(())
}

/// How much later than asked for a statement is given up that computes without a pause.
async fn give_up(server: &Server, measured: [usize; 2]) -> Outcome {
    let client = server.log_in().await?;
    client.batch_execute(&format!("SET statement_timeout = {TIMEOUT_MS}")).await?;
    let mut times = Vec::new();
    let began = Instant::now();
    for _ in 0..TIMEOUTS {
        let start = Instant::now();
        if client.batch_execute(ENDLESS).await.is_ok() {
            return Err("a statement was not given up".into());
        }
        times.push(start.elapsed().as_secs_f64() - TIMEOUT_MS as f64 / 1000.0);
    }
    let times = Times::new(vec![times], began.elapsed().as_secs_f64());
    Ok(times.write("sql", "timeout", 1, measured, None)?)
}

/// What is searched for, as the doors and the store take it.
struct Probes {
    /// Of people who are not enrolled.
    embeddings: Vec<Probe>,
    /// Of enrolled people, who are not their own candidates.
    faces: Vec<Probe>,
    /// Ids of the latter.
    face_ids: Vec<FaceId>,
}

impl Probes {
    fn new(
        store: &Store,
        gallery: GalleryId,
        strangers: Vec<Embedding>,
        rows: usize,
    ) -> Outcome<Self> {
        let snapshot = store.snapshot();
        let (mut faces, mut face_ids) = (Vec::new(), Vec::new());
        for at in (0..rows).step_by((rows / PROBES).max(1)).take(PROBES) {
            let id = template_id(at);
            let row = snapshot.get(gallery, id)?.ok_or("a row is missing")?;
            let probe = Probe::new(row.embedding.to_embedding(), RESULTS);
            faces.push(Probe { exclude: Some(id), ..probe });
            face_ids.push(FaceId::from_u128(id.get()));
        }
        let embeddings = strangers.into_iter().map(|face| Probe::new(face, RESULTS)).collect();
        Ok(Self { embeddings, faces, face_ids })
    }
}

/// Both doors and the bare socket, on threads of their own.
struct Server {
    runtime: Runtime,
    bare: SocketAddr,
    pg: SocketAddr,
    http: SocketAddr,
    secret: String,
}

impl Server {
    fn start(store: &Arc<Store>, directory: &Path, gallery: GalleryId) -> Outcome<Self> {
        let inference = Inference::unavailable("not measured here");
        let engine = Engine::recorded(Arc::clone(store), inference, AuditLog::open(directory)?);
        let keyring = Keyring::open(directory)?;
        let draft = KeyDraft {
            tenant: TENANT.parse()?,
            name: USER.to_owned(),
            role: Role::Read,
            tier: Tier::Unlimited,
            expires_at_us: None,
        };
        let (_, secret) = keyring.create(draft)?;
        let keyring = Arc::new(keyring);
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let listen = || runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let (pg_door, http_door, bare_door) = (listen()?, listen()?, listen()?);
        let (pg, http) = (pg_door.local_addr()?, http_door.local_addr()?);
        let bare = bare_door.local_addr()?;
        runtime.spawn(bare::serve(bare_door, Arc::clone(store), gallery));
        let state =
            RestState::new(Arc::clone(&engine), Arc::clone(&keyring), RestLimits::default());
        let traffic = Arc::default();
        runtime.spawn(pg::serve(pg_door, engine, keyring, Encryption::Off, traffic, pending()));
        runtime.spawn(rest::serve(http_door, state, SideRoutes::default(), None, pending()));
        Ok(Self { runtime, bare, pg, http, secret: secret.reveal().to_owned() })
    }

    fn config(&self) -> Config {
        let mut config = Config::new();
        config.host(self.pg.ip().to_string()).port(self.pg.port());
        config.dbname(TENANT).user(USER).password(&self.secret);
        config
    }

    async fn log_in(&self) -> Outcome<Client> {
        let (client, connection) = self.config().connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// How many search at the same time, and how often each of them.
#[derive(Clone, Copy)]
struct Load {
    connections: usize,
    searches: usize,
}

impl Load {
    /// Searches from as many threads as there would be connections.
    fn in_process(self, store: &Store, gallery: GalleryId, probes: &[Probe]) -> Outcome<Times> {
        let worker = |first: usize| -> Outcome<Vec<f64>> {
            let probes = probes.iter().cycle().skip(first);
            let mut times = Vec::with_capacity(self.searches);
            for (at, probe) in probes.take(2 * self.searches).enumerate() {
                let start = Instant::now();
                store.snapshot().candidates(gallery, probe)?;
                // The first half pays for cold pages and caches.
                if at >= self.searches {
                    times.push(start.elapsed().as_secs_f64());
                }
            }
            Ok(times)
        };
        let start = Instant::now();
        let times: Outcome<Vec<Vec<f64>>> = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.connections).map(|first| scope.spawn(move || worker(first))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| "a thread failed")?)
                .collect()
        });
        Ok(Times::new(times?, start.elapsed().as_secs_f64() / 2.0))
    }

    async fn sql(
        self,
        server: &Server,
        text: &str,
        probes: &Probes,
        turn: impl Fn(usize) -> Outcome,
    ) -> Outcome<(Times, Option<Times>)> {
        let mut sessions: Vec<(Client, Statement)> = Vec::new();
        for _ in 0..self.connections {
            let client = server.log_in().await?;
            let statement = client.prepare(text).await?;
            sessions.push((client, statement));
        }
        let embeddings: Vec<Vec<f32>> =
            probes.embeddings.iter().map(|probe| probe.embedding.as_slice().to_vec()).collect();
        let embeddings = &embeddings;
        let search = async |(client, statement): &(Client, Statement), at: usize| {
            let rows = client.query(statement, &[&embeddings[at % PROBES]]).await?;
            Ok(rows.len())
        };
        self.through(&sessions, search, turn).await
    }

    async fn bare(
        self,
        server: &Server,
        probes: &Probes,
        turn: impl Fn(usize) -> Outcome,
    ) -> Outcome<(Times, Option<Times>)> {
        let mut sockets = Vec::new();
        for _ in 0..self.connections {
            sockets.push(BareSocket::connect(server.bare).await?);
        }
        let probes = &probes.embeddings;
        let search = async |socket: &BareSocket, at: usize| socket.ask(&probes[at % PROBES]).await;
        self.through(&sockets, search, turn).await
    }

    async fn lean(
        self,
        server: &Server,
        text: &str,
        probes: &Probes,
        turn: impl Fn(usize) -> Outcome,
    ) -> Outcome<(Times, Option<Times>)> {
        let mut clients = Vec::new();
        for _ in 0..self.connections {
            clients.push(LeanClient::connect(server.pg, &server.config(), text).await?);
        }
        let probes = &probes.embeddings;
        let search = async |client: &LeanClient, at: usize| client.ask(&probes[at % PROBES]).await;
        self.through(&clients, search, turn).await
    }

    async fn rest(
        self,
        server: &Server,
        probes: &Probes,
        turn: impl Fn(usize) -> Outcome,
    ) -> Outcome<(Times, Option<Times>)> {
        let clients: Vec<reqwest::Client> = (0..self.connections)
            .map(|_| reqwest::Client::builder().no_proxy().build())
            .collect::<Result<_, _>>()?;
        let search = async |client: &reqwest::Client, at: usize| {
            let face_id = probes.face_ids[at % probes.face_ids.len()];
            let address = server.http;
            let url = format!(
                "http://{address}/api/v2/collections/faces/search-by-face/{face_id}\
                 ?max_results={RESULTS}&threshold=0"
            );
            let asked = client.post(url).bearer_auth(&server.secret).send().await?;
            let body = asked.error_for_status()?.text().await?;
            Ok(body.matches("\"similarity\"").count())
        };
        self.through(&clients, search, turn).await
    }

    /// Runs `search` over all connections at the same time, first to warm up, then measured. A
    /// single one takes turns with `turn`, whose times are returned as well.
    async fn through<C>(
        self,
        connections: &[C],
        search: impl AsyncFn(&C, usize) -> Outcome<usize>,
        turn: impl Fn(usize) -> Outcome,
    ) -> Outcome<(Times, Option<Times>)> {
        let (fewest, turns) = (Cell::new(usize::MAX), RefCell::new(Vec::new()));
        let worker = async |first: usize, connection: &C| -> Outcome<Vec<f64>> {
            let mut times = Vec::with_capacity(self.searches);
            for at in 0..self.searches {
                if self.connections == 1 {
                    let start = Instant::now();
                    turn(first + at)?;
                    turns.borrow_mut().push(start.elapsed().as_secs_f64());
                }
                let start = Instant::now();
                let found = search(connection, first + at).await?;
                times.push(start.elapsed().as_secs_f64());
                fewest.set(fewest.get().min(found));
            }
            Ok(times)
        };
        let all = async || {
            let workers = connections.iter().enumerate();
            try_join_all(workers.map(|(first, connection)| worker(first, connection))).await
        };
        all().await?;
        turns.borrow_mut().clear();
        let start = Instant::now();
        let times = all().await?;
        if fewest.get() == 0 {
            return Err("a search found nothing".into());
        }
        let (elapsed, turns) = (start.elapsed().as_secs_f64(), turns.take());
        let in_turns: f64 = turns.iter().sum();
        let turns = (self.connections == 1).then(|| Times::new(vec![turns], in_turns));
        Ok((Times::new(times, elapsed - in_turns), turns))
    }
}

/// How long searches took, in seconds.
struct Times {
    sorted: Vec<f64>,
    elapsed: f64,
}

impl Times {
    fn new(times: Vec<Vec<f64>>, elapsed: f64) -> Self {
        let mut sorted: Vec<f64> = times.into_iter().flatten().collect();
        sorted.sort_by(f64::total_cmp);
        Self { sorted, elapsed }
    }

    /// Milliseconds that `share` of the searches stayed within.
    fn milliseconds(&self, share: f64) -> f64 {
        let at = (self.sorted.len() as f64 * share) as usize;
        self.sorted.get(at).or(self.sorted.last()).copied().unwrap_or_default() * 1000.0
    }

    fn write(
        &self,
        door: &str,
        search: &str,
        connections: usize,
        [rows, dimensions]: [usize; 2],
        base: Option<&Self>,
    ) -> io::Result<()> {
        let [median, slow] = [0.5, 0.99].map(|share| self.milliseconds(share));
        let per_second = self.sorted.len() as f64 / self.elapsed;
        let overhead = base.map_or_else(String::new, |base| {
            format!(",\"overhead_p50_ms\":{:.3}", median - base.milliseconds(0.5))
        });
        writeln!(
            io::stdout(),
            "{{\"bench\":\"serve\",\"door\":\"{door}\",\"search\":\"{search}\",\
             \"connections\":{connections},\"rows\":{rows},\"dimensions\":{dimensions},\
             \"p50_ms\":{median:.3},\"p99_ms\":{slow:.3},\"per_second\":{per_second:.0}{overhead}}}"
        )
    }
}

fn fill(
    store: &Store,
    faces: &mut SyntheticFaces,
    rows: usize,
    dimensions: usize,
) -> Outcome<GalleryId> {
    let mut batch = WriteBatch::new();
    batch.create_gallery(GalleryDraft {
        tenant: TENANT.into(),
        name: "faces".into(),
        description: None,
        model: "external".into(),
        dim: Dim::new(dimensions).ok_or("dimensions must be 1 to 4096")?,
        precision: Precision::default(),
        thumbnails: false,
        created_at_us: 0,
    });
    let created = store.write(batch)?.created;
    let gallery = *created.first().ok_or("no gallery was created")?;
    let templates = (0..rows.div_ceil(4)).flat_map(|_| faces.identity(4)).take(rows);
    let mut batch = WriteBatch::new();
    for (at, template) in templates.enumerate() {
        let embedding = Embedding::normalize(template)?;
        batch.enroll(gallery, Row::new(template_id(at), "external", embedding));
        if (at + 1) % ROWS_PER_BATCH == 0 || at + 1 == rows {
            store.write(std::mem::take(&mut batch))?;
        }
    }
    store.checkpoint()?;
    store.compact()?;
    Ok(gallery)
}

fn template_id(at: usize) -> TemplateId {
    TemplateId::new(at as u128 + 1)
}
