//! What a record says, and its one spelling as a line of text.

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

/// Most faces a record names; how many there were is always told.
const FACES_MAX: usize = 100;

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    /// Searched one collection for one face.
    Search,
    /// Searched for all pairs of faces that are alike.
    SearchPairs,
    /// Compared two images.
    Compare,
    /// Took rows or embeddings out: COPY TO, or a query that reads embeddings.
    Export,
    /// Deleted faces or whole collections.
    Erase,
    /// Made the bytes of deleted faces gone.
    Purge,
    /// Removed old records of this log.
    Prune,
}

impl AuditAction {
    /// The word for it, in the log and in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::SearchPairs => "search_pairs",
            Self::Compare => "compare",
            Self::Export => "export",
            Self::Erase => "erase",
            Self::Purge => "purge",
            Self::Prune => "prune",
        }
    }
}

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Whose galleries.
    pub tenant: String,
    /// Id of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Name of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Through which door: `rest`, `sql`, or `server` for what it does by itself.
    pub door: String,
    /// What was done.
    pub action: AuditAction,
    /// Whether it failed after it was recorded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// In which collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// What for, as the caller said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// What was searched for: a face's id, or `image`, `embedding`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// Least similarity asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f32>,
    /// How many faces were found or erased, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faces: Option<u64>,
    /// Which ones, the first hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub face_ids: Vec<String>,
    /// Of a prune: the link up to which records were removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
}

impl AuditEntry {
    /// An entry that says no more than that.
    pub fn new(tenant: &str, door: &str, action: AuditAction) -> Self {
        Self {
            tenant: tenant.to_owned(),
            key_id: None,
            key: None,
            door: door.to_owned(),
            action,
            failed: false,
            collection: None,
            purpose: None,
            probe: None,
            threshold: None,
            faces: None,
            face_ids: Vec::new(),
            anchor: None,
        }
    }

    /// Names the faces concerned, as many as a record may.
    #[must_use]
    pub fn with_faces<T: ToString>(mut self, count: u64, ids: impl Iterator<Item = T>) -> Self {
        self.faces = Some(count);
        self.face_ids = ids.take(FACES_MAX).map(|id| id.to_string()).collect();
        self
    }
}

/// An entry as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its number; the first record of a log is 1. It counts the records of all tenants, so it is
    /// for the operator only.
    pub seq: u64,
    /// Tells it from all others and says nothing about them: the beginning of its hash in the
    /// chain. Empty until it is in the log.
    #[serde(skip)]
    pub id: String,
    /// When, as `2026-01-31T23:59:59.123456Z`.
    pub at: String,
    /// What.
    #[serde(flatten)]
    pub entry: AuditEntry,
}

impl AuditRecord {
    pub(super) fn new(seq: u64, at_us: i64, entry: AuditEntry) -> Self {
        let at = DateTime::from_timestamp_micros(at_us).unwrap_or_default();
        let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        Self { seq, id: String::new(), at, entry }
    }

    /// When, in microseconds since the Unix epoch; 0 for a time that cannot be read.
    pub fn at_us(&self) -> i64 {
        DateTime::parse_from_rfc3339(&self.at).map_or(0, |at| at.timestamp_micros())
    }
}
