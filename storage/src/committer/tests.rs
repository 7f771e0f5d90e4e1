//! Groups of batches: what shares a sync shares its fate.

use std::sync::mpsc::{channel, sync_channel};

use super::*;
use crate::batch::WriteBatch;
use crate::id::GalleryId;
use crate::io::memory::{Fault, MemoryDirectory};
use crate::limits;
use crate::recovery::recover;
use crate::row::tests::{bare_row, draft};

fn committer(directory: &MemoryDirectory) -> Committer {
    let recovered = recover(directory).unwrap();
    let current = Arc::new(parking_lot::RwLock::new(Arc::new(recovered.version.clone())));
    let directory = Arc::new(directory.clone());
    // Nothing here is work for the worker.
    let ((jobs, _), (_, done)) = (channel(), channel());
    let worker = WorkerEnds { jobs, done, thread: std::thread::spawn(|| ()) };
    let options = StoreOptions::default();
    Committer::new(directory, options, current, Arc::default(), recovered, worker)
}

/// Commits batches as one group and returns the answers.
fn group<const N: usize>(
    committer: &mut Committer,
    batches: [WriteBatch; N],
) -> [Result<Commit, WriteError>; N] {
    let (requests, answers): (Vec<_>, Vec<_>) = batches
        .into_iter()
        .map(|batch| {
            let (reply, answer) = sync_channel(1);
            ((Proposal::Batch { batch, since: None }, reply), answer)
        })
        .unzip();
    committer.commit_group(requests, || false);
    let answers: Vec<_> = answers.iter().map(|answer| answer.recv().unwrap()).collect();
    answers.try_into().unwrap()
}

fn enroll(gallery: GalleryId, id: u128) -> WriteBatch {
    let mut batch = WriteBatch::new();
    batch.enroll(gallery, bare_row(id, vec![1.0, 1.0]));
    batch
}

fn with_gallery(committer: &mut Committer) -> GalleryId {
    let mut batch = WriteBatch::new();
    batch.create_gallery(draft("g", 2));
    let [created] = group(committer, [batch]);
    created.unwrap().created[0]
}

#[test]
fn batches_of_one_group_see_each_other() {
    let mut committer = committer(&MemoryDirectory::default());
    let gallery = with_gallery(&mut committer);
    let batches = [enroll(gallery, 1), enroll(gallery, 1), WriteBatch::new()];
    let [first, second, empty] = group(&mut committer, batches);
    assert_eq!(first.unwrap().lsn, Lsn::new(2));
    assert!(matches!(second, Err(WriteError::DuplicateTemplate(_))), "{second:?}");
    assert_eq!(empty.unwrap().lsn, Lsn::new(2));
    assert_eq!(committer.current.read().lsn, Lsn::new(2));
}

#[test]
fn nobody_is_told_of_a_batch_that_did_not_become_durable() {
    let directory = MemoryDirectory::default();
    let mut committer = committer(&directory);
    let gallery = with_gallery(&mut committer);
    directory.set_fault(Fault::Sync);
    let batches = [enroll(gallery, 1), enroll(gallery, 1), WriteBatch::new()];
    let [first, second, empty] = group(&mut committer, batches);
    assert!(matches!(first, Err(WriteError::Io(_))), "{first:?}");
    // Both would otherwise speak of a template, or of an LSN, that may never have been.
    assert!(matches!(second, Err(WriteError::ReadOnly { .. })), "{second:?}");
    assert!(empty.is_err(), "{empty:?}");
    assert_eq!(committer.current.read().lsn, Lsn::new(1));
}

#[test]
fn a_group_larger_than_one_write_is_one_commit() {
    let directory = MemoryDirectory::default();
    let mut committer = committer(&directory);
    let gallery = with_gallery(&mut committer);
    let batches: [WriteBatch; 80] = std::array::from_fn(|id| {
        let mut batch = WriteBatch::new();
        let mut row = bare_row(id as u128, vec![1.0, 1.0]);
        row.metadata = Some("x".repeat(limits::JSON_BYTES_MAX).into());
        batch.enroll(gallery, row);
        batch
    });
    assert!(group(&mut committer, batches).iter().all(Result::is_ok));
    drop(committer);
    assert_eq!(recover(&directory).unwrap().report.rows, 80);
}
