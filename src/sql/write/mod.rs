//! Statements that change faces. None of them is left to the planner's own hooks: a query finds the
//! rows, and the engine makes the change, whole or not at all.

pub(super) mod absent;
pub(super) mod assignment;
pub(super) mod copy;
pub(super) mod delete;
pub(super) mod enrolment;
pub(super) mod insert;
pub(super) mod returning;
pub(super) mod target;
pub(super) mod transaction;
pub(super) mod truncate;
pub(super) mod update;
