//! Starting, running and stopping the whole server, in that order.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use likeness_storage::{OpenError, RecoveryReport, Store, StoreOptions};
use tokio::net::TcpListener;
use tokio::signal;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::audit::{AuditError, AuditLog};
use crate::causes::{TaskError, with_causes};
use crate::config::ServerConfig;
use crate::engine::keyring::{Keyring, KeyringError};
use crate::engine::{Engine, EngineError, Inference};
use crate::onnx::OnnxRuntime;
use crate::pack::{ModelLibrary, PackError, Progress};
use crate::pg::PgTraffic;
use crate::rest::{Metrics, RestLimits, RestState, SideRoutes};
use crate::sql::SqlTraffic;
use crate::tls::TlsError;
use crate::vision::Pipeline;
use crate::{native, pg, rest, web};

mod encryption;

use encryption::DoorEncryption;

/// How often the store is asked whether something went wrong in the background.
const TROUBLE_INTERVAL: Duration = Duration::from_secs(1);

/// Why the server did not start, or stopped badly.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The data directory cannot be created.
    #[error("cannot create the data directory {path}")]
    DataDirectory {
        /// Which directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error("cannot open the database in {path}")]
    Open {
        /// Which directory.
        path: PathBuf,
        /// Why not.
        source: OpenError,
    },
    /// The API keys cannot be read or written.
    #[error("cannot use the API keys of the data directory")]
    Keys(#[from] KeyringError),
    /// The audit log cannot be used.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({option}); is another server running there?")]
    Listen {
        /// The address asked for.
        address: String,
        /// The option that sets it.
        option: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The certificate of the doors cannot be used.
    #[error("cannot encrypt connections")]
    Tls(#[from] TlsError),
    /// A door stopped working.
    #[error("the server stopped serving")]
    Serve(#[source] io::Error),
    /// A use case failed while the server was being set up or stopped.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A server with its doors open but nobody let in yet.
#[derive(Debug)]
pub struct Server {
    engine: Arc<Engine>,
    keyring: Arc<Keyring>,
    pg: TcpListener,
    http: TcpListener,
    encryption: DoorEncryption,
    stop: StopSignal,
}

impl Server {
    /// Opens the database, installs and loads the model pack, and binds both doors.
    ///
    /// Without a usable pack the server still starts: images are then refused with the reason.
    ///
    /// # Errors
    /// When the database, the keys or an address cannot be used.
    pub async fn start(
        config: &ServerConfig,
        progress: &dyn Progress,
    ) -> Result<Self, ServerError> {
        let data = &config.data;
        create_private(data)
            .map_err(|source| ServerError::DataDirectory { path: data.clone(), source })?;
        let encryption = DoorEncryption::load(config.tls.as_ref())?;
        let pg = listen(&config.pg, "--pg").await?;
        let http = listen(&config.http, "--http").await?;
        encryption.warn_of_plaintext(&pg, &http);
        let (store, recovery) = Store::open(data, store_options(config))
            .map_err(|source| ServerError::Open { path: data.clone(), source })?;
        log_recovery(&recovery);
        let audit = AuditLog::open(data)?;
        let keyring = Keyring::open(data)?;
        let inference = load_pack(config, progress).unwrap_or_else(|error| {
            let reason = with_causes(&error);
            tracing::warn!(%reason, "images cannot be read; embeddings can still be enrolled");
            Inference::unavailable(reason)
        });
        let engine = Engine::recorded(Arc::new(store), inference, audit);
        // Only now: until here a stop may simply end the process, and an installation takes time.
        let stop = StopSignal::catch().map_err(ServerError::Serve)?;
        encryption.renew_at_hangup().map_err(ServerError::Serve)?;
        Ok(Self { engine, keyring: Arc::new(keyring), pg, http, encryption, stop })
    }

    /// The engine behind both doors.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The keys that open the doors.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Where the PostgreSQL door listens.
    ///
    /// # Errors
    /// When the operating system cannot say.
    pub fn pg_address(&self) -> io::Result<std::net::SocketAddr> {
        self.pg.local_addr()
    }

    /// Where the REST door listens.
    ///
    /// # Errors
    /// When the operating system cannot say.
    pub fn http_address(&self) -> io::Result<std::net::SocketAddr> {
        self.http.local_addr()
    }

    /// The scheme of the REST door's addresses.
    pub fn http_scheme(&self) -> &'static str {
        if self.encryption.of_http().is_some() { "https" } else { "http" }
    }

    /// Serves until SIGTERM or Ctrl-C, lets running requests finish, then checkpoints.
    ///
    /// # Errors
    /// When a door fails, or the last checkpoint does; acknowledged writes are safe either way.
    pub async fn run(mut self) -> Result<(), ServerError> {
        let (stop, _) = watch::channel(false);
        let state = RestState::new(
            Arc::clone(&self.engine),
            Arc::clone(&self.keyring),
            RestLimits::default(),
        );
        let mut doors = JoinSet::new();
        let (engine, keyring) = (Arc::clone(&self.engine), Arc::clone(&self.keyring));
        let (encryption, https) = (self.encryption.of_pg(), self.encryption.of_http());
        let until = stopped(stop.subscribe());
        let sql = Arc::<SqlTraffic>::default();
        let traffic = Arc::new(PgTraffic::new(Arc::clone(&sql)));
        let (counted, statements) = (Arc::clone(&traffic), Arc::clone(&sql));
        doors.spawn(pg::serve(self.pg, engine, keyring, encryption, traffic, until));
        let metrics = Metrics::new(move |out| {
            counted.write_to(out);
            statements.write_to(out);
        });
        let beside = SideRoutes {
            open: web::routes(),
            keyed: native::routes(sql),
            metrics,
            description: native::description(),
        };
        doors.spawn(rest::serve(self.http, state, beside, https, stopped(stop.subscribe())));
        let trouble = tokio::spawn(report_trouble(Arc::clone(&self.engine)));
        let mut outcome = tokio::select! {
            () = self.stop.received() => Ok(()),
            Some(ended) = doors.join_next() => door_outcome(ended),
        };
        tracing::info!("stopping: letting running requests finish");
        stop.send_replace(true);
        while let Some(ended) = doors.join_next().await {
            // A door that fails must not keep the other from its checkpoint.
            outcome = outcome.and(door_outcome(ended));
        }
        trouble.abort();
        let engine = self.engine;
        tokio::task::spawn_blocking(move || engine.checkpoint())
            .await
            .map_err(|ended| ServerError::Serve(unfinished(&ended)))??;
        outcome
    }
}

/// Creates a directory that its owner alone can look into, because what goes in is biometric data;
/// one that is there stays as it is.
///
/// # Errors
/// When the operating system refuses.
pub(crate) fn create_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

fn store_options(config: &ServerConfig) -> StoreOptions {
    StoreOptions::default()
        .with_checkpoint_bytes(config.checkpoint_bytes)
        .with_checkpoint_after(config.checkpoint_after)
        .with_compaction_bytes_per_second(config.compaction_bytes_per_second)
}

fn log_recovery(recovery: &RecoveryReport) {
    tracing::info!(
        lsn = recovery.lsn.get(),
        galleries = recovery.galleries,
        rows = recovery.rows,
        segments = recovery.segments,
        replayed_batches = recovery.replayed_batches,
        torn_bytes = recovery.torn_bytes,
        removed_files = recovery.removed_files,
        "database open"
    );
}

/// Logs what goes wrong in the store outside of any request, once when it appears.
async fn report_trouble(engine: Arc<Engine>) {
    let mut ticks = tokio::time::interval(TROUBLE_INTERVAL);
    let (mut last_error, mut read_only) = (None, None);
    loop {
        ticks.tick().await;
        let activity = engine.activity();
        if activity.last_error != last_error {
            last_error = activity.last_error;
            let reason = last_error.as_deref();
            tracing::warn!(reason, "the store failed at work in the background");
        }
        if activity.read_only != read_only {
            read_only = activity.read_only;
            let reason = read_only.as_deref();
            tracing::warn!(reason, "the store takes no more writes until the server is restarted");
        }
    }
}

fn door_outcome(ended: Result<io::Result<()>, tokio::task::JoinError>) -> Result<(), ServerError> {
    ended.map_err(|ended| unfinished(&ended)).flatten().map_err(ServerError::Serve)
}

fn unfinished(ended: &tokio::task::JoinError) -> io::Error {
    io::Error::other(TaskError::from(ended))
}

async fn listen(address: &str, option: &'static str) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen {
        address: address.to_owned(),
        option,
        source,
    })
}

/// Resolves once a stop was asked for.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it the server: that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// SIGTERM and Ctrl-C, caught from the moment this exists.
#[derive(Debug)]
struct StopSignal {
    #[cfg(unix)]
    signals: [signal::unix::Signal; 2],
}

impl StopSignal {
    fn catch() -> io::Result<Self> {
        #[cfg(unix)]
        let signals = [
            signal::unix::signal(signal::unix::SignalKind::terminate())?,
            signal::unix::signal(signal::unix::SignalKind::interrupt())?,
        ];
        Ok(Self {
            #[cfg(unix)]
            signals,
        })
    }

    async fn received(&mut self) {
        #[cfg(unix)]
        {
            let [terminate, interrupt] = &mut self.signals;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        #[cfg(not(unix))]
        if let Err(error) = signal::ctrl_c().await {
            tracing::warn!(%error, "Ctrl-C cannot be caught");
            std::future::pending::<()>().await;
        }
    }
}

/// The model directory of a configuration.
pub fn model_library(config: &ServerConfig) -> ModelLibrary {
    match &config.models {
        Some(root) => ModelLibrary::new(root.clone()),
        None => ModelLibrary::at_default_root(),
    }
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Pack(Box<PackError>),
    #[error("cannot load the inference runtime")]
    Runtime(#[from] crate::onnx::OnnxError),
    #[error("cannot load model pack {pack}")]
    Pipeline { pack: String, source: crate::vision::VisionError },
}

impl From<PackError> for LoadError {
    fn from(error: PackError) -> Self {
        Self::Pack(Box::new(error))
    }
}

fn load_pack(config: &ServerConfig, progress: &dyn Progress) -> Result<Inference, LoadError> {
    let library = model_library(config);
    let pack = library.open_or_install(&config.pack, progress)?;
    let runtime = OnnxRuntime::load(&library.runtime_or_install(progress)?)?;
    let pipeline = Pipeline::open(&pack, &runtime, config.workers)
        .map_err(|source| LoadError::Pipeline { pack: config.pack.clone(), source })?;
    tracing::info!(model = pipeline.model(), workers = config.workers, "model pack loaded");
    Ok(Inference::loaded(pipeline, config.workers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerArgs;

    #[test]
    fn unless_told_otherwise_the_store_runs_with_its_own_defaults() {
        let config = ServerArgs::default().resolve("d", "p").unwrap();
        assert_eq!(store_options(&config), StoreOptions::default());
    }
}
