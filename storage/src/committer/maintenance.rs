//! Checkpoints, merges and removals: what is due, what is under way, and what came of it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Committer, Reply, Request};
use crate::batch::WriteError;
use crate::checkpoint::{CheckpointReport, rebase};
use crate::compaction::{Candidate, CompactionPolicy, CompactionReport, Plan, install};
use crate::error::{Corruption, IoFailure};
use crate::id::{GalleryId, Lsn};
use crate::io::FileName;
use crate::sealed::Sealed;
use crate::segment::{BuildError, Segment};
use crate::version::{GalleryView, SegmentView};
use crate::wal::WalWriter;
use crate::worker::{Done, Job};

/// The committer's ends of its worker.
#[derive(Debug)]
pub(crate) struct WorkerEnds {
    pub(crate) jobs: Sender<Job>,
    pub(crate) done: Receiver<Done>,
    pub(crate) thread: JoinHandle<()>,
}

/// An answer that is given once the files it is about are gone.
#[derive(Debug)]
enum Answer {
    Checkpoint(Reply<CheckpointReport>, CheckpointReport),
    Compaction(Reply<Option<CompactionReport>>, CompactionReport),
    Settled(Reply<u64>),
}

/// What came of a merge.
type Merged = Result<(Option<Arc<Segment>>, CompactionReport), BuildError>;

/// Who waits for something that is under way; nobody where it began by itself.
#[derive(Debug)]
struct Waiting<T>(Option<Reply<T>>);

#[derive(Debug)]
pub(crate) struct Maintenance {
    worker: Option<WorkerEnds>,
    /// What was asked for, in order.
    asked: VecDeque<Request>,
    /// The checkpoint under way: who waits for it, and bytes of the log files it retires.
    sealing: Option<(Waiting<CheckpointReport>, u64)>,
    /// The merge under way: who waits for it.
    merging: Option<Waiting<Option<CompactionReport>>>,
    /// Whether it was told to hurry.
    is_hurried: bool,
    /// What came of it, while a checkpoint under way keeps it from being installed.
    merged: Option<(Plan, Merged)>,
    /// Files that nothing names any more.
    garbage: Vec<FileName>,
    /// Answers that are given once the garbage is gone.
    answers: Vec<Answer>,
    /// The removal under way: the answers that wait for it.
    removing: Option<Vec<Answer>>,
    /// Files whose removal failed; they are tried again with the next ones.
    left: Vec<FileName>,
    /// Galleries with damaged segments: they are not merged until the store is opened again.
    damaged: HashSet<GalleryId>,
    /// Galleries that somebody erases, once per erasure: what is rewritten is on its receipt.
    held: Vec<GalleryId>,
    /// Whether the policy may find something to merge: it looks at every gallery, so it is asked
    /// only when something changed.
    is_plan_due: bool,
}

impl Maintenance {
    pub(crate) fn new(worker: WorkerEnds) -> Self {
        Self {
            worker: Some(worker),
            asked: VecDeque::new(),
            sealing: None,
            merging: None,
            is_hurried: false,
            merged: None,
            garbage: Vec::new(),
            answers: Vec::new(),
            removing: None,
            left: Vec::new(),
            damaged: HashSet::new(),
            held: Vec::new(),
            is_plan_due: true,
        }
    }

    pub(super) fn ask(&mut self, request: Request) {
        if !matches!(request, Request::Wake) {
            self.asked.push_back(request);
        }
    }

    pub(super) fn hold(&mut self, gallery: GalleryId, hold: bool) {
        if hold {
            self.held.push(gallery);
        } else if let Some(at) = self.held.iter().position(|held| *held == gallery) {
            self.held.swap_remove(at);
            self.is_plan_due = true;
        }
    }

    pub(super) fn discard(&mut self, files: Vec<FileName>) {
        self.garbage.extend(files);
    }

    /// Whether the policy may merge a gallery.
    fn is_free(&self, gallery: GalleryId) -> bool {
        !self.damaged.contains(&gallery) && !self.held.contains(&gallery)
    }

    /// Bytes of log files that the checkpoint under way will retire.
    pub(super) fn frozen_log_bytes(&self) -> u64 {
        self.sealing.as_ref().map_or(0, |(_, bytes)| *bytes)
    }
}

impl Committer {
    /// Installs what is done and begins what is due. Waits only where recent rows would otherwise
    /// outgrow the memory set aside for them.
    pub(super) fn maintain(&mut self) {
        loop {
            while let Some(done) = self.done() {
                self.take(done);
            }
            self.begin_due();
            let full = self.options.checkpoint_bytes.saturating_mul(2);
            if self.maintenance.sealing.is_none() || self.wal.record_bytes() < full {
                return;
            }
            self.wait();
        }
    }

    fn done(&mut self) -> Option<Done> {
        match self.maintenance.worker.as_ref()?.done.try_recv() {
            Ok(done) => Some(done),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.lose_worker();
                None
            }
        }
    }

    /// Waits until the worker has done something.
    fn wait(&mut self) {
        match self.maintenance.worker.as_ref().map(|worker| worker.done.recv()) {
            Some(Ok(done)) => self.take(done),
            _ => self.lose_worker(),
        }
    }

    /// The worker is gone, which only a defect of the program can bring about.
    fn lose_worker(&mut self) {
        let reason = std::io::Error::other("the thread for background work has ended");
        let failure = IoFailure::new("go on in", self.directory.path(FileName::Lock), reason);
        self.fail(failure);
        let maintenance = &mut self.maintenance;
        // Whoever waits for one of these learns that no answer comes.
        (maintenance.worker, maintenance.sealing, maintenance.merging) = (None, None, None);
        (maintenance.merged, maintenance.removing) = (None, None);
        maintenance.answers.clear();
        self.refuse_all();
    }

    fn send(&mut self, job: Job) {
        let sent = self.maintenance.worker.as_ref().map(|worker| worker.jobs.send(job));
        if !matches!(sent, Some(Ok(()))) {
            self.lose_worker();
        }
    }

    fn begin_due(&mut self) {
        if self.failed.is_some() {
            self.refuse_all();
            return;
        }
        self.begin_removal();
        while self.failed.is_none()
            && let Some(request) = self.next_asked()
        {
            self.begin(request);
        }
        let Maintenance { asked, merging, is_hurried, .. } = &mut self.maintenance;
        if !asked.is_empty() && merging.is_some() && !std::mem::replace(is_hurried, true) {
            // Somebody waits: the merge under way need not spare the disk any more.
            self.send(Job::Hurry);
        }
        if self.failed.is_none() && self.maintenance.sealing.is_none() && self.is_checkpoint_due() {
            self.begin_checkpoint(None);
        }
        if self.failed.is_none()
            && self.maintenance.merging.is_none()
            && self.options.compaction
            && std::mem::take(&mut self.maintenance.is_plan_due)
            && let Some(plan) = self.plan_by_policy()
        {
            self.begin_merge(plan, self.options.compaction_bytes_per_second, None);
        }
    }

    /// The next thing asked for whose turn it is: checkpoints and merges do not wait for each
    /// other.
    fn next_asked(&mut self) -> Option<Request> {
        let Maintenance { asked, sealing, merging, .. } = &mut self.maintenance;
        let at = asked.iter().position(|request| match request {
            Request::Checkpoint { .. } => sealing.is_none(),
            _ => merging.is_none(),
        })?;
        asked.remove(at)
    }

    fn begin(&mut self, request: Request) {
        match request {
            Request::Checkpoint { reply } => self.begin_checkpoint(Some(reply)),
            Request::Compact { reply } => match self.plan_by_policy() {
                Some(plan) => self.begin_merge(plan, None, Some(reply)),
                None => drop(reply.send(Ok(None))),
            },
            Request::Purge { gallery, born, reply } => match self.plan_purge(gallery, born) {
                Some(plan) => self.begin_merge(plan, None, Some(reply)),
                None => drop(reply.send(Ok(None))),
            },
            Request::Settle { reply } => {
                self.maintenance.answers.push(Answer::Settled(reply));
                self.begin_removal();
            }
            Request::Write { .. }
            | Request::Hold { .. }
            | Request::Discard { .. }
            | Request::Wake
            | Request::Close { .. } => {}
        }
    }

    /// How long until the oldest commit must be sealed.
    pub(super) fn time_to_checkpoint(&self) -> Option<Duration> {
        let age = self.unsealed_since?.elapsed();
        let waiting = self.failed.is_none() && self.maintenance.sealing.is_none();
        self.options.checkpoint_after.filter(|_| waiting).map(|limit| limit.saturating_sub(age))
    }

    fn is_checkpoint_due(&self) -> bool {
        self.wal.record_bytes() > self.options.checkpoint_bytes
            || self.time_to_checkpoint().is_some_and(|time| time.is_zero())
    }

    /// The log goes on in a new file, and the rows in memory are handed to the worker.
    fn begin_checkpoint(&mut self, reply: Option<Reply<CheckpointReport>>) {
        if self.sealed.version.lsn == self.version.lsn {
            let report = CheckpointReport { lsn: self.version.lsn, ..CheckpointReport::default() };
            self.maintenance.answers.extend(reply.map(|reply| Answer::Checkpoint(reply, report)));
            self.begin_removal();
            return;
        }
        let retired = self.wal.record_bytes();
        let first_log = self.wal.seq().next();
        let next = self
            .wal
            .finish()
            .and_then(|()| WalWriter::create(&*self.directory, first_log, self.version.lsn.next()));
        match next {
            Ok(wal) => self.wal = wal,
            Err(failure) => {
                let cause = self.fail(failure);
                if let Some(reply) = reply {
                    let _ = reply.send(Err(WriteError::Io(cause)));
                }
                return;
            }
        }
        let mut version = self.version.clone();
        version.freeze();
        self.publish(version);
        self.unsealed_since = None;
        self.maintenance.sealing = Some((Waiting(reply), retired));
        self.activity.lock().checkpointing = true;
        self.send(Job::Seal { state: Box::new(self.version.clone()), first_log });
    }

    fn begin_merge(
        &mut self,
        plan: Plan,
        bytes_per_second: Option<u64>,
        reply: Option<Reply<Option<CompactionReport>>>,
    ) {
        self.maintenance.merging = Some(Waiting(reply));
        self.maintenance.is_hurried = false;
        self.activity.lock().compacting = true;
        self.send(Job::Merge { plan, bytes_per_second });
    }

    fn plan_by_policy(&self) -> Option<Plan> {
        let policy = CompactionPolicy::default();
        let free = |view: &&Arc<GalleryView>| self.maintenance.is_free(view.descriptor.id);
        self.sealed.version.galleries().filter(free).find_map(|view| {
            let candidates: Vec<Candidate> = view.segments.iter().map(candidate).collect();
            let chosen = policy.choose(&candidates);
            let is_chosen = |segment: &&SegmentView| chosen.contains(&segment.segment.id());
            let inputs: Vec<_> = view.segments.iter().filter(is_chosen).cloned().collect();
            (!inputs.is_empty()).then(|| self.plan(view, inputs))
        })
    }

    fn plan_purge(&self, gallery: GalleryId, born: Lsn) -> Option<Plan> {
        let view = self.sealed.version.gallery(gallery)?;
        let mut dirty = view.segments.iter().filter(|segment| !segment.tombstones.is_empty());
        let input = dirty.find(|segment| segment.born <= born)?;
        Some(self.plan(view, vec![input.clone()]))
    }

    fn plan(&self, view: &GalleryView, inputs: Vec<SegmentView>) -> Plan {
        Plan { gallery: Arc::clone(&view.descriptor), inputs, output: self.numbers.next() }
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Sealed(outcome) => {
                self.end_checkpoint(outcome);
                if let Some((plan, outcome)) = self.maintenance.merged.take() {
                    self.end_merge(&plan, outcome);
                }
            }
            // The checkpoint under way began with the segments that the merge replaces.
            Done::Merged(plan, outcome) if self.maintenance.sealing.is_some() => {
                self.maintenance.merged = Some((plan, outcome));
            }
            Done::Merged(plan, outcome) => self.end_merge(&plan, outcome),
            Done::Removed { left, failure } => self.end_removal(left, failure),
        }
        self.begin_removal();
    }

    fn end_checkpoint(&mut self, outcome: Result<(Sealed, CheckpointReport), IoFailure>) {
        let Some((Waiting(reply), _)) = self.maintenance.sealing.take() else { return };
        self.activity.lock().checkpointing = false;
        if let Some(refusal) = self.read_only() {
            drop(reply.map(|reply| reply.send(Err(refusal))));
            return;
        }
        let installed = outcome.and_then(|(sealed, report)| {
            self.install_checkpoint(sealed)?;
            Ok(report)
        });
        match installed {
            Ok(report) => {
                let mut activity = self.activity.lock();
                activity.add_checkpoint(&report);
                activity.log_bytes = self.wal.record_bytes();
                self.maintenance
                    .answers
                    .extend(reply.map(|reply| Answer::Checkpoint(reply, report)));
            }
            Err(failure) => {
                let cause = self.fail(failure);
                if let Some(reply) = reply {
                    let _ = reply.send(Err(WriteError::Io(cause)));
                }
            }
        }
    }

    fn install_checkpoint(&mut self, mut sealed: Sealed) -> Result<(), IoFailure> {
        sealed.bear(self.version.lsn);
        let version = rebase(&self.version, &sealed).map_err(|corruption| {
            // The new segments were verified when they were written.
            let path = corruption.file.clone();
            IoFailure::new("verify", path, std::io::Error::other(corruption))
        })?;
        let logs = self.sealed.first_log.get()..sealed.first_log.get();
        self.replace_sealed(sealed)?;
        // Not before: without the new manifest the old log is all there is.
        self.maintenance.garbage.extend(logs.map(|seq| FileName::Log(seq.into())));
        self.forget_attached();
        self.publish(version);
        Ok(())
    }

    /// The log that attached segments is gone up to the sealed state: what is not in that state,
    /// because its gallery was dropped before, is not needed any more.
    fn forget_attached(&mut self) {
        let (lsn, files) = (self.sealed.version.lsn, self.sealed.files());
        let garbage = &mut self.maintenance.garbage;
        self.attached.retain(|(attached, segment)| {
            let name = FileName::Segment(*segment);
            let is_sealed = *attached <= lsn;
            if is_sealed && !files.contains(&name) {
                garbage.push(name);
            }
            !is_sealed
        });
    }

    /// Writes the manifest: this is the moment at which the new files count.
    fn replace_sealed(&mut self, sealed: Sealed) -> Result<(), IoFailure> {
        let manifest = sealed.manifest(self.store, self.numbers.upcoming()).encode();
        self.directory.replace(FileName::Manifest, FileName::NewManifest, &manifest)?;
        let (before, after) = (self.sealed.files(), sealed.files());
        self.maintenance.garbage.extend(before.difference(&after));
        self.sealed = sealed;
        self.maintenance.is_plan_due = true;
        Ok(())
    }

    fn end_merge(&mut self, plan: &Plan, outcome: Merged) {
        let Some(Waiting(reply)) = self.maintenance.merging.take() else { return };
        self.activity.lock().compacting = false;
        self.maintenance.is_plan_due = true;
        if let Some(refusal) = self.read_only() {
            drop(reply.map(|reply| reply.send(Err(refusal))));
            return;
        }
        let installed = outcome.and_then(|(segment, report)| {
            self.install_merge(plan, segment)?;
            Ok(report)
        });
        let refusal = match installed {
            Ok(report) => {
                self.activity.lock().add_compaction(&report);
                let answer = reply.map(|reply| Answer::Compaction(reply, report));
                self.maintenance.answers.extend(answer);
                return;
            }
            Err(BuildError::Io(failure)) => WriteError::Io(self.fail(failure)),
            Err(BuildError::Corruption(corruption)) => self.set_damaged(plan, corruption),
        };
        if let Some(reply) = reply {
            let _ = reply.send(Err(refusal));
        }
    }

    fn install_merge(
        &mut self,
        plan: &Plan,
        segment: Option<Arc<Segment>>,
    ) -> Result<(), BuildError> {
        let output = segment.map(|segment| SegmentView::new(segment, self.version.lsn));
        if self.sealed.version.gallery(plan.gallery.id).is_none() {
            // The gallery was dropped meanwhile.
            self.maintenance.garbage.push(FileName::Segment(plan.output));
            return Ok(());
        }
        let mut sealed = self.sealed.clone();
        sealed.version = install(&sealed.version, plan, output.as_ref())?;
        let version = install(&self.version, plan, output.as_ref())?;
        // A checkpoint while the merge went on may have sealed rows as deleted.
        sealed.write_tombstones(&*self.directory, plan.gallery.id)?;
        self.replace_sealed(sealed)?;
        self.publish(version);
        Ok(())
    }

    /// Damage is no reason to refuse writes; but what is damaged is not copied.
    fn set_damaged(&mut self, plan: &Plan, corruption: Corruption) -> WriteError {
        self.activity.lock().last_error = Some(corruption.to_string());
        self.maintenance.damaged.insert(plan.gallery.id);
        self.maintenance.garbage.push(FileName::Segment(plan.output));
        WriteError::Corruption(corruption)
    }

    fn begin_removal(&mut self) {
        let Maintenance { removing, answers, garbage, .. } = &self.maintenance;
        if removing.is_some() || (answers.is_empty() && garbage.is_empty()) {
            return;
        }
        let maintenance = &mut self.maintenance;
        maintenance.removing = Some(std::mem::take(&mut maintenance.answers));
        let mut names = std::mem::take(&mut maintenance.garbage);
        names.append(&mut maintenance.left);
        self.send(Job::Remove(names));
    }

    fn end_removal(&mut self, left: Vec<FileName>, failure: Option<IoFailure>) {
        let files_left = left.len() as u64;
        let mut activity = self.activity.lock();
        activity.files_left = files_left;
        if let Some(failure) = failure {
            activity.last_error = Some(failure.to_string());
        }
        drop(activity);
        self.maintenance.left = left;
        for answer in self.maintenance.removing.take().unwrap_or_default() {
            // Whoever asked may be gone.
            match answer {
                Answer::Checkpoint(reply, report) => {
                    let _ = reply.send(Ok(CheckpointReport { files_left, ..report }));
                }
                Answer::Compaction(reply, report) => {
                    let _ = reply.send(Ok(Some(CompactionReport { files_left, ..report })));
                }
                Answer::Settled(reply) => drop(reply.send(Ok(files_left))),
            }
        }
    }

    /// Tells everybody who waits that nothing is written any more.
    fn refuse_all(&mut self) {
        let Some(refusal) = self.read_only() else { return };
        let maintenance = &mut self.maintenance;
        for request in maintenance.asked.drain(..) {
            match request {
                Request::Checkpoint { reply } => drop(reply.send(Err(refusal.clone()))),
                Request::Compact { reply } | Request::Purge { reply, .. } => {
                    drop(reply.send(Err(refusal.clone())));
                }
                Request::Settle { reply } => drop(reply.send(Err(refusal.clone()))),
                Request::Write { .. }
                | Request::Hold { .. }
                | Request::Discard { .. }
                | Request::Wake
                | Request::Close { .. } => {}
            }
        }
    }

    /// Ends the worker, after a last checkpoint if the options say so.
    pub(super) fn close(&mut self) -> Result<(), WriteError> {
        while self.maintenance.sealing.is_some() || self.maintenance.removing.is_some() {
            self.wait();
        }
        if self.options.checkpoint_on_close && self.failed.is_none() {
            self.begin_checkpoint(None);
            while self.maintenance.sealing.is_some() || self.maintenance.removing.is_some() {
                self.wait();
            }
        }
        if let Some(WorkerEnds { jobs, thread, .. }) = self.maintenance.worker.take() {
            let _ = jobs.send(Job::Stop);
            // A panic of the worker has been reported by the panic hook already.
            let _ = thread.join();
        }
        match self.read_only() {
            Some(refusal) if self.options.checkpoint_on_close => Err(refusal),
            _ => Ok(()),
        }
    }
}

fn candidate(view: &SegmentView) -> Candidate {
    Candidate {
        segment: view.segment.id(),
        bytes: view.segment.file_bytes(),
        rows: view.segment.row_count().into(),
        deleted: view.tombstones.len(),
        outdated: view.segment.is_outdated(),
    }
}
