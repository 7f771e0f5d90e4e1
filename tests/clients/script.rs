//! Runs a client's script and holds what it prints against the document.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::document;
use crate::fixture::Fixture;
use crate::report::{Client, Report};

/// What takes longer than this hangs.
const PATIENCE: Duration = Duration::from_mins(5);

/// Runs the command against a server of its own.
pub(crate) async fn run(client: &Client, command: std::process::Command) {
    let fixture = Fixture::start().await;
    let mut command = Command::from(command);
    command.envs(fixture.environment()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{} hangs", client.name)).unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let both = format!("{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let report = Report::read(&printed);
    report.assert_passed(client, &both);
    document::hold(client, &report);
}
