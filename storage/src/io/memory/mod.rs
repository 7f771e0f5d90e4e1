//! A directory in memory for unit tests: it can be told to fail, and knows what a crash leaves.
//!
//! It tells what a program sees from what is durable; `docs/durability.md` lists under "Fair
//! faults" what it does to the difference.

mod content;
mod fault;
mod gate;
mod image;
mod names;
mod power_cut;
mod random;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::{AppendFile, Directory, DirectoryLock, FileName, LockError, Mapping};
use crate::error::IoFailure;
use content::Content;
use fault::Failure;
pub(crate) use fault::{Breakdown, Call, Failed, Fault};
use gate::Barrier;
pub(crate) use gate::Gate;
use image::Image;
use names::Names;
pub(crate) use power_cut::PowerCut;
pub(crate) use random::Random;

/// Everything a crash may leave, and what the next calls do. Cheap to clone: files are shared
/// until they change.
#[derive(Clone, Debug, Default)]
struct State {
    files: Vec<Arc<Content>>,
    names: Names,
    /// Calls so far.
    calls: u64,
    salts: u64,
    fault: Fault,
    breakdown: Option<Breakdown>,
    failed: Option<Failed>,
    acknowledged: u64,
    /// The states after every call that changed something, where they are kept.
    history: Option<Vec<State>>,
}

impl State {
    /// Files that are all durable.
    fn durable(files: BTreeMap<FileName, Arc<Content>>, salts: u64) -> Self {
        let names = files.keys().copied().enumerate().map(|(file, name)| (name, file));
        let names = Names::durable(names.collect());
        Self { files: files.into_values().collect(), names, salts, ..Self::default() }
    }

    fn get(&self, name: FileName) -> Option<&Content> {
        Some(&self.files[self.names.get(name)?])
    }

    fn file(&mut self, file: usize) -> &mut Content {
        Arc::make_mut(&mut self.files[file])
    }

    fn put(&mut self, content: Content) -> usize {
        self.files.push(Arc::new(content));
        self.files.len() - 1
    }

    /// Keeps the state as one that a crash may leave.
    fn record(&mut self) {
        if let Some(mut history) = self.history.take() {
            history.push(self.clone());
            self.history = Some(history);
        }
    }
}

/// Files in memory, shared by clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryDirectory {
    state: Arc<Mutex<State>>,
    barriers: Arc<Mutex<Vec<Barrier>>>,
}

impl MemoryDirectory {
    /// A directory that keeps its state after every call.
    pub(crate) fn recording() -> Self {
        Self::default().with_history()
    }

    fn of(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)), barriers: Arc::default() }
    }

    /// The same files in a directory that keeps its state after every call from now on.
    pub(crate) fn with_history(self) -> Self {
        self.state.lock().history = Some(Vec::new());
        self
    }

    /// The states after every call that changed something, each a directory of its own.
    pub(crate) fn history(&self) -> Vec<Self> {
        let history = self.state.lock().history.clone().unwrap();
        history.into_iter().map(Self::of).collect()
    }

    /// A directory of its own with what a killed process leaves: everything it wrote.
    pub(crate) fn killed(&self) -> Self {
        let state = self.state.lock();
        let (files, names) = (state.files.clone(), state.names.clone());
        Self::of(State { files, names, salts: state.salts, ..State::default() })
    }

    /// A directory of its own with what the loss of power leaves.
    pub(crate) fn power_cut(&self, cut: PowerCut) -> Self {
        let seed = if let PowerCut::Seeded(seed) = cut { seed } else { 0 };
        let mut random = Random::new(seed);
        let state = self.state.lock();
        let names = state.names.after(cut, &mut random);
        let left = names.into_iter().map(|(name, file)| {
            let left = state.files[file].after(cut, &mut random);
            (name, Arc::new(left))
        });
        Self::of(State::durable(left.collect(), state.salts))
    }

    /// Notes that batches up to `lsn` were acknowledged.
    pub(crate) fn acknowledge(&self, lsn: u64) {
        self.state.lock().acknowledged = lsn;
    }

    /// What was acknowledged when this state was there.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.state.lock().acknowledged
    }

    /// Makes the following calls fail, or work again.
    pub(crate) fn set_fault(&self, fault: Fault) {
        self.state.lock().fault = fault;
    }

    /// Makes one call fail that is yet to come, or none.
    pub(crate) fn break_down(&self, breakdown: Option<Breakdown>) {
        self.state.lock().breakdown = breakdown;
    }

    /// The first call that failed as [`MemoryDirectory::break_down`] said and was not taken yet.
    pub(crate) fn take_failed(&self) -> Option<Failed> {
        self.state.lock().failed.take()
    }

    /// Gives back what was taken, to be taken before anything that failed since.
    pub(crate) fn give_failed(&self, failed: Option<Failed>) {
        let mut state = self.state.lock();
        state.failed = failed.or(state.failed);
    }

    /// The number of calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// Holds the `nth` call (from one on) of those that `counts` says, until the gate is released.
    pub(crate) fn gate(&self, nth: u32, counts: fn(Call, FileName) -> bool) -> Gate {
        let (barrier, gate) = Barrier::new(nth, counts);
        self.barriers.lock().push(barrier);
        gate
    }

    /// The files that are there, without a call.
    pub(crate) fn files(&self) -> Vec<FileName> {
        self.state.lock().names.list()
    }

    /// Changes the content of a file behind the store's back.
    pub(crate) fn edit(&self, name: FileName, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.lock();
        let mut bytes = state.get(name).map(|file| file.seen().to_vec()).unwrap_or_default();
        edit(&mut bytes);
        let file = state.put(Content::durable(Image::of(bytes)));
        state.names.put(name, file);
    }

    /// The whole content of a file that must exist.
    pub(crate) fn content(&self, name: FileName) -> Vec<u8> {
        self.state.lock().get(name).unwrap().seen().to_vec()
    }

    fn failure(&self, operation: &'static str, name: FileName, kind: io::ErrorKind) -> IoFailure {
        IoFailure::new(operation, self.path(name), kind.into())
    }
    /// Begins a call: waits at the gates, counts it, and says how it fails, where it does.
    fn begin(
        &self,
        call: Call,
        name: Option<FileName>,
    ) -> (MutexGuard<'_, State>, Option<Failure>) {
        if let Some(name) = name {
            let barriers = self.barriers.lock().clone();
            for barrier in &barriers {
                barrier.pass(call, name);
            }
        }
        let mut state = self.state.lock();
        state.calls += 1;
        let broken = state.breakdown.as_ref().and_then(|breakdown| breakdown.hits(state.calls));
        if broken.is_some() {
            state.failed.get_or_insert(Failed { call, name });
        }
        let failure = broken.or_else(|| state.fault.hits(call));
        (state, failure)
    }

    /// Begins a call that does nothing at all where it fails.
    fn begin_whole(
        &self,
        call: Call,
        operation: &'static str,
        name: FileName,
    ) -> Result<MutexGuard<'_, State>, IoFailure> {
        let (state, failure) = self.begin(call, Some(name));
        if failure.is_some() {
            return Err(self.failure(operation, name, io::ErrorKind::Other));
        }
        Ok(state)
    }
}

fn failure_of_directory(operation: &'static str) -> IoFailure {
    IoFailure::new(operation, "memory", io::ErrorKind::Other.into())
}

impl Directory for MemoryDirectory {
    fn path(&self, name: FileName) -> PathBuf {
        PathBuf::from("memory").join(name.to_string())
    }

    fn lock(&self) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::new(None))
    }

    fn list(&self) -> Result<Vec<FileName>, IoFailure> {
        let (state, failure) = self.begin(Call::List, None);
        if failure.is_some() {
            return Err(failure_of_directory("list"));
        }
        Ok(state.names.list())
    }

    fn read(&self, name: FileName) -> Result<Option<Vec<u8>>, IoFailure> {
        let state = self.begin_whole(Call::Read, "read", name)?;
        Ok(state.get(name).map(|content| content.seen().to_vec()))
    }

    fn map(&self, name: FileName) -> Result<Mapping, IoFailure> {
        let state = self.begin_whole(Call::Map, "map", name)?;
        let missing = || self.failure("map", name, io::ErrorKind::NotFound);
        let bytes = state.get(name).ok_or_else(missing)?.seen().to_vec();
        Mapping::of_bytes(&bytes).map_err(|source| IoFailure::new("map", self.path(name), source))
    }

    fn create(&self, name: FileName) -> Result<Box<dyn AppendFile>, IoFailure> {
        let mut state = self.begin_whole(Call::Create, "create", name)?;
        if state.names.get(name).is_some() {
            return Err(self.failure("create", name, io::ErrorKind::AlreadyExists));
        }
        let file = state.put(Content::default());
        state.names.link(name, file);
        state.record();
        Ok(Box::new(MemoryFile { directory: self.clone(), name, file }))
    }

    fn append_behind(
        &self,
        name: FileName,
        proven: u64,
        tail: &[u8],
    ) -> Result<Box<dyn AppendFile>, IoFailure> {
        let (mut state, mut failure) = self.begin(Call::AppendBehind, Some(name));
        // Steps in the order in which a failure without a seed comes first.
        let (synced, opened, cut, written) = (0, 1, 2, 3);
        let failing = failure.as_mut().map(|failure| failure.step(4));
        let failed = |operation| self.failure(operation, name, io::ErrorKind::Other);
        let missing = || self.failure("open", name, io::ErrorKind::NotFound);
        let file = state.names.get(name).ok_or_else(missing)?;
        if failing == Some(opened) {
            return Err(failed("open"));
        }
        state.file(file).cut_at(proven as usize + tail.len());
        state.record();
        if failing == Some(cut) {
            return Err(failed("cut"));
        }
        let part = match &mut failure {
            Some(failure) if failing == Some(written) => failure.part(tail.len()),
            _ => tail.len(),
        };
        state.file(file).rewind_to(proven as usize);
        state.file(file).append(&tail[..part]);
        state.record();
        if failing == Some(written) {
            return Err(failed("write"));
        }
        if failing == Some(synced) {
            let random = failure.as_mut().and_then(|failure| failure.random.as_mut());
            state.file(file).fail_to_sync(random);
            state.record();
            return Err(failed("sync"));
        }
        state.file(file).sync();
        state.record();
        Ok(Box::new(MemoryFile { directory: self.clone(), name, file }))
    }

    fn replace(&self, target: FileName, scratch: FileName, bytes: &[u8]) -> Result<(), IoFailure> {
        let (mut state, mut failure) = self.begin(Call::Replace, Some(target));
        let (started, written, renamed, synced) = (0, 1, 2, 3);
        let failing = failure.as_mut().map(|failure| failure.step(4));
        let failed = |name| self.failure("replace", name, io::ErrorKind::Other);
        if failing == Some(started) {
            return Err(failed(scratch));
        }
        let file = state.put(Content::default());
        state.names.link(scratch, file);
        state.record();
        state.file(file).append(bytes);
        state.record();
        if failing == Some(written) {
            let random = failure.as_mut().and_then(|failure| failure.random.as_mut());
            state.file(file).fail_to_sync(random);
            state.record();
            return Err(failed(scratch));
        }
        state.file(file).sync();
        state.record();
        if failing == Some(renamed) {
            return Err(failed(target));
        }
        state.names.rename(scratch, target, file);
        state.record();
        if failing == Some(synced) {
            return Err(failed(target));
        }
        state.names.sync();
        state.record();
        Ok(())
    }

    fn remove(&self, name: FileName) -> Result<(), IoFailure> {
        let mut state = self.begin_whole(Call::Remove, "remove", name)?;
        if state.names.get(name).is_none() {
            return Err(self.failure("remove", name, io::ErrorKind::NotFound));
        }
        state.names.unlink(name);
        state.record();
        Ok(())
    }

    fn sync(&self) -> Result<(), IoFailure> {
        let (mut state, failure) = self.begin(Call::SyncDirectory, None);
        if failure.is_some() {
            return Err(failure_of_directory("sync"));
        }
        state.names.sync();
        state.record();
        Ok(())
    }

    fn salt(&self) -> u64 {
        // Runs in memory repeat themselves; distinct files still get distinct numbers.
        let mut state = self.state.lock();
        state.salts += 1;
        Random::new(state.salts).next()
    }
}

#[derive(Debug)]
struct MemoryFile {
    directory: MemoryDirectory,
    name: FileName,
    file: usize,
}

impl MemoryFile {
    fn begin(&self, call: Call) -> (MutexGuard<'_, State>, Option<Failure>) {
        self.directory.begin(call, Some(self.name))
    }

    fn failure(&self, operation: &'static str, kind: io::ErrorKind) -> IoFailure {
        self.directory.failure(operation, self.name, kind)
    }
}

impl AppendFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), IoFailure> {
        let (mut state, mut failure) = self.begin(Call::Append);
        let part = failure.as_mut().map_or(bytes.len(), |failure| failure.part(bytes.len()));
        state.file(self.file).append(&bytes[..part]);
        state.record();
        if failure.is_some() {
            return Err(self.failure("append to", io::ErrorKind::StorageFull));
        }
        Ok(())
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), IoFailure> {
        let (mut state, mut failure) = self.begin(Call::Reserve);
        let bytes = bytes as usize;
        let part = failure.as_mut().map_or(bytes, |failure| failure.part(bytes));
        state.file(self.file).reserve(part);
        state.record();
        if failure.is_some() {
            return Err(self.failure("reserve room in", io::ErrorKind::StorageFull));
        }
        Ok(())
    }

    fn cut(&mut self) -> Result<(), IoFailure> {
        let (mut state, failure) = self.begin(Call::Cut);
        if failure.is_some() {
            return Err(self.failure("cut", io::ErrorKind::Other));
        }
        state.file(self.file).cut();
        state.record();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), IoFailure> {
        let (mut state, mut failure) = self.begin(Call::Sync);
        if let Some(failure) = &mut failure {
            state.file(self.file).fail_to_sync(failure.random.as_mut());
            state.record();
            return Err(self.failure("sync", io::ErrorKind::Other));
        }
        state.file(self.file).sync();
        state.record();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
