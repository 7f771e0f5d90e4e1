//! What the drivers share: a check is a task that may panic, and a line printed.

use std::env;

/// The statement that fills the collection.
pub const INSERT: &str = "INSERT INTO faces (external_face_id, embedding) VALUES ($1, $2::real[])";

/// The lock file, which knows the exact versions.
const LOCK: &str = include_str!("../Cargo.lock");

/// A variable that libpq reads.
pub fn variable(name: &str) -> String {
    env::var(name).unwrap()
}

/// Prints the version of a crate.
pub fn pinned(name: &str) {
    let entry =
        LOCK.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{name}\"\n")));
    let version = entry.unwrap().lines().find_map(|line| line.strip_prefix("version = "));
    println!("pinned {name} {}", version.unwrap().trim_matches('"'));
}

/// Runs a check and prints what became of it.
pub async fn check(name: &str, work: impl Future<Output = ()> + Send + 'static) {
    match tokio::spawn(work).await {
        Ok(()) => println!("ok {name}"),
        Err(error) => println!("FAIL {name}: {}", error.to_string().replace('\n', " ")),
    }
}
