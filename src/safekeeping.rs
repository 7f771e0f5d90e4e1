//! `likeness check`, `backup` and `restore`: what keeps a database safe beside a running server.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use likeness_storage::{
    BackupOptions, BackupReport, CheckReport, Corruption, Lsn, RestoreReport, StoreId, backup,
    check, restore,
};
use serde_json::{Value, json};

use crate::engine::keyring::KEY_FILE;

type Outcome = Result<(), Box<dyn Error>>;

/// What to check.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Directory of a database that no server uses at the moment, or of a backup
    dir: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// What to back up, and where to.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Directory of the database; a server may be using it
    dir: PathBuf,
    /// Directory of the backup, new or empty
    to: PathBuf,
    /// Leave out what an earlier backup has: the last LSN that it printed
    #[arg(long, value_name = "LSN")]
    since: Option<u64>,
    /// Link segments instead of copying them: quick, on the same file system only
    #[arg(long)]
    link: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// What to restore, and where to.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A full backup, then the incremental ones after it, in order
    #[arg(required = true)]
    from: Vec<PathBuf>,
    /// Directory of the restored database, new or empty
    dir: PathBuf,
    /// Restore the moment after this LSN [default: the end of the last backup]
    #[arg(long, value_name = "LSN")]
    until: Option<u64>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl CheckArgs {
    /// Checks, prints what is damaged, and fails if anything is.
    pub(crate) fn run(self, out: &mut impl Write) -> Outcome {
        let report = check(&self.dir)?;
        if self.json {
            writeln!(out, "{}", check_json(&self.dir, &report))?;
        } else {
            print_check(&self.dir, &report, out)?;
        }
        match report.damages.len() {
            0 => Ok(()),
            1 => Err(format!("{} is damaged in one place", self.dir.display()).into()),
            count => Err(format!("{} is damaged in {count} places", self.dir.display()).into()),
        }
    }
}

impl BackupArgs {
    /// Backs up the store and the key file beside it.
    pub(crate) fn run(self, out: &mut impl Write) -> Outcome {
        let options = BackupOptions::default()
            .with_since(self.since.map(Lsn::new))
            .with_link(self.link)
            .with_beside(KEY_FILE);
        let report = backup(&self.dir, &self.to, &options)?;
        let BackupReport { first, last, files, bytes, needed, .. } = report;
        if self.json {
            let line = json!({
                "directory": self.to.display().to_string(), "store": spelled(report.store),
                "since": report.since.map(Lsn::get), "first": first.get(), "last": last.get(),
                "files": files, "bytes": bytes, "needed": needed,
            });
            return Ok(writeln!(out, "{line}")?);
        }
        let to = self.to.display();
        let files = counted(files, "file");
        writeln!(out, "{to}: LSN {first} to {last}, {files}, {bytes} bytes, verified")?;
        if needed > 0 {
            let segments = counted(needed, "segment");
            writeln!(out, "It needs {segments} of earlier backups: keep those.")?;
        }
        writeln!(out, "The next incremental backup: --since {last}")?;
        Ok(())
    }
}

impl RestoreArgs {
    /// Restores a store and the key file beside it.
    pub(crate) fn run(self, out: &mut impl Write) -> Outcome {
        let report = restore(&self.from, &self.dir, self.until.map(Lsn::new))?;
        let RestoreReport { store, lsn, galleries, rows, segments, bytes, .. } = report;
        let dir = self.dir.display();
        if self.json {
            let line = json!({
                "directory": dir.to_string(), "store": spelled(store), "lsn": lsn.get(),
                "collections": galleries, "faces": rows, "segments": segments, "bytes": bytes,
            });
            writeln!(out, "{line}")?;
        } else {
            let (collections, faces) = (counted(galleries, "collection"), counted(rows, "face"));
            writeln!(out, "{dir}: {collections}, {faces}, as of LSN {lsn}, verified")?;
        }
        Ok(())
    }
}

fn print_check(dir: &Path, report: &CheckReport, out: &mut impl Write) -> Outcome {
    for damage in &report.damages {
        writeln!(out, "{damage}")?;
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    let verdict = if report.damages.is_empty() { "whole" } else { "damaged" };
    let (collections, faces) =
        (counted(report.galleries, "collection"), counted(report.rows, "face"));
    let (segments, commits) =
        (counted(report.segments, "segment"), counted(report.log_records, "commit"));
    let (dir, lsn, bytes) = (dir.display(), report.lsn, report.bytes_read);
    writeln!(out, "{dir}: {verdict}; {collections}, {faces}, as of LSN {lsn};")?;
    writeln!(out, "{segments}, {commits} in the log, {bytes} bytes read")?;
    Ok(())
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn check_json(dir: &Path, report: &CheckReport) -> Value {
    let place = |file: &Path, offset: u64, what: &str| {
        let file = file.display().to_string();
        json!({"file": file, "offset": offset, "what": what})
    };
    let damage = |Corruption { file, offset, what }: &Corruption| place(file, *offset, what);
    let damages: Vec<_> = report.damages.iter().map(damage).collect();
    let notes: Vec<_> =
        report.notes.iter().map(|note| place(&note.file, note.offset, &note.what)).collect();
    json!({
        "directory": dir.display().to_string(), "whole": damages.is_empty(),
        "store": report.store.map(spelled), "lsn": report.lsn.get(),
        "collections": report.galleries, "faces": report.rows, "segments": report.segments,
        "log_records": report.log_records, "bytes_read": report.bytes_read,
        "damages": damages, "notes": notes,
    })
}

fn spelled(store: StoreId) -> String {
    format!("{:032x}", store.get())
}
