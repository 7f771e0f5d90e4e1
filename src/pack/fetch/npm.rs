//! npm packages, through npm.

use std::path::{Path, PathBuf};

use super::client::Client;
use super::{FetchError, Package};
use crate::pack::Progress;

const NPM: Client = Client { name: "npm", commands: &[&["npm"]], extension: "tgz" };

/// Downloads a package into the empty directory `into`; none of its scripts are run.
///
/// # Errors
/// [`FetchError`], also where npm is missing.
pub(in crate::pack) fn download(
    package: Package<'_>,
    into: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, FetchError> {
    let Package { name, version, bytes } = package;
    let package = format!("{name}@{version}");
    let arguments = [
        "pack",
        &package,
        "--pack-destination",
        ".",
        "--ignore-scripts",
        "--loglevel=error",
        // By default npm waits for over a minute before it reports that there is no network.
        "--fetch-retries=2",
        "--fetch-retry-mintimeout=1000",
        "--fetch-retry-maxtimeout=5000",
    ];
    NPM.download((&package, bytes), &arguments, into, progress)
}
