//! `detect_faces` and `compare_faces`: table functions that look at images and store nothing.

mod compare;
mod detect;
mod exec;

pub(super) use compare::FUNCTION as COMPARE;
pub(super) use detect::FUNCTION as DETECT;
