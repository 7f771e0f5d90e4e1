//! Which certificate the doors show, and which door insists on encryption.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::ConfigError;
use crate::tls::TlsFiles;

/// Options of encryption, on the command line and in the environment.
#[derive(Debug, Clone, Default, Args)]
pub struct TlsArgs {
    /// PEM file with the server's certificate, followed by those that lead to its root. With it
    /// and its key both doors speak TLS; SIGHUP has the files read again
    #[arg(long, env = "LIKENESS_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key, without a passphrase
    #[arg(long, env = "LIKENESS_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Whether clients of the PostgreSQL door may or must encrypt
    /// [default: allow with a certificate, else off]
    #[arg(long, env = "LIKENESS_PG_TLS", value_name = "MODE")]
    pub pg_tls: Option<PgTls>,
    /// Whether the REST door speaks HTTPS and nothing else
    /// [default: require with a certificate, else off]
    #[arg(long, env = "LIKENESS_HTTP_TLS", value_name = "MODE")]
    pub http_tls: Option<HttpTls>,
}

/// Encryption of the PostgreSQL door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PgTls {
    /// Nobody gets it
    Off,
    /// Whoever asks for it gets it
    Allow,
    /// Nobody gets in without it
    Require,
}

/// Encryption of the REST door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum HttpTls {
    /// HTTP
    Off,
    /// HTTPS
    Require,
}

/// A certificate and the doors that use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// Where certificate and key are.
    pub files: TlsFiles,
    /// Encryption of the PostgreSQL door.
    pub pg: PgTls,
    /// Encryption of the REST door.
    pub http: HttpTls,
}

impl TlsArgs {
    /// These, and `other` where they say nothing.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            tls_certificate: self.tls_certificate.or(other.tls_certificate),
            tls_key: self.tls_key.or(other.tls_key),
            pg_tls: self.pg_tls.or(other.pg_tls),
            http_tls: self.http_tls.or(other.http_tls),
        }
    }

    /// Decides every option; none when there is no certificate.
    ///
    /// # Errors
    /// When something is asked for that needs a file which is not named: a server that was told to
    /// encrypt never starts without.
    pub(super) fn resolve(self) -> Result<Option<TlsConfig>, ConfigError> {
        let missing = |option, needed| Err(ConfigError::Missing { option, needed });
        match (self.tls_certificate, self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some(TlsConfig {
                files: TlsFiles { certificate, key },
                pg: self.pg_tls.unwrap_or(PgTls::Allow),
                http: self.http_tls.unwrap_or(HttpTls::Require),
            })),
            (Some(_), None) => missing("--tls-certificate", "--tls-key"),
            (None, Some(_)) => missing("--tls-key", "--tls-certificate"),
            (None, None) if self.pg_tls.is_some_and(|mode| mode != PgTls::Off) => {
                missing("--pg-tls", "--tls-certificate")
            }
            (None, None) if self.http_tls == Some(HttpTls::Require) => {
                missing("--http-tls", "--tls-certificate")
            }
            (None, None) => Ok(None),
        }
    }
}
