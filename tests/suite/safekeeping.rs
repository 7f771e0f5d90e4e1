//! `check`, `backup` and `restore` from the command line, beside a server and without one.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{ServerBuilder, as_text, embeddings, likeness_on};

/// Runs a command; says how it ended and what it printed to both ends.
async fn run(command: &str, paths: &[&Path], options: &[&str]) -> (i32, String, String) {
    let paths = paths.iter().map(|path| path.as_os_str());
    let arguments: Vec<&OsStr> = paths.chain(options.iter().map(OsStr::new)).collect();
    let Output { status, stdout, stderr } = likeness_on(command, &arguments).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The JSON object that a command prints which succeeds.
async fn json(command: &str, paths: &[&Path], options: &[&str]) -> Value {
    let (code, out, complaint) = run(command, paths, &[options, &["--json"]].concat()).await;
    assert_eq!(code, 0, "{complaint}");
    serde_json::from_str(&out).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_comes_back_from_backups_taken_while_it_was_used() {
    let mut server = ServerBuilder::new().start().await;
    let key = server.first_key();
    let client = server.admin().await;
    client.batch_execute("CREATE COLLECTION staff WITH (dimensions = 8)").await.unwrap();
    let rows = embeddings(30, 8);
    let insert = |at: usize| {
        let text = as_text(&rows[at]);
        format!("INSERT INTO staff (external_face_id, embedding) VALUES ('{at}', '{text}')")
    };
    for at in 0..20 {
        client.execute(insert(at).as_str(), &[]).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (one, two) = (path("one"), path("two"));
    let first = json("backup", &[&server.data(), &one], &[]).await;
    assert_eq!((&first["since"], &first["first"]), (&Value::Null, &0.into()));
    let lsn = first["last"].as_u64().unwrap();
    assert!(lsn > 20, "{first}");
    for at in 20..30 {
        client.execute(insert(at).as_str(), &[]).await.unwrap();
    }
    let (code, out, _) =
        run("backup", &[&server.data(), &two], &["--link", "--since", &lsn.to_string()]).await;
    assert_eq!(code, 0);
    let next = out.lines().last().unwrap().strip_prefix("The next incremental backup: --since ");
    assert!(next.unwrap().parse::<u64>().unwrap() > lsn, "{out}");
    drop(client);
    server.kill().await;
    fs::remove_dir_all(server.data()).unwrap();

    // Yesterday's state elsewhere, today's in the place of the database that was lost.
    let until = lsn.to_string();
    let old = json("restore", &[&one, &two, &path("old")], &["--until", &until]).await;
    assert_eq!((&old["lsn"], &old["faces"]), (&lsn.into(), &20.into()));
    let (code, out, _) = run("restore", &[&one, &two, &server.data()], &[]).await;
    assert_eq!(code, 0);
    assert!(out.contains("1 collection, 30 faces, as of LSN"), "{out}");
    let found = json("check", &[&server.data()], &[]).await;
    assert_eq!((&found["whole"], &found["faces"]), (&true.into(), &30.into()));
    assert_eq!(found["store"], first["store"]);

    let restored = ServerBuilder::new().on(&server).start().await;
    let client = restored.try_pg("default", "admin", &key).await.unwrap();
    let count: i64 = client.query_one("SELECT count(*) FROM staff", &[]).await.unwrap().get(0);
    assert_eq!(count, 30);
    let (code, _, complaint) = run("check", &[&restored.data()], &[]).await;
    assert_eq!(code, 1);
    assert!(complaint.contains("in use by another process"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_printed_with_its_place_and_ends_with_one() {
    let mut server = ServerBuilder::new().start().await;
    assert!(server.terminate().await);
    let data = server.data();
    let (code, out, _) = run("check", &[&data], &[]).await;
    assert_eq!(code, 0);
    assert!(out.contains(": whole; 0 collections, 0 faces, as of LSN 0;"), "{out}");
    let manifest = data.join("MANIFEST");
    let mut bytes = fs::read(&manifest).unwrap();
    bytes[30] ^= 1;
    fs::write(&manifest, bytes).unwrap();
    let (code, out, complaint) = run("check", &[&data], &[]).await;
    assert_eq!(code, 1);
    let told = format!("{} is damaged at byte 0: the checksum differs", manifest.display());
    assert_eq!(out.lines().next(), Some(told.as_str()));
    assert!(complaint.contains("is damaged in one place"), "{complaint}");
    let (code, out, _) = run("check", &[&data], &["--json"]).await;
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &found["whole"]), (1, &false.into()));
    assert_eq!(found["damages"][0]["file"].as_str(), manifest.to_str());
    assert_eq!(found["damages"][0]["offset"], 0);

    let target = data.join("backup");
    let (code, _, complaint) = run("backup", &[&data, &target], &[]).await;
    assert_eq!(code, 1);
    assert!(complaint.contains("MANIFEST is damaged"), "{complaint}");
    assert!(!target.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_ends_with_one_and_what_cannot_be_meant_with_two() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (missing, target) = (path("missing"), path("target"));
    for (command, paths, word) in [
        ("check", vec![&*missing], "cannot open the directory"),
        ("backup", vec![&missing, &target], "cannot open the directory"),
        ("restore", vec![&missing, &target], "cannot open the directory"),
        ("check", vec![folder.path()], "there is no store"),
        ("backup", vec![folder.path(), &target], "there is no store"),
        ("restore", vec![folder.path(), &target], "is no backup"),
    ] {
        let (code, out, complaint) = run(command, &paths, &[]).await;
        assert_eq!((code, out.as_str()), (1, ""), "{command}: {complaint}");
        assert!(complaint.contains(word), "{command}: {complaint}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    for (command, paths, options) in [
        ("check", vec![], vec![]),
        ("backup", vec![&*target], vec![]),
        ("restore", vec![&*target], vec![]),
        ("backup", vec![folder.path(), &target], vec!["--since", "yesterday"]),
    ] {
        let (code, ..) = run(command, &paths, &options).await;
        assert_eq!(code, 2, "{command}");
    }
}
