//! `detect_faces` and `compare_faces`: table functions that look at images and store nothing.

mod compare;
mod detect;
mod exec;

pub(in crate::sql) use compare::FUNCTION as COMPARE;
pub(in crate::sql) use detect::FUNCTION as DETECT;
