//! Single files over HTTPS, going on where an interrupted download ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Agent;
use ureq::http::Response;

use super::FetchError;
use crate::pack::Progress;
use crate::pack::digest::sha256_file;

/// Times the server may break off within one download.
const ATTEMPTS: u32 = 4;
/// Longest silence of the server.
const SILENCE_MAX: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const USER_AGENT: &str = concat!("likeness/", env!("CARGO_PKG_VERSION"));

/// A file as it was published.
#[derive(Debug, Clone, Copy)]
pub(in crate::pack) struct RemoteFile<'a> {
    /// Where it is.
    pub(in crate::pack) url: &'a str,
    /// Its size.
    pub(in crate::pack) bytes: u64,
    /// Its SHA-256.
    pub(in crate::pack) sha256: &'a str,
}

/// Downloads a file into the existing directory `into`, which should be the same at every try.
///
/// # Errors
/// [`FetchError`]; what was received before a connection broke off is kept for the next try.
pub(in crate::pack) fn download(
    file: RemoteFile<'_>,
    into: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, FetchError> {
    Download { file, part: into.join(format!("{}.part", file.sha256)), progress }.run(&agent(true))
}

fn agent(https_only: bool) -> Agent {
    Agent::config_builder()
        .https_only(https_only)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(SILENCE_MAX))
        .timeout_per_read(Some(SILENCE_MAX))
        .user_agent(USER_AGENT)
        .build()
        .new_agent()
}

struct Download<'a> {
    file: RemoteFile<'a>,
    /// What has been received so far.
    part: PathBuf,
    progress: &'a dyn Progress,
}

impl Download<'_> {
    fn run(&self, agent: &Agent) -> Result<PathBuf, FetchError> {
        let RemoteFile { url, bytes, .. } = self.file;
        self.progress.begin(&format!("downloading {url}"), Some(bytes));
        for _ in 0..ATTEMPTS {
            if self.received() >= bytes {
                break;
            }
            self.go_on(agent)?;
        }
        self.progress.finish();
        if self.received() < bytes {
            let received = self.received();
            return Err(FetchError::BrokenOff { url: url.to_owned(), received, bytes });
        }
        self.check()?;
        Ok(self.part.clone())
    }

    fn received(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |metadata| metadata.len())
    }

    /// One request; returns when the file is complete or the server has broken off.
    fn go_on(&self, agent: &Agent) -> Result<(), FetchError> {
        let url = self.file.url;
        let received = self.received();
        let mut request = agent.get(url);
        if received > 0 {
            request = request.header("Range", format!("bytes={received}-"));
        }
        let mut response = request.call().map_err(|source| FetchError::Connection {
            url: url.to_owned(),
            source: Box::new(source),
        })?;
        let status = response.status().as_u16();
        let continues = status == 206 && starts_at(&response, received);
        if !continues && status != 200 {
            // A part that the server cannot continue is of no use; one that it cannot continue
            // now, as when it is overloaded, may be of use to the next try.
            if matches!(status, 206 | 416) {
                self.discard();
            }
            return Err(FetchError::Status { url: url.to_owned(), status });
        }
        let part = OpenOptions::new()
            .create(true)
            .write(true)
            .append(continues)
            .truncate(!continues)
            .open(&self.part)
            .map_err(FetchError::io("create", &self.part))?;
        let before = if continues { received } else { 0 };
        self.receive(response.body_mut().as_reader(), &part, before)
    }

    /// Appends what the server sends, at most the published size.
    fn receive(&self, from: impl Read, mut to: &File, before: u64) -> Result<(), FetchError> {
        let RemoteFile { url, bytes, .. } = self.file;
        let mut from = from.take(bytes.saturating_sub(before).saturating_add(1));
        let mut received = before;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // The next request goes on from here.
                Err(_) => return Ok(()),
            };
            received += read as u64;
            if received > bytes {
                self.discard();
                return Err(FetchError::Different {
                    url: url.to_owned(),
                    expected: format!("{bytes} bytes"),
                    actual: "more".to_owned(),
                });
            }
            to.write_all(&buffer[..read]).map_err(FetchError::io("write", &self.part))?;
            self.progress.advance(received);
        }
    }

    fn check(&self) -> Result<(), FetchError> {
        let actual = sha256_file(&self.part).map_err(FetchError::io("read", &self.part))?;
        if actual == self.file.sha256 {
            return Ok(());
        }
        self.discard();
        Err(FetchError::Different {
            url: self.file.url.to_owned(),
            expected: format!("SHA-256 {}", self.file.sha256),
            actual: format!("SHA-256 {actual}"),
        })
    }

    fn discard(&self) {
        // It may not exist; if it cannot be removed, the next check fails and says so.
        let _ = fs::remove_file(&self.part);
    }
}

/// Whether the answer's first byte is the one asked for.
fn starts_at<T>(response: &Response<T>, offset: u64) -> bool {
    response
        .headers()
        .get("content-range")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
}

#[cfg(test)]
mod tests;
