//! The directory of the operating system; the only file of the store that touches `std::fs`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{AppendFile, Directory, DirectoryLock, FileName, LockError, Mapping};
use crate::error::IoFailure;

/// An open file of the operating system.
pub(super) type OsFile = File;

/// A directory on disk.
#[derive(Debug)]
pub(crate) struct DiskDirectory {
    root: PathBuf,
}

impl DiskDirectory {
    /// Opens the directory, creating it and its parents where they are missing.
    pub(crate) fn open(root: &Path) -> Result<Self, IoFailure> {
        let parents = parents_to_sync(root);
        fs::create_dir_all(root)
            .map_err(|source| IoFailure::new("create the data directory", root, source))?;
        sync_parents(&parents)?;
        Ok(Self { root: root.to_owned() })
    }

    /// Opens a directory that is empty, or creates it for its owner only, and says whether it was
    /// created; `None` where there is something in it.
    pub(crate) fn open_empty(root: &Path) -> Result<Option<(Self, bool)>, IoFailure> {
        let failed = |source| IoFailure::new("create the directory", root, source);
        match fs::read_dir(root) {
            Ok(mut entries) => {
                Ok(entries.next().is_none().then(|| (Self { root: root.to_owned() }, false)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let parents = parents_to_sync(root);
                let mut builder = fs::DirBuilder::new();
                builder.recursive(true);
                #[cfg(unix)]
                std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
                builder.create(root).map_err(failed)?;
                sync_parents(&parents)?;
                Ok(Some((Self { root: root.to_owned() }, true)))
            }
            Err(source) => Err(failed(source)),
        }
    }

    /// Opens a directory that is there; creates nothing.
    pub(crate) fn existing(root: &Path) -> Result<Self, IoFailure> {
        let failed = |source| IoFailure::new("open the directory", root, source);
        if fs::metadata(root).map_err(failed)?.is_dir() {
            Ok(Self { root: root.to_owned() })
        } else {
            Err(failed(io::ErrorKind::NotADirectory.into()))
        }
    }

    /// The content of a file that is not the store's; `None` where it does not exist.
    pub(crate) fn read_beside(&self, name: &str) -> Result<Option<Vec<u8>>, IoFailure> {
        read_if_there(&self.root.join(name))
    }

    /// Creates and syncs a file that is not the store's, for its owner only.
    pub(crate) fn create_beside(&self, name: &str, bytes: &[u8]) -> Result<(), IoFailure> {
        let path = self.root.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file =
            options.open(&path).map_err(|source| IoFailure::new("create", &path, source))?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        written.map_err(|source| IoFailure::new("write", path, source))
    }

    /// Removes a file that is not the store's.
    pub(crate) fn remove_beside(&self, name: &str) -> Result<(), IoFailure> {
        let path = self.root.join(name);
        fs::remove_file(&path).map_err(|source| IoFailure::new("remove", path, source))
    }

    /// Removes the directory itself, which must be empty.
    pub(crate) fn remove_root(&self) -> Result<(), IoFailure> {
        fs::remove_dir(&self.root).map_err(|source| IoFailure::new("remove", &self.root, source))
    }

    /// Gives a file the same name in another directory of the same file system as well.
    pub(crate) fn link_into(&self, name: FileName, other: &Self) -> Result<(), IoFailure> {
        let path = self.path(name);
        fs::hard_link(&path, other.path(name))
            .map_err(|source| IoFailure::new("link", path, source))
    }

    /// Makes durable what anybody wrote to a file so far.
    pub(crate) fn sync_file(&self, name: FileName) -> Result<(), IoFailure> {
        let path = self.path(name);
        // Some systems sync only files that are open for writing.
        let file = OpenOptions::new().read(true).write(cfg!(windows)).open(&path);
        file.and_then(|file| file.sync_all()).map_err(|source| IoFailure::new("sync", path, source))
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Takes the directory without leaving a trace. Where there is no lock file, no store has the
    /// directory open, and none is made.
    pub(crate) fn lock_unchanged(&self) -> Result<DirectoryLock, LockError> {
        let path = self.path(FileName::Lock);
        match File::open(&path) {
            Ok(mut file) => {
                self.take(&mut file, &path)?;
                Ok(DirectoryLock::new(Some(file)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(DirectoryLock::new(None)),
            Err(source) => Err(IoFailure::new("open", path, source).into()),
        }
    }

    fn take(&self, file: &mut File, path: &Path) -> Result<(), LockError> {
        match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // The number is a help for the reader of the message; without it the message
                // stands.
                let process =
                    file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                Err(LockError::Held { directory: self.root.clone(), process })
            }
            Err(TryLockError::Error(source)) => Err(IoFailure::new("lock", path, source).into()),
        }
    }
}

impl Directory for DiskDirectory {
    fn path(&self, name: FileName) -> PathBuf {
        self.root.join(name.to_string())
    }

    fn lock(&self) -> Result<DirectoryLock, LockError> {
        let path = self.path(FileName::Lock);
        let failed = |operation| {
            let path = path.clone();
            move |source| IoFailure::new(operation, path, source)
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed("open"))?;
        self.take(&mut file, &path)?;
        file.set_len(0).map_err(failed("write"))?;
        writeln!(file, "{}", std::process::id()).map_err(failed("write"))?;
        Ok(DirectoryLock::new(Some(file)))
    }

    fn list(&self) -> Result<Vec<FileName>, IoFailure> {
        let failed = |source| IoFailure::new("list", &self.root, source);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            names.extend(name.to_str().and_then(FileName::parse));
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, name: FileName) -> Result<Option<Vec<u8>>, IoFailure> {
        read_if_there(&self.path(name))
    }

    fn map(&self, name: FileName) -> Result<Mapping, IoFailure> {
        let path = self.path(name);
        let file = File::open(&path).map_err(|source| IoFailure::new("open", &path, source))?;
        Mapping::of_sealed_file(&file).map_err(|source| IoFailure::new("map", path, source))
    }

    fn create(&self, name: FileName) -> Result<Box<dyn AppendFile>, IoFailure> {
        let path = self.path(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => Ok(Box::new(DiskFile { file, path, end: 0 })),
            Err(source) => Err(IoFailure::new("create", path, source)),
        }
    }

    fn append_behind(
        &self,
        name: FileName,
        proven: u64,
        tail: &[u8],
    ) -> Result<Box<dyn AppendFile>, IoFailure> {
        let path = self.path(name);
        let failed = |operation| {
            let path = path.clone();
            move |source| IoFailure::new(operation, path, source)
        };
        let mut file = OpenOptions::new().write(true).open(&path).map_err(failed("open"))?;
        // Cut first: bytes behind the cut must not outlive a crash next to what follows.
        let end = proven + tail.len() as u64;
        file.set_len(end).map_err(failed("cut"))?;
        file.seek(SeekFrom::Start(proven)).map_err(failed("write"))?;
        file.write_all(tail).map_err(failed("write"))?;
        file.sync_all().map_err(failed("sync"))?;
        Ok(Box::new(DiskFile { file, path, end }))
    }

    fn replace(&self, target: FileName, scratch: FileName, bytes: &[u8]) -> Result<(), IoFailure> {
        let scratch_path = self.path(scratch);
        let target_path = self.path(target);
        let failed = |source| IoFailure::new("write", &scratch_path, source);
        let mut file = File::create(&scratch_path).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        drop(file);
        fs::rename(&scratch_path, &target_path)
            .map_err(|source| IoFailure::new("replace", target_path, source))?;
        self.sync()
    }

    fn remove(&self, name: FileName) -> Result<(), IoFailure> {
        let path = self.path(name);
        fs::remove_file(&path).map_err(|source| IoFailure::new("remove", path, source))
    }

    fn sync(&self) -> Result<(), IoFailure> {
        let root =
            File::open(&self.root).map_err(|source| IoFailure::new("open", &self.root, source))?;
        sync_directory(&root, &self.root)
    }

    fn salt(&self) -> u64 {
        // The keys of the standard library's hash maps come from the system's random numbers.
        RandomState::new().hash_one(std::process::id())
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, IoFailure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(IoFailure::new("read", path, source)),
    }
}

/// The directories that get a new name when `root` is created: its parent in any case, as a
/// creation before may have been cut short, and the parents of those that are missing.
fn parents_to_sync(root: &Path) -> Vec<&Path> {
    let mut parents = Vec::new();
    let mut child = root;
    while let Some(parent) = child.parent() {
        // The parent of a plain relative name is the working directory.
        let here = parent.as_os_str().is_empty();
        parents.push(if here { Path::new(".") } else { parent });
        if here || parent.exists() {
            break;
        }
        child = parent;
    }
    parents
}

/// Makes new names durable: a directory's own name must survive a crash as well, or everything in
/// it is lost. A parent that cannot be opened (no read permission) was not created here.
fn sync_parents(parents: &[&Path]) -> Result<(), IoFailure> {
    for parent in parents {
        if let Ok(parent_file) = File::open(parent) {
            sync_directory(&parent_file, parent)?;
        }
    }
    Ok(())
}

/// Makes the entries of a directory durable; where directories cannot be synced the operating
/// system does so on its own.
fn sync_directory(directory: &File, path: &Path) -> Result<(), IoFailure> {
    if cfg!(windows) {
        return Ok(());
    }
    directory.sync_all().map_err(|source| IoFailure::new("sync", path, source))
}

/// A file on disk, open for appending; its cursor stands behind the last byte appended.
#[derive(Debug)]
struct DiskFile {
    file: File,
    path: PathBuf,
    /// Bytes appended so far.
    end: u64,
}

impl DiskFile {
    fn put_zeros(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut io::repeat(0).take(bytes), &mut self.file)?;
        self.file.seek(SeekFrom::Start(self.end)).map(drop)
    }
}

impl AppendFile for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), IoFailure> {
        self.file
            .write_all(bytes)
            .map_err(|source| IoFailure::new("append to", &self.path, source))?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), IoFailure> {
        self.put_zeros(bytes)
            .map_err(|source| IoFailure::new("reserve room in", &self.path, source))
    }

    fn cut(&mut self) -> Result<(), IoFailure> {
        self.file.set_len(self.end).map_err(|source| IoFailure::new("cut", &self.path, source))
    }

    fn sync(&mut self) -> Result<(), IoFailure> {
        self.file.sync_data().map_err(|source| IoFailure::new("sync", &self.path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_and_names_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let directory = DiskDirectory::open(folder.path()).unwrap();
        let lock = directory.lock().unwrap();
        match directory.lock() {
            Err(LockError::Held { directory, process }) => {
                assert_eq!(directory, folder.path());
                assert_eq!(process, Some(std::process::id()));
            }
            other => panic!("expected a held lock, got {other:?}"),
        }
        drop(lock);
        assert!(directory.lock().is_ok(), "the lock ends with its holder");
    }

    #[test]
    fn a_lock_may_be_taken_without_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        assert!(DiskDirectory::existing(&missing).unwrap_err().is_missing());
        let directory = DiskDirectory::existing(folder.path()).unwrap();
        drop(directory.lock_unchanged().unwrap());
        assert_eq!(directory.list().unwrap(), []);
        let lock = directory.lock().unwrap();
        assert!(matches!(directory.lock_unchanged(), Err(LockError::Held { .. })));
        drop(lock);
        let before = fs::read(directory.path(FileName::Lock)).unwrap();
        let lock = directory.lock_unchanged().unwrap();
        assert!(matches!(directory.lock(), Err(LockError::Held { .. })));
        drop(lock);
        assert_eq!(fs::read(directory.path(FileName::Lock)).unwrap(), before);
    }

    #[test]
    fn a_missing_directory_is_created_with_its_parents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        DiskDirectory::open(&path).unwrap();
        assert!(path.is_dir());
    }

    #[test]
    fn every_directory_that_gets_a_new_name_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        assert_eq!(parents_to_sync(&path), [&folder.path().join("a"), folder.path()]);
        DiskDirectory::open(&path).unwrap();
        assert_eq!(parents_to_sync(&path), [folder.path().join("a")]);
        assert_eq!(parents_to_sync(Path::new("no-such-data")), [Path::new(".")]);
    }
}
