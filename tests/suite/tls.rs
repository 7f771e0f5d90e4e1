//! The program with a certificate: psql and HTTPS through both doors, renewal, and bad files.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::psql::output_of;
use crate::support::{ServerBuilder, TestServer, likeness};

/// An authority of its own and the files of the certificate that it signed for `localhost`.
struct Certificate {
    authority: CertifiedIssuer<'static, KeyPair>,
    directory: tempfile::TempDir,
}

impl Certificate {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        // Under a name of its own, or its certificates would look signed by themselves.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let made = Self { authority, directory };
        fs::write(made.path("root.pem"), made.authority.pem()).unwrap();
        made.renew();
        made
    }

    fn renew(&self) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        fs::write(self.path("server.pem"), certificate.pem()).unwrap();
        fs::write(self.path("server.key"), key.serialize_pem()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    async fn serve(&self, mode: &str) -> TestServer {
        let (certificate, key) = (self.text("server.pem"), self.text("server.key"));
        let arguments = ["--tls-certificate", &certificate, "--tls-key", &key, "--pg-tls", mode];
        ServerBuilder::new().arguments(&arguments).start().await
    }

    /// An encrypted connection to the REST door.
    async fn connect(&self, server: &TestServer) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = tokio_rustls::rustls::crypto::ring::default_provider();
        let config = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(&server.http).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
    }
}

/// Runs psql with these connection settings; none where it is not installed.
fn psql(server: &TestServer, settings: &str) -> Option<Output> {
    let port = server.pg.split_once(':').unwrap().1;
    let target = format!(
        "host=localhost hostaddr=127.0.0.1 port={port} user=admin dbname=default {settings}"
    );
    output_of(
        Command::new("psql")
            .args(["-X", "-A", "-t", "-c", "\\conninfo", "-c", "SELECT 1", &target])
            .env("PGPASSWORD", server.first_key())
            .env_remove("PGSSLMODE"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_verifies_the_server_and_binds_itself_to_its_certificate() {
    let certificate = Certificate::new();
    let server = certificate.serve("require").await;
    let trusting = format!("sslrootcert={}", certificate.text("root.pem"));
    let full = format!("sslmode=verify-full channel_binding=require {trusting}");
    for settings in [full.as_str(), "sslmode=require", "sslmode=prefer", "sslmode=allow"] {
        let Some(output) = psql(&server, settings) else { return };
        let (said, complaint) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{settings}: {complaint}");
        assert!(said.contains("SSL connection (protocol: TLSv1.3") && said.ends_with("1\n"));
    }
    let stranger = Certificate::new();
    let strange = format!("sslmode=verify-full sslrootcert={}", stranger.text("root.pem"));
    for (settings, why) in [
        (strange.as_str(), "SSL error"),
        ("sslmode=disable", "this server accepts only encrypted connections"),
    ] {
        let output = psql(&server, settings).unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && complaint.contains(why), "{settings}: {complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_door_speaks_https_and_a_hangup_renews_the_certificate() {
    let certificate = Certificate::new();
    let server = certificate.serve("allow").await;
    let mut stream = certificate.connect(&server).await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");

    let shown = async || {
        let stream = certificate.connect(&server).await;
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = shown().await;
    certificate.renew();
    server.hang_up().await;
    while shown().await == first {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_stops_the_start_and_is_named() {
    let certificate = Certificate::new();
    let data = certificate.path("data");
    let (pem, key) = (certificate.text("server.pem"), certificate.text("server.key"));
    let absent = certificate.text("absent.pem");
    for (arguments, why) in [
        (vec!["--tls-certificate", &absent, "--tls-key", &key], absent.as_str()),
        (vec!["--tls-certificate", &pem, "--tls-key", &pem], "holds no private key"),
        (vec!["--tls-certificate", &pem], "--tls-certificate needs --tls-key"),
        (vec!["--pg-tls", "require"], "--pg-tls needs --tls-certificate"),
    ] {
        let output = likeness(&data, &[&["serve"], &arguments[..]].concat()).await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && complaint.contains(why), "{complaint}");
    }
}
