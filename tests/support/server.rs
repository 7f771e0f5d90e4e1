//! A `likeness` process of its own, on free ports and a directory of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Rest;

/// How a test wants its server to run.
pub(crate) struct ServerBuilder {
    directory: Arc<TempDir>,
    command: &'static str,
    models: Option<PathBuf>,
    pack: Option<String>,
    arguments: Vec<String>,
    log: &'static str,
    keeps_log: bool,
    without_clients: bool,
    file_bytes_max: Option<u64>,
}

impl ServerBuilder {
    /// A `serve` on a new directory that never looks for a model pack.
    pub(crate) fn new() -> Self {
        Self {
            directory: Arc::new(tempfile::tempdir().unwrap()),
            command: "serve",
            models: None,
            pack: None,
            arguments: Vec::new(),
            log: "warn",
            keeps_log: false,
            without_clients: true,
            file_bytes_max: None,
        }
    }

    /// With the default model pack.
    pub(crate) fn with_models(mut self) -> Self {
        self.models = Some(super::models_dir());
        self.without_clients = false;
        self
    }

    /// With this pack of a models directory.
    pub(crate) fn with_pack(mut self, models: PathBuf, pack: &str) -> Self {
        self.models = Some(models);
        self.pack = Some(pack.to_owned());
        self
    }

    /// `demo` instead of `serve`.
    pub(crate) fn demo(mut self) -> Self {
        self.command = "demo";
        self
    }

    /// With further arguments.
    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// Without a word about the model pack that is missing.
    pub(crate) fn errors_only(mut self) -> Self {
        self.log = "error";
        self
    }

    /// With a log of this level, kept for [`TestServer::log`] as one JSON object a line.
    pub(crate) fn logging(mut self, level: &'static str) -> Self {
        (self.log, self.keeps_log) = (level, true);
        self
    }

    /// Without a word about requests that must fail.
    pub(crate) fn without_log(mut self) -> Self {
        self.log = "off";
        self
    }

    /// On a disk that takes no file larger than this, a multiple of 512.
    pub(crate) fn file_bytes_max(mut self, bytes: u64) -> Self {
        self.file_bytes_max = Some(bytes);
        self
    }

    /// On the directory of an earlier server.
    pub(crate) fn on(mut self, server: &TestServer) -> Self {
        self.directory = Arc::clone(&server.directory);
        self
    }

    /// Starts the process and waits for its ready line.
    pub(crate) async fn start(self) -> TestServer {
        let mut process = self.spawn();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut printed = Vec::new();
        loop {
            let line = in_time(lines.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("no ready line, only {printed:#?}"));
            let ready = line.starts_with("ready ");
            printed.push(line);
            if ready {
                break;
            }
        }
        TestServer::new(self.directory, process, printed)
    }

    /// Starts the process and kills it so long after, wherever its start then is.
    pub(crate) async fn start_and_kill(self, after: Duration) {
        let mut process = self.spawn();
        spin(after);
        process.kill().await.unwrap();
    }

    fn spawn(&self) -> Child {
        let root = self.directory.path();
        let mut command = self.file_bytes_max.map_or_else(program, limited_program);
        command
            .args([self.command, "--pg", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
            .arg(root.join("data"))
            .arg("--models")
            .arg(self.models.clone().unwrap_or_else(|| root.join("no-models")))
            .args(&self.arguments)
            .env("LIKENESS_LOG", self.log)
            .stdout(Stdio::piped());
        if let Some(pack) = &self.pack {
            command.args(["--pack", pack]);
        }
        if self.without_clients {
            command.env("PATH", root);
        }
        if self.keeps_log {
            let file = std::fs::File::create(root.join("log")).unwrap();
            command.env("LIKENESS_LOG_FORMAT", "json").stderr(file);
        }
        command.spawn().unwrap()
    }
}

/// A running server.
pub(crate) struct TestServer {
    directory: Arc<TempDir>,
    process: Child,
    /// Everything it printed, the ready line last.
    pub(crate) printed: Vec<String>,
    /// `host:port` of the PostgreSQL door.
    pub(crate) pg: String,
    /// `host:port` of the REST door.
    pub(crate) http: String,
}

impl TestServer {
    fn new(directory: Arc<TempDir>, process: Child, printed: Vec<String>) -> Self {
        let ready = printed.last().unwrap().clone();
        let field = |name: &str| {
            let value = ready.split(' ').find_map(|word| word.strip_prefix(name));
            value.unwrap_or_else(|| panic!("no {name} in {ready:?}")).to_owned()
        };
        let (pg, http) = (field("pg="), field("http="));
        Self { directory, process, printed, pg, http }
    }

    /// The key that the first start printed.
    pub(crate) fn first_key(&self) -> String {
        let key = self.printed.iter().find(|line| line.starts_with("iksk_live_"));
        key.unwrap_or_else(|| panic!("no key in {:#?}", self.printed)).clone()
    }

    /// Where the database is.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// What it has logged, if it was told to keep that.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// Makes a key with the command line, beside the running server.
    pub(crate) async fn create_key(&self, tenant: &str, name: &str, role: &str) -> String {
        let arguments =
            ["keys", "create", "--tenant", tenant, "--name", name, "--role", role, "--tier"];
        let output = likeness(&self.data(), &[&arguments[..], &["unlimited"]].concat()).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A REST client with this key.
    pub(crate) fn rest(&self, key: &str) -> Rest {
        Rest::new(&self.http, key)
    }

    /// A connection to the PostgreSQL door, or why there is none.
    pub(crate) async fn try_pg(
        &self,
        tenant: &str,
        user: &str,
        key: &str,
    ) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let (host, port) = self.pg.split_once(':').unwrap();
        let (client, connection) = tokio_postgres::Config::new()
            .host(host)
            .port(port.parse().unwrap())
            .dbname(tenant)
            .user(user)
            .password(key)
            .connect(tokio_postgres::NoTls)
            .await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A connection to the PostgreSQL door as the first key.
    pub(crate) async fn admin(&self) -> tokio_postgres::Client {
        self.try_pg("default", "admin", &self.first_key()).await.unwrap()
    }

    /// Peak memory of the process in bytes, as the kernel counts it; none where it does not.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kilobytes * 1024)
    }

    /// SIGKILL: no chance to finish anything.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// SIGHUP, which has the server read its certificate again.
    pub(crate) async fn hang_up(&self) {
        self.signal("-HUP").await;
    }

    /// SIGSTOP: requests gather before its door.
    pub(crate) async fn pause(&self) {
        self.signal("-STOP").await;
    }

    /// SIGCONT: it goes on where it was paused.
    pub(crate) async fn resume(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let id = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
    }

    /// SIGTERM, then waits for the process and returns whether it ended well.
    pub(crate) async fn terminate(&mut self) -> bool {
        self.signal("-TERM").await;
        in_time(self.process.wait()).await.unwrap().success()
    }
}

/// Runs a `likeness` command on a data directory.
pub(crate) async fn likeness(data: &Path, arguments: &[&str]) -> std::process::Output {
    let output = program().args(arguments).arg("--data").arg(data).output();
    in_time(output).await.unwrap()
}

/// Runs a `likeness` command that names its directories itself.
pub(crate) async fn likeness_on(command: &str, arguments: &[&OsStr]) -> std::process::Output {
    in_time(program().arg(command).args(arguments).output()).await.unwrap()
}

/// The command under test where no file may grow beyond a size: such a write fails as on a full
/// disk, and so does each later one.
fn limited_program(file_bytes_max: u64) -> Command {
    let blocks = file_bytes_max / 512;
    // Ignored signals stay so in the program that takes the shell's place.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_likeness")]).kill_on_drop(true);
    without_settings(&mut command);
    command
}

/// The command under test: it does not outlive the test and sees none of the tester's settings.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_likeness"));
    command.kill_on_drop(true);
    without_settings(&mut command);
    command
}

fn without_settings(command: &mut Command) {
    let settings = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in settings.filter(|name| name.starts_with("LIKENESS_")) {
        command.env_remove(name);
    }
}

/// Waits without giving up the processor, which ends at the microsecond.
pub(crate) fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// What takes longer than this hangs.
const PATIENCE: Duration = Duration::from_mins(2);

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("the program hangs")
}
