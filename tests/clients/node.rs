//! Clients in JavaScript: the packages of `package-lock.json`, run by Node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::report::Client;
use crate::{cache, notice, script};

/// The packages, each at one version and with its checksum.
const PINNED: &str = include_str!("node/package-lock.json");

/// Runs a script of `tests/clients/node`.
pub(crate) async fn run(client: &Client, file: &str) {
    match modules() {
        Ok(modules) => {
            let mut command = Command::new("node");
            command.arg(scripts().join(file)).env("NODE_PATH", modules);
            script::run(client, command).await;
        }
        Err(why) => notice::left_out(client, &why),
    }
}

fn scripts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients/node")
}

fn modules() -> Result<PathBuf, String> {
    let node = Command::new("node").arg("--version").output();
    node.map_err(|error| format!("node: {error}"))?;
    let install = |folder: &Path| {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(scripts().join(file), folder.join(file)).unwrap();
        }
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        cache::step(Command::new("npm").args(arguments).current_dir(folder))
    };
    Ok(cache::folder("node", PINNED, install)?.join("node_modules"))
}
