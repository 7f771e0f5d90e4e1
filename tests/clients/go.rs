//! Clients in Go: one program, compiled as it is run, with the driver that Debian packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Client;
use crate::{cache, notice, script};

/// Where Debian puts the sources of Go packages.
const SOURCES: &str = "/usr/share/gocode";
/// The driver among them, which the package golang-github-jackc-pgx-v4-dev brings.
const DRIVER: &str = "src/github.com/jackc/pgx/v4";

/// Runs the program of `tests/clients/go`.
pub(crate) async fn run(client: &Client) {
    match program() {
        Ok(program) => script::run(client, Command::new(program)).await,
        Err(why) => notice::left_out(client, &why),
    }
}

/// The program, built from its sources as they are now.
fn program() -> Result<PathBuf, String> {
    let version = Command::new("go").arg("version").output();
    version.map_err(|error| format!("go: {error}"))?;
    let driver = Path::new(SOURCES).join(DRIVER);
    if !driver.exists() {
        return Err(format!("no driver at {}", driver.display()));
    }
    let folder = cache::folder("go", DRIVER, |_| Ok(()))?;
    let program = folder.join("with-pgx");
    let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients/go");
    let mut build = Command::new("go");
    build.arg("build").arg("-o").arg(&program).arg(".").current_dir(sources);
    // Nothing is fetched: the packages are those of the machine.
    build.env("GOPATH", SOURCES).env("GO111MODULE", "off").env("GOCACHE", folder.join("cache"));
    cache::step(&mut build)?;
    Ok(program)
}
