//! Directories that become visible complete or not at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::PackError;

/// What the names of unfinished directories begin with; no pack's id begins with a dot.
const PREFIX: &str = ".new-";
const OLD_PREFIX: &str = ".old-";

/// A directory under construction, removed when dropped before it was published.
#[derive(Debug)]
pub(super) struct Staging {
    path: PathBuf,
}

impl Staging {
    /// Makes an empty directory in `parent`, which is created too where it is missing.
    ///
    /// Only the holder of the models directory's lock may call this: leftovers of a process that
    /// was killed are removed.
    ///
    /// # Errors
    /// [`PackError::Io`].
    pub(super) fn create(parent: &Path, name: &str) -> Result<Self, PackError> {
        fs::create_dir_all(parent).map_err(PackError::io("create", parent))?;
        let path = parent.join(format!("{PREFIX}{name}"));
        remove_if_there(&path)?;
        fs::create_dir(&path).map_err(PackError::io("create", &path))?;
        Ok(Self { path })
    }

    /// The directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file in the directory, down to the disk.
    ///
    /// # Errors
    /// [`PackError::Io`].
    pub(super) fn write(&self, file: &str, contents: &[u8]) -> Result<(), PackError> {
        let path = self.path.join(file);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(PackError::io("create", folder))?;
        }
        fs::write(&path, contents).map_err(PackError::io("write", &path))?;
        sync(&path)
    }

    /// Moves the directory to `target`, in place of one that is there already.
    ///
    /// # Errors
    /// [`PackError::Io`]; the old directory is then still in place, or moved back.
    pub(super) fn publish(mut self, target: &Path) -> Result<(), PackError> {
        for entry in fs::read_dir(&self.path).map_err(PackError::io("read", &self.path))? {
            let path = entry.map_err(PackError::io("read", &self.path))?.path();
            if path.is_dir() {
                sync(&path)?;
            }
        }
        sync(&self.path)?;
        let parent = target.parent().unwrap_or(Path::new("."));
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let old = parent.join(format!("{OLD_PREFIX}{name}"));
        remove_if_there(&old)?;
        let replaces = target.exists();
        if replaces {
            fs::rename(target, &old).map_err(PackError::io("replace", target))?;
        }
        if let Err(source) = fs::rename(&self.path, target) {
            if replaces {
                fs::rename(&old, target).map_err(PackError::io("restore", target))?;
            }
            return Err(PackError::Io { action: "create", path: target.to_owned(), source });
        }
        self.path = old;
        sync(parent)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = remove_if_there(&self.path) {
            tracing::warn!(%error, "an unfinished directory is left");
        }
    }
}

fn remove_if_there(path: &Path) -> Result<(), PackError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(PackError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Makes a file's contents, or a directory's names, survive a power failure.
fn sync(path: &Path) -> Result<(), PackError> {
    if cfg!(not(unix)) && path.is_dir() {
        return Ok(());
    }
    File::open(path).and_then(|file| file.sync_all()).map_err(PackError::io("flush", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_directory_that_is_given_up_leaves_nothing() {
        let root = TempDir::new().unwrap();
        let staging = Staging::create(root.path(), "a").unwrap();
        staging.write("samples/one.jpg", b"1").unwrap();
        drop(staging);
        assert_eq!(names(root.path()), Vec::<String>::new());
    }

    #[test]
    fn publishing_replaces_the_old_directory_as_a_whole() {
        let root = TempDir::new().unwrap();
        let target = root.path().join("a");
        for (file, contents) in [("old.txt", b"1"), ("new.txt", b"2")] {
            let staging = Staging::create(root.path(), "a").unwrap();
            staging.write(file, contents).unwrap();
            staging.publish(&target).unwrap();
        }
        assert_eq!(names(root.path()), ["a"]);
        assert_eq!(names(&target), ["new.txt"]);
    }

    #[test]
    fn leftovers_of_a_killed_process_are_not_published() {
        let root = TempDir::new().unwrap();
        fs::create_dir(root.path().join(".new-a")).unwrap();
        fs::write(root.path().join(".new-a/stale"), b"").unwrap();
        let staging = Staging::create(root.path(), "a").unwrap();
        staging.write("fresh", b"").unwrap();
        staging.publish(&root.path().join("a")).unwrap();
        assert_eq!(names(&root.path().join("a")), ["fresh"]);
    }
}
