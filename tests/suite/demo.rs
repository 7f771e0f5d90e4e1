//! The README's promise: what the demo prints works when pasted.

use std::process::Command;

use crate::support::{ServerBuilder, TestServer};

/// Runs the printed line that starts with `start` in a shell, if the program is there.
fn pasted(server: &TestServer, start: &str, program: &str) -> Option<String> {
    let line = server.printed.iter().find(|line| line.starts_with(start));
    let line = line.unwrap_or_else(|| panic!("no {start} line in {:#?}", server.printed));
    if Command::new(program).arg("--version").output().is_err() {
        println!("{program} is not installed: its line was not pasted");
        return None;
    }
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}\n{complaint}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_lines_work_when_pasted_at_every_start() {
    let mut first = ServerBuilder::new().with_models().demo().start().await;
    check(&first);
    assert!(first.terminate().await);
    let second = ServerBuilder::new().with_models().demo().on(&first).start().await;
    assert_ne!(first.first_key(), second.first_key());
    check(&second);
}

fn check(server: &TestServer) {
    assert!(server.printed.last().unwrap().starts_with("ready pg="));
    let console = format!("http://{}/console", server.http);
    assert!(server.printed.contains(&console), "{:#?}", server.printed);
    if let Some(rows) = pasted(server, "PGPASSWORD=", "psql") {
        assert!(rows.contains("similarity"), "{rows}");
        assert!(rows.contains(".jpg"), "{rows}");
        assert!(rows.contains("(5 rows)"), "{rows}");
    }
    if let Some(body) = pasted(server, "curl ", "curl") {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(!body["matches"].as_array().unwrap().is_empty(), "{body}");
    }
}
