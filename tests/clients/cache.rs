//! Where what clients need is kept between runs: a folder per set of pinned packages.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::notice;

/// One test at a time makes folders; another process is kept out by a file.
static MAKING: Mutex<()> = Mutex::new(());

/// The folder for this set, made by `fill` unless an earlier run made it.
///
/// # Errors
///
/// What `fill` says.
pub(crate) fn folder(
    name: &str,
    pinned: &str,
    fill: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let _making = MAKING.lock().unwrap();
    let folder = root().join(format!("{name}-{:08x}", crc32fast::hash(pinned.as_bytes())));
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let complete = folder.join("complete");
    if !complete.exists() {
        notice::say(&format!("installing the {name} clients into {}", folder.display()));
        fill(&folder)?;
        File::create(complete).unwrap();
    }
    Ok(folder)
}

/// `LIKENESS_TEST_CACHE`, else a folder of the user's cache.
fn root() -> PathBuf {
    let own = env::var_os("LIKENESS_TEST_CACHE").map(PathBuf::from);
    let shared = || env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = || shared().or_else(home).unwrap_or_else(env::temp_dir).join("likeness-clients");
    own.unwrap_or_else(cache)
}

/// Runs a step of an installation.
///
/// # Errors
///
/// That it cannot run, or what it complained about.
pub(crate) fn step(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name} failed, which the first run needs a network for:\n{complaint}"))
}
