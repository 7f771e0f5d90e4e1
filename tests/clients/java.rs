//! Clients in Java: one source file, compiled as it is run, beside Debian's driver.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::report::Client;
use crate::{notice, script};

/// Where Debian's package libpostgresql-jdbc-java puts the driver.
const DRIVER: &str = "/usr/share/java/postgresql.jar";

/// Runs a file of `tests/clients/java`.
pub(crate) async fn run(client: &Client, file: &str) {
    match driver() {
        Ok(driver) => {
            let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients/java");
            let mut command = Command::new("java");
            command.arg("-XX:TieredStopAtLevel=1").arg("-cp").arg(driver).arg(source.join(file));
            script::run(client, command).await;
        }
        Err(why) => notice::left_out(client, &why),
    }
}

/// The jar, where a JDK can run it too.
fn driver() -> Result<PathBuf, String> {
    let compiler = Command::new("javac").arg("-version").output();
    compiler.map_err(|error| format!("a JDK is needed, javac: {error}"))?;
    let own = env::var_os("LIKENESS_JDBC_JAR").map(PathBuf::from);
    let driver = own.unwrap_or_else(|| PathBuf::from(DRIVER));
    let missing = format!("no driver at {}; LIKENESS_JDBC_JAR may name it", driver.display());
    if driver.exists() { Ok(driver) } else { Err(missing) }
}
