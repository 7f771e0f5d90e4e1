//! The storage engine of LikenessDB: face templates on disk, found again exactly.
//!
//! A [`Store`] owns one directory. Writers hand it a [`WriteBatch`], which becomes durable and
//! visible as a whole; readers hold a [`Snapshot`], which never changes. A batch is one record of
//! the write-ahead log; recent rows live in memory; checkpoints seal them into memory-mapped
//! segments, and one small manifest names what is live. A [`Loader`] writes segments directly.
//! `docs/format.md` has the bytes, `docs/durability.md` the promises.
//!
//! The crate knows no SQL, no HTTP, no ONNX and no async. It blocks: callers in async code use it
//! from blocking threads.
//!
//! ```
//! use likeness_storage::{
//!     Dim, Embedding, GalleryDraft, Precision, Probe, Row, Store, StoreOptions, TemplateId,
//!     WriteBatch,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = tempfile::tempdir()?;
//! let (store, _) = Store::open(directory.path(), StoreOptions::default())?;
//!
//! let mut batch = WriteBatch::new();
//! batch.create_gallery(GalleryDraft {
//!     tenant: "acme".into(),
//!     name: "staff".into(),
//!     description: None,
//!     model: "external".into(),
//!     dim: Dim::new(2).ok_or("no such dimension")?,
//!     precision: Precision::Single,
//!     thumbnails: false,
//!     created_at_us: 0,
//! });
//! let gallery = store.write(batch)?.created[0];
//!
//! let embedding = Embedding::normalize(vec![3.0, 4.0])?;
//! let mut batch = WriteBatch::new();
//! batch.enroll(gallery, Row {
//!     id: TemplateId::new(1),
//!     model: "external".into(),
//!     external_face_id: Some("ada".into()),
//!     external_image_id: None,
//!     bounding_box: None,
//!     confidence: None,
//!     quality: None,
//!     attributes: None,
//!     metadata: None,
//!     thumbnail: None,
//!     created_at_us: 0,
//!     embedding: embedding.clone(),
//! });
//! store.write(batch)?;
//!
//! let found = store.snapshot().identify(gallery, &Probe {
//!     min_score: 0.5,
//!     ..Probe::new(embedding, 10)
//! })?;
//! assert_eq!(found[0].id, TemplateId::new(1));
//! # Ok(())
//! # }
//! ```
//!
//! A module uses the floors below its own; `tests/tidy.rs` of the server holds the table.
//!
//! | floor | modules |
//! |---|---|
//! | 0 | `half` `id` `limits` |
//! | 1 | `checksum` `codec` `error` `exactness` `kernel` `numbers` `precision` `template_set` |
//! | 2–3 | `embedding` `io` `thumbnail` · `gallery` `rotation` `row` `topk` |
//! | 4 | `batch` `change` `code` `options` |
//! | 5 | `manifest` `memtable` `segment` `wal` |
//! | 6 | `inventory` `version` |
//! | 7 | `attachment` `gc` `scan` `sealed` |
//! | 8 | `checkpoint` `prepare` `recovery` `snapshot` |
//! | 9 | `check` `compaction` `join` `transaction` |
//! | 10–11 | `activity` `backup` `erasure` `worker` · `committer` `restore` |
//! | 12–13 | `loader` · `store` |
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod activity;
mod attachment;
mod backup;
mod batch;
mod change;
mod check;
mod checkpoint;
mod checksum;
mod code;
mod codec;
mod committer;
mod compaction;
mod embedding;
mod erasure;
mod error;
mod exactness;
#[cfg(test)]
mod format_document;
#[cfg(test)]
mod fuzz;
mod gallery;
mod gc;
mod half;
mod id;
mod inventory;
mod io;
mod join;
mod kernel;
pub mod limits;
mod loader;
mod manifest;
mod memtable;
mod numbers;
mod options;
mod precision;
mod prepare;
mod recovery;
mod restore;
mod rotation;
mod row;
mod scan;
mod sealed;
mod segment;
mod snapshot;
mod store;
mod template_set;
mod thumbnail;
mod topk;
mod transaction;
mod version;
mod wal;
mod worker;

pub use activity::Activity;
pub use backup::{BackupError, BackupOptions, BackupReport, backup};
pub use batch::{Commit, Operation, WriteBatch, WriteError};
pub use check::{CheckNote, CheckReport, check};
pub use checkpoint::CheckpointReport;
pub use compaction::CompactionReport;
pub use embedding::{Dim, Embedding, EmbeddingError, EmbeddingRef};
pub use erasure::ErasureReceipt;
pub use error::{Corruption, IoFailure};
pub use exactness::{Exactness, FailureProbability};
pub use gallery::{GalleryDescriptor, GalleryDraft};
pub use id::{GalleryId, LogSeq, Lsn, RowOrdinal, SegmentId, StoreId, TemplateId};
pub use join::{JoinCursor, JoinRequest, ScoredPair, SimilarityJoin};
pub use kernel::{Kernel, UnknownKernel};
pub use loader::Loader;
pub use options::StoreOptions;
pub use precision::{Precision, UnknownPrecision};
pub use recovery::{OpenError, RecoveryReport};
pub use restore::{RestoreReport, restore};
pub use row::{Row, RowRef, TextColumn};
pub use scan::{Probe, ReadError, ScanReport, StageReport};
pub use snapshot::{Candidate, GallerySize, Snapshot};
pub use store::Store;
pub use template_set::TemplateSet;
pub use thumbnail::{Thumbnail, ThumbnailRef};
pub use topk::Scored;
pub use transaction::Transaction;
