//! A directory in memory for unit tests, which can be told to fail.

use std::collections::BTreeMap;
use std::io;
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
    /// Syncing a file fails.
    Sync,
    /// Replacing a file fails.
    Replace,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<FileName, Vec<u8>>,
    fault: Fault,
}

/// Files in memory, shared by clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryDirectory {
    state: Arc<Mutex<State>>,
}

impl MemoryDirectory {
    /// Makes the following calls fail, or work again.
    pub(crate) fn set_fault(&self, fault: Fault) {
        self.state.lock().fault = fault;
    }

    /// Changes the content of a file behind the store's back.
    pub(crate) fn edit(&self, name: FileName, edit: impl FnOnce(&mut Vec<u8>)) {
        edit(self.state.lock().files.entry(name).or_default());
    }

    /// The whole content of a file that must exist.
    pub(crate) fn content(&self, name: FileName) -> Vec<u8> {
        self.state.lock().files.get(&name).cloned().unwrap()
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
        Ok(self.state.lock().files.keys().copied().collect())
    }

    fn read(&self, name: FileName) -> Result<Option<Vec<u8>>, IoFailure> {
        Ok(self.state.lock().files.get(&name).cloned())
    }

    fn map(&self, name: FileName) -> Result<Mapping, IoFailure> {
        let bytes = self.read(name)?;
        let bytes = bytes.ok_or_else(|| self.failure("map", name, io::ErrorKind::NotFound))?;
        Mapping::of_bytes(&bytes).map_err(|source| IoFailure::new("map", self.path(name), source))
    }

    fn create(&self, name: FileName) -> Result<Box<dyn AppendFile>, IoFailure> {
        let mut state = self.state.lock();
        if state.files.contains_key(&name) {
            return Err(self.failure("create", name, io::ErrorKind::AlreadyExists));
        }
        state.files.insert(name, Vec::new());
        Ok(Box::new(MemoryFile { directory: self.clone(), name }))
    }

    fn append_at(&self, name: FileName, length: u64) -> Result<Box<dyn AppendFile>, IoFailure> {
        let mut state = self.state.lock();
        let file = state.files.get_mut(&name);
        let file = file.ok_or_else(|| self.failure("open", name, io::ErrorKind::NotFound))?;
        file.resize(usize::try_from(length).unwrap(), 0);
        Ok(Box::new(MemoryFile { directory: self.clone(), name }))
    }

    fn replace(&self, target: FileName, scratch: FileName, bytes: &[u8]) -> Result<(), IoFailure> {
        let mut state = self.state.lock();
        if state.fault == Fault::Replace {
            return Err(self.failure("replace", scratch, io::ErrorKind::Other));
        }
        state.files.insert(target, bytes.to_vec());
        Ok(())
    }

    fn remove(&self, name: FileName) -> Result<(), IoFailure> {
        let removed = self.state.lock().files.remove(&name);
        let missing = || self.failure("remove", name, io::ErrorKind::NotFound);
        removed.map(drop).ok_or_else(missing)
    }

    fn sync(&self) -> Result<(), IoFailure> {
        Ok(())
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
        state.files.entry(self.name).or_default().extend_from_slice(written);
        drop(state);
        if fails {
            return Err(self.directory.failure("append to", self.name, io::ErrorKind::StorageFull));
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), IoFailure> {
        if self.directory.state.lock().fault == Fault::Sync {
            return Err(self.directory.failure("sync", self.name, io::ErrorKind::Other));
        }
        Ok(())
    }
}
