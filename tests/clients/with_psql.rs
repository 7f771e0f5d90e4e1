//! psql: its own commands, and how it shows what the server says.

use std::process::{Command, Stdio};

use crate::document;
use crate::fixture::Fixture;
use crate::notice;
use crate::report::{Client, Report};

/// A text that psql is given, and what its output must contain.
const COMMANDS: &[(&str, &[&str])] = &[
    ("SELECT 1 AS one;", &["one", "(1 row)"]),
    ("\\x on\nSELECT 1 AS one, 'x' AS two;", &["-[ RECORD 1 ]", "two | x"]),
    ("\\conninfo", &["You are connected to database \"default\" as user \"admin\""]),
    ("\\encoding", &["UTF8"]),
    ("SELECT 7 AS n \\gset\n\\echo value :n", &["value 7"]),
    ("SELECT 'SELECT 6 * 7 AS answer' \\gexec", &["answer", "42"]),
    ("SELECT 1/0;\n\\echo :LAST_ERROR_SQLSTATE", &["division by zero", "22012"]),
    ("\\set VERBOSITY verbose\nSELEC 1;", &["ERROR:  42601:", "LINE 1: SELEC 1;"]),
    ("\\errverbose", &["There is no previous error."]),
    ("SELECT 1 \\; SELECT 2;", &["1", "2"]),
];

/// Runs psql once for each command.
pub(crate) async fn run(client: &Client) {
    let version = match Command::new("psql").arg("--version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => return notice::left_out(client, &format!("psql: {error}")),
    };
    let fixture = Fixture::start().await;
    let mut report = Report::default();
    report.machine.push(version);
    for (typed, wanted) in COMMANDS {
        let printed = answer(&fixture, typed);
        for part in *wanted {
            assert!(printed.contains(part), "{typed}\ndid not print {part}, but\n{printed}");
        }
        report.passed.push(format!("`{}`", typed.replace('\n', " ⏎ ")));
    }
    document::hold(client, &report);
}

/// All that psql prints for a text on its standard input.
fn answer(fixture: &Fixture, typed: &str) -> String {
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), format!("{typed}\n")).unwrap();
    let output = Command::new("psql")
        .args(["-X", "-f"])
        .arg(script.path())
        .envs(fixture.environment())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (out, error) = (output.stdout, output.stderr);
    format!("{}\n{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&error))
}
