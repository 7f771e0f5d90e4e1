//! A client's socket that may be encrypted, or become so.

use std::io::{self, IoSlice};
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::identity::{Protocol, Tls};

/// What the first record of a TLS connection begins with.
const HANDSHAKE: u8 = 0x16;

/// A socket with or without encryption.
#[derive(Debug)]
pub enum Stream {
    /// As the bytes come.
    Plain(TcpStream),
    /// Encrypted, and the server's certificate (DER) that the client was shown.
    Encrypted(Box<TlsStream<TcpStream>>, Arc<[u8]>),
    /// Nothing can be said any more, because a handshake failed or was given up.
    Closed,
}

impl Stream {
    /// Has the client encrypt what follows. Bytes of its handshake must not have been read yet.
    ///
    /// # Errors
    /// When the handshake fails; like one that is given up, it leaves the stream closed.
    pub async fn encrypt(&mut self, tls: &Tls, protocol: Protocol) -> io::Result<()> {
        let Self::Plain(socket) = mem::replace(self, Self::Closed) else {
            return Err(io::Error::other("a stream is encrypted only once"));
        };
        let (stream, certificate) = tls.accept(socket, protocol).await?;
        *self = Self::Encrypted(Box::new(stream), certificate);
        Ok(())
    }

    /// Waits for the client's first byte, and leaves it there: whether a TLS handshake begins.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn begins_handshake(&self) -> io::Result<bool> {
        let Self::Plain(socket) = self else { return Ok(false) };
        let mut first = [0];
        Ok(socket.peek(&mut first).await? == 1 && first == [HANDSHAKE])
    }

    /// The certificate (DER) that the client was shown; none without encryption.
    pub fn certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Encrypted(_, certificate) => Some(certificate),
            Self::Plain(_) | Self::Closed => None,
        }
    }

    /// Where the client was received.
    ///
    /// # Errors
    /// When the socket is closed.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(socket) => socket.local_addr(),
            Self::Encrypted(stream, _) => stream.get_ref().0.local_addr(),
            Self::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Whether the client said in its handshake what it speaks.
    pub fn names_protocol(&self) -> bool {
        match self {
            Self::Encrypted(stream, _) => stream.get_ref().1.alpn_protocol().is_some(),
            Self::Plain(_) | Self::Closed => false,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Self::Encrypted(stream, _) => Pin::new(stream).poll_read(context, buffer),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Encrypted(stream, _) => Pin::new(stream).poll_write(context, bytes),
            Self::Closed => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(context, slices),
            Self::Encrypted(stream, _) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Closed => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_write_vectored(),
            Self::Encrypted(stream, _) => stream.is_write_vectored(),
            Self::Closed => false,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(context),
            Self::Encrypted(stream, _) => Pin::new(stream).poll_flush(context),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Encrypted(stream, _) => Pin::new(stream).poll_shutdown(context),
            Self::Closed => Poll::Ready(Ok(())),
        }
    }
}
