//! psql, where it is installed, as the stranger's first client.

use std::process::{Command, Output};

use crate::support::{ServerBuilder, TestServer};

fn psql(server: &TestServer, key: &str, arguments: &[&str]) -> Option<Output> {
    let (host, port) = server.pg.split_once(':').unwrap();
    output_of(
        Command::new("psql")
            .args(["-X", "-h", host, "-p", port, "-U", "admin", "-d", "default", "-v"])
            .args(["ON_ERROR_STOP=1", "-A", "-t"])
            .args(arguments)
            .env("PGPASSWORD", key),
    )
}

/// What a run of psql puts out; none where it is not installed.
pub(crate) fn output_of(psql: &mut Command) -> Option<Output> {
    match psql.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("psql is not installed: its rows were not checked");
            None
        }
        Err(error) => panic!("psql cannot run: {error}"),
    }
}

fn answer(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_logs_in_and_runs_the_dialect() {
    let server = ServerBuilder::new().start().await;
    let key = server.first_key();
    let create = "CREATE COLLECTION p WITH (dimensions = 2)";
    let Some(created) = psql(&server, &key, &["-c", create]) else { return };
    assert_eq!(answer(&created), "CREATE COLLECTION");
    let run = |statement: &str| answer(&psql(&server, &key, &["-c", statement]).unwrap());
    let insert = "INSERT INTO p (external_face_id, embedding) \
                  VALUES ('east', '[1,0]'), ('north', '[0,1]'), ('north-east', '[1,1]')";
    assert_eq!(run(insert), "INSERT 0 3");
    let search = "SELECT rank, external_face_id FROM \
                  (SEARCH FACES IN p LIKE EMBEDDING '[2,0.1]' LIMIT 2) s ORDER BY rank";
    assert_eq!(run(search), "1|east\n2|north-east");
    assert!(run("SHOW COLLECTIONS").starts_with("p|3|"));
    assert_eq!(run("SELECT count(*), max(external_face_id) FROM p"), "3|north-east");
    assert_eq!(run("DELETE FROM p WHERE external_face_id = 'east'"), "DELETE 1");

    let refused = psql(&server, &key, &["-c", "SELECT * FROM absent"]).unwrap();
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(complaint.contains("ERROR:  collection \"absent\" does not exist"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_describes_what_there_is() {
    let server = ServerBuilder::new().start().await;
    let key = server.first_key();
    let create = "CREATE COLLECTION p WITH (dimensions = 2, description = 'persons')";
    if psql(&server, &key, &["-c", create]).is_none() {
        return;
    }
    let run = |command: &str| answer(&psql(&server, &key, &["-c", command]).unwrap());
    assert_eq!(run("\\dt"), "public|p|table|admin");
    assert!(run("\\dt+").contains("persons"));
    assert!(run("\\l").starts_with("default|admin|UTF8"));
    // Indexes are in the footer, which tables without titles do not have.
    let whole = ["-P", "tuples_only=off", "-c", "\\d p"];
    let described = answer(&psql(&server, &key, &whole).unwrap());
    assert!(described.contains("face_id|text||not null|"), "{described}");
    assert!(described.contains("embedding|vector(2)|||"), "{described}");
    assert!(described.contains("\"p_pkey\" PRIMARY KEY, btree (face_id)"), "{described}");
    let absent = psql(&server, &key, &["-c", "\\d absent"]).unwrap();
    let complaint = String::from_utf8_lossy(&absent.stderr).into_owned();
    assert!(complaint.contains("Did not find any relation named \"absent\"."), "{complaint}");
}
