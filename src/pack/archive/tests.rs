//! Goal: exactly the wanted members come out of both kinds of archive, and no more than their size.
//! Method: small archives written by the test.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const MEMBERS: [(&str, &[u8]); 2] = [("p/one.bin", b"one"), ("p/two.bin", b"second")];

fn zip() -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, contents) in MEMBERS {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(contents).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar_gz() -> Vec<u8> {
    let mut writer = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, contents) in MEMBERS {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        writer.append_data(&mut header, name, contents).unwrap();
    }
    writer.into_inner().unwrap().finish().unwrap()
}

/// Both kinds of archive, written to disk.
fn archives() -> [(ArchiveKind, NamedTempFile); 2] {
    [(ArchiveKind::Zip, zip()), (ArchiveKind::TarGz, tar_gz())].map(|(kind, bytes)| {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        (kind, file)
    })
}

#[test]
fn wanted_members_are_read_and_others_are_not() {
    for (kind, file) in archives() {
        let wanted = [Wanted { member: "p/two.bin", bytes: 6 }];
        let found = read_members(kind, file.path(), &wanted).unwrap();
        assert_eq!(found, HashMap::from([("p/two.bin".to_owned(), b"second".to_vec())]));
    }
}

#[test]
fn a_missing_member_is_named() {
    for (kind, file) in archives() {
        let wanted = [Wanted { member: "two.bin", bytes: 6 }];
        let error = read_members(kind, file.path(), &wanted).unwrap_err();
        assert!(matches!(&error, ArchiveError::Missing { member, .. } if member == "two.bin"));
    }
}

#[test]
fn a_member_longer_than_published_is_refused() {
    for (kind, file) in archives() {
        let wanted = [Wanted { member: "p/two.bin", bytes: 5 }];
        let error = read_members(kind, file.path(), &wanted).unwrap_err();
        assert!(matches!(error, ArchiveError::TooLarge { bytes: 5, .. }), "{error:?}");
    }
}

#[test]
fn a_cut_off_archive_is_refused() {
    for (kind, file) in archives() {
        let bytes = std::fs::read(file.path()).unwrap();
        std::fs::write(file.path(), &bytes[..bytes.len() / 2]).unwrap();
        let wanted = MEMBERS.map(|(member, _)| Wanted { member, bytes: 6 });
        let refused = read_members(kind, file.path(), &wanted);
        assert!(refused.is_err(), "{kind:?}: {refused:?}");
    }
}
