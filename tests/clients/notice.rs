//! Words to whoever runs the tests, past the capture of the test harness: what takes a while, and
//! what was not checked.

use std::io::Write;

use crate::report::Client;

/// Says what is going on.
pub(crate) fn say(text: &str) {
    // A notice that cannot be written is no reason to fail.
    let _ = std::io::stderr().lock().write_all(format!("clients: {text}\n").as_bytes());
}

/// Says that this client was left out, and fails where none may be.
pub(crate) fn left_out(client: &Client, why: &str) {
    let all = std::env::var_os("LIKENESS_CLIENTS").is_some_and(|value| value == "all");
    assert!(!all, "LIKENESS_CLIENTS=all, but {} cannot run: {why}", client.name);
    say(&format!("{} was NOT checked: {why}", client.name));
}
