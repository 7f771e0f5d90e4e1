//! Messages on a socket: framing with limits on the way in, buffering on the way out.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use pgwire::messages::{
    DecodeContext, PgWireBackendMessage, PgWireFrontendMessage, ProtocolVersion,
    SslNegotiationMetaMessage,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::budget::{MessageBudget, SHORT_BYTES, Share};
use super::frame::{self, FrameError};
use crate::tls::{Protocol, Stream, Tls};

/// Longest startup packet, with its length; PostgreSQL's own limit.
const STARTUP_BYTES_MAX: usize = 10_004;
/// Longest message of a client that has not logged in.
const LOG_IN_BYTES_MAX: usize = 64 * 1024;
/// Longest message that holds neither SQL nor parameters; PostgreSQL's own limit.
const SHORT_BYTES_MAX: usize = 10_000;
/// Longest message with SQL or parameters: an image of 8 MiB also fits in hexadecimal digits.
const LONG_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A message that holds a share of the budget must have arrived by then: other clients wait.
const LONG_MESSAGE_TIME: Duration = Duration::from_mins(5);
/// Room for input when nothing is known of what comes: a Bind with an embedding comes in one read.
const INPUT_BYTES: usize = 16 * 1024;
/// Output is handed to the operating system once this much has gathered.
const OUTPUT_BYTES: usize = 64 * 1024;
/// Input buffers above this size are given back after the message that needed them.
const INPUT_BYTES_KEPT: usize = 256 * 1024;

/// One connection's socket.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    input: BytesMut,
    output: BytesMut,
    /// Where long messages find room; none before log-in, when there are no long messages.
    budget: Option<MessageBudget>,
    /// What the message being received or answered holds of it.
    share: Option<Share>,
    context: DecodeContext,
}

/// The conversation cannot go on, or one message could not be understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The socket failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// A message declares a length outside its bounds.
    #[error("invalid message length {length}, allowed are 4 to {max}")]
    Length {
        /// What the client declared.
        length: i32,
        /// The most it may declare.
        max: usize,
    },
    /// A startup packet declares a length outside its bounds.
    #[error("invalid length of startup packet")]
    StartupLength,
    /// A message is not what its type says.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The startup packet is none of this protocol.
    #[error("unsupported startup packet: this server speaks the PostgreSQL protocol 3")]
    Startup,
    /// Client and server could not agree how to encrypt; nothing can be said any more.
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
    /// Bytes that came before the encryption they asked for: somebody else may have sent them.
    #[error("received unencrypted data after SSL request")]
    Unencrypted,
    /// A client that encrypts at once must say what it will speak.
    #[error("received direct SSL connection request without ALPN protocol negotiation extension")]
    UnnamedProtocol,
    /// A message passed the checks and pgwire refused it all the same.
    #[error("invalid message")]
    Decode(#[source] pgwire::error::PgWireError),
    /// An answer cannot be written as a message.
    #[error("the answer does not fit in a message")]
    Encode(#[source] pgwire::error::PgWireError),
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Answers are written whole; waiting to join them with others only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
        Self {
            stream: Stream::Plain(stream),
            input: BytesMut::new(),
            output: BytesMut::new(),
            budget: None,
            share: None,
            context: DecodeContext::new(ProtocolVersion::PROTOCOL3_0),
        }
    }

    /// Lets the client send long messages from now on, as far as `budget` has room; for when it
    /// has logged in.
    pub(super) fn trust_client(&mut self, budget: MessageBudget) {
        self.budget = Some(budget);
    }

    /// Whether the client begins with a TLS handshake, without asking for it in our protocol.
    ///
    /// # Errors
    /// When the socket fails.
    pub(super) async fn begins_handshake(&self) -> Result<bool, WireError> {
        Ok(self.stream.begins_handshake().await?)
    }

    /// Has the client encrypt what follows.
    ///
    /// # Errors
    /// When the handshake fails; nothing can be said to the client then.
    pub(super) async fn encrypt(&mut self, tls: &Tls) -> Result<(), WireError> {
        self.stream.encrypt(tls, Protocol::Postgres).await.map_err(WireError::Handshake)
    }

    /// The socket, for what its encryption tells.
    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Whether more has been received than was asked for.
    pub(super) fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// The startup packet, or what may come in its place: a request for encryption or for the end
    /// of a statement. None when the client left.
    ///
    /// # Errors
    /// When the packet is too long or none of this protocol, or the socket fails.
    pub(super) async fn next_startup(
        &mut self,
    ) -> Result<Option<PgWireFrontendMessage>, WireError> {
        let Some(mut packet) = self.startup_packet().await? else { return Ok(None) };
        self.context.awaiting_frontend_ssl = true;
        match self.decode(&mut packet)? {
            Some(PgWireFrontendMessage::SslNegotiation(SslNegotiationMetaMessage::None)) => {
                self.context.awaiting_frontend_ssl = false;
                self.decode(&mut packet)
            }
            asked => Ok(asked),
        }
    }

    /// The next message; none when the client left. Cancel safe. Whoever asks for it is done with
    /// the one before: its share of the budget is given back.
    ///
    /// # Errors
    /// See [`WireError`]; after [`FrameError::Encoding`] the next message can be read, else not.
    pub(super) async fn next(&mut self) -> Result<Option<PgWireFrontendMessage>, WireError> {
        self.release_input();
        if !self.receive_until(5).await? {
            return Ok(None);
        }
        let mut header = self.input.as_ref();
        let (tag, length) = (header.get_u8(), header.get_i32());
        let max = match &self.budget {
            None => LOG_IN_BYTES_MAX,
            Some(_) if frame::may_be_long(tag) => LONG_BYTES_MAX,
            Some(_) => SHORT_BYTES_MAX,
        };
        let bytes = checked_length(length, 4, max)? + 1;
        if !self.receive_whole(bytes).await? {
            return Ok(None);
        }
        self.context.awaiting_frontend_ssl = false;
        self.context.awaiting_frontend_startup = false;
        let mut message = self.input.split_to(bytes);
        frame::check(tag, message.get(5..).unwrap_or_default())?;
        self.decode(&mut message)
    }

    /// Whether the next message has arrived whole and needs no room of the budget, so that nobody
    /// has to be waited for.
    pub(super) fn has_short_message(&self) -> bool {
        let mut header = self.input.as_ref();
        let (Ok(_), Ok(length)) = (header.try_get_u8(), header.try_get_i32()) else { return false };
        let length = usize::try_from(length);
        length.is_ok_and(|length| length < SHORT_BYTES && length < self.input.len())
    }

    /// Whether a Sync has arrived as the next message. False may mean that it is on its way.
    pub(super) fn is_sync_next(&self) -> bool {
        self.input.first() == Some(&frame::SYNC)
    }

    /// Queues a message; waits only when much is queued and the client reads slowly. Cancel safe:
    /// a message is queued whole or not at all.
    ///
    /// # Errors
    /// When the socket fails or the message is longer than the protocol allows.
    pub(super) async fn send(&mut self, message: PgWireBackendMessage) -> Result<(), WireError> {
        let before = self.output.len();
        if let Err(error) = message.encode(&mut self.output) {
            // pgwire writes the type byte before it looks at the length.
            self.output.truncate(before);
            return Err(WireError::Encode(error));
        }
        if self.output.len() >= OUTPUT_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Hands everything queued to the operating system.
    ///
    /// # Errors
    /// When the socket fails.
    pub(super) async fn flush(&mut self) -> Result<(), WireError> {
        while !self.output.is_empty() {
            self.stream.write_buf(&mut self.output).await?;
        }
        // What has been encrypted may still wait in front of the socket.
        Ok(self.stream.flush().await?)
    }

    /// Flushes and says that no more will come.
    pub(super) async fn close(&mut self) {
        // The client may be gone already; there is nobody left to tell.
        if self.flush().await.is_ok() {
            let _ = self.stream.shutdown().await;
        }
    }

    async fn startup_packet(&mut self) -> Result<Option<BytesMut>, WireError> {
        // Whoever announces less than a packet has sends nothing that could be waited for.
        if !self.receive_until(4).await? {
            return Ok(None);
        }
        let length = self.input.as_ref().get_i32();
        let bytes = checked_length(length, 8, STARTUP_BYTES_MAX);
        let bytes = bytes.map_err(|_| WireError::StartupLength)?;
        if !self.receive_until(bytes).await? {
            return Ok(None);
        }
        Ok(Some(self.input.split_to(bytes)))
    }

    /// Decodes one whole message; what it needs has been received and checked.
    fn decode(
        &mut self,
        message: &mut BytesMut,
    ) -> Result<Option<PgWireFrontendMessage>, WireError> {
        let starting = self.context.awaiting_frontend_startup;
        match PgWireFrontendMessage::decode(message, &self.context) {
            Ok(Some(message)) => Ok(Some(message)),
            Ok(None) => Err(FrameError::Malformed("length").into()),
            Err(_) if starting => Err(WireError::Startup),
            Err(error) => Err(WireError::Decode(error)),
        }
    }

    /// Receives a message of `bytes`, waiting for room once it turns out to be long; false when the
    /// client left.
    async fn receive_whole(&mut self, bytes: usize) -> Result<bool, WireError> {
        // Room is for what comes, not for what is announced.
        if bytes > SHORT_BYTES && !self.receive_until(SHORT_BYTES).await? {
            return Ok(false);
        }
        if let Some(budget) = &self.budget {
            self.share = budget.share(bytes).await.map_err(io::Error::other)?;
        }
        if self.share.is_none() {
            return self.receive_until(bytes).await;
        }
        timeout(LONG_MESSAGE_TIME, self.receive_until(bytes))
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    /// Reads until `bytes` have arrived; false at the end of the stream.
    async fn receive_until(&mut self, bytes: usize) -> Result<bool, WireError> {
        while self.input.len() < bytes {
            if !self.receive(bytes).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads what has arrived, towards a message of `bytes`; false at the end of the stream.
    async fn receive(&mut self, bytes: usize) -> Result<bool, WireError> {
        // Room for what is expected, but never more than a step ahead of what has really come.
        let missing = bytes.saturating_sub(self.input.len());
        self.input.reserve(missing.clamp(INPUT_BYTES, OUTPUT_BYTES));
        Ok(self.stream.read_buf(&mut self.input).await? > 0)
    }

    fn release_input(&mut self) {
        self.share = None;
        if self.input.is_empty() && self.input.capacity() > INPUT_BYTES_KEPT {
            self.input = BytesMut::new();
        }
    }
}

fn checked_length(length: i32, min: usize, max: usize) -> Result<usize, WireError> {
    match usize::try_from(length) {
        Ok(bytes) if (min..=max).contains(&bytes) => Ok(bytes),
        _ => Err(WireError::Length { length, max }),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_start_of_a_message_takes_room_for_what_has_come() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut wire = Wire::new(listener.accept().await.unwrap().0);
        wire.trust_client(MessageBudget::new());
        let start = b"Q\x03\x80\0\0SELECT";
        client.write_all(start).await.unwrap();
        while wire.input.len() < start.len() {
            assert!(wire.next().now_or_never().is_none(), "an answer to half a message");
            tokio::task::yield_now().await;
        }
        assert!(wire.input.capacity() <= 2 * OUTPUT_BYTES, "{}", wire.input.capacity());
    }
}
