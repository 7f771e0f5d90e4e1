//! Copying the log up to an LSN.

use super::BackupError;
use super::target::Target;
use crate::error::Corruption;
use crate::id::Lsn;
use crate::inventory::Content;
use crate::io::{Directory, FileName};
use crate::manifest::Manifest;
use crate::wal::LogReader;

/// Copies the log that follows a manifest up to the batch `last`, which it must reach. `read`
/// gives the content of a log file, which may have more behind that batch.
pub(crate) fn copy_log(
    source: &dyn Directory,
    manifest: &Manifest,
    last: Lsn,
    target: &Target,
    read: impl Fn(FileName) -> Result<Vec<u8>, BackupError>,
) -> Result<Vec<(FileName, Content)>, BackupError> {
    let mut copied = Vec::new();
    let (mut seq, mut lsn) = (manifest.first_log, manifest.durable);
    loop {
        let name = FileName::Log(seq);
        let bytes = read(name)?;
        let damage = |offset: u64, what: String| Corruption::new(source.path(name), offset, what);
        // What is behind the last batch wanted is not looked at: it may be written at the moment.
        let mut log = LogReader::open(&bytes, seq, lsn.next(), true)
            .map_err(|fault| damage(fault.offset, fault.what))?;
        while lsn < last {
            let Some(record) = log.next() else { break };
            lsn = record.map_err(|fault| damage(fault.offset, fault.what))?.lsn;
        }
        let end = log.end().valid_bytes;
        if end == 0 {
            return Err(damage(0, "the header of the log is cut short".to_owned()).into());
        }
        copied.push((name, target.put(name, bytes.get(..end).unwrap_or_default())?));
        if lsn >= last {
            return Ok(copied);
        }
        seq = seq.next();
    }
}
