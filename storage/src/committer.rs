//! The one thread that decides: commits batches in order, and installs what the worker made.

mod maintenance;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use crate::activity::Shared;
use crate::batch::{Commit, WriteError};
use crate::error::IoFailure;
use crate::id::{Lsn, SegmentId, StoreId};
use crate::io::{Directory, DirectoryLock};
use crate::numbers::SegmentNumbers;
use crate::options::StoreOptions;
use crate::prepare::{Prepared, Proposal, prepare};
use crate::recovery::Recovered;
use crate::sealed::Sealed;
use crate::version::{Current, Version};
use crate::wal::{WalRecord, WalWriter};
use maintenance::Maintenance;
pub(crate) use maintenance::WorkerEnds;
pub(crate) use request::{Reply, Request, Requests};

/// Most batches that share one sync.
const GROUP_BATCHES_MAX: usize = 1024;

#[derive(Debug)]
pub(crate) struct Committer {
    directory: Arc<dyn Directory>,
    #[expect(dead_code, reason = "held for as long as the committer lives")]
    lock: Arc<DirectoryLock>,
    options: StoreOptions,
    store: StoreId,
    current: Current,
    /// The published version, or ahead of it by the group being committed.
    version: Version,
    /// What the manifest describes.
    sealed: Sealed,
    numbers: Arc<SegmentNumbers>,
    /// Segments of bulk loads that no checkpoint has sealed, each with the LSN of its batch.
    attached: Vec<(Lsn, SegmentId)>,
    wal: WalWriter,
    /// When the oldest commit was made that no checkpoint has begun to seal.
    unsealed_since: Option<Instant>,
    /// Set by the first failed write; nothing is written after it.
    failed: Option<Arc<IoFailure>>,
    activity: Shared,
    maintenance: Maintenance,
}

impl Committer {
    pub(crate) fn new(
        directory: Arc<dyn Directory>,
        options: StoreOptions,
        current: Current,
        activity: Shared,
        recovered: Recovered,
        worker: WorkerEnds,
    ) -> Self {
        let Recovered { lock, store, version, sealed, numbers, attached, wal, .. } = recovered;
        activity.lock().sealed = sealed.version.lsn;
        activity.lock().log_bytes = wal.record_bytes();
        let unsealed_since = (version.lsn > sealed.version.lsn).then(Instant::now);
        let maintenance = Maintenance::new(worker);
        Self {
            directory,
            lock,
            options,
            store,
            current,
            version,
            sealed,
            numbers,
            attached,
            wal,
            unsealed_since,
            failed: None,
            activity,
            maintenance,
        }
    }

    /// Serves until it is told to close or nobody can ask any more.
    pub(crate) fn run(mut self, inbox: &Receiver<Request>) {
        let mut next = None;
        loop {
            self.maintain();
            let Some(first) = next.take().or_else(|| self.receive(inbox)) else { break };
            let mut group = Vec::new();
            let mut request = Some(first);
            while let Some(received) = request.take() {
                match received {
                    Request::Write { proposal, reply } => group.push((proposal, reply)),
                    other => next = Some(other),
                }
                if next.is_none() && group.len() < GROUP_BATCHES_MAX {
                    request = inbox.try_recv().ok();
                }
            }
            self.commit_group(group, || {
                next = next.take().or_else(|| inbox.try_recv().ok());
                // Only another batch would say that this group is durable.
                !matches!(next, Some(Request::Write { .. }))
            });
            match next.take() {
                Some(Request::Close { reply }) => {
                    let _ = reply.send(self.close());
                    return;
                }
                Some(Request::Write { proposal, reply }) => {
                    next = Some(Request::Write { proposal, reply });
                }
                Some(Request::Hold { gallery, hold }) => self.maintenance.hold(gallery, hold),
                Some(Request::Discard { files }) => self.maintenance.discard(files),
                Some(other) => self.maintenance.ask(other),
                None => {}
            }
        }
        let _ = self.close();
    }

    /// The next request; a wake-up when something is due before one comes.
    fn receive(&self, inbox: &Receiver<Request>) -> Option<Request> {
        match self.time_to_checkpoint() {
            None => inbox.recv().ok(),
            Some(time) => match inbox.recv_timeout(time) {
                Ok(request) => Some(request),
                Err(RecvTimeoutError::Timeout) => Some(Request::Wake),
                Err(RecvTimeoutError::Disconnected) => None,
            },
        }
    }

    fn read_only(&self) -> Option<WriteError> {
        self.failed.as_ref().map(|cause| WriteError::ReadOnly { cause: Arc::clone(cause) })
    }

    /// Commits a group with one sync. Nobody is answered before, not even the author of a batch
    /// that is refused: the refusal may rest on a batch of the group that is not durable yet.
    ///
    /// `is_idle` is asked after the sync. When nothing waits, the log is told that the group is
    /// durable; else the next group says so.
    fn commit_group(
        &mut self,
        group: Vec<(Proposal, Reply<Commit>)>,
        is_idle: impl FnOnce() -> bool,
    ) {
        let synced = self.version.lsn;
        let mut working = self.version.clone();
        let (mut records, mut answers) = (Vec::new(), Vec::with_capacity(group.len()));
        for (proposal, reply) in group {
            let outcome = self.read_only().map_or_else(|| prepare(&working, proposal), Err);
            let answer = outcome.map(|Prepared { version, commit, changes }| {
                if !changes.is_empty() {
                    working = version;
                    records.push(WalRecord { lsn: commit.lsn, synced, changes });
                }
                commit
            });
            answers.push((answer, reply));
        }
        if !records.is_empty() {
            match self.wal.commit(&records) {
                Ok(()) => self.committed(working, &records, is_idle),
                Err(failure) => {
                    let cause = self.fail(failure);
                    for (answer, _) in &mut answers {
                        *answer = Err(not_durable(answer, synced, &cause));
                    }
                }
            }
        }
        for (answer, reply) in answers {
            // A reply nobody waits for any more is not an error: the batch is committed.
            let _ = reply.send(answer);
        }
    }

    fn committed(
        &mut self,
        version: Version,
        records: &[WalRecord],
        is_idle: impl FnOnce() -> bool,
    ) {
        self.publish(version);
        for record in records {
            self.attached.extend(record.attached());
        }
        self.unsealed_since.get_or_insert_with(Instant::now);
        if is_idle()
            && let Err(failure) = self.wal.note()
        {
            // The group itself is durable, so its authors are told so.
            self.fail(failure);
        }
        let mut activity = self.activity.lock();
        activity.groups += 1;
        activity.batches += records.len() as u64;
        activity.log_bytes = self.maintenance.frozen_log_bytes() + self.wal.record_bytes();
    }

    fn publish(&mut self, version: Version) {
        self.version = version;
        *self.current.write() = Arc::new(self.version.clone());
    }

    fn fail(&mut self, failure: IoFailure) -> Arc<IoFailure> {
        let cause = Arc::new(failure);
        let first = Arc::clone(self.failed.get_or_insert_with(|| Arc::clone(&cause)));
        self.activity.lock().read_only = Some(first.to_string());
        cause
    }
}

/// What to answer in place of `answer` now that the group did not become durable.
fn not_durable(
    answer: &Result<Commit, WriteError>,
    synced: Lsn,
    cause: &Arc<IoFailure>,
) -> WriteError {
    let cause = Arc::clone(cause);
    match answer {
        // A record of this batch may be on disk.
        Ok(commit) if commit.lsn > synced => WriteError::Io(cause),
        _ => WriteError::ReadOnly { cause },
    }
}
