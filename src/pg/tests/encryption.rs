//! Encrypted connections: how clients get them, what they prove, and who is refused.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use ring::digest;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{ChannelBinding as Binding, SslMode};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::*;
use crate::tls::tests::TestCertificate;

/// A client's end of the encryption, as tokio-postgres wants it.
struct Connector<'a> {
    certificate: &'a TestCertificate,
    /// Whether somebody in the middle shows another certificate.
    deceived: bool,
}

struct Encrypted {
    stream: tokio_rustls::client::TlsStream<TcpStream>,
    end_point: Vec<u8>,
}

impl<'a> TlsConnect<TcpStream> for Connector<'a> {
    type Stream = Encrypted;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted>> + Send + 'a>>;

    fn connect(self, socket: TcpStream) -> Self::Future {
        Box::pin(async move {
            let stream = self.certificate.connect(socket, &[b"postgresql"]).await?;
            let shown = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
            let shown = if self.deceived { b"another".to_vec() } else { shown };
            let end_point = digest::digest(&digest::SHA256, &shown).as_ref().to_vec();
            Ok(Encrypted { stream, end_point })
        })
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::tls_server_end_point(self.end_point.clone())
    }
}

/// A door with a certificate, and the key of its only client.
struct EncryptedDoor {
    door: Door,
    certificate: TestCertificate,
    secret: String,
}

impl EncryptedDoor {
    async fn open(mode: fn(Arc<crate::tls::Tls>) -> Encryption) -> Self {
        Self::open_with(PgLimits::default(), TestCertificate::new(), mode).await
    }

    async fn open_with(
        limits: PgLimits,
        certificate: TestCertificate,
        mode: fn(Arc<crate::tls::Tls>) -> Encryption,
    ) -> Self {
        let door = Door::open_with(limits, mode(certificate.load())).await;
        let (_, secret) = door.key("acme", "admin", Role::Admin);
        Self { door, certificate, secret }
    }

    async fn socket(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.door.port)).await.unwrap()
    }

    /// Logs in over TLS, bound to the certificate as asked for.
    async fn log_in(
        &self,
        binding: Binding,
        deceived: bool,
    ) -> Result<Client, tokio_postgres::Error> {
        let mut config = self.door.config(Some("acme"), "admin", &self.secret);
        config.ssl_mode(SslMode::Require).channel_binding(binding);
        let connector = Connector { certificate: &self.certificate, deceived };
        let (client, connection) = config.connect_raw(self.socket().await, connector).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    async fn log_in_plain(&self) -> Result<Client, tokio_postgres::Error> {
        self.door.log_in(Some("acme"), "admin", &self.secret).await
    }
}

fn ssl_request() -> Vec<u8> {
    [8_i32.to_be_bytes(), 80_877_103_i32.to_be_bytes()].concat()
}

const STARTUP: &[u8] = b"\0\0\0\x22\0\x03\0\0user\0admin\0database\0acme\0\0";

#[tokio::test]
async fn a_client_encrypts_binds_itself_to_the_certificate_and_reads_a_long_answer() {
    let open = EncryptedDoor::open(Encryption::Allowed).await;
    let client = open.log_in(Binding::Require, false).await.unwrap();
    still_serves(&client).await;
    let filler = "x".repeat(100);
    let query = "SELECT $1::text || n FROM generate_series(1, 20000) AS t(n)";
    assert_eq!(in_time(client.query(query, &[&filler])).await.unwrap().len(), 20_000);
    // Whoever does not encrypt is served here too.
    still_serves(&open.log_in_plain().await.unwrap()).await;
    still_serves(&open.log_in(Binding::Disable, false).await.unwrap()).await;
}

#[tokio::test]
async fn a_client_that_was_shown_another_certificate_is_not_let_in() {
    let open = EncryptedDoor::open(Encryption::Allowed).await;
    let error = open.log_in(Binding::Require, true).await.expect_err("let in");
    assert_eq!(code(&error), SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
    let told = error.as_db_error().unwrap().message();
    assert_eq!(told, "SCRAM channel binding check failed");
}

#[tokio::test]
async fn a_certificate_without_a_hash_to_bind_to_encrypts_all_the_same() {
    let certificate = TestCertificate::signed_by(&rcgen::PKCS_ED25519);
    let limits = PgLimits::default();
    let open = EncryptedDoor::open_with(limits, certificate, Encryption::Required).await;
    still_serves(&open.log_in(Binding::Prefer, false).await.unwrap()).await;
    assert!(open.log_in(Binding::Require, false).await.is_err());
}

#[tokio::test]
async fn where_encryption_is_required_nobody_is_asked_for_a_password_without() {
    let open = EncryptedDoor::open(Encryption::Required).await;
    let error = open.log_in_plain().await.expect_err("let in");
    assert_eq!(code(&error), SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
    let answer = in_time(open.door.raw(STARTUP)).await;
    assert_eq!(answer.first(), Some(&b'E'), "something came before the refusal");
    let told = String::from_utf8_lossy(&answer).into_owned();
    assert!(told.contains("accepts only encrypted connections"), "{told}");
    still_serves(&open.log_in(Binding::Require, false).await.unwrap()).await;
}

#[tokio::test]
async fn a_cancel_request_may_be_encrypted_and_need_not() {
    let open = EncryptedDoor::open(Encryption::Required).await;
    let client = open.log_in(Binding::Require, false).await.unwrap();
    let rows = client.query_raw("SELECT * FROM generate_series(1, 200000000)", &[] as &[&str]);
    let rows = rows.await.unwrap();
    pin_mut!(rows);
    rows.try_next().await.unwrap().unwrap();
    let connector = Connector { certificate: &open.certificate, deceived: false };
    in_time(client.cancel_token().cancel_query_raw(open.socket().await, connector)).await.unwrap();
    let ended = in_time(async {
        while rows.try_next().await?.is_some() {}
        Ok(())
    })
    .await;
    let error: tokio_postgres::Error = ended.unwrap_err();
    assert_eq!(code(&error), SqlState::QUERY_CANCELED);
    // Clients older than PostgreSQL 17 ask without, whatever the connection is. No refusal comes.
    let request = [16, 80_877_102, 1, 1].map(i32::to_be_bytes).concat();
    assert!(in_time(open.door.raw(&request)).await.is_empty());
}

#[tokio::test]
async fn a_client_may_encrypt_at_once_if_it_names_the_protocol() {
    let open = EncryptedDoor::open(Encryption::Required).await;
    let asked = [b"postgresql".as_slice()];
    let mut stream = open.certificate.connect(open.socket().await, &asked).await.unwrap();
    stream.write_all(STARTUP).await.unwrap();
    // It is asked for its password.
    assert_eq!(in_time(stream.read_u8()).await.unwrap(), b'R');

    let mut silent = open.certificate.connect(open.socket().await, &[]).await.unwrap();
    silent.write_all(STARTUP).await.unwrap();
    let mut told = Vec::new();
    in_time(silent.read_to_end(&mut told)).await.unwrap();
    assert!(String::from_utf8_lossy(&told).contains("08P01"), "{told:?}");

    let other = [b"http/1.1".as_slice()];
    assert!(open.certificate.connect(open.socket().await, &other).await.is_err());
}

#[tokio::test]
async fn what_comes_unencrypted_behind_the_request_is_not_taken_for_the_clients() {
    let open = EncryptedDoor::open(Encryption::Allowed).await;
    let injected = [ssl_request(), STARTUP.to_vec()].concat();
    let told = in_time(open.door.raw(&injected)).await;
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("received unencrypted data after SSL request"), "{told}");
}

#[tokio::test]
async fn encryption_is_settled_once_and_gss_is_refused() {
    let open = EncryptedDoor::open(Encryption::Allowed).await;
    let mut socket = open.socket().await;
    let gss = [8_i32.to_be_bytes(), 80_877_104_i32.to_be_bytes()].concat();
    socket.write_all(&gss).await.unwrap();
    assert_eq!(in_time(socket.read_u8()).await.unwrap(), b'N');
    socket.write_all(&ssl_request()).await.unwrap();
    assert_eq!(in_time(socket.read_u8()).await.unwrap(), b'S');
    let mut stream = open.certificate.connect(socket, &[]).await.unwrap();
    stream.write_all(&ssl_request()).await.unwrap();
    assert_eq!(in_time(stream.read_u8()).await.unwrap(), b'E');
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_holds_nobody_up_and_ends() {
    let limits = PgLimits { log_in: Duration::from_secs(3), ..PgLimits::default() };
    let certificate = TestCertificate::new();
    let open = EncryptedDoor::open_with(limits, certificate, Encryption::Required).await;
    let mut silent = open.socket().await;
    silent.write_all(&ssl_request()).await.unwrap();
    assert_eq!(in_time(silent.read_u8()).await.unwrap(), b'S');
    let mut wrong = open.socket().await;
    wrong.write_all(&ssl_request()).await.unwrap();
    assert_eq!(in_time(wrong.read_u8()).await.unwrap(), b'S');
    wrong.write_all(&[0; 64]).await.unwrap();
    still_serves(&open.log_in(Binding::Require, false).await.unwrap()).await;
    // Nothing can be told in the middle of a handshake.
    let mut told = Vec::new();
    in_time(silent.read_to_end(&mut told)).await.unwrap();
    assert!(told.is_empty(), "{told:?}");
    still_serves(&open.log_in(Binding::Require, false).await.unwrap()).await;
}
