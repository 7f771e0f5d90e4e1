//! A directory in memory for unit tests: it can be told to fail, and knows what a crash leaves.
//!
//! It tells what a program sees from what is durable, as `docs/durability.md` assumes of a disk:
//! bytes after a sync of their file, names after a sync of the directory.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{AppendFile, Directory, DirectoryLock, FileName, LockError, Mapping};
use crate::error::IoFailure;

/// What the next calls do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They work.
    #[default]
    None,
    /// Appending writes half of the bytes and fails.
    Append,
    /// Syncing a file fails, and what it should have written will not be written by a later sync.
    Sync,
    /// Replacing a file fails.
    Replace,
}

/// What the loss of power leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PowerCut {
    /// What was synced, and nothing else.
    Synced,
    /// All names, but only the bytes that were synced.
    Names,
    /// The names that were synced, and of the bytes that were not the first half.
    HalfOfTheBytes,
    /// All names, and of the bytes that were not synced the second half.
    OtherHalfOfTheBytes,
    /// All names, and zeros in place of the bytes that were not synced.
    Zeros,
}

impl PowerCut {
    pub(crate) const ALL: [Self; 5] =
        [Self::Synced, Self::Names, Self::HalfOfTheBytes, Self::OtherHalfOfTheBytes, Self::Zeros];
}

/// The content of one file, whatever its name.
#[derive(Clone, Debug, Default)]
struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// Bytes appended: what is behind them in `seen` is reserved.
    end: usize,
    /// The part of `seen` that the next sync makes durable.
    dirty: Range<usize>,
}

impl Content {
    fn append(&mut self, bytes: &[u8]) {
        let end = self.end + bytes.len();
        self.reserve_to(end);
        self.seen[self.end..end].copy_from_slice(bytes);
        self.touch(self.end..end);
        self.end = end;
    }

    fn reserve_to(&mut self, length: usize) {
        let old = self.seen.len();
        if length > old {
            self.seen.resize(length, 0);
            self.touch(old..length);
        }
    }

    fn touch(&mut self, range: Range<usize>) {
        if self.dirty.is_empty() {
            self.dirty = range;
        } else {
            self.dirty = self.dirty.start.min(range.start)..self.dirty.end.max(range.end);
        }
    }

    fn cut(&mut self) {
        self.seen.truncate(self.end);
        self.dirty.end = self.dirty.end.min(self.end);
    }

    fn sync(&mut self) {
        self.durable.resize(self.seen.len(), 0);
        let dirty = std::mem::take(&mut self.dirty);
        self.durable[dirty.clone()].copy_from_slice(&self.seen[dirty]);
    }

    fn after(&self, cut: PowerCut) -> Self {
        let mut left = self.durable.clone();
        let Range { start, end } = self.dirty.clone();
        let middle = start + end.saturating_sub(start) / 2;
        let written = match cut {
            PowerCut::Synced | PowerCut::Names => 0..0,
            PowerCut::HalfOfTheBytes => start..middle,
            PowerCut::OtherHalfOfTheBytes => middle..end,
            PowerCut::Zeros => end..end,
        };
        left.resize(left.len().max(written.end), 0);
        left[written.clone()].copy_from_slice(&self.seen[written]);
        Self { end: left.len(), seen: left.clone(), durable: left, dirty: 0..0 }
    }
}

#[derive(Clone, Debug, Default)]
struct State {
    contents: Vec<Content>,
    names: BTreeMap<FileName, usize>,
    durable_names: BTreeMap<FileName, usize>,
    fault: Fault,
    acknowledged: u64,
    /// The states after every call so far, where they are kept.
    history: Option<Vec<State>>,
}

impl State {
    fn get(&self, name: FileName) -> Option<&Content> {
        self.contents.get(*self.names.get(&name)?)
    }

    fn get_mut(&mut self, name: FileName) -> Option<&mut Content> {
        self.contents.get_mut(*self.names.get(&name)?)
    }

    fn put(&mut self, name: FileName, content: Content) -> usize {
        self.contents.push(content);
        self.names.insert(name, self.contents.len() - 1);
        self.contents.len() - 1
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
}

impl MemoryDirectory {
    /// A directory that keeps its state after every call.
    pub(crate) fn recording() -> Self {
        Self::default().with_history()
    }

    fn of(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The same files in a directory that keeps its state after every call from now on.
    pub(crate) fn with_history(self) -> Self {
        self.state.lock().history = Some(Vec::new());
        self
    }

    /// The states after every call, each a directory of its own.
    pub(crate) fn history(&self) -> Vec<Self> {
        let history = self.state.lock().history.clone().unwrap();
        history.into_iter().map(Self::of).collect()
    }

    /// A directory of its own with what a killed process leaves: everything it wrote.
    pub(crate) fn killed(&self) -> Self {
        let mut state = self.state.lock().clone();
        state.history = None;
        Self::of(state)
    }

    /// A directory of its own with what the loss of power leaves.
    pub(crate) fn power_cut(&self, cut: PowerCut) -> Self {
        let state = self.state.lock();
        let names = match cut {
            PowerCut::Synced | PowerCut::HalfOfTheBytes => state.durable_names.clone(),
            PowerCut::Names | PowerCut::OtherHalfOfTheBytes | PowerCut::Zeros => {
                state.names.clone()
            }
        };
        let contents = state.contents.iter().map(|content| content.after(cut)).collect();
        Self::of(State { contents, durable_names: names.clone(), names, ..State::default() })
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

    /// Changes the content of a file behind the store's back.
    pub(crate) fn edit(&self, name: FileName, edit: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.lock();
        let mut bytes = state.get(name).map(|content| content.seen.clone()).unwrap_or_default();
        edit(&mut bytes);
        let end = bytes.len();
        let at = state.put(name, Content { seen: bytes.clone(), durable: bytes, end, dirty: 0..0 });
        state.durable_names.insert(name, at);
    }

    /// The whole content of a file that must exist.
    pub(crate) fn content(&self, name: FileName) -> Vec<u8> {
        self.state.lock().get(name).unwrap().seen.clone()
    }

    fn failure(&self, operation: &'static str, name: FileName, kind: io::ErrorKind) -> IoFailure {
        IoFailure::new(operation, self.path(name), kind.into())
    }
}

impl Directory for MemoryDirectory {
    fn path(&self, name: FileName) -> PathBuf {
        PathBuf::from("memory").join(name.to_string())
    }

    fn lock(&self) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::new(None))
    }

    fn list(&self) -> Result<Vec<FileName>, IoFailure> {
        Ok(self.state.lock().names.keys().copied().collect())
    }

    fn read(&self, name: FileName) -> Result<Option<Vec<u8>>, IoFailure> {
        Ok(self.state.lock().get(name).map(|content| content.seen.clone()))
    }

    fn map(&self, name: FileName) -> Result<Mapping, IoFailure> {
        let bytes = self.read(name)?;
        let bytes = bytes.ok_or_else(|| self.failure("map", name, io::ErrorKind::NotFound))?;
        Mapping::of_bytes(&bytes).map_err(|source| IoFailure::new("map", self.path(name), source))
    }

    fn create(&self, name: FileName) -> Result<Box<dyn AppendFile>, IoFailure> {
        let mut state = self.state.lock();
        if state.names.contains_key(&name) {
            return Err(self.failure("create", name, io::ErrorKind::AlreadyExists));
        }
        state.put(name, Content::default());
        state.record();
        Ok(Box::new(MemoryFile { directory: self.clone(), name }))
    }

    fn append_behind(
        &self,
        name: FileName,
        proven: u64,
        tail: &[u8],
    ) -> Result<Box<dyn AppendFile>, IoFailure> {
        let mut state = self.state.lock();
        let fault = state.fault;
        let missing = || self.failure("open", name, io::ErrorKind::NotFound);
        let content = state.get_mut(name).ok_or_else(missing)?;
        content.seen.truncate(proven as usize);
        content.seen.extend_from_slice(tail);
        content.end = content.seen.len();
        content.dirty = proven as usize..content.end;
        state.record();
        if fault == Fault::Sync {
            return Err(self.failure("sync", name, io::ErrorKind::Other));
        }
        state.get_mut(name).ok_or_else(missing)?.sync();
        state.record();
        Ok(Box::new(MemoryFile { directory: self.clone(), name }))
    }

    fn replace(&self, target: FileName, scratch: FileName, bytes: &[u8]) -> Result<(), IoFailure> {
        let mut state = self.state.lock();
        if state.fault == Fault::Replace {
            return Err(self.failure("replace", scratch, io::ErrorKind::Other));
        }
        let (seen, end) = (bytes.to_vec(), bytes.len());
        let written = Content { durable: seen.clone(), seen, end, dirty: 0..0 };
        let at = state.put(scratch, written);
        state.record();
        state.names.remove(&scratch);
        state.names.insert(target, at);
        state.record();
        state.durable_names = state.names.clone();
        state.record();
        Ok(())
    }

    fn remove(&self, name: FileName) -> Result<(), IoFailure> {
        let mut state = self.state.lock();
        if state.names.remove(&name).is_none() {
            return Err(self.failure("remove", name, io::ErrorKind::NotFound));
        }
        state.record();
        Ok(())
    }

    fn sync(&self) -> Result<(), IoFailure> {
        let mut state = self.state.lock();
        state.durable_names = state.names.clone();
        state.record();
        Ok(())
    }

    fn salt(&self) -> u64 {
        // Runs in memory repeat themselves; distinct files still get distinct numbers.
        self.state.lock().contents.len() as u64 + 0x5a17
    }
}

#[derive(Debug)]
struct MemoryFile {
    directory: MemoryDirectory,
    name: FileName,
}

impl AppendFile for MemoryFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), IoFailure> {
        let mut state = self.directory.state.lock();
        let fails = state.fault == Fault::Append;
        let written = if fails { &bytes[..bytes.len() / 2] } else { bytes };
        state.get_mut(self.name).unwrap().append(written);
        state.record();
        if fails {
            return Err(self.directory.failure("append to", self.name, io::ErrorKind::StorageFull));
        }
        Ok(())
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), IoFailure> {
        let mut state = self.directory.state.lock();
        let content = state.get_mut(self.name).unwrap();
        content.reserve_to(content.end + bytes as usize);
        state.record();
        Ok(())
    }

    fn cut(&mut self) -> Result<(), IoFailure> {
        let mut state = self.directory.state.lock();
        state.get_mut(self.name).unwrap().cut();
        state.record();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), IoFailure> {
        let mut state = self.directory.state.lock();
        let fails = state.fault == Fault::Sync;
        let content = state.get_mut(self.name).unwrap();
        if fails {
            content.dirty = 0..0;
            return Err(self.directory.failure("sync", self.name, io::ErrorKind::Other));
        }
        content.sync();
        state.record();
        Ok(())
    }
}
