//! One installation at a time per models directory, across processes.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::{PackError, Progress};

/// Held while something is installed; released when dropped, and by the system if the process dies.
#[derive(Debug)]
pub(super) struct InstallLock {
    _file: File,
}

impl InstallLock {
    /// Creates the models directory where it is missing, and waits for another installation to end.
    ///
    /// # Errors
    /// [`PackError::Io`].
    pub(super) fn acquire(root: &Path, progress: &dyn Progress) -> Result<Self, PackError> {
        fs::create_dir_all(root).map_err(PackError::io("create", root))?;
        let path = root.join(".lock");
        let file = File::create(&path).map_err(PackError::io("create", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.begin("waiting for another process to finish installing", None);
                file.lock().map_err(PackError::io("lock", &path))?;
                progress.finish();
            }
            Err(TryLockError::Error(error)) => return Err(PackError::io("lock", &path)(error)),
        }
        Ok(Self { _file: file })
    }
}
