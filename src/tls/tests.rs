//! Certificates made for a test, files that are none, and streams that become encrypted.

use std::fs;
use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SignatureAlgorithm};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{Protocol, Stream, Tls, TlsError, TlsFiles};
use crate::causes::with_causes;

/// A certificate of `localhost` and 127.0.0.1 in files, and the authority that signed it.
pub(crate) struct TestCertificate {
    pub(crate) files: TlsFiles,
    authority: CertifiedIssuer<'static, KeyPair>,
    directory: tempfile::TempDir,
}

impl TestCertificate {
    pub(crate) fn new() -> Self {
        Self::signed_by(&rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// With an authority whose key is of this kind.
    pub(crate) fn signed_by(algorithm: &'static SignatureAlgorithm) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        // Under a name of its own, or its certificates would look signed by themselves.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = KeyPair::generate_for(algorithm).unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let files = TlsFiles { certificate: path("server.pem"), key: path("server.key") };
        let made = Self { files, authority, directory };
        made.renew();
        made
    }

    /// Writes another certificate of the same authority to the same files.
    pub(crate) fn renew(&self) {
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        fs::write(&self.files.certificate, certificate.pem()).unwrap();
        fs::write(&self.files.key, key.serialize_pem()).unwrap();
    }

    pub(crate) fn load(&self) -> Arc<Tls> {
        Arc::new(Tls::load(self.files.clone()).unwrap())
    }

    /// A client that trusts the authority and asks for these protocols.
    pub(crate) fn connector(&self, protocols: &[&[u8]]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(ring::default_provider().into());
        let mut config = builder
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    pub(crate) async fn connect(
        &self,
        socket: TcpStream,
        protocols: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        self.connector(protocols).connect(name, socket).await
    }
}

async fn sockets() -> (TcpStream, Stream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, Stream::Plain(listener.accept().await.unwrap().0))
}

#[tokio::test]
async fn what_is_said_after_the_handshake_arrives_on_both_sides() {
    let certificate = TestCertificate::new();
    let tls = certificate.load();
    let (client, mut server) = sockets().await;
    let asked = [b"http/1.1".as_slice()];
    let (client, encrypted) =
        tokio::join!(certificate.connect(client, &asked), server.encrypt(&tls, Protocol::Http));
    let mut client = client.unwrap();
    encrypted.unwrap();
    assert!(server.names_protocol() && server.certificate().is_some());
    client.write_all(b"ping").await.unwrap();
    client.flush().await.unwrap();
    let mut heard = [0; 4];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ping");
    server.write_all(b"pong").await.unwrap();
    server.flush().await.unwrap();
    server.shutdown().await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"pong");
}

#[tokio::test]
async fn a_client_of_another_protocol_is_refused_and_the_stream_closed() {
    let certificate = TestCertificate::new();
    let tls = certificate.load();
    let (client, mut server) = sockets().await;
    let asked = [b"h2".as_slice()];
    let (client, encrypted) =
        tokio::join!(certificate.connect(client, &asked), server.encrypt(&tls, Protocol::Postgres));
    assert!(client.is_err() && encrypted.is_err());
    assert_eq!(server.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    assert!(server.write_all(b"x").await.is_err());
    assert!(server.encrypt(&tls, Protocol::Postgres).await.is_err());
}

#[tokio::test]
async fn a_certificate_read_again_is_shown_to_new_clients_and_a_broken_one_is_not() {
    let certificate = TestCertificate::new();
    let tls = certificate.load();
    let shown = async || {
        let (client, mut server) = sockets().await;
        let (client, encrypted) =
            tokio::join!(certificate.connect(client, &[]), server.encrypt(&tls, Protocol::Http));
        encrypted.unwrap();
        let seen = client.unwrap().get_ref().1.peer_certificates().unwrap()[0].to_vec();
        assert_eq!(server.certificate(), Some(seen.as_slice()));
        seen
    };
    let first = shown().await;
    certificate.renew();
    assert_eq!(shown().await, first, "read without being asked to");
    tls.reload().unwrap();
    let second = shown().await;
    assert_ne!(second, first);
    fs::write(&certificate.files.key, "nonsense").unwrap();
    assert!(tls.reload().is_err());
    assert_eq!(shown().await, second);
}

#[test]
fn files_that_are_of_no_use_are_named() {
    let certificate = TestCertificate::new();
    let other = TestCertificate::new();
    let nonsense = certificate.directory.path().join("nonsense.pem");
    fs::write(&nonsense, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let with = |change: &dyn Fn(&mut TlsFiles)| {
        let mut files = certificate.files.clone();
        change(&mut files);
        let error = Tls::load(files).unwrap_err();
        (with_causes(&error), error)
    };
    let (text, error) = with(&|files| files.certificate = "no/such.pem".into());
    assert!(matches!(error, TlsError::Read { .. }) && text.contains("no/such.pem"), "{text}");
    let (text, error) = with(&|files| files.certificate = files.key.clone());
    assert!(matches!(error, TlsError::Certificate { .. }) && text.contains(".key"), "{text}");
    let (text, error) = with(&|files| files.key = files.certificate.clone());
    assert!(matches!(error, TlsError::Key { .. }) && text.contains("server.pem"), "{text}");
    let (text, error) = with(&|files| files.key = other.files.key.clone());
    assert!(matches!(error, TlsError::Pair { .. }) && text.contains("server.pem"), "{text}");
    let (text, error) = with(&|files| files.certificate = nonsense.clone());
    assert!(matches!(error, TlsError::Pair { .. }) && text.contains("nonsense.pem"), "{text}");
}
