//! npm packages, through npm.

use std::path::{Path, PathBuf};

use super::FetchError;
use super::client::Client;
use crate::pack::Progress;

const NPM: Client = Client { name: "npm", commands: &[&["npm"]], extension: "tgz" };

/// Downloads a package into the empty directory `into`; none of its scripts are run.
///
/// # Errors
/// [`FetchError`], also where npm is missing.
pub(in crate::pack) fn download(
    package: &str,
    version: &str,
    into: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, FetchError> {
    let package = format!("{package}@{version}");
    let arguments =
        ["pack", &package, "--pack-destination", ".", "--ignore-scripts", "--loglevel=error"];
    NPM.download(&package, &arguments, into, progress)
}
