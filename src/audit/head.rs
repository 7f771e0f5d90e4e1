//! `head`: the newest record that is on disk for certain, kept beside the log so that a log that
//! was cut off behind a whole line is told from one that ends there.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::chain::Link;

const NAME: &str = "head";

/// The file, held open by whoever writes the log.
#[derive(Debug)]
pub(super) struct Head(File);

impl Head {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self(options.open(folder.join(NAME))?))
    }

    /// Says that everything up to `link` is on disk. The text has one length, so that it is
    /// overwritten within a sector, which disks do as a whole.
    pub(super) fn write(&mut self, link: Link) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(format!("{:020}:{}\n", link.seq, link.digits()).as_bytes())?;
        self.0.sync_data()
    }
}

/// What the file says; none where it is missing or cannot be understood.
pub(super) fn read(folder: &Path) -> io::Result<Option<Link>> {
    match fs::read_to_string(folder.join(NAME)) {
        Ok(text) => Ok(text.trim_end().parse().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        Err(error) => Err(error),
    }
}
