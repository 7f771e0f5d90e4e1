//! What a session keeps from one statement to the next: settings, prepared statements, cursors.

pub(super) mod access;
pub(super) mod cursor;
pub(super) mod encoding;
pub(super) mod holdings;
pub(super) mod prepared;
pub(super) mod report;
pub(super) mod settings;
