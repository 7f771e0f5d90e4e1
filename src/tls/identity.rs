//! The certificate and its key: read from files, checked, and read again while the server runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

/// Where a certificate and its key are, both as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that lead from it to a root.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
}

/// What is spoken inside a connection; clients that name something else are refused (ALPN).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// The PostgreSQL protocol.
    Postgres,
    /// HTTP/1.1.
    Http,
}

impl Protocol {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Postgres => b"postgresql",
            Self::Http => b"http/1.1",
        }
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file of the certificate is not what it should be.
    #[error("{path} holds no certificate in PEM form")]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The file of the key is not what it should be.
    #[error("{path} holds no private key in PEM form without a passphrase")]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// The two cannot be used, or not with each other.
    #[error("the certificate in {certificate} cannot be used with the key in {key}")]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
}

/// What the server shows to clients that want an encrypted connection.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    identity: RwLock<Arc<Identity>>,
}

/// A certificate with its key, ready for handshakes.
#[derive(Debug)]
struct Identity {
    postgres: Arc<ServerConfig>,
    http: Arc<ServerConfig>,
    /// The server's own certificate.
    certificate: Arc<[u8]>,
}

impl Tls {
    /// Reads and checks a certificate and its key.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let identity = RwLock::new(Arc::new(Identity::read(&files)?));
        Ok(Self { files, identity })
    }

    /// Reads the files again, for connections from now on.
    ///
    /// # Errors
    /// What is wrong with which file; the certificate read before stays in use then.
    pub fn reload(&self) -> Result<(), TlsError> {
        let identity = Arc::new(Identity::read(&self.files)?);
        *self.identity.write() = identity;
        Ok(())
    }

    /// Does the handshake with a client; gives the encrypted stream, and the certificate (DER)
    /// that the client has been shown.
    pub(super) async fn accept(
        &self,
        socket: TcpStream,
        protocol: Protocol,
    ) -> io::Result<(TlsStream<TcpStream>, Arc<[u8]>)> {
        let identity = Arc::clone(&self.identity.read());
        let config = match protocol {
            Protocol::Postgres => &identity.postgres,
            Protocol::Http => &identity.http,
        };
        let stream = TlsAcceptor::from(Arc::clone(config)).accept(socket).await?;
        Ok((stream, Arc::clone(&identity.certificate)))
    }
}

impl Identity {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let TlsFiles { certificate, key } = files;
        let chain = read_chain(certificate)?;
        let private_key = read_key(key)?;
        let config = |protocol: Protocol| {
            let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(chain.clone(), private_key.clone_key())?;
            config.alpn_protocols = vec![protocol.name().to_vec()];
            Ok(Arc::new(config))
        };
        let pair = |source| {
            let (certificate, key) = (certificate.clone(), key.clone());
            TlsError::Pair { certificate, key, source }
        };
        Ok(Self {
            postgres: config(Protocol::Postgres).map_err(pair)?,
            http: config(Protocol::Http).map_err(pair)?,
            certificate: chain.first().map(|own| own.as_ref().into()).unwrap_or_default(),
        })
    }
}

/// The certificates of a file, at least one.
fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let unusable = |source| TlsError::Certificate { path: path.to_owned(), source };
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(unusable(pem::Error::NoItemsFound)),
        chain => chain.map_err(unusable),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    warn_if_open(path);
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|source| TlsError::Key { path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

/// A key that every user of the machine can read is hardly private.
#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o007 != 0 {
        let path = path.display();
        tracing::warn!(%path, "the private key of the certificate is open to every local user");
    }
}

#[cfg(not(unix))]
fn warn_if_open(_path: &Path) {}
