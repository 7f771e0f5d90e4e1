//! The audit log: who did what with faces, and proof that nobody took a line out of it.
//!
//! Records are lines of text in files that only grow. Each line begins with the SHA-256 over the
//! hash of the line before it and the line's own bytes, so a line that is changed, moved or missing
//! breaks the chain there. Appending waits for no disk: a thread syncs what is new a moment later,
//! and whoever must not be answered before that waits for it. This folder knows no tenant's rights,
//! no store and no door; what is recorded comes from the engine.

mod chain;
mod file;
mod head;
mod journal;
mod log;
mod prune;
mod record;
mod verify;

pub use chain::Link;
pub use log::{AuditError, AuditLog};
pub use prune::{Pruned, prune};
pub use record::{AuditAction, AuditEntry, AuditRecord};
pub use verify::{Verification, verify};

/// Folder of the audit log in the data directory.
pub const AUDIT_FOLDER: &str = "audit";

#[cfg(test)]
mod tests;
