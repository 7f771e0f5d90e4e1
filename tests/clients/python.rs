//! Clients in Python: an environment of its own with the pinned packages.

use std::path::PathBuf;
use std::process::Command;

use crate::report::Client;
use crate::{cache, notice, script};

/// Where the scripts are.
const FOLDER: &str = "python";
/// The packages, each at one version.
const PINNED: &str = include_str!("python/requirements.txt");
/// The oldest Python that the packages are built for.
const OLDEST: (u32, u32) = (3, 11);

/// Runs a script of `tests/clients/python`.
pub(crate) async fn run(client: &Client, file: &str) {
    match environment(FOLDER, PINNED) {
        Ok(python) => {
            let mut command = Command::new(python);
            command.arg(scripts(FOLDER).join(file)).env("PYTHONDONTWRITEBYTECODE", "1");
            script::run(client, command).await;
        }
        Err(why) => notice::left_out(client, &why),
    }
}

/// A folder of `tests/clients`.
pub(crate) fn scripts(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(folder)
}

/// The interpreter that finds the packages which a folder's `requirements.txt` pins.
pub(crate) fn environment(folder: &str, pinned: &str) -> Result<PathBuf, String> {
    let found = version().ok_or("there is no python3")?;
    if found < OLDEST {
        let (major, minor) = OLDEST;
        return Err(format!("python3 is {}.{}, not {major}.{minor} or newer", found.0, found.1));
    }
    let cached = cache::folder(folder, pinned, |cached| {
        cache::step(
            Command::new("python3").args(["-m", "venv", "--clear"]).arg(cached.join("venv")),
        )?;
        let mut pip = Command::new(cached.join("venv/bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
            .args(["--only-binary", ":all:", "-r"])
            .arg(scripts(folder).join("requirements.txt"));
        cache::step(&mut pip)
    })?;
    Ok(cached.join("venv/bin/python"))
}

fn version() -> Option<(u32, u32)> {
    let print = "import sys; print(sys.version_info[0], sys.version_info[1])";
    let output = Command::new("python3").args(["-c", print]).output().ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = printed.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
