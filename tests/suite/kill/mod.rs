//! The server is killed again and again on one directory, at random moments of a mixed load that
//! keeps it checkpointing and merging. After each kill every byte of the directory is checked,
//! then, through SQL, everything that was acknowledged.
//!
//! `LIKENESS_KILL_SEED` repeats the load and the moments of a run as far as the machine lets it,
//! `LIKENESS_KILLS` asks for more rounds.

mod check;
mod random;
mod writer;

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;

use crate::support::{ServerBuilder, TestServer, likeness_on, spin};
use check::check;
use random::Random;
use writer::{DIMENSIONS, Writer};

const KILLS: u64 = 50;
const WRITERS: u64 = 4;
/// Most statements acknowledged before a kill.
const STATEMENTS: usize = 100;
/// Acknowledged statements between two erasures.
const UPKEEP_EVERY: usize = 12;
/// Longest time from an acknowledgement to a kill; an unhurried checkpoint takes about as long.
const DELAY_US: usize = 8000;
/// Longest time from the start of a process to its kill, about when it is ready.
const START_US: usize = 30_000;

/// Sums over all rounds. What the server did after its last answer is not in them.
#[derive(Debug, Default)]
struct Sums {
    kills: u64,
    kills_while_starting: u64,
    acknowledged: u64,
    unanswered_done: u64,
    unanswered_undone: u64,
    checkpoints: u64,
    merges: u64,
    erasures: u64,
}

/// What one server said of its upkeep.
#[derive(Clone, Copy, Debug, Default)]
struct Upkeep {
    checkpoints: u64,
    merges: u64,
    erasures: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_fifty_kills_on_one_directory() {
    let kills = setting("LIKENESS_KILLS").unwrap_or(KILLS);
    let time = || SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    let seed = setting("LIKENESS_KILL_SEED").unwrap_or_else(time);
    println!("LIKENESS_KILL_SEED={seed} repeats this run");
    let began = Instant::now();
    let mut random = Random(seed);

    let mut server = ServerBuilder::new().start().await;
    let key = server.first_key();
    let create = format!("CREATE COLLECTION crash WITH (dimensions = {DIMENSIONS})");
    server.admin().await.batch_execute(&create).await.unwrap();
    let mut writers: Vec<_> =
        (0..WRITERS).map(|number| Writer::new(number, Random(random.next()))).collect();
    let mut sums = Sums::default();
    while sums.kills < kills {
        writers = load_and_kill(&mut server, &key, writers, &mut random, &mut sums).await;
        while random.percent(25) {
            let after = Duration::from_micros(random.below(START_US) as u64);
            again(&server).start_and_kill(after).await;
            sums.kills += 1;
            sums.kills_while_starting += 1;
        }
        let faces = faces_on_disk(&server).await;
        // Half of the servers checkpoint after every group; the others have a log to replay.
        let mib = if random.percent(50) { "0" } else { "1" };
        server = again(&server).arguments(&["--checkpoint-mib", mib]).start().await;
        let client = server.try_pg("default", "admin", &key).await.unwrap();
        let unanswered = check(&client, &mut writers, &mut random).await;
        sums.unanswered_done += unanswered.done;
        sums.unanswered_undone += unanswered.undone;
        assert_eq!(faces, face_count(&writers), "`likeness check` and the server disagree");
    }
    println!("{sums:#?} in {:?}", began.elapsed());
    assert!(sums.checkpoints >= kills, "{sums:?}");
    assert!(sums.merges >= kills / 5, "{sums:?}");
    assert!(sums.erasures >= kills / 5, "{sums:?}");

    assert!(server.terminate().await, "SIGTERM must end the server with success");
    assert_eq!(faces_on_disk(&server).await, face_count(&writers));
    let server = again(&server).start().await;
    let client = server.try_pg("default", "admin", &key).await.unwrap();
    check(&client, &mut writers, &mut random).await;
}

/// Checks every byte of the stopped server's directory; how many faces are in it.
async fn faces_on_disk(server: &TestServer) -> usize {
    let output = likeness_on("check", &[server.data().as_os_str(), "--json".as_ref()]).await;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}{}", String::from_utf8_lossy(&output.stdout));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    usize::try_from(report["faces"].as_u64().unwrap()).unwrap()
}

fn face_count(writers: &[Writer]) -> usize {
    writers.iter().map(|writer| writer.faces.len()).sum()
}

fn again(server: &TestServer) -> ServerBuilder {
    ServerBuilder::new().on(server).errors_only()
}

/// Lets the writers loose, kills the server after some of their statements, and returns them.
async fn load_and_kill(
    server: &mut TestServer,
    key: &str,
    writers: Vec<Writer>,
    random: &mut Random,
    sums: &mut Sums,
) -> Vec<Writer> {
    let (acknowledge, mut acknowledged) = mpsc::unbounded_channel();
    let (turn, turns) = mpsc::unbounded_channel();
    let upkeep = keep_up(server, key, turns).await;
    let mut clients = Vec::new();
    for _ in &writers {
        clients.push(server.try_pg("default", "admin", key).await.unwrap());
    }
    let run = |(writer, client): (Writer, _)| tokio::spawn(writer.run(client, acknowledge.clone()));
    let running: Vec<_> = writers.into_iter().zip(clients).map(run).collect();
    drop(acknowledge);
    let wanted = 1 + random.below(STATEMENTS);
    let delay = if random.percent(50) { 0 } else { random.below(DELAY_US) as u64 };
    for count in 0..wanted {
        acknowledged.recv().await.expect("the writers ended before the kill");
        sums.acknowledged += 1;
        if count % UPKEEP_EVERY == 0 {
            let _ = turn.send(());
        }
    }
    spin(Duration::from_micros(delay));
    server.kill().await;
    sums.kills += 1;
    drop(turn);
    let mut writers = Vec::new();
    for writer in running {
        writers.push(writer.await.unwrap());
    }
    while acknowledged.recv().await.is_some() {
        sums.acknowledged += 1;
    }
    let upkeep = upkeep.await.unwrap();
    sums.checkpoints += upkeep.checkpoints;
    sums.merges += upkeep.merges;
    sums.erasures += upkeep.erasures;
    writers
}

/// Erases whenever it is its turn, and asks what the server did, until the server is gone.
async fn keep_up(
    server: &TestServer,
    key: &str,
    mut turns: UnboundedReceiver<()>,
) -> JoinHandle<Upkeep> {
    let client = server.try_pg("default", "admin", key).await.unwrap();
    let rest = server.rest(key);
    tokio::spawn(async move {
        let mut upkeep = Upkeep::default();
        while turns.recv().await.is_some() {
            for erase in [false, true] {
                if erase {
                    if let Err(error) = client.query("VACUUM ERASE crash", &[]).await {
                        assert!(error.as_db_error().is_none(), "refused: {error:?}");
                        return upkeep;
                    }
                    upkeep.erasures += 1;
                }
                let Some(text) = rest.metrics().await else { return upkeep };
                assert_eq!(metric(&text, "likeness_storage_read_only"), 0);
                upkeep.checkpoints = metric(&text, "likeness_storage_checkpoints_total");
                upkeep.merges = metric(&text, "likeness_storage_compactions_total");
            }
        }
        upkeep
    })
}

fn metric(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

fn setting(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}
