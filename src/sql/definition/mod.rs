//! Statements about what there is rather than about faces: collections, keys, storage.

pub(super) mod alter;
pub(super) mod collection;
pub(super) mod collection_options;
pub(super) mod extension;
pub(super) mod keys;
pub(super) mod storage;
