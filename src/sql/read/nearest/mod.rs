//! `ORDER BY embedding <=> $1 LIMIT k` and `WHERE embedding <=> $1 < c`: the nearest faces, without
//! measuring all of them.
//!
//! A rule finds sorts of a gallery by a distance of which only the first rows are wanted, and
//! filters by a distance, and puts [`NearestFaces`](exec::NearestFaces) in place of the scan below
//! them: it reads the few faces that can be among those rows. Everything above stays: distances are
//! computed, compared and sorted as they would be, so what a statement answers does not change.

mod exec;
mod measure;
mod rule;

pub(in crate::sql) use rule::NearestFirst;
