//! Serves the router over TCP: bounded connections and heads, orderly end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use super::auth::Peer;
use super::connections::Connections;
use super::router::router;
use super::side::SideRoutes;
use super::state::{RestLimits, RestState};
use crate::tls::{Protocol, Stream, Tls};

/// Most bytes of a request's head; a longer one is answered 431 and the connection closed.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Most header fields of a request.
const HEADERS_MAX: usize = 100;
/// Pause after the operating system refused a connection, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 on `listener` until `shutdown` completes, encrypted where there is `tls`.
///
/// Then the listener closes, idle connections end and requests in progress are finished, for at
/// most [`RestLimits::drain_timeout`]; what still runs after that is cut off.
///
/// # Errors
/// When `listener` turns out not to be listening; requests in progress are finished then too.
pub async fn serve(
    listener: TcpListener,
    state: RestState,
    beside: SideRoutes,
    tls: Option<Arc<Tls>>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let limits = state.limits().clone();
    let service = TowerToHyperService::new(router(state, beside));
    let http = connection_builder(&limits);
    // Dropped when the door closes, which gives up the handshakes that are not done.
    let (open, closed) = watch::channel(());
    let places = Connections::within(&limits);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let outcome = loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = &mut shutdown => break Ok(()),
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener) => match accepted {
                Ok(accepted) => accepted,
                Err(error) => break Err(error),
            },
        };
        let Some(place) = places.admit(peer.ip()).map(Arc::new) else {
            debug!(%peer, "closed: all connections are at work");
            continue;
        };
        let (service, working) = (service.clone(), Arc::clone(&place));
        let service = service_fn(move |mut request| {
            request.extensions_mut().insert(Peer(peer.ip()));
            let (work, answer) = (working.work(), service.call(request));
            answer.inspect(move |_| drop(work))
        });
        let (http, watcher) = (http.clone(), graceful.watcher());
        let encrypted = encrypted(stream, tls.clone(), limits.header_timeout, closed.clone());
        connections.spawn(async move {
            // A task of its own for the handshake too: a slow one holds nobody up.
            let served = async {
                let Some(stream) = encrypted.await else { return };
                let connection = http.serve_connection(TokioIo::new(stream), service);
                if let Err(error) = watcher.watch(connection).await {
                    debug!(%error, "connection ended");
                }
            };
            tokio::select! {
                () = served => {}
                () = place.gives_way() => debug!(%peer, "closed for another connection"),
            }
        });
    };
    drop((listener, open));
    info!(connections = connections.len(), "finishing requests in progress");
    if tokio::time::timeout(limits.drain_timeout, graceful.shutdown()).await.is_err() {
        warn!(connections = connections.len(), "cutting off requests that did not finish in time");
    }
    outcome
}

/// The client's stream, encrypted where there is `tls`; none when that fails.
async fn encrypted(
    socket: TcpStream,
    tls: Option<Arc<Tls>>,
    patience: Duration,
    mut closed: watch::Receiver<()>,
) -> Option<Stream> {
    let mut stream = Stream::Plain(socket);
    let Some(tls) = tls else { return Some(stream) };
    let done = tokio::select! {
        _ = closed.changed() => return None,
        done = tokio::time::timeout(patience, stream.encrypt(&tls, Protocol::Http)) => done,
    };
    match done {
        Ok(Ok(())) => return Some(stream),
        Ok(Err(error)) => debug!(%error, "the TLS handshake failed"),
        Err(_) => debug!("the TLS handshake took too long"),
    }
    None
}

fn connection_builder(limits: &RestLimits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    http
}

/// The next connection.
async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%error, "connection keeps delaying small packets");
                }
                return Ok((stream, peer));
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the peer is at fault, so that the next connection may well work.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
