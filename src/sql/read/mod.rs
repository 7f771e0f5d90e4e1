//! What queries read: collections as tables, searches, pairs, pictures and the audit log, each with
//! its operator, and the short cuts that take no plan.

pub(super) mod audit;
pub(super) mod catalog;
pub(super) mod columns;
pub(super) mod locking;
pub(super) mod lookup;
pub(super) mod nearest;
pub(super) mod picture;
pub(super) mod scan;
pub(super) mod search;
pub(super) mod similar;
pub(super) mod table;
