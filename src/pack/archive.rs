//! Reads chosen members of a wheel (zip) or an npm package (gzipped tar) into memory.
//!
//! Nothing is unpacked to disk, so names in an archive cannot lead anywhere.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

/// Most bytes that a gzipped tar may unpack to before the search in it is given up.
const UNPACKED_MAX: u64 = 1 << 30;

/// The two forms that packages come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArchiveKind {
    /// A Python wheel.
    Zip,
    /// An npm package.
    TarGz,
}

/// A member to be read: its name and its size, which it must not exceed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The name in the archive.
    pub(super) member: &'a str,
    /// The published size.
    pub(super) bytes: u64,
}

/// Why an archive does not yield what was wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The file cannot be read, or is cut off.
    #[error("cannot read {}", path.display())]
    Read {
        /// The archive.
        path: PathBuf,
        /// What the reader said.
        source: io::Error,
    },
    /// The file is no zip archive, or a broken one.
    #[error("{} is not a readable zip archive", path.display())]
    Zip {
        /// The archive.
        path: PathBuf,
        /// What the reader said.
        source: ZipError,
    },
    /// A wanted member is not there.
    #[error("{} has no {member}", path.display())]
    Missing {
        /// The archive.
        path: PathBuf,
        /// The wanted name.
        member: String,
    },
    /// A wanted member is longer than published.
    #[error("{member} in {} has more than {bytes} bytes", path.display())]
    TooLarge {
        /// The archive.
        path: PathBuf,
        /// The wanted name.
        member: String,
        /// The published size.
        bytes: u64,
    },
}

/// The contents of the wanted members, by name.
///
/// # Errors
/// [`ArchiveError`]; the digests are the caller's to check.
pub(super) fn read_members(
    kind: ArchiveKind,
    path: &Path,
    wanted: &[Wanted<'_>],
) -> Result<HashMap<String, Vec<u8>>, ArchiveError> {
    let read_error = |source| ArchiveError::Read { path: path.to_owned(), source };
    let file = BufReader::new(File::open(path).map_err(read_error)?);
    let found = match kind {
        ArchiveKind::Zip => from_zip(path, file, wanted)?,
        ArchiveKind::TarGz => from_tar(path, file, wanted)?,
    };
    match wanted.iter().find(|wanted| !found.contains_key(wanted.member)) {
        None => Ok(found),
        Some(missing) => {
            Err(ArchiveError::Missing { path: path.to_owned(), member: missing.member.to_owned() })
        }
    }
}

fn from_zip(
    path: &Path,
    file: BufReader<File>,
    wanted: &[Wanted<'_>],
) -> Result<HashMap<String, Vec<u8>>, ArchiveError> {
    let zip_error = |source| ArchiveError::Zip { path: path.to_owned(), source };
    let mut archive = ZipArchive::new(file).map_err(zip_error)?;
    let mut found = HashMap::new();
    for wanted in wanted {
        match archive.by_name(wanted.member) {
            Ok(member) => found.insert(wanted.member.to_owned(), wanted.read(path, member)?),
            Err(ZipError::FileNotFound) => continue,
            Err(source) => return Err(zip_error(source)),
        };
    }
    Ok(found)
}

fn from_tar(
    path: &Path,
    file: BufReader<File>,
    wanted: &[Wanted<'_>],
) -> Result<HashMap<String, Vec<u8>>, ArchiveError> {
    let read_error = |source| ArchiveError::Read { path: path.to_owned(), source };
    let mut archive = tar::Archive::new(GzDecoder::new(file).take(UNPACKED_MAX));
    let mut found = HashMap::new();
    for entry in archive.entries().map_err(read_error)? {
        let entry = entry.map_err(read_error)?;
        let name = entry.path_bytes().into_owned();
        if let Some(wanted) = wanted.iter().find(|wanted| wanted.member.as_bytes() == name) {
            found.insert(wanted.member.to_owned(), wanted.read(path, entry)?);
        }
    }
    Ok(found)
}

impl Wanted<'_> {
    /// Reads no further than one byte beyond the published size.
    fn read(&self, path: &Path, member: impl Read) -> Result<Vec<u8>, ArchiveError> {
        let mut contents = Vec::new();
        member
            .take(self.bytes.saturating_add(1))
            .read_to_end(&mut contents)
            .map_err(|source| ArchiveError::Read { path: path.to_owned(), source })?;
        if contents.len() as u64 <= self.bytes {
            return Ok(contents);
        }
        Err(ArchiveError::TooLarge {
            path: path.to_owned(),
            member: self.member.to_owned(),
            bytes: self.bytes,
        })
    }
}

#[cfg(test)]
mod tests;
