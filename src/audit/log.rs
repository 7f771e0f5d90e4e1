//! The log as its writer holds it: appends at once, syncs a moment later.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};

use super::AUDIT_FOLDER;
use super::chain::Link;
use super::file::{Line, LogFile, LogReader};
use super::head::Head;
use super::journal::Journal;
use super::record::{AuditEntry, AuditRecord};

/// Longest time for which a record waits to be synced.
const SYNC_PAUSE: Duration = Duration::from_millis(200);
/// Bytes after which a new file is begun: what pruning removes is whole files.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The audit log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The operating system refused.
    #[error("cannot {action} the audit log in {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// In which folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Somebody else writes to it.
    #[error("a server is running on {0}, which has the audit log to itself; stop it first")]
    InUse(PathBuf),
    /// There is none.
    #[error("there is no audit log in {0}")]
    Missing(PathBuf),
}

/// The audit log of one data directory, open for writing; one process at a time has it.
#[derive(Debug)]
pub struct AuditLog {
    shared: Arc<Shared>,
    syncer: Option<JoinHandle<()>>,
    is_damaged: bool,
    _lock: File,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    journal: Mutex<Journal>,
    /// Held while syncing, by one at a time; what is on disk for certain.
    synced: Mutex<(Head, Link)>,
    signal: Mutex<Signal>,
    changed: Condvar,
}

/// What the syncing thread is told.
#[derive(Debug, Default)]
struct Signal {
    has_new: bool,
    closing: bool,
}

impl AuditLog {
    /// Opens the audit log of the data directory `data`, which begins it where there is none.
    ///
    /// # Errors
    /// [`AuditError::InUse`], or the operating system refuses. A damaged log is no error: it stays
    /// as it is and goes on in a new file.
    pub fn open(data: &Path) -> Result<Self, AuditError> {
        Self::open_with(data, FILE_BYTES_MAX)
    }

    pub(super) fn open_with(data: &Path, file_bytes_max: u64) -> Result<Self, AuditError> {
        let folder = data.join(AUDIT_FOLDER);
        let io = |action| refused(&folder, action);
        create_private(&folder).map_err(io("create"))?;
        let lock = lock(&folder)?;
        let (journal, found) = Journal::open(&folder, file_bytes_max).map_err(io("open"))?;
        if found.torn_bytes > 0 {
            tracing::info!(found.torn_bytes, "the audit log ended in an unfinished record");
        }
        if found.is_damaged {
            tracing::error!("the audit log is damaged; `likeness audit verify` says where");
        }
        let head = Head::open(&folder).map_err(io("open"))?;
        let link = journal.link();
        let shared = Arc::new(Shared {
            folder,
            journal: Mutex::new(journal),
            synced: Mutex::new((head, link)),
            signal: Mutex::default(),
            changed: Condvar::new(),
        });
        // What is there may never have been synced: from here on it is.
        shared.sync_to_disk(None)?;
        let work = Arc::clone(&shared);
        let syncer = std::thread::Builder::new().name("audit".to_owned());
        let syncer = syncer.spawn(move || work.keep_synced());
        let syncer = syncer.map_err(refused(&shared.folder, "sync"))?;
        Ok(Self { shared, syncer: Some(syncer), is_damaged: found.is_damaged, _lock: lock })
    }

    /// Whether the log was damaged when it was opened.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Records something. A crash of the machine within a fraction of a second may lose it; one of
    /// the process does not.
    ///
    /// # Errors
    /// When it could not be written; then nothing of it is in the log.
    pub fn append(&self, entry: AuditEntry) -> Result<(), AuditError> {
        let appended = self.shared.journal.lock().append(now_us(), entry);
        appended.map_err(refused(&self.shared.folder, "write"))?;
        let had_new = std::mem::replace(&mut self.shared.signal.lock().has_new, true);
        if !had_new {
            // Later ones share the sync that this one asks for: waking a thread costs an answer
            // more than writing the record does.
            self.shared.changed.notify_one();
        }
        Ok(())
    }

    /// Records something so that no crash can lose it. Blocks for a sync of the disk.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn append_durably(&self, entry: AuditEntry) -> Result<(), AuditError> {
        let appended = self.shared.journal.lock().append(now_us(), entry);
        let link = appended.map_err(refused(&self.shared.folder, "write"))?;
        self.shared.sync_to_disk(Some(link))
    }

    /// The newest record.
    pub fn link(&self) -> Link {
        self.shared.journal.lock().link()
    }

    /// Where the log is.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// The records of `tenant` that are there now, oldest first. What is damaged is left out.
    ///
    /// # Errors
    /// When the files cannot be listed.
    pub fn records(&self, tenant: &str) -> Result<Records, AuditError> {
        let files = LogFile::list(&self.shared.folder);
        let files = files.map_err(refused(&self.shared.folder, "read"))?;
        let last = self.link().seq;
        let (folder, tenant) = (self.shared.folder.clone(), tenant.to_owned());
        Ok(Records { files: files.into_iter(), reader: None, folder, tenant, last })
    }

    pub(super) fn first_of_newest_file(&self) -> u64 {
        self.shared.journal.lock().first()
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.shared.signal.lock().closing = true;
        self.shared.changed.notify_one();
        if self.syncer.take().is_some_and(|syncer| syncer.join().is_err()) {
            tracing::error!("the thread that syncs the audit log failed");
        }
    }
}

impl Shared {
    /// Makes what was appended before the call durable; with `wanted` at least up to there, which
    /// another call may have done while this one waited for its turn.
    fn sync_to_disk(&self, wanted: Option<Link>) -> Result<(), AuditError> {
        let mut synced = self.synced.lock();
        if wanted.is_some_and(|wanted| wanted.seq <= synced.1.seq) {
            return Ok(());
        }
        // Not held while the disk works, so that nobody who appends waits for it.
        let (file, link) = {
            let journal = self.journal.lock();
            (journal.file(), journal.link())
        };
        let done = file.sync_data().and_then(|()| synced.0.write(link));
        done.map_err(refused(&self.folder, "sync"))?;
        synced.1 = link;
        Ok(())
    }

    fn keep_synced(&self) {
        loop {
            let mut signal = self.signal.lock();
            while !signal.has_new && !signal.closing {
                self.changed.wait(&mut signal);
            }
            if !signal.closing {
                // More may come meanwhile, and shares the sync.
                self.changed.wait_while_for(&mut signal, |signal| !signal.closing, SYNC_PAUSE);
            }
            signal.has_new = false;
            let closing = signal.closing;
            drop(signal);
            if let Err(error) = self.sync_to_disk(None) {
                tracing::error!(error = crate::causes::with_causes(&error), "audit log not synced");
            }
            if closing {
                return;
            }
        }
    }
}

/// The records of one tenant, read as they are asked for.
#[derive(Debug)]
pub struct Records {
    files: std::vec::IntoIter<LogFile>,
    reader: Option<LogReader>,
    folder: PathBuf,
    tenant: String,
    /// Newest record that was there when the reading began.
    last: u64,
}

impl Records {
    fn advance(&mut self) -> io::Result<Option<AuditRecord>> {
        loop {
            if let Some(reader) = &mut self.reader {
                while let Some(Line::Record(record)) = reader.next()? {
                    if record.seq > self.last {
                        return Ok(None);
                    }
                    if record.entry.tenant == self.tenant {
                        return Ok(Some(*record));
                    }
                }
            }
            let Some(file) = self.files.next() else { return Ok(None) };
            self.reader = match file.open() {
                Ok(reader) => reader,
                // Pruned since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
    }
}

impl Iterator for Records {
    type Item = Result<AuditRecord, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().map_err(refused(&self.folder, "read")).transpose()
    }
}

/// Words an error of the operating system.
pub(super) fn refused(folder: &Path, action: &'static str) -> impl Fn(io::Error) -> AuditError {
    move |source| AuditError::Io { action, path: folder.to_owned(), source }
}

fn lock(folder: &Path) -> Result<File, AuditError> {
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).open(folder.join("lock"));
    let file = file.map_err(refused(folder, "lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(AuditError::InUse(folder.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(refused(folder, "lock")(error)),
    }
}

/// Creates a folder that its owner alone can look into.
fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn now_us() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}
