//! Why a backup was not taken, or not restored.

use std::path::PathBuf;

use crate::error::{Corruption, IoFailure};
use crate::id::{Lsn, StoreId};

/// Why a backup was not taken, or not restored. What was written until then is removed again, and
/// what was read is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Bytes that should be copied are damaged.
    #[error(transparent)]
    Corruption(#[from] Corruption),
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] IoFailure),
    /// There is nothing to back up.
    #[error("there is no store in {}", directory.display())]
    NoStore {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory to back up is a backup itself.
    #[error("{} is a backup itself: a plain copy of its files is one, too", directory.display())]
    IsBackup {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory to restore from is no backup, or one that was not finished.
    #[error("{} is no backup: there is no file BACKUP in it", directory.display())]
    NotBackup {
        /// The directory.
        directory: PathBuf,
    },
    /// A backup is taken, and restored, into a directory of its own.
    #[error("{} is not empty; name a directory that is new or empty", directory.display())]
    TargetNotEmpty {
        /// The directory.
        directory: PathBuf,
    },
    /// The store never reached the LSN that the last backup is said to end with.
    #[error(
        "the store ends with LSN {last}; there can be no backup of it that reaches LSN {since}"
    )]
    Since {
        /// What was asked for.
        since: Lsn,
        /// The store's last LSN.
        last: Lsn,
    },
    /// A file cannot be linked.
    #[error(
        "cannot link {}: links need one file system, and one that has them; back up without links",
        .0.path.display()
    )]
    Link(#[source] IoFailure),
    /// The store kept replacing its files.
    #[error("the store replaced its files {tries} times while they were read; try again")]
    Restless {
        /// How often the backup was begun.
        tries: u32,
    },
    /// What was copied is not whole.
    #[error("{} places are damaged, the first: {first}", more + 1)]
    Damaged {
        /// The first damage.
        first: Corruption,
        /// How many there are besides.
        more: usize,
    },
    /// Nothing to restore from was named.
    #[error("name at least one backup to restore from")]
    NoSource,
    /// Backups of several stores cannot be put together.
    #[error(
        "{} is a backup of store {:032x}, not of {:032x}",
        directory.display(), found.get(), expected.get()
    )]
    OtherStore {
        /// The backup.
        directory: PathBuf,
        /// The identity of its store.
        found: StoreId,
        /// That of the first backup.
        expected: StoreId,
    },
    /// The backups are not named in the order in which they were taken.
    #[error("{} ends before the backup in front of it; name them in order", directory.display())]
    Order {
        /// The backup.
        directory: PathBuf,
    },
    /// A backup of the chain is missing.
    #[error(
        "{file} is in none of the backups named; {} needs it from one taken before it{}",
        directory.display(),
        since.map(|since| format!(", which reaches LSN {since} or less")).unwrap_or_default()
    )]
    Needed {
        /// The file.
        file: String,
        /// The backup that needs it.
        directory: PathBuf,
        /// The LSN since which that backup has all segments itself.
        since: Option<Lsn>,
    },
    /// None of the backups holds the moment asked for.
    #[error("no backup named reaches LSN {until}; they reach {}", spelled(ranges))]
    Until {
        /// What was asked for.
        until: Lsn,
        /// The first and last LSN of each backup.
        ranges: Vec<(Lsn, Lsn)>,
    },
}

fn spelled(ranges: &[(Lsn, Lsn)]) -> String {
    let range = |(first, last): &(Lsn, Lsn)| format!("{first} to {last}");
    ranges.iter().map(range).collect::<Vec<_>>().join(", ")
}
