//! The listener: admits connections up to a limit and drains them when the server stops.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, SystemTime};

use pgwire::messages::PgWireFrontendMessage;
use pgwire::messages::startup::{SecretKey, Startup};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use super::auth::Gatekeeper;
use super::budget::MessageBudget;
use super::cancel::Cancels;
use super::connection::{Connection, farewell};
use super::encryption::Encryption;
use super::error::{Failure, PgError, WireState, from_wire};
use super::journal::Journal;
use super::lobby::{Lobby, Seat};
use super::traffic::PgTraffic;
use super::wire::{Wire, WireError};
use super::{greeting, startup};
use crate::causes::{TaskError, with_causes};
use crate::engine::keyring::Keyring;
use crate::engine::{self, Actor, Engine};
use crate::sql::{Addresses, Backends, SqlSession, SqlState};

/// How long the door waits after the operating system could not give it a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bounds of the PostgreSQL door.
#[derive(Debug, Clone, Copy)]
pub struct PgLimits {
    /// Connections of clients that have logged in, at the same time.
    pub connections: usize,
    /// Those of clients that have not. For one more, another one gives way.
    pub waiting: usize,
    /// From accepting a connection until its client has logged in.
    pub log_in: Duration,
    /// From the order to stop until statements still running are cut off.
    pub drain: Duration,
}

impl Default for PgLimits {
    fn default() -> Self {
        let (log_in, drain) = (Duration::from_secs(10), Duration::from_secs(20));
        Self { connections: 500, waiting: 500, log_in, drain }
    }
}

/// Serves the PostgreSQL protocol on `listener` within the default limits until `shutdown`.
///
/// # Errors
/// When the operating system gives no random bytes to start with.
pub async fn serve(
    listener: TcpListener,
    engine: Arc<Engine>,
    keyring: Arc<Keyring>,
    encryption: Encryption,
    traffic: Arc<PgTraffic>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let limits = PgLimits::default();
    serve_within(limits, listener, engine, keyring, encryption, traffic, shutdown).await
}

/// Serves the PostgreSQL protocol on `listener` until `shutdown`, then lets running statements
/// finish and closes every connection. No client can make it return.
///
/// # Errors
/// When the operating system gives no random bytes to start with.
pub async fn serve_within(
    limits: PgLimits,
    listener: TcpListener,
    engine: Arc<Engine>,
    keyring: Arc<Keyring>,
    encryption: Encryption,
    traffic: Arc<PgTraffic>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let gatekeeper = Gatekeeper::new(keyring)
        .map_err(|_| io::Error::other("the operating system gave no random bytes"))?;
    let door = Arc::new(Door {
        limits,
        engine,
        encryption,
        traffic,
        gatekeeper: Arc::new(gatekeeper),
        cancels: Cancels::default(),
        backends: Backends::default(),
        places: Arc::new(Semaphore::new(limits.connections)),
        lobby: Lobby::of(limits.waiting),
        messages: MessageBudget::new(),
        last_process: AtomicI32::new(0),
        started: SystemTime::now(),
    });
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(ended) = connections.join_next() => log_panic(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => door.admit(stream, peer, &stopping, &mut connections),
                Err(error) => {
                    // Out of descriptors, usually: connections that end will help.
                    tracing::warn!(%error, "cannot accept a connection");
                    door.lobby.send_away_one();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    stop.send_replace(true);
    let drained = timeout(limits.drain, async {
        while let Some(ended) = connections.join_next().await {
            log_panic(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(connections = connections.len(), "cutting off statements still running");
        door.cancels.cancel_all();
        connections.shutdown().await;
    }
    Ok(())
}

fn log_panic(ended: Result<(), JoinError>) {
    if let Err(ended) = ended {
        let error = TaskError::from(&ended);
        tracing::error!(%error, "a connection failed");
    }
}

/// What all connections share.
struct Door {
    limits: PgLimits,
    engine: Arc<Engine>,
    encryption: Encryption,
    traffic: Arc<PgTraffic>,
    gatekeeper: Arc<Gatekeeper>,
    cancels: Cancels,
    backends: Backends,
    places: Arc<Semaphore>,
    lobby: Lobby,
    messages: MessageBudget,
    last_process: AtomicI32,
    started: SystemTime,
}

impl Door {
    fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        stopping: &watch::Receiver<bool>,
        connections: &mut JoinSet<()>,
    ) {
        let (door, stopping) = (Arc::clone(self), stopping.clone());
        let seat = self.lobby.enter(peer.ip());
        connections
            .spawn(async move { door.welcome(Wire::new(stream), peer, seat, stopping).await });
    }

    async fn welcome(
        &self,
        mut wire: Wire,
        peer: SocketAddr,
        seat: Seat,
        mut stopping: watch::Receiver<bool>,
    ) {
        let _open = self.traffic.connected();
        let admitted = tokio::select! {
            biased;
            () = super::connection::stopped(&mut stopping) => {
                Err(super::connection::shutting_down().into())
            }
            () = seat.gives_way() => Err(too_many().into()),
            admitted = timeout(self.limits.log_in, self.log_in(&mut wire, peer, &seat)) => {
                admitted.unwrap_or_else(|_| Err(too_slow().into()))
            }
        };
        drop(seat);
        match admitted {
            Ok(None) => wire.close().await,
            Ok(Some(admitted)) => {
                let Admitted { session, process, secret, key_id, place: _place } = admitted;
                // The guard forgets the cancel key when the connection ends.
                let registered = self.cancels.register(process, &secret);
                let canceler = Arc::clone(&registered.canceler);
                let signals = Arc::clone(&registered.canceler);
                let session = session.among(&self.backends, signals);
                let gatekeeper = Arc::clone(&self.gatekeeper);
                wire.trust_client(self.messages.clone());
                let journal = Journal::new(process, Arc::clone(self.traffic.sql()));
                let connection =
                    Connection::new(wire, session, canceler, journal, gatekeeper, key_id);
                // Boxed: the future is large, and those that wait to log in would carry it.
                Box::pin(connection.run(stopping)).await;
                tracing::info!(connection = process, "client left");
            }
            Err(failure) => {
                self.traffic.refused();
                let told = match failure {
                    Failure::Client(error) => Some(error),
                    Failure::Wire(error @ WireError::Handshake(_)) => {
                        let reason = with_causes(&error);
                        tracing::info!(%peer, %reason, "log-in broken off");
                        None
                    }
                    Failure::Wire(error) => from_wire(&error),
                };
                if let Some(error) = told {
                    tracing::info!(%peer, %error, "log-in refused");
                    let farewell = farewell(&mut wire, error.into_fatal());
                    if timeout(self.limits.log_in, farewell).await.is_err() {
                        tracing::debug!(%peer, "the client does not listen either");
                    }
                }
            }
        }
    }

    /// Everything up to a session; none for cancel requests and clients that left.
    async fn log_in(
        &self,
        wire: &mut Wire,
        peer: SocketAddr,
        seat: &Seat,
    ) -> Result<Option<Admitted>, Failure> {
        let Some(startup) = self.start(wire).await? else { return Ok(None) };
        seat.has_spoken();
        self.encryption.check(wire)?;
        if self.places.available_permits() == 0 {
            return Err(too_many().into());
        }
        greeting::negotiate(wire, &startup).await?;
        let key = self.gatekeeper.admit(wire, &startup.parameters, peer.ip()).await?;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| too_many())?;
        let tenant = key.tenant.parse().map_err(|error| {
            tracing::error!(%error, key = key.id, "a key names no tenant");
            PgError::fatal(SqlState::InternalError, "internal error")
        })?;
        let process = self.last_process.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let actor = Actor::holding(&key, engine::Door::Sql);
        let tenant = self.engine.tenant(tenant).acting_as(actor);
        let is_encrypted = wire.stream().certificate().is_some();
        let server = wire.stream().local_addr().ok();
        let addresses = server.map(|server| Addresses { client: peer, server });
        let session = SqlSession::new(tenant, key.role, &key.name)
            .of_process(process, self.started, is_encrypted, addresses)
            .with_keyring(Arc::clone(self.gatekeeper.keyring()));
        startup::apply(&session, &startup.parameters)?;
        let (tenant, key_id) = (&key.tenant, &key.id);
        tracing::info!(connection = process, %peer, tenant, key_id, "client logged in");
        let secret = secret_key()?;
        greeting::welcome(wire, &session, &key.name, process, secret.clone()).await?;
        Ok(Some(Admitted { session, process, secret, key_id: key.id.clone(), place }))
    }

    /// The startup packet; carries out a cancel request, which is a connection of its own.
    async fn start(&self, wire: &mut Wire) -> Result<Option<Startup>, Failure> {
        match self.encryption.startup(wire).await? {
            Some(PgWireFrontendMessage::Startup(startup)) => Ok(Some(startup)),
            Some(PgWireFrontendMessage::CancelRequest(request)) => {
                // Whether it hit anything is never told: keys could be guessed that way.
                self.cancels.cancel(request.pid, &request.secret_key);
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

/// A client that has proved who it is.
struct Admitted {
    session: SqlSession,
    process: i32,
    secret: SecretKey,
    key_id: String,
    /// Its place among those that have logged in.
    place: OwnedSemaphorePermit,
}

fn secret_key() -> Result<SecretKey, PgError> {
    let mut bytes = [0_u8; 4];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        tracing::error!("the operating system gave no random bytes");
        PgError::fatal(SqlState::InternalError, "internal error")
    })?;
    Ok(SecretKey::I32(i32::from_be_bytes(bytes)))
}

fn too_many() -> PgError {
    PgError::fatal(WireState::TooManyConnections, "sorry, too many clients already")
}

fn too_slow() -> PgError {
    PgError::fatal(WireState::InvalidAuthorization, "log-in took too long")
}
