//! An erasure beside merges that nobody asked for: it ends after them, and says what they left.

use std::sync::Arc;

use super::{Store, create};
use crate::batch::{WriteBatch, WriteError};
use crate::id::{GalleryId, TemplateId};
use crate::io::FileName;
use crate::io::memory::{Fault, MemoryDirectory};
use crate::options::StoreOptions;
use crate::row::tests::bare_row;

const TRACE: &[u8] = b"of the face that must go";

/// How many files hold the trace.
fn files_with_trace(directory: &MemoryDirectory) -> usize {
    let holds = |name: &FileName| {
        directory.content(*name).windows(TRACE.len()).any(|window| window == TRACE)
    };
    directory.files().iter().filter(|name| holds(name)).count()
}

fn enroll(store: &Store, gallery: GalleryId, ids: std::ops::Range<u128>) {
    let mut batch = WriteBatch::new();
    for id in ids {
        let mut row = bare_row(id, vec![1.0, id as f32]);
        let text = if id == 7 { String::from_utf8_lossy(TRACE).into() } else { "x".repeat(300) };
        row.metadata = Some(text.into());
        batch.enroll(gallery, row);
    }
    store.write(batch).unwrap();
}

/// A store that has begun to merge four segments, slowly; the face to go is in one of them, live
/// when the merge began, and removed since.
fn merging() -> (MemoryDirectory, Store, GalleryId) {
    let directory = MemoryDirectory::default();
    let options = StoreOptions::default()
        .with_checkpoint_on_close(false)
        .with_compaction_bytes_per_second(Some(6000));
    let store = Store::open_in(Arc::new(directory.clone()), options).unwrap().0;
    let gallery = create(&store);
    for first in [0, 10, 20, 30] {
        enroll(&store, gallery, first..first + 10);
        store.checkpoint().unwrap();
    }
    // The merge waits after its first write for longer than all that follows here takes.
    while !store.activity().compacting && store.activity().compactions == 0 {
        std::thread::yield_now();
    }
    let mut batch = WriteBatch::new();
    batch.remove(gallery, TemplateId::new(7));
    store.write(batch).unwrap();
    (directory, store, gallery)
}

#[test]
fn what_a_merge_copied_meanwhile_is_erased_as_well() {
    let (directory, store, gallery) = merging();
    assert!(files_with_trace(&directory) > 0);
    store.erase(&[gallery]).unwrap();
    assert_eq!(files_with_trace(&directory), 0);
}

#[test]
fn a_merge_of_a_dropped_gallery_leaves_nothing() {
    let (directory, store, gallery) = merging();
    let mut batch = WriteBatch::new();
    batch.drop_gallery(gallery);
    store.write(batch).unwrap();
    store.erase(&[]).unwrap();
    assert_eq!(files_with_trace(&directory), 0);
    let segments = directory.files().into_iter().filter(|n| matches!(n, FileName::Segment(_)));
    assert_eq!(segments.count(), 0);
}

#[test]
fn files_that_a_merge_could_not_remove_are_told() {
    let (directory, store, gallery) = merging();
    directory.set_fault(Fault::Remove);
    let told = store.erase(&[gallery]);
    assert!(matches!(told, Err(WriteError::NotErased { .. })), "{told:?}");
    assert!(files_with_trace(&directory) > 0);
    directory.set_fault(Fault::None);
    store.erase(&[gallery]).unwrap();
    assert_eq!(files_with_trace(&directory), 0, "they are tried again");
}
