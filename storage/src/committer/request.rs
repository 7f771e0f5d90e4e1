//! What the committer can be asked for, and how the askers reach it.

use std::sync::mpsc::{self, SyncSender};

use parking_lot::Mutex;

use crate::batch::{Commit, WriteError};
use crate::checkpoint::CheckpointReport;
use crate::compaction::CompactionReport;
use crate::id::{GalleryId, Lsn};
use crate::io::FileName;
use crate::prepare::Proposal;

pub(crate) type Reply<T> = SyncSender<Result<T, WriteError>>;

/// What the committer is asked to do.
#[derive(Debug)]
pub(crate) enum Request {
    /// Commit something.
    Write { proposal: Proposal, reply: Reply<Commit> },
    /// Seal everything committed so far.
    Checkpoint { reply: Reply<CheckpointReport> },
    /// Merge what the policy says, once; answered with none where nothing is due.
    Compact { reply: Reply<Option<CompactionReport>> },
    /// Rewrite one segment of a gallery that is sealed with deleted rows and became live up to an
    /// LSN; answered with none where there is none.
    Purge { gallery: GalleryId, born: Lsn, reply: Reply<Option<CompactionReport>> },
    /// Leave the merging of a gallery to whoever erases, or take it up again.
    Hold { gallery: GalleryId, hold: bool },
    /// Wait until no merge is under way and everything that may go is removed; answered with the
    /// number of files that are still there.
    Settle { reply: Reply<u64> },
    /// Remove files that nothing names.
    Discard { files: Vec<FileName> },
    /// The worker has done something.
    Wake,
    /// Finish.
    Close { reply: Reply<()> },
}

/// The way to the committer, until it is told to close.
#[derive(Debug)]
pub(crate) struct Requests(Mutex<Option<SyncSender<Request>>>);

impl Requests {
    pub(crate) fn new(sender: SyncSender<Request>) -> Self {
        Self(Mutex::new(Some(sender)))
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask<T>(
        &self,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, WriteError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let sender = self.0.lock().clone().ok_or(WriteError::Closed)?;
        sender.send(request(reply)).map_err(|_| WriteError::Closed)?;
        drop(sender);
        answer.recv().map_err(|_| WriteError::Unknown)?
    }

    /// Asks for something that has no answer; a closed store has nothing to do any more.
    pub(crate) fn tell(&self, request: Request) {
        let sender = self.0.lock().clone();
        let _ = sender.map(|sender| sender.send(request));
    }

    /// Asks the committer to finish; nobody can ask for anything after that.
    pub(crate) fn close(&self) -> Result<(), WriteError> {
        let outcome = self.ask(|reply| Request::Close { reply });
        drop(self.0.lock().take());
        outcome
    }
}
