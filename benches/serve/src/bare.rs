//! A socket without a protocol: a probe goes in, a search runs, and as many bytes come out as SQL
//! answers with. What this costs is the system's: waking threads, and copying through a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use likeness_storage::{Embedding, GalleryId, Probe, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

use super::{Outcome, RESULTS};

/// About what ten rows of 512 dimensions take.
const ANSWER: usize = 21_696;

/// The client's end.
pub(super) struct BareSocket(Mutex<TcpStream>);

impl BareSocket {
    pub(super) async fn connect(address: SocketAddr) -> Outcome<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self(Mutex::new(socket)))
    }

    /// The number of results.
    pub(super) async fn ask(&self, probe: &Probe) -> Outcome<usize> {
        let mut socket = self.0.lock().await;
        let values = probe.embedding.as_slice();
        let mut question = u32::try_from(4 * values.len())?.to_le_bytes().to_vec();
        question.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        socket.write_all(&question).await?;
        let mut answer = vec![0; ANSWER];
        socket.read_exact(&mut answer).await?;
        Ok(answer[0].into())
    }
}

/// Serves whoever connects.
pub(super) async fn serve(listener: TcpListener, store: Arc<Store>, gallery: GalleryId) {
    while let Ok((socket, _)) = listener.accept().await {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            // Ends when the client has measured enough and closes the socket.
            let _closed = answer(socket, &store, gallery).await;
        });
    }
}

async fn answer(mut socket: TcpStream, store: &Store, gallery: GalleryId) -> Outcome {
    socket.set_nodelay(true)?;
    let mut answer = vec![0; ANSWER];
    loop {
        let mut question = vec![0; socket.read_u32_le().await? as usize];
        socket.read_exact(&mut question).await?;
        let (values, _) = question.as_chunks::<4>();
        let values = values.iter().copied().map(f32::from_le_bytes);
        let probe = Probe::new(Embedding::normalize(values.collect())?, RESULTS);
        answer[0] = tokio::task::block_in_place(|| -> Outcome<u8> {
            let snapshot = store.snapshot();
            Ok(u8::try_from(snapshot.candidates(gallery, &probe)?.0.len())?)
        })?;
        socket.write_all(&answer).await?;
    }
}
