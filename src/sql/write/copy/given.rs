//! The lines of the face ids that the data of COPY gives: whether one is there already only shows
//! when many rows are written together.

use crate::biometric::FaceId;
use crate::sql::{SqlError, SqlState};

/// Ids that are remembered, of which each takes 32 bytes. Lines behind them are not told.
const REMEMBERED_MAX: usize = 1 << 18;

/// Ids in the order of their lines.
#[derive(Debug, Default)]
pub(super) struct GivenIds(Vec<(u128, u64)>);

impl GivenIds {
    pub(super) fn note(&mut self, face_id: FaceId, line: u64) {
        if self.0.len() < REMEMBERED_MAX {
            self.0.push((face_id.as_u128(), line));
        }
    }

    /// The line of the row that an error of many is about. Of one that gives an id which another
    /// gives too it is the second; the first one met a face of the collection.
    pub(super) fn line_of(&self, error: &SqlError) -> Option<u64> {
        let is_duplicate = error.state == SqlState::UniqueViolation;
        let face_id = error.detail.as_deref().filter(|_| is_duplicate).and_then(named)?;
        let same = self.0.iter().filter(|(given, _)| *given == face_id.as_u128());
        same.take(2).last().map(|(_, line)| *line)
    }
}

/// The face that the detail of an error names.
fn named(detail: &str) -> Option<FaceId> {
    let (_, behind) = detail.split_once("=(")?;
    let (face_id, _) = behind.split_once(')')?;
    face_id.parse().ok()
}
