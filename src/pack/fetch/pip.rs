//! Wheels, through pip.

use std::path::{Path, PathBuf};

use super::client::Client;
use super::{FetchError, Package};
use crate::pack::Progress;

const PIP: Client = Client {
    name: "pip",
    commands: &[&["python3", "-m", "pip"], &["pip3"], &["pip"]],
    extension: "whl",
};

/// The Python that wheels are chosen for, so that every machine gets the same one.
const PYTHON_VERSION: &str = "3.11";

/// Downloads a wheel, for a named platform or one that fits any, into the empty directory `into`.
///
/// # Errors
/// [`FetchError`], also where pip is missing.
pub(in crate::pack) fn download(
    package: Package<'_>,
    platform: Option<&str>,
    into: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, FetchError> {
    let Package { name, version, bytes } = package;
    let package = format!("{name}=={version}");
    let mut arguments = vec!["download", "--no-deps", "--only-binary=:all:", "--dest", "."];
    arguments.extend(["--no-input", "--disable-pip-version-check", "--quiet"]);
    arguments.extend(["--python-version", PYTHON_VERSION, "--implementation", "cp"]);
    arguments.extend(platform.iter().flat_map(|platform| ["--platform", platform]));
    arguments.push(&package);
    PIP.download((&package, bytes), &arguments, into, progress)
}
