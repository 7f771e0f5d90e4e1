//! Clients in Rust: a crate of its own, so that what they need does not change how the server is
//! built.

use std::path::PathBuf;
use std::process::Command;

use crate::report::Client;
use crate::{cache, notice, script};

/// The crates, each at one version and with its checksum.
const PINNED: &str = include_str!("rust/Cargo.lock");

/// Runs the checks of one driver.
pub(crate) async fn run(client: &Client, driver: &str) {
    match program() {
        Ok(program) => {
            let mut command = Command::new(program);
            command.arg(driver);
            script::run(client, command).await;
        }
        Err(why) => notice::left_out(client, &why),
    }
}

/// The program, built from its sources as they are now.
fn program() -> Result<PathBuf, String> {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients/rust/Cargo.toml");
    let folder = cache::folder("rust", PINNED, |_| Ok(()))?;
    cache::step(
        Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(folder.join("target")),
    )?;
    Ok(folder.join("target/debug/likeness-clients"))
}
