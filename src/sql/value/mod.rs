//! Values and their types: how they are read from text, written as text, and known before any row.

pub(super) mod array_text;
pub(super) mod constant;
pub(super) mod infinity;
pub(super) mod interval;
pub(super) mod moment;
pub(super) mod numeric;
pub(crate) mod output;
pub(super) mod types;
