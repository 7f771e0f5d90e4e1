//! Which door encrypts with the server's certificate, and how that is renewed.

use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::config::{HttpTls, PgTls, TlsConfig};
use crate::pg::Encryption;
use crate::tls::{Tls, TlsError};

/// The encryption of both doors.
#[derive(Debug)]
pub(super) struct DoorEncryption {
    pg: Encryption,
    http: Option<Arc<Tls>>,
    certificate: Option<Arc<Tls>>,
}

impl DoorEncryption {
    /// Reads the certificate, where there is one.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(super) fn load(config: Option<&TlsConfig>) -> Result<Self, TlsError> {
        let Some(config) = config else {
            return Ok(Self { pg: Encryption::Off, http: None, certificate: None });
        };
        let certificate = Arc::new(Tls::load(config.files.clone())?);
        let pg = match config.pg {
            PgTls::Off => Encryption::Off,
            PgTls::Allow => Encryption::Allowed(Arc::clone(&certificate)),
            PgTls::Require => Encryption::Required(Arc::clone(&certificate)),
        };
        let http = (config.http == HttpTls::Require).then(|| Arc::clone(&certificate));
        Ok(Self { pg, http, certificate: Some(certificate) })
    }

    /// That of the PostgreSQL door.
    pub(super) fn of_pg(&self) -> Encryption {
        self.pg.clone()
    }

    /// That of the REST door; none where it speaks plain HTTP.
    pub(super) fn of_http(&self) -> Option<Arc<Tls>> {
        self.http.clone()
    }

    /// Says in the log where keys and faces may travel readable by others.
    pub(super) fn warn_of_plaintext(&self, pg: &TcpListener, http: &TcpListener) {
        if matches!(self.pg, Encryption::Off) {
            warn_if_exposed(pg, "--pg");
        }
        if self.http.is_none() {
            warn_if_exposed(http, "--http");
        }
    }

    /// From now on SIGHUP has the certificate read again.
    ///
    /// # Errors
    /// When the signal cannot be caught.
    pub(super) fn renew_at_hangup(&self) -> io::Result<()> {
        self.certificate.as_ref().map_or(Ok(()), renew_at_hangup)
    }
}

fn warn_if_exposed(door: &TcpListener, option: &'static str) {
    if let Ok(address) = door.local_addr()
        && !address.ip().to_canonical().is_loopback()
    {
        tracing::warn!(
            %address,
            option,
            "listening without encryption beyond the loopback address: whoever is on the way can \
             read keys and faces; --tls-certificate and --tls-key encrypt"
        );
    }
}

/// The task ends with the process: a certificate may be renewed as long as there are connections.
#[cfg(unix)]
fn renew_at_hangup(certificate: &Arc<Tls>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    use crate::causes::with_causes;

    let mut hangup = signal(SignalKind::hangup())?;
    let certificate = Arc::clone(certificate);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match certificate.reload() {
                Ok(()) => tracing::info!("the certificate has been read again"),
                Err(error) => {
                    let reason = with_causes(&error);
                    tracing::error!(%reason, "the certificate stays as it was");
                }
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn renew_at_hangup(_certificate: &Arc<Tls>) -> io::Result<()> {
    Ok(())
}
