//! Runs a package client of this machine and finds the package it brought.

use std::fs::{self, File};
use std::path::{self, Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use super::FetchError;
use crate::pack::Progress;

/// How often a running client is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Most bytes of the client's messages that go into an error.
const MESSAGE_MAX: usize = 2000;

/// A package client and the ways to call it, the first working one of which is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    /// What people call it.
    pub(super) name: &'static str,
    /// Program and first arguments.
    pub(super) commands: &'static [&'static [&'static str]],
    /// How the packages it leaves end.
    pub(super) extension: &'static str,
}

impl Client {
    /// Downloads a package of about this many bytes into the existing, empty directory `into`;
    /// returns the file.
    ///
    /// # Errors
    /// [`FetchError`] if there is no such client, it fails, or it leaves nothing.
    pub(super) fn download(
        &self,
        (package, bytes): (&str, u64),
        arguments: &[&str],
        into: &Path,
        progress: &dyn Progress,
    ) -> Result<PathBuf, FetchError> {
        let missing = FetchError::ClientMissing { client: self.name };
        let mut command = self.find().ok_or(missing)?;
        progress.begin(&format!("{}: downloading {package}", self.name), Some(bytes));
        let log = into.join("client.log");
        let messages = File::create(&log).map_err(FetchError::io("create", &log))?;
        let absolute = path::absolute(into).map_err(FetchError::io("find", into))?;
        let program = PathBuf::from(command.get_program());
        let child = command
            .args(arguments)
            .current_dir(into)
            // A client that keeps unfinished files among the temporary ones, as pip does, can be
            // watched; the others show their package when it is complete.
            .env("TMPDIR", absolute)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(messages)
            .spawn()
            .map_err(FetchError::io("start", &program))?;
        let status = wait(child, || progress.advance(size_of(into).min(bytes)))
            .map_err(FetchError::io("wait for", &program))?;
        progress.finish();
        if !status.success() {
            return Err(FetchError::ClientFailed {
                client: self.name,
                package: package.to_owned(),
                status: status.to_string(),
                message: last_words(&log),
            });
        }
        self.package_in(into)
            .map_err(FetchError::io("read", into))?
            .ok_or_else(|| FetchError::NoPackage { client: self.name, package: package.to_owned() })
    }

    /// The first command that answers.
    fn find(&self) -> Option<Command> {
        self.commands.iter().find_map(|words| {
            let (program, arguments) = words.split_first()?;
            let mut probe = Command::new(program);
            probe.args(arguments).arg("--version");
            probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut command = Command::new(program);
            command.args(arguments);
            probe.status().is_ok_and(|status| status.success()).then_some(command)
        })
    }

    fn package_in(&self, folder: &Path) -> std::io::Result<Option<PathBuf>> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == self.extension) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }
}

/// Bytes in a directory and those below it; what vanishes meanwhile is not counted.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// Waits for the client; one that cannot be waited for is stopped.
fn wait(mut child: Child, meanwhile: impl Fn()) -> std::io::Result<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {
                meanwhile();
                thread::sleep(POLL_INTERVAL);
            }
            Err(error) => {
                // It may be gone already, which is what is wanted.
                let _ = child.kill();
                return Err(error);
            }
        }
    }
}

/// The end of the client's messages.
fn last_words(log: &Path) -> String {
    let messages = fs::read(log).unwrap_or_default();
    let tail = &messages[messages.len().saturating_sub(MESSAGE_MAX)..];
    String::from_utf8_lossy(tail).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::NoProgress;
    use tempfile::TempDir;

    fn shell(script: &'static [&'static [&'static str]]) -> Client {
        Client { name: "shell", commands: script, extension: "whl" }
    }

    #[test]
    fn a_missing_client_is_named_together_with_the_ways_out() {
        let client =
            Client { name: "pip", commands: &[&["likeness-no-such-program"]], extension: "whl" };
        let folder = TempDir::new().unwrap();
        let error = client.download(("a==1", 1), &[], folder.path(), &NoProgress).unwrap_err();
        assert!(matches!(error, FetchError::ClientMissing { client: "pip" }), "{error:?}");
        let message = error.to_string();
        for way in ["pip is not installed", "--models DIR", "LIKENESS_MODELS"] {
            assert!(message.contains(way), "{message}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_failing_client_is_quoted() {
        const SCRIPT: &str = "test $1 = --version || { echo no such package >&2; exit 3; }";
        let client = shell(&[&["likeness-no-such-program"], &["sh", "-c", SCRIPT, "sh"]]);
        let folder = TempDir::new().unwrap();
        let error = client.download(("a==1", 1), &["get"], folder.path(), &NoProgress).unwrap_err();
        let message = error.to_string();
        for part in ["a==1", "no such package", "--models DIR"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn unfinished_files_count_wherever_the_client_puts_them() {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("unpack")).unwrap();
        fs::write(folder.path().join("unpack/a.whl"), "12345").unwrap();
        fs::write(folder.path().join("client.log"), "12").unwrap();
        assert_eq!(size_of(folder.path()), 7);
        assert_eq!(size_of(&folder.path().join("absent")), 0);
    }

    #[test]
    #[cfg(unix)]
    fn the_package_the_client_leaves_is_found_beside_other_files() {
        const SCRIPT: &str = "test $1 = --version || { : > other.txt; : > $1; }";
        let client = shell(&[&["sh", "-c", SCRIPT, "sh"]]);
        let folder = TempDir::new().unwrap();
        let found = client.download(("a==1", 1), &["a-1.whl"], folder.path(), &NoProgress).unwrap();
        assert_eq!(found, folder.path().join("a-1.whl"));
        let folder = TempDir::new().unwrap();
        let error =
            client.download(("a==1", 1), &["a-1.zip"], folder.path(), &NoProgress).unwrap_err();
        assert!(matches!(error, FetchError::NoPackage { .. }), "{error:?}");
    }
}
