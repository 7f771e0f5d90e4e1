//! Where the server keeps its data and listens: command line, else environment, else file, else
//! default.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

mod tls;

pub use tls::{HttpTls, PgTls, TlsArgs, TlsConfig};

const CHECKPOINT_MIB: u64 = 64;
const CHECKPOINT_SECONDS: u64 = 300;
const COMPACTION_MIB_PER_SECOND: u64 = 64;

/// Options of `serve` and `demo`; the environment variables are named by clap's help.
#[derive(Debug, Clone, Default, Args)]
pub struct ServerArgs {
    /// Directory of the database; created when absent
    /// [default: ./likeness-data; demo: ./likeness-demo]
    #[arg(long, env = "LIKENESS_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address of the PostgreSQL door [default: 127.0.0.1:5433]
    #[arg(long, env = "LIKENESS_PG", value_name = "ADDR")]
    pub pg: Option<String>,
    /// Address of the REST door [default: 127.0.0.1:8080]
    #[arg(long, env = "LIKENESS_HTTP", value_name = "ADDR")]
    pub http: Option<String>,
    /// Directory of model packs [default: a per-user cache directory]
    #[arg(long, env = "LIKENESS_MODELS", value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Model pack that reads images [default: dlib-centerface]
    #[arg(long, env = "LIKENESS_PACK", value_name = "ID")]
    pub pack: Option<String>,
    /// Images read at the same time [default: one per processor core]
    #[arg(long, env = "LIKENESS_WORKERS", value_name = "N")]
    pub workers: Option<usize>,
    /// MiB of log after which recent rows are written to segments; a restart after a crash replays
    /// about as much, at most twice. 0: after every group of commits [default: 64]
    #[arg(long, env = "LIKENESS_CHECKPOINT_MIB", value_name = "N")]
    pub checkpoint_mib: Option<u64>,
    /// Seconds after which a commit is written to a segment at the latest. 0: no such limit
    /// [default: 300]
    #[arg(long, env = "LIKENESS_CHECKPOINT_SECONDS", value_name = "N")]
    pub checkpoint_seconds: Option<u64>,
    /// MiB a second that merging segments writes at most, so that requests have the disk.
    /// 0: as fast as it goes [default: 64]
    #[arg(long, env = "LIKENESS_COMPACTION_MIB_PER_SECOND", value_name = "N")]
    pub compaction_mib_per_second: Option<u64>,
    /// Encryption of both doors.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// TOML file with any of these options
    #[arg(long, env = "LIKENESS_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The same options as read from a file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileOptions {
    data: Option<PathBuf>,
    pg: Option<String>,
    http: Option<String>,
    models: Option<PathBuf>,
    pack: Option<String>,
    workers: Option<usize>,
    checkpoint_mib: Option<u64>,
    checkpoint_seconds: Option<u64>,
    compaction_mib_per_second: Option<u64>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    pg_tls: Option<PgTls>,
    http_tls: Option<HttpTls>,
}

/// Every option with its value decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Directory of the database.
    pub data: PathBuf,
    /// Address of the PostgreSQL door.
    pub pg: String,
    /// Address of the REST door.
    pub http: String,
    /// Directory of model packs; none means the per-user cache directory.
    pub models: Option<PathBuf>,
    /// Model pack that reads images.
    pub pack: String,
    /// Images read at the same time, at least 1.
    pub workers: usize,
    /// Bytes of log after which a checkpoint begins.
    pub checkpoint_bytes: u64,
    /// Time after which a commit is checkpointed at the latest.
    pub checkpoint_after: Option<Duration>,
    /// Bytes a second that merging segments writes at most.
    pub compaction_bytes_per_second: Option<u64>,
    /// The certificate of the doors; none when they do not encrypt.
    pub tls: Option<TlsConfig>,
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read configuration file {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not the TOML expected.
    #[error("configuration file {path} is not valid")]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// An option is of no use without another.
    #[error("{option} needs {needed}")]
    Missing {
        /// The one that is there.
        option: &'static str,
        /// The one that is not.
        needed: &'static str,
    },
}

impl ServerArgs {
    /// Decides every option; `data` is where the database lives unless somebody says otherwise.
    ///
    /// # Errors
    /// When a configuration file is named and cannot be used, or an option lacks its other half.
    pub fn resolve(self, data: &str, default_pack: &str) -> Result<ServerConfig, ConfigError> {
        let file = match &self.config {
            Some(path) => FileOptions::read(path)?,
            None => FileOptions::default(),
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let checkpoint_mib = self.checkpoint_mib.or(file.checkpoint_mib).unwrap_or(CHECKPOINT_MIB);
        let checkpoint_seconds =
            self.checkpoint_seconds.or(file.checkpoint_seconds).unwrap_or(CHECKPOINT_SECONDS);
        let compaction_mib = self
            .compaction_mib_per_second
            .or(file.compaction_mib_per_second)
            .unwrap_or(COMPACTION_MIB_PER_SECOND);
        let tls = TlsArgs {
            tls_certificate: file.tls_certificate,
            tls_key: file.tls_key,
            pg_tls: file.pg_tls,
            http_tls: file.http_tls,
        };
        Ok(ServerConfig {
            tls: self.tls.or(tls).resolve()?,
            data: self.data.or(file.data).unwrap_or_else(|| data.into()),
            pg: self.pg.or(file.pg).unwrap_or_else(|| "127.0.0.1:5433".to_owned()),
            http: self.http.or(file.http).unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            models: self.models.or(file.models),
            pack: self.pack.or(file.pack).unwrap_or_else(|| default_pack.to_owned()),
            workers: self.workers.or(file.workers).unwrap_or(cores).max(1),
            checkpoint_bytes: mib(checkpoint_mib),
            checkpoint_after: unless_zero(checkpoint_seconds).map(Duration::from_secs),
            compaction_bytes_per_second: unless_zero(compaction_mib).map(mib),
        })
    }
}

fn mib(count: u64) -> u64 {
    count.saturating_mul(1 << 20)
}

fn unless_zero(value: u64) -> Option<u64> {
    (value > 0).then_some(value)
}

impl FileOptions {
    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("likeness.toml");
        fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_the_default() {
        let (_keep, path) = with_file("pg = '0.0.0.0:1'\nhttp = '0.0.0.0:2'\n");
        let args = ServerArgs {
            config: Some(path),
            pg: Some("127.0.0.1:9".to_owned()),
            ..ServerArgs::default()
        };
        let config = args.resolve("./likeness-data", "some-pack").unwrap();
        assert_eq!(config.pg, "127.0.0.1:9");
        assert_eq!(config.http, "0.0.0.0:2");
        assert_eq!(config.data, PathBuf::from("./likeness-data"));
        assert_eq!(config.pack, "some-pack");
    }

    #[test]
    fn a_misspelt_option_in_the_file_is_refused_by_name() {
        let (_keep, path) = with_file("htpp = '0.0.0.0:2'\n");
        let args = ServerArgs { config: Some(path), ..ServerArgs::default() };
        let error = args.resolve("d", "p").unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("htpp"), "{source}");
    }

    #[test]
    fn a_missing_file_is_an_error_not_a_default() {
        let args = ServerArgs { config: Some("no/such/file".into()), ..ServerArgs::default() };
        assert!(matches!(args.resolve("d", "p"), Err(ConfigError::Read { .. })));
    }

    #[test]
    fn a_certificate_turns_encryption_on_and_half_of_one_is_refused() {
        let (_keep, path) = with_file("tls-certificate = 'c.pem'\ntls-key = 'k.pem'\n");
        let args = ServerArgs { config: Some(path), ..ServerArgs::default() };
        let tls = args.clone().resolve("d", "p").unwrap().tls.unwrap();
        assert_eq!(tls.files.key, PathBuf::from("k.pem"));
        assert_eq!((tls.pg, tls.http), (PgTls::Allow, HttpTls::Require));

        let tls = TlsArgs { tls_key: Some("other.pem".into()), ..TlsArgs::default() };
        let tls = ServerArgs { tls, ..args }.resolve("d", "p").unwrap().tls.unwrap();
        assert_eq!(tls.files.certificate, PathBuf::from("c.pem"));
        assert_eq!(tls.files.key, PathBuf::from("other.pem"));

        let refused = [
            TlsArgs { tls_certificate: Some("c.pem".into()), ..TlsArgs::default() },
            TlsArgs { tls_key: Some("k.pem".into()), ..TlsArgs::default() },
            TlsArgs { pg_tls: Some(PgTls::Require), ..TlsArgs::default() },
            TlsArgs { pg_tls: Some(PgTls::Allow), ..TlsArgs::default() },
            TlsArgs { http_tls: Some(HttpTls::Require), ..TlsArgs::default() },
        ];
        for tls in refused {
            let args = ServerArgs { tls, ..ServerArgs::default() };
            assert!(matches!(args.resolve("d", "p"), Err(ConfigError::Missing { .. })));
        }
        let off = TlsArgs { pg_tls: Some(PgTls::Off), ..TlsArgs::default() };
        let args = ServerArgs { tls: off, ..ServerArgs::default() };
        assert_eq!(args.resolve("d", "p").unwrap().tls, None);
    }

    #[test]
    fn zero_means_every_group_no_time_limit_and_full_speed() {
        let (_keep, path) = with_file(
            "checkpoint-mib = 2\ncheckpoint-seconds = 0\ncompaction-mib-per-second = 3\n",
        );
        let args = ServerArgs { config: Some(path), ..ServerArgs::default() };
        let config = args.resolve("d", "p").unwrap();
        assert_eq!(config.checkpoint_bytes, 2 << 20);
        assert_eq!(config.checkpoint_after, None);
        assert_eq!(config.compaction_bytes_per_second, Some(3 << 20));
        let args = ServerArgs {
            checkpoint_mib: Some(0),
            checkpoint_seconds: Some(7),
            compaction_mib_per_second: Some(0),
            ..ServerArgs::default()
        };
        let config = args.resolve("d", "p").unwrap();
        assert_eq!(config.checkpoint_bytes, 0);
        assert_eq!(config.checkpoint_after, Some(Duration::from_secs(7)));
        assert_eq!(config.compaction_bytes_per_second, None);
    }
}
