//! Files: the contract the formats are written against, and its implementations.
//!
//! The contract has few verbs on purpose. A file is either created once and never changed
//! (segments, tombstones), appended to (logs), or replaced as a whole (the manifest). Nothing
//! written is durable before `sync` of the file, and no name before `sync` of the directory.

mod disk;
mod lock;
#[cfg(test)]
pub(crate) mod memory;
mod mmap;
mod name;

use std::fmt::Debug;
use std::path::PathBuf;

pub(crate) use disk::DiskDirectory;
pub(crate) use lock::{DirectoryLock, LockError};
pub(crate) use mmap::Mapping;
pub(crate) use name::FileName;

use crate::error::IoFailure;

/// One flat directory of files that the store owns.
pub(crate) trait Directory: Debug + Send + Sync {
    /// The path of a file, for messages.
    fn path(&self, name: FileName) -> PathBuf;

    /// Takes the directory for this process, or says who has it.
    fn lock(&self) -> Result<DirectoryLock, LockError>;

    /// The names of the files that are there; files of other names are not shown.
    fn list(&self) -> Result<Vec<FileName>, IoFailure>;

    /// The whole content of a file; `None` where it does not exist.
    fn read(&self, name: FileName) -> Result<Option<Vec<u8>>, IoFailure>;

    /// The whole content of a file that will never change again, mapped into memory.
    fn map(&self, name: FileName) -> Result<Mapping, IoFailure>;

    /// Creates a file for appending; it is an error if it exists.
    fn create(&self, name: FileName) -> Result<Box<dyn AppendFile>, IoFailure>;

    /// Opens a file for appending behind what stays of it, and makes that durable: its first
    /// `proven` bytes, which are known to be on disk, and `tail`, what it shows behind them. The
    /// tail is written once more: after a failed sync the operating system may go on to show bytes
    /// that it never wrote and never will by itself.
    fn append_behind(
        &self,
        name: FileName,
        proven: u64,
        tail: &[u8],
    ) -> Result<Box<dyn AppendFile>, IoFailure>;

    /// Gives the file `target` the content `bytes`, atomically and durably: after a crash it has
    /// the old content or the new one. `scratch` names the file used on the way.
    fn replace(&self, target: FileName, scratch: FileName, bytes: &[u8]) -> Result<(), IoFailure>;

    /// Removes a file. Mappings of it stay readable.
    fn remove(&self, name: FileName) -> Result<(), IoFailure>;

    /// Makes creations and removals durable.
    fn sync(&self) -> Result<(), IoFailure>;

    /// A number that nobody outside can foresee.
    fn salt(&self) -> u64;
}

/// A file that grows at its end.
pub(crate) trait AppendFile: Debug + Send {
    /// Writes `bytes` at the end. After an error any part of them may have been written.
    fn append(&mut self, bytes: &[u8]) -> Result<(), IoFailure>;

    /// Makes room for `bytes` more bytes behind the end, which read as zeros until they are
    /// appended over: a sync then has no new length to make durable. A file that is not `cut`
    /// may keep such zeros behind its end.
    fn reserve(&mut self, bytes: u64) -> Result<(), IoFailure>;

    /// Gives room back that was reserved and not used: the file ends with its last byte appended.
    fn cut(&mut self) -> Result<(), IoFailure>;

    /// Makes everything appended so far durable. After an error nothing can be said about what
    /// is on disk: the operating system may have dropped the pages it could not write.
    fn sync(&mut self) -> Result<(), IoFailure>;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::memory::MemoryDirectory;
    use super::*;
    use crate::id::{LogSeq, SegmentId};

    /// The contract, held against every implementation.
    fn check_contract(directory: &dyn Directory) {
        let log = FileName::Log(LogSeq::new(1));
        assert_eq!(directory.read(log).unwrap(), None);
        let mut file = directory.create(log).unwrap();
        file.append(b"hello ").unwrap();
        file.append(b"world").unwrap();
        file.sync().unwrap();
        assert!(directory.create(log).is_err(), "a file is created once");

        let mut file = directory.append_behind(log, 2, b"llo ").unwrap();
        file.append(b"mars").unwrap();
        file.sync().unwrap();
        assert_eq!(directory.read(log).unwrap().as_deref(), Some(b"hello mars".as_slice()));
        let mut file = directory.append_behind(log, 7, b"").unwrap();
        file.append(b"oon").unwrap();
        file.sync().unwrap();
        assert_eq!(directory.read(log).unwrap().as_deref(), Some(b"hello moon".as_slice()));

        directory.replace(FileName::Manifest, FileName::NewManifest, b"one").unwrap();
        directory.replace(FileName::Manifest, FileName::NewManifest, b"two").unwrap();
        let content = directory.read(FileName::Manifest).unwrap();
        assert_eq!(content.as_deref(), Some(b"two".as_slice()));

        let mapping = directory.map(log).unwrap();
        directory.remove(log).unwrap();
        directory.sync().unwrap();
        assert_eq!(mapping.bytes(), b"hello moon", "a mapping outlives the name");
        assert_eq!(directory.list().unwrap(), [FileName::Manifest]);

        let segment = FileName::Segment(SegmentId::new(9));
        assert!(directory.map(segment).is_err());
        assert!(directory.remove(segment).is_err());
        assert!(directory.append_behind(segment, 0, b"").is_err());
        let mut file = directory.create(segment).unwrap();
        file.reserve(5).unwrap();
        file.append(b"abc").unwrap();
        file.sync().unwrap();
        assert_eq!(directory.read(segment).unwrap().as_deref(), Some(b"abc\0\0".as_slice()));
        file.append(b"def").unwrap();
        file.reserve(5).unwrap();
        file.append(b"g").unwrap();
        file.cut().unwrap();
        file.sync().unwrap();
        assert_eq!(directory.read(segment).unwrap().as_deref(), Some(b"abcdefg".as_slice()));
        directory.remove(segment).unwrap();
        directory.create(segment).unwrap().sync().unwrap();
        assert_eq!(directory.map(segment).unwrap().bytes(), b"", "an empty file can be mapped");
    }

    #[test]
    fn the_disk_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keys.json"), "{}").unwrap();
        check_contract(&DiskDirectory::open(folder.path()).unwrap());
        let stranger = std::fs::read_to_string(folder.path().join("keys.json")).unwrap();
        assert_eq!(stranger, "{}");
    }

    #[test]
    fn the_memory_keeps_the_contract() {
        check_contract(&*Arc::new(MemoryDirectory::default()));
    }
}
